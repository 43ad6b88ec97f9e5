package words

import (
	"bufio"
	"regexp"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// noteTime is a time that an entry of a note begins with.
func readNoteTime(l string) (timed, bool) {
	l = strings.TrimLeft(l, "-*•+|># \t")
	l = strings.TrimPrefix(l, "[x] ")
	l = strings.TrimPrefix(l, "[ ] ")
	bracket := strings.HasPrefix(l, "[") || strings.HasPrefix(l, "(")
	if bracket {
		l = l[1:]
	}
	l = strings.TrimPrefix(strings.TrimPrefix(l, "`"), "~")
	when, rest, ok := readStamp(l)
	if !ok {
		return timed{}, false
	}
	var until stamp
	for _, dash := range []string{"–", "-", " – ", " - ", " to "} {
		if after, found := strings.CutPrefix(rest, dash); found {
			if u, r, ok := readStamp(after); ok && !u.dated {
				until, rest = u, r
			}
			break
		}
	}
	rest = strings.TrimLeft(rest, "*`])")
	if rest != "" && !strings.ContainsRune(" \t:–—-|,;", []rune(rest)[0]) {
		return timed{}, false
	}
	text := strings.TrimLeft(rest, " \t:–—-|,;*")
	if strings.HasPrefix(text, "[") || syslogLike.MatchString(text) {
		return timed{}, false
	}
	return timed{when, until, text}, true
}

type timed struct {
	when, until stamp
	text        string
}

// syslogLike is what follows the time in a program's log.
var syslogLike = regexp.MustCompile(`^(?:[\w.-]+ )?[\w./-]+\[\d+\]: |^(?:[\w.-]{1,40}\.)?(?:INFO|WARN|WARNING|ERROR|DEBUG|NOTICE|FATAL|TRACE)\b`)

var (
	noteHead = regexp.MustCompile(`^[-*>\s]*\**([A-Za-z][A-Za-z /_-]{1,24})\**:\**\s+(\S.*)$`)
	authorIn = regexp.MustCompile(`^\(([\p{L}][\p{L}. '-]{1,30})\)[ :,-]+`)
)

// The names of header lines that notes and tickets as text have.
var (
	authorHeads = map[string]bool{"author": true, "from": true, "by": true, "analyst": true, "written by": true, "reporter": true, "updated by": true, "commented by": true, "comment by": true, "name": true, "handler": true}
	dateHeads   = map[string]bool{"date": true, "day": true, "sent": true, "created": true, "opened": true, "updated": true, "time": true, "when": true, "shift": true}
	titleHeads  = map[string]bool{"subject": true, "title": true, "summary": true}
	otherHeads  = map[string]bool{"to": true, "cc": true, "ticket": true, "case": true, "status": true, "priority": true, "assignee": true, "tlp": true, "severity": true, "number": true, "id": true, "category": true, "queue": true, "team": true, "type": true, "reply-to": true}
	ticketHeads = map[string]bool{"ticket": true, "priority": true, "assignee": true, "reporter": true, "queue": true, "number": true}
)

// notebook is one note while it is read.
type notebook struct {
	r       *reader
	name    string
	kind    casemate.EvidenceKind
	day     time.Time
	author  string
	title   string
	when    time.Time // of the header above
	heading string
	open    piece
	fenced  bool
	ticket  bool
	led     bool // the heading is a line above a list
	listed  bool // a list has come since the last heading
	body    bool // something other than headers has come
	afresh  bool // the next header line begins a new entry
}

// note reads text or Markdown: entries that begin with a time, list items and
// paragraphs, each a piece. Lines such as "Author:" and "Date:" say whose they are.
func (r *reader) note(b *bufio.Reader, name string, day time.Time) {
	n := &notebook{r: r, name: name, kind: casemate.EvidenceNote, day: day}
	lines := newLines(b)
	for lines.next() {
		n.line(lines.text, lines.number)
	}
	n.flush()
	r.lineFaults(lines, name)
}

func (n *notebook) flush() {
	if strings.TrimSpace(n.open.text) != "" {
		n.r.add(n.open)
		n.body = true
	}
	n.open = piece{}
}

// begin opens a piece at a line.
func (n *notebook) begin(text string, line int) {
	n.flush()
	n.open = piece{kind: n.kind, at: casemate.Location{File: n.name, Line: line}, time: n.when, author: n.author, name: n.title, heading: n.heading, text: text}
}

func (n *notebook) line(raw string, number int) {
	l := strings.TrimSpace(raw)
	switch {
	case strings.HasPrefix(l, "```") || strings.HasPrefix(l, "~~~"):
		n.flush()
		n.fenced = !n.fenced
	case n.fenced:
		if n.open.text == "" || !n.open.code {
			n.begin(raw, number)
			n.open.code = true
		} else if len(n.open.text) < MaxPiece {
			n.open.text += "\n" + raw
		} else {
			n.begin(raw, number)
			n.open.code = true
		}
	case l == "" || isRule(l):
		n.flush()
		if isRule(l) {
			n.afresh = true
		}
	case strings.HasPrefix(l, "#"):
		n.flush()
		n.headline(strings.TrimSpace(strings.TrimLeft(l, "#")))
	case n.header(l):
	case strings.HasPrefix(l, "|"):
		n.row(l, number)
	default:
		n.entry(l, number)
	}
}

// isRule reports whether a line only divides.
func isRule(l string) bool { return len(l) >= 3 && strings.Trim(l, "-=_*~ ") == "" }

func (n *notebook) headline(text string) {
	text = strings.Trim(text, "*_ ")
	if d, ok := dateIn(text); ok {
		n.day = d
	}
	if n.title == "" && !n.body {
		n.title = text
		return
	}
	n.heading, n.listed, n.led = text, false, false
}

// header reads a line such as "Author: Nils Falk"; it reports whether it is one.
func (n *notebook) header(l string) bool {
	m := noteHead.FindStringSubmatch(l)
	if m == nil || n.open.text != "" && !n.titled() {
		return false
	}
	name, value := strings.ToLower(m[1]), strings.Trim(m[2], "* ")
	if !authorHeads[name] && !dateHeads[name] && !titleHeads[name] && !otherHeads[name] || len(value) > 200 {
		return false
	}
	// In the middle of a text only lines that say whose the next entry is are
	// headers: "Status: …" may be a sentence.
	if n.body && !n.afresh && !authorHeads[name] && !(dateHeads[name] && n.ticket) {
		return false
	}
	if n.open.text != "" { // the line above is the title
		n.title, n.open = n.open.text, piece{}
	}
	if n.body && authorHeads[name] {
		n.when = time.Time{}
		n.ticket, n.afresh = true, true
	}
	switch {
	case authorHeads[name]:
		n.author = person(value)
	case dateHeads[name]:
		if t, ok := readTime(value); ok && !t.Equal(t.Truncate(24*time.Hour)) {
			n.when, n.day = t, t.Truncate(24*time.Hour)
		} else if d, ok := dateIn(value); ok {
			n.day = d
		}
	case titleHeads[name] && n.title == "":
		n.title = value
	}
	if ticketHeads[name] && !n.body {
		n.ticket, n.kind = true, casemate.EvidenceTicket
	}
	return true
}

// titled reports whether all that was read is one line that may be a title.
func (n *notebook) titled() bool {
	return !n.body && n.title == "" && n.open.at.Line <= 2 && len(n.open.text) < 100 && !strings.ContainsAny(n.open.text, ".!?\n")
}

// person is a name without the address behind it.
func person(value string) string {
	if i := strings.IndexAny(value, "<(,"); i > 0 {
		value = value[:i]
	}
	return strings.Trim(value, `" `)
}

// row reads a row of a table, whose first cell may be a time.
func (n *notebook) row(l string, number int) {
	cells := strings.Split(strings.Trim(l, "| "), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	text := strings.Join(cells, " | ")
	if strings.Trim(text, "-:| ") == "" {
		return
	}
	if t, ok := readNoteTime(cells[0] + " "); ok {
		n.begin(strings.Join(cells[1:], " | "), number)
		n.open.time = t.when.at(n.day)
	} else {
		n.begin(text, number)
		n.open.code = !isProse(text)
	}
	n.flush()
}

// entry reads a line of words.
func (n *notebook) entry(l string, number int) {
	n.afresh = false
	if rest, ok := strings.CutPrefix(l, ">"); ok {
		if n.open.text == "" || !n.open.quoted {
			n.begin(strings.TrimSpace(rest), number)
			n.open.quoted = true
			return
		}
		n.open.text += "\n" + strings.TrimSpace(rest)
		return
	}
	if t, ok := readNoteTime(l); ok {
		if t.when.dated {
			n.day = time.Date(t.when.year, t.when.month, t.when.day, 0, 0, 0, 0, time.UTC)
		}
		author := n.author
		if m := authorIn.FindStringSubmatch(t.text); m != nil {
			author, t.text = m[1], t.text[len(m[0]):]
		}
		n.begin(t.text, number)
		n.open.time, n.open.author = t.when.at(n.day), author
		return
	}
	if bullet(l) {
		item := strings.TrimLeft(l, "-*•+ \t")
		if n.led { // "Watch tonight:" says what its items are
			item = n.heading + ": " + item
		}
		n.begin(item, number)
		n.listed = true
		return
	}
	if n.listed && n.led && n.open.text == "" { // what the line above a list said held for the list
		n.listed, n.led, n.heading = false, false, ""
	}
	if strings.HasSuffix(l, ":") && strings.Count(l, " ") < 8 {
		n.flush()
		n.heading, n.listed, n.led = strings.Trim(l, ":*_ "), false, true
		return
	}
	if n.open.text == "" || n.open.quoted || n.open.code {
		n.begin(l, number)
		return
	}
	if len(n.open.text) > MaxPiece {
		n.begin(l, number)
		return
	}
	n.open.text += " " + l
}

// bullet reports whether a line begins an item of a list.
func bullet(l string) bool {
	for _, mark := range []string{"- ", "* ", "• ", "+ "} {
		if strings.HasPrefix(l, mark) {
			return true
		}
	}
	i := 0
	for i < len(l) && i < 3 && l[i] >= '0' && l[i] <= '9' {
		i++
	}
	return i > 0 && i+1 < len(l) && (l[i] == '.' || l[i] == ')') && l[i+1] == ' '
}
