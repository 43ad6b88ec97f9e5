package dossier

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
)

// What is kept of people's words while they are read.
const (
	maxPieces = 1500    // pieces, the most telling of a large input
	maxPiece  = 2048    // bytes of one; a longer one is told in parts
	maxLine   = 1 << 20 // bytes of a line; the rest of a longer one is left out
)

// piece is what one person wrote at one time: a message, an entry, a paragraph.
type piece struct {
	kind     casemate.EvidenceKind
	at       casemate.Location
	time     time.Time
	author   string
	name     string // subject, title, channel
	heading  string // it stands under
	text     string
	code     bool // a block of code or log: evidence, no sentences
	quoted   bool
	mail     bool // quoted if its sender is of outside
	entities []casemate.Entity

	part  int // of reader.parts
	order int
	score int
}

// words collects pieces; of a large input those that tell most.
type words struct {
	kept  []piece
	total int
	now   int // the part that is read
	count map[int]int
}

func newWords() *words { return &words{count: map[int]int{}} }

// add takes a piece, cut at its paragraphs and sentences if it is long.
func (w *words) add(p piece) {
	for _, text := range cutText(strings.TrimSpace(p.text), maxPiece) {
		q := p
		q.text, q.part, q.order = text, w.now, w.total
		w.total++
		w.count[w.now]++
		q.score = worth(&q)
		w.kept = append(w.kept, q)
	}
	if len(w.kept) >= 4*maxPieces {
		w.prune()
	}
}

// prune keeps the pieces that tell most, in their order.
func (w *words) prune() {
	if len(w.kept) <= maxPieces {
		return
	}
	slices.SortStableFunc(w.kept, func(a, b piece) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.order, b.order)) })
	w.kept = w.kept[:maxPieces]
	slices.SortFunc(w.kept, func(a, b piece) int { return cmp.Compare(a.order, b.order) })
	for i := range w.kept { // what they share memory with is let go
		w.kept[i].text = strings.Clone(w.kept[i].text)
	}
}

// cutText cuts a long text where a paragraph, a line, a sentence or a word ends.
func cutText(text string, limit int) []string {
	if text == "" {
		return nil
	}
	var out []string
	for len(text) > limit {
		cut := 0
		for _, end := range []string{"\n\n", "\n", ". ", " "} {
			if cut = strings.LastIndex(text[:limit], end); cut > limit/3 {
				cut += len(end)
				break
			}
		}
		if cut <= 0 {
			cut = limit
			for cut > 1 && text[cut]&0xC0 == 0x80 {
				cut--
			}
		}
		if part := strings.TrimSpace(text[:cut]); part != "" {
			out = append(out, part)
		}
		text = strings.TrimSpace(text[cut:])
	}
	if text != "" {
		out = append(out, text)
	}
	return out
}

// telling are words of people who work on an incident.
var telling = []string{
	"attack", "malware", "phish", "ransom", "encrypt", "exfil", "stolen", "credential", "lsass", "isolat", "block", "disabled", "contain", "compromis",
	"lateral", "domain admin", "c2", "beacon", "impact", "decided", "decision", "agreed", "unknown", "question", "suspicious", "incident", "powershell", "customer",
}

// worth says how much a piece is likely to tell, by its form: cheap enough for
// every message of a year's chat.
func worth(p *piece) int {
	score := 0
	if !p.time.IsZero() {
		score += 2
	}
	switch p.kind {
	case casemate.EvidenceNote, casemate.EvidenceTicket:
		score += 2
	case casemate.EvidenceMail:
		score += 3
	}
	if p.code || p.quoted {
		score--
	}
	if len(p.text) < 24 {
		score -= 2
	}
	lower := strings.ToLower(p.text[:min(len(p.text), 600)])
	for _, w := range telling {
		if strings.Contains(lower, w) {
			score += 2
		}
	}
	if strings.ContainsRune(lower, '?') {
		score++
	}
	digits := strings.IndexAny(lower, "0123456789") >= 0
	if digits && strings.ContainsAny(lower, `.-\`) {
		score++ // perhaps a host, an address, a time
	}
	return score
}

// written reads a file that people wrote.
func (r *reader) written(b *bufio.Reader, name string, k kind) error {
	r.parts = append(r.parts, part{name: name, kind: k})
	r.words.now = len(r.parts) - 1
	at := &r.parts[r.words.now]
	c := &contextReader{ctx: r.ctx, r: b}
	b = bufio.NewReaderSize(c, sniffBytes)
	day, _ := dateIn(shortName(name))
	switch k {
	case kindChatText:
		r.chatText(b, name, day)
	case kindChat:
		r.exported(b, name, day, r.chatMessage)
	case kindTicket:
		r.exported(b, name, day, r.ticket)
	case kindMail:
		r.mail(b, name)
	case kindMbox:
		r.mailbox(b, name)
	case kindDocument:
		r.document(b, name)
	default:
		r.note(b, name, day)
	}
	at = &r.parts[r.words.now]
	at.bytes, at.records = c.n, r.words.count[r.words.now]
	r.sum.Bytes += c.n
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if c.err != nil {
		r.fault(name, 0, "cannot be read to its end: "+c.err.Error())
	} else if at.records == 0 {
		r.fault(name, 0, "holds nothing that could be read")
	}
	return nil
}

// contextReader ends when its context does, counts, and remembers what went wrong.
type contextReader struct {
	ctx context.Context
	r   io.Reader
	n   int64
	err error
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// lines reads lines of bounded length.
type lines struct {
	b      *bufio.Reader
	text   string
	number int
	long   int // lines that were cut
}

func newLines(b *bufio.Reader) *lines { return &lines{b: b} }

func (l *lines) next() bool {
	var line []byte
	cut := false
	for {
		part, err := l.b.ReadSlice('\n')
		if room := maxLine - len(line); len(part) > room {
			part, cut = part[:room], true
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(line) == 0 && err != nil {
			return false
		}
		break
	}
	l.number++
	if cut {
		l.long++
	}
	l.text = strings.TrimRight(strings.ToValidUTF8(string(line), "\uFFFD"), "\r\n")
	return true
}

// lineFaults says which lines were too long.
func (r *reader) lineFaults(l *lines, name string) {
	if l.long > 0 {
		r.fault(name, 0, fmt.Sprintf("%d lines are longer than %d KiB: the rest of each was left out", l.long, maxLine>>10))
	}
}

// document reads a PDF or a page of HTML, sentence by sentence.
func (r *reader) document(b *bufio.Reader, name string) {
	data, err := io.ReadAll(io.LimitReader(b, maxDocument+1))
	if err != nil {
		return // the reader below remembers why
	}
	if len(data) > maxDocument {
		r.fault(name, 0, fmt.Sprintf("is larger than %d MiB: the rest was left out", maxDocument>>20))
		data = data[:maxDocument]
	}
	d, err := document.Parse(r.ctx, name, data, document.Options{MaxBytes: maxDocument})
	if err != nil {
		r.fault(name, 0, err.Error())
		return
	}
	for _, note := range d.Notes {
		if d.Incomplete {
			r.fault(name, 0, note)
		}
	}
	for _, s := range d.Sentences {
		if s.Kind == document.KindHeading {
			continue
		}
		at := casemate.Location{File: name, Line: s.Line, Record: uint64(max(s.Page, 0))}
		r.words.add(piece{kind: casemate.EvidenceReport, at: at, name: d.Title, heading: s.Context, text: d.Of(s), code: s.Kind == document.KindCode})
	}
}
