package words

import (
	"bufio"
	"regexp"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// chatLine is one line of a chat kept as text.
type chatLine struct {
	when         stamp
	author, text string
}

var (
	chatName = regexp.MustCompile(`^[\p{L}][\p{L}\p{M}\p{N}'. _@()-]{0,39}$`)
	levels   = []string{"info", "warn", "warning", "error", "debug", "notice", "fatal", "critical", "trace", "err", "crit", "alert", "emerg"}
)

// readChatLine reads the forms that chats have as text:
//
//	[09:41] name: text            [2026-03-04 09:41:12] <name> text
//	09:41 <name> text             04/03/2026, 09:41 - Name: text
//	[04.03.26, 09:41:12] Name: text
func readChatLine(l string) (chatLine, bool) {
	l = strings.TrimLeft(l, "\u200e\u200f")
	inner := l
	bracket := strings.HasPrefix(l, "[")
	if bracket {
		inner = l[1:]
	}
	when, rest, ok := readStamp(inner)
	if !ok {
		return chatLine{}, false
	}
	if bracket {
		if rest, ok = strings.CutPrefix(rest, "]"); !ok {
			return chatLine{}, false
		}
	}
	rest = strings.TrimLeft(rest, " ")
	rest, dashed := strings.CutPrefix(rest, "- ")
	if name, text, ok := strings.Cut(strings.TrimPrefix(rest, "<"), ">"); ok && strings.HasPrefix(rest, "<") {
		name = strings.TrimLeft(name, "@+%~& ")
		return chatLine{when, name, strings.TrimSpace(text)}, chatName.MatchString(name)
	}
	if !bracket && !dashed {
		return chatLine{}, false
	}
	name, text, ok := strings.Cut(rest, ": ")
	if !ok || !chatName.MatchString(name) || strings.Count(name, " ") > 3 {
		return chatLine{}, false
	}
	tail := strings.ToLower(name[strings.LastIndexAny(name, ". ")+1:])
	for _, level := range levels {
		if tail == level {
			return chatLine{}, false
		}
	}
	return chatLine{when, name, strings.TrimSpace(text)}, true
}

// chatText reads a chat kept as text. A line without a time goes on with the
// message before it. A clock that runs back by more than an hour
// means the next day.
func (r *reader) chatText(b *bufio.Reader, name string, day time.Time) {
	lines := newLines(b)
	var open piece
	var last time.Duration
	flush := func() {
		if open.text != "" {
			r.add(open)
		}
		open = piece{}
	}
	for lines.next() {
		l := strings.TrimRight(lines.text, " \t\r")
		c, ok := readChatLine(strings.TrimLeft(l, " "))
		if !ok {
			switch {
			case open.text != "" && l != "" && len(open.text) < MaxPiece:
				open.text += "\n" + strings.TrimSpace(l)
			case l != "":
				if d, ok := dateIn(l); ok && len(l) < 200 {
					flush()
					day, last = d, 0
				}
			}
			continue
		}
		flush()
		if c.when.dated {
			day, last = time.Date(c.when.year, c.when.month, c.when.day, 0, 0, 0, 0, time.UTC), 0
		} else if c.when.clock+time.Hour < last && !day.IsZero() {
			day = day.AddDate(0, 0, 1)
		}
		last = c.when.clock
		open = piece{kind: casemate.EvidenceChat, at: casemate.Location{File: name, Line: lines.number}, time: c.when.at(day), author: c.author, text: c.text}
	}
	flush()
	r.lineFaults(lines, name)
}
