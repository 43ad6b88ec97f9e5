package document

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much plain text one document may hold; what lies beyond is
// left out and said.
const maxText = 32 << 20

// maxContext is how much of a heading or path stands with a sentence.
const maxContext = 200

// builder makes the text of a document block by block: paragraphs, headings,
// list items, rows and lines of code, none of which a sentence crosses.
type builder struct {
	text    []byte
	blocks  []block
	marks   []mark
	heading string // context of what follows
	notes   []string
	full    bool // maxText is reached: the rest was left out
	cut     bool // something else of the input is missing
	flat    bool // headings are marked as such: no line is taken for one
}

type block struct {
	start, end int
	kind       string
	context    string
	claims     []string
}

// mark says which page and line the text from at on comes from.
type mark struct{ at, page, line int }

// piece is a part of a block that stands on one line of the original.
type piece struct {
	text       string
	page, line int
}

// add adds a block that stands on one line.
func (b *builder) add(kind, text string, page, line int) {
	b.join(kind, b.heading, []piece{{text, page, line}})
}

// join adds a block whose pieces follow each other with a space between them,
// or with none where a hyphen at a line's end has divided a word.
func (b *builder) join(kind, context string, pieces []piece) {
	start := b.open(kind)
	if start < 0 {
		return
	}
	for i, p := range pieces {
		if len(b.text)+len(p.text) > maxText {
			b.full = true
			p.text = cutBytes(p.text, maxText-len(b.text))
		}
		if i > 0 && len(b.text) > start {
			b.link(p.text)
		}
		b.mark(p.page, p.line)
		b.text = appendClean(b.text, p.text, kind == KindCode)
		if b.full {
			break
		}
	}
	end := len(b.text)
	for end > start && b.text[end-1] == ' ' {
		end--
	}
	b.text = b.text[:end]
	if end == start {
		return
	}
	if kind == KindHeading {
		b.heading = cutBytes(string(b.text[start:end]), maxContext)
	}
	b.blocks = append(b.blocks, block{start: start, end: end, kind: kind, context: cutBytes(context, maxContext)})
}

// claim attaches technique ids to the block that was added last.
func (b *builder) claim(ids []string) {
	if len(b.blocks) > 0 && len(ids) > 0 {
		last := &b.blocks[len(b.blocks)-1]
		last.claims = append(last.claims, ids...)
	}
}

// open begins a block and returns where, or -1 if no more text is taken.
func (b *builder) open(kind string) int {
	if b.full {
		return -1
	}
	if n := len(b.blocks); n > 0 {
		last := b.blocks[n-1]
		b.text = append(b.text[:last.end], '\n')
		if kind != last.kind || kind == KindProse || kind == KindHeading {
			b.text = append(b.text, '\n')
		}
	}
	return len(b.text)
}

// link puts what stands between two lines of a block: a space, or nothing where
// a word was divided.
func (b *builder) link(next string) {
	n := len(b.text)
	if n > 1 && b.text[n-1] == '-' && isLetter(b.text[n-2]) && next != "" && next[0] >= 'a' && next[0] <= 'z' {
		if !keepsHyphen(b.text[:n-1]) {
			b.text = b.text[:n-1]
		}
		return
	}
	b.text = append(b.text, ' ')
}

// keepsHyphen says whether the word that ends here is one that is written with
// a hyphen: it has one already, or it is a prefix that usually does.
func keepsHyphen(text []byte) bool {
	i := len(text)
	for i > 0 && len(text)-i < 24 && (isLetter(text[i-1]) || text[i-1] == '-') {
		i--
	}
	word := strings.ToLower(string(text[i:]))
	if strings.Contains(word, "-") {
		return true
	}
	switch word {
	case "multi", "anti", "non", "self", "cross", "spear", "well", "third", "open", "high", "low", "long", "short",
		"state", "two", "three", "first", "second", "user", "custom", "double", "single", "full", "real", "pre", "post", "ex", "co":
		return true
	}
	return false
}

func (b *builder) mark(page, line int) {
	if n := len(b.marks); n > 0 {
		last := &b.marks[n-1]
		if last.page == page && last.line == line {
			return
		}
		if last.at == len(b.text) {
			last.page, last.line = page, line
			return
		}
	}
	b.marks = append(b.marks, mark{len(b.text), page, line})
}

func (b *builder) note(text string) {
	for _, n := range b.notes {
		if n == text {
			return
		}
	}
	b.notes = append(b.notes, text)
}

// document cuts the blocks into sentences.
func (b *builder) document(kind string) *Document {
	if n := len(b.blocks); n > 0 {
		b.text = b.text[:b.blocks[n-1].end]
	} else {
		b.text = nil
	}
	if b.full {
		b.note("the text after the first 32 MiB was left out")
	}
	d := &Document{Kind: kind, Text: string(b.text), Notes: b.notes, Incomplete: b.full || b.cut, Sentences: []Sentence{}}
	for i := range b.blocks {
		blk := &b.blocks[i]
		first := len(d.Sentences)
		emit := func(start, end int) {
			s := Sentence{Start: blk.start + start, End: blk.start + end, Kind: blk.kind, Context: blk.context}
			s.Page, s.Line = b.place(s.Start)
			d.Sentences = append(d.Sentences, s)
		}
		text := d.Text[blk.start:blk.end]
		if blk.kind == KindHeading || blk.kind == KindCode {
			cutLong(text, 0, len(text), emit)
		} else {
			split(text, emit)
		}
		if len(blk.claims) > 0 && first < len(d.Sentences) {
			d.Sentences[first].Claims = blk.claims
		}
	}
	return d
}

// place returns the page and line of a byte of the text.
func (b *builder) place(at int) (page, line int) {
	i := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].at > at })
	if i == 0 {
		return 0, 0
	}
	return b.marks[i-1].page, b.marks[i-1].line
}

// appendClean appends text with white space and control characters made single
// spaces, invisible characters left out and typographic ligatures written out.
// Code keeps its spaces.
func appendClean(dst []byte, text string, code bool) []byte {
	space := len(dst) == 0 || dst[len(dst)-1] == ' ' || dst[len(dst)-1] == '\n'
	for i := 0; i < len(text); {
		c := text[i]
		if c > ' ' && c < 0x7f {
			dst, space = append(dst, c), false
			i++
			continue
		}
		if c <= ' ' || c == 0x7f {
			if !space || code && c == ' ' && len(dst) > 0 && dst[len(dst)-1] != '\n' {
				dst, space = append(dst, ' '), true
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			if !space {
				dst, space = append(dst, ' '), true
			}
		case r == '\u00ad' || r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\u2060' || r == '\ufeff':
		case r >= '\ufb00' && r <= '\ufb04':
			dst, space = append(dst, [...]string{"ff", "fi", "fl", "ffi", "ffl"}[r-'\ufb00']...), false
		default:
			dst, space = utf8.AppendRune(dst, r), false
		}
	}
	return dst
}

// cutBytes returns at most n bytes of s, never half a character.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
