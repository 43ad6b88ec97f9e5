package grounding

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// identifiers checks ids of catalogues, and the names beside them.
func (r *reading) identifiers() {
	for _, m := range idPattern.FindAllStringIndex(r.text, maxMentions) {
		if !r.free(m[0], m[1]) || m[0] > 0 && strings.IndexByte(`-_.\/@:`, r.text[m[0]-1]) >= 0 && r.text[m[0]-1] != ':' && r.text[m[0]-1] != '/' ||
			m[1] < len(r.text)-1 && strings.IndexByte(`-_\@`, r.text[m[1]]) >= 0 && word(r.text[m[1]+1]) {
			continue
		}
		id := r.text[m[0]:m[1]]
		if lower(id) && r.has(id) { // "t1003" may be anything
			continue
		}
		r.use(m[0], m[1])
		e := r.c.look(id)
		if !e.known {
			r.unknown(id, e)
			continue
		}
		r.found++
		if e.kind != "cve" { // these have many names
			r.nameBeside(m[0], m[1], e)
		}
		r.shown(id, e)
	}
}

func lower(s string) bool { return s == strings.ToLower(s) }

// unknown reports an id that no catalogue has. What only the evidence can know
// may stand in the evidence.
func (r *reading) unknown(id string, e entry) {
	switch {
	case r.has(fold(id)):
		r.found++
	case e.kind == "cve":
		r.missing(Indicator, id)
	default:
		r.report(UnknownID, id, "no catalogue has an entry with this id")
	}
}

// shown reports an id that exists and that the evidence does not show.
func (r *reading) shown(id string, e entry) {
	ids := []string{fold(e.id)}
	if e.now != "" {
		ids = append(ids, fold(e.now))
	}
	if r.hasAny(ids...) {
		return
	}
	switch e.kind {
	case "technique":
		// A name alone shows its technique; the parent's name does not.
		if len(e.names) > 0 && r.has(e.names[0]) {
			return
		}
		r.missing(Technique, id)
	case "tactic":
		if !r.hasAny(e.names...) {
			r.missing(Technique, id)
		}
	case "group":
		if !r.hasAny(e.names...) {
			r.missing(Attribution, id)
		}
	case "software":
		if !r.hasAny(e.names...) {
			r.missing(Software, id)
		}
	case "cve":
		r.missing(Indicator, id)
	}
	// A mitigation, data component, defence or weakness is advice, or what is
	// known: that it exists and has its name is all that can be wrong.
}

var (
	afterID  = regexp.MustCompile(`^(?:\s*\(\s*|\s*\[\s*|\s*[-–—:,=/]\s*|\s+(?:is|was|are|which is)?\s*(?:called|named|known as|titled|means|stands for)?\s*(?:the\s+)?|,?\s+(?:known|named|called)(?: as)?\s+|\s*,\s*)["'*_]*`)
	beforeID = regexp.MustCompile(`["'*_]*\s*(?:[(\[]\s*|[-–—:,=]\s*|,?\s*(?:technique|id|that is|i\.e\.|aka|as|is|has (?:the )?id)?,?\s*)(?:MITRE\s+)?(?:ATT&CK\s+)?(?:technique\s+|ID\s+)?$`)
)

// nameBeside reports a name beside an id that is the name of something else.
func (r *reading) nameBeside(from, to int, e entry) {
	rest := r.text[to:]
	if m := afterID.FindString(rest); m != "" {
		at := to + len(m)
		enclosed := strings.ContainsAny(m, "([")
		if r.nameAfter(at, enclosed, strings.ContainsAny(m, ":-–—="), e) {
			return
		}
	}
	if m := beforeID.FindStringIndex(r.text[max(0, from-64):from]); m != nil {
		r.nameBefore(max(0, from-64)+m[0], e)
	}
}

// nameAfter judges what follows an id. It reports whether that was a name.
func (r *reading) nameAfter(at int, enclosed, dash bool, e entry) bool {
	text := r.text[at:]
	if enclosed {
		if i := strings.IndexAny(text, ")]"); i >= 0 {
			text = text[:i]
		}
	}
	if n := right(text, e.names); n > 0 {
		r.use(at, at+n)
		return true
	}
	name, ids := r.longest(text)
	title := titled(text)
	switch {
	case name != "" && !slices.Contains(ids, e.id) && (enclosed || dash || capital(text) || len(strings.Fields(name)) > 1):
		r.report(WrongName, e.id+" "+text[:len(name)], "the catalogue calls it "+quoted(e))
		r.use(at, at+len(name))
		return true
	case (enclosed || dash) && strings.Contains(title, " ") && !r.has(fold(title)):
		r.report(WrongName, e.id+" "+title, "the catalogue calls it "+quoted(e))
		r.use(at, at+len(title))
		return true
	case enclosed && title != "" && title == strings.TrimSpace(text) && !r.has(fold(title)):
		r.report(WrongName, e.id+" "+title, "the catalogue calls it "+quoted(e))
		r.use(at, at+len(title))
		return true
	}
	return false
}

// nameBefore judges what stands before an id.
func (r *reading) nameBefore(end int, e entry) {
	begin := max(0, end-160)
	text := strings.TrimRight(r.text[begin:end], " \"'*_")
	low := strings.ToLower(text)
	for _, n := range e.names {
		if strings.HasSuffix(low, n) {
			r.use(begin+len(text)-len(n), begin+len(text))
			return
		}
	}
	// The longest run of up to eight words before it that is a name.
	best := -1
	at := len(low)
	for range 8 {
		at = strings.LastIndexByte(strings.TrimRight(low[:at], " "), ' ') + 1
		if _, ok := r.c.book.names[low[at:]]; ok && (capital(text[at:]) || strings.Contains(low[at:], " ")) {
			best = at
		}
		if at == 0 {
			break
		}
	}
	if best >= 0 {
		r.report(WrongName, text[best:]+" "+e.id, "the catalogue calls it "+quoted(e))
		r.use(begin+best, begin+len(text))
	}
}

func quoted(e entry) string {
	if len(e.names) == 0 {
		return "something else"
	}
	return `"` + e.names[0] + `"`
}

// right returns the length of the longest right name that text begins with.
func right(text string, names []string) int {
	low, best := lowASCII(text), 0
	for _, n := range names {
		if strings.HasPrefix(low, n) && (len(n) == len(low) || !word(low[len(n)])) {
			best = max(best, len(n))
		}
	}
	return best
}

// longest returns the longest name of the catalogue that text begins with.
func (r *reading) longest(text string) (string, []string) {
	low := lowASCII(text)
	end := 0
	var name string
	for range 9 {
		i := strings.IndexAny(low[end:], " ,.;)]")
		if i < 0 {
			end = len(low)
		} else {
			end += i
		}
		if _, ok := r.c.book.names[low[:end]]; ok && end > 2 {
			name = low[:end]
		}
		if end >= len(low) || low[end] != ' ' && low[end] != ',' {
			break
		}
		end++
	}
	return name, r.c.book.names[name]
}

// titled returns the words in capitals that a text begins with, small words
// between them included.
func titled(text string) string {
	end, at := 0, 0
	for _, w := range strings.SplitAfter(text, " ") {
		t := strings.Trim(w, " ,.;:")
		switch {
		case capital(t):
			end = at + len(strings.TrimRight(w, " ,.;:"))
		case end > 0 && slices.Contains([]string{"of", "and", "or", "the", "for", "over", "to", "in", "with", "on", "via", "by", "from"}, t):
		default:
			return text[:end]
		}
		at += len(w)
		if strings.TrimRight(w, " ") != strings.TrimRight(w, " ,.;:") {
			break
		}
	}
	return text[:end]
}

func capital(s string) bool {
	for _, c := range s {
		return unicode.IsUpper(c)
	}
	return false
}
