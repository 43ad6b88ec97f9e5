package prompt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// codeBytes is how much of a digest tells a fence from all others.
const codeBytes = 6

// fence puts the data of one question between lines that do not occur in it.
type fence struct {
	code     string
	evidence string            // clean, one item a line
	texts    map[string]string // clean
	size     int
}

// newFence cleans the data and draws the fence's code from the seed and the data.
func newFence(d Data, seed uint64) *fence {
	f := &fence{texts: map[string]string{}}
	var b strings.Builder
	for i := range d.Evidence {
		b.WriteString(Line(d.Evidence[i]) + "\n")
	}
	f.evidence = strings.TrimSuffix(b.String(), "\n")
	all := []string{f.evidence}
	for _, name := range slices.Sorted(maps.Keys(d.Texts)) {
		f.texts[name] = strings.TrimRight(Clean(d.Texts[name]), "\n")
		all = append(all, f.texts[name])
	}
	for _, t := range all {
		f.size += len(t)
	}
	for n := uint64(0); ; n++ {
		f.code = draw(seed, n, all)
		if !slices.ContainsFunc(all, func(t string) bool { return strings.Contains(strings.ToLower(t), f.code) }) {
			return f
		}
	}
}

// draw returns the n-th code of a seed and texts.
func draw(seed, n uint64, texts []string) string {
	h := hmac.New(sha256.New, binary.BigEndian.AppendUint64(nil, seed))
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	for _, t := range texts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(t))))
		h.Write([]byte(t))
	}
	return hex.EncodeToString(h.Sum(nil)[:codeBytes])
}

// around returns clean text inside the fence.
func (f *fence) around(text string) string {
	return "<<<DATA " + f.code + ">>>\n" + text + "\n<<<END " + f.code + ">>>"
}

const (
	stamp = phrase.Layout
	clock = "15:04:05"
)

// Line writes an item of evidence as the model reads it: one line, its fields
// parted by bars, what is empty left out. It cuts nothing.
func Line(e casemate.Evidence) string {
	parts := []string{field(e.ID)}
	if !e.First.IsZero() {
		parts = append(parts, span(e.First, e.Last))
	}
	kind := field(string(e.Kind))
	if e.Severity != casemate.SeverityUnknown {
		kind += ", " + e.Severity.String()
	}
	if kind != "" {
		parts = append(parts, kind)
	}
	for _, f := range []struct{ label, value string }{{"host ", e.Host}, {"user ", e.User}, {"by ", e.Author}} {
		if f.value != "" {
			parts = append(parts, f.label+field(f.value))
		}
	}
	if e.Count > 1 {
		parts = append(parts, strconv.Itoa(e.Count)+" times")
	}
	if len(e.Techniques) > 0 {
		parts = append(parts, field(strings.Join(e.Techniques, ", ")))
	}
	if e.Name != "" && !strings.HasPrefix(e.Text, e.Name) {
		parts = append(parts, field(e.Name))
	}
	if e.Text != "" {
		parts = append(parts, OneLine(e.Text))
	}
	return strings.Join(parts, " | ")
}

// span writes when something was, in UTC.
func span(first, last time.Time) string {
	first, last = first.UTC(), last.UTC()
	s := first.Format(stamp)
	switch {
	case !last.After(first) || last.Format(stamp) == s:
		return s
	case last.YearDay() == first.YearDay() && last.Year() == first.Year():
		return s + " to " + last.Format(clock)
	}
	return s + " to " + last.Format(stamp)
}

// field is OneLine without the bar that parts fields.
func field(s string) string { return strings.ReplaceAll(OneLine(s), "|", "¦") }

// OneLine is Clean with line feeds written out, as texts stand in a Line: no text
// can begin a line that looks like another item.
func OneLine(s string) string { return strings.ReplaceAll(Clean(s), "\n", `\n`) }
