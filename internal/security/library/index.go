package library

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// A passage's number in the index says where its text is, so no table has to:
// its kind, the row of its entry or relation, and which passage of that it is.
const (
	passageBits  = 10
	ownerBits    = 38
	maxPassages  = 1 << passageBits // of one entry; a longer one gets longer passages
	passageBytes = 1200             // aimed at
	maxMore      = 2000             // bytes of facts that are indexed with an entry
	maxTitle     = 2000             // bytes of names that are indexed with a passage
	commonFrom   = 1000             // passages from which on a word is common
)

func passageRow(kind int, owner int64, n int) int64 {
	return int64(kind)<<(ownerBits+passageBits) | owner<<passageBits | int64(n)
}

func splitRow(row int64) (kind int, owner int64, n int) {
	return int(row >> (ownerBits + passageBits)), row >> passageBits & (1<<ownerBits - 1), int(row & (maxPassages - 1))
}

// passage is a piece of an entry that a search can find.
type passage struct{ section, text string }

// passages cuts an entry's prose. Every entry with a name of its own has one,
// if only an empty one. The same entry is always cut the same way.
func passages(e *feed.Entry) []passage {
	total := 0
	for _, s := range e.Sections {
		total += len(s.Text)
	}
	// A passage is cut no shorter than half its size, so these sizes and so few
	// sections make fewer than maxPassages.
	size := max(passageBytes, 5*total/maxPassages)
	sections := e.Sections
	if len(sections) > maxPassages/2 {
		sections = joinSections(sections, size)
	}
	var out []passage
	for _, s := range sections {
		for rest := s.Text; rest != "" && len(out) < maxPassages; {
			n := passageEnd(rest, size)
			if text := strings.TrimSpace(rest[:n]); text != "" {
				out = append(out, passage{s.Name, text})
			}
			rest = rest[n:]
		}
	}
	if len(out) == 0 && e.Name != "" && e.Name != e.ID {
		out = append(out, passage{})
	}
	return out
}

// joinSections makes one section of neighbours that fit into size together.
// What was joined goes by the name of the first.
func joinSections(sections []feed.Section, size int) []feed.Section {
	var out []feed.Section
	var text strings.Builder
	for _, s := range sections {
		if n := len(out); n > 0 && text.Len()+len(s.Text) <= size {
			text.WriteString("\n" + s.Text)
			out[n-1].Text = text.String()
			continue
		}
		text.Reset()
		text.WriteString(s.Text)
		out = append(out, s)
	}
	return out
}

// passageEnd returns where the passage ends that begins text: after size bytes
// at most half as much again, at a paragraph, a line, a sentence or a space,
// whichever is found first in this order.
func passageEnd(text string, size int) int {
	limit := size + size/2
	if len(text) <= limit {
		return len(text)
	}
	for _, mark := range [...]string{"\n\n", "\n", ". ", " "} {
		if i := strings.LastIndex(text[size/2:limit], mark); i >= 0 {
			return size/2 + i + len(mark)
		}
	}
	for i := limit; i > limit-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return limit
}

// titleOf returns what a passage's entry is called.
func titleOf(e *feed.Entry) string {
	title := e.ID
	if e.Name != e.ID {
		title += " " + e.Name
	}
	for _, a := range e.Aliases {
		if len(title)+len(a) > maxTitle {
			break
		}
		title += " | " + a
	}
	return title
}

// moreOf returns the facts that are indexed with an entry's first passage.
func moreOf(e *feed.Entry) string {
	var b strings.Builder
	for _, f := range e.Fields {
		if b.Len()+len(f.Value) > maxMore {
			break
		}
		b.WriteString(f.Value)
		b.WriteString(" | ")
	}
	return b.String()
}

// indexText prepares text for the index.
func indexText(text string) string {
	var b strings.Builder
	eachWord(text, func(w string) {
		b.WriteString(w)
		b.WriteByte(' ')
	})
	return b.String()
}

// relationPassage returns the text of a relation's only passage.
func relationPassage(text string) string {
	return strings.TrimSpace(text[:passageEnd(text, 4*passageBytes)])
}

// indexEntry puts an entry's passages into the index.
func indexEntry(insert *sql.Stmt, row int64, kind int, e *feed.Entry) error {
	title, more := indexText(titleOf(e)), indexText(moreOf(e))
	for n, p := range passages(e) {
		if _, err := insert.Exec(passageRow(kind, row, n), title, indexText(p.text), more); err != nil {
			return err
		}
		more = ""
	}
	return nil
}

// countCommon writes down which words are in so many passages that ranking by
// them alone would take too long, and how many passages there are.
func countCommon(ctx context.Context, conn *sql.Conn) error {
	for _, s := range [...]string{
		"DELETE FROM common",
		fmt.Sprintf("INSERT INTO common SELECT term, doc FROM vocabulary WHERE doc >= %d", commonFrom),
		"INSERT OR REPLACE INTO meta SELECT 'passages', count(*) FROM passages_docsize",
	} {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
