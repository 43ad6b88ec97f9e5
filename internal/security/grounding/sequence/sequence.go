// Package sequence finds sentences that tell two happenings in an order, and compares
// it with the times of the evidence that each of them comes from.
package sequence

import (
	"regexp"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// Piece is one piece of evidence: its words in lower case, and when what it tells
// began and ended. A zero From says that this is not known.
type Piece struct {
	Text     string
	From, To time.Time
}

// told is a way to tell an order: its expression finds the two happenings, the
// earlier of which is named first, or, if late is set, last.
type told struct {
	re   *regexp.Regexp
	late bool
}

const when = `(?:(?:shortly|just|long|immediately|right|only|soon|well|even|directly|some time|\S+ (?:seconds?|minutes?|hours?|days?)) )*`

var orders = []told{
	{regexp.MustCompile(`^` + when + `(?:before|prior to) ([^,]+), (.+)$`), true},
	{regexp.MustCompile(`^` + when + `(?:after|once|following) ([^,]+), (.+)$`), false},
	{regexp.MustCompile(`^(.+?),? (?:was|were|is|are|and is) preceded by (.+)$`), true},
	{regexp.MustCompile(`^(.+?),? (?:(?:was|were|is|are|and is) )?followed by (.+)$`), false},
	{regexp.MustCompile(`^(.+?) preceded (.+)$`), false},
	{regexp.MustCompile(`^(.+?) followed ((?:the|a|an|this|these|its|his|her|their|\S+ing)\b.+)$`), true},
	{regexp.MustCompile(`^(.+?),? ` + when + `(?:before|prior to|earlier than) (.+)$`), false},
	{regexp.MustCompile(`^(.+?),? ` + when + `(?:after|later than|subsequent to) (.+)$`), true},
	{regexp.MustCompile(`^(.+?),? (?:and )?(?:only )?then (.+)$`), false},
}

var (
	unclear = regexp.MustCompile(`\b(?:not|never|no|none|nobody|may|might|could|possibl[ey]|probabl[ey]|if|whether|perhaps)\b|n't\b|\?`)
	clock   = regexp.MustCompile(`^(?:about |around |the )?(?:\d|noon\b|midnight\b|that\b|this\b|it\b|them\b|dawn\b|working\b|office\b|business\b)`)
	timed   = regexp.MustCompile(`\d:\d\d|\b(?:noon|midnight)\b`)
)

// Wrong reports whether a sentence, in lower case and without its quotations, tells
// in an order what the evidence has in the other: each half must speak of one piece
// more than of any other, and the two must not overlap in time.
func Wrong(low string, pieces []Piece) bool {
	if len(pieces) < 2 || unclear.MatchString(low) {
		return false
	}
	for _, o := range orders {
		m := o.re.FindStringSubmatch(low)
		if m == nil {
			continue
		}
		first, second := m[1], m[2]
		if clock.MatchString(first) || clock.MatchString(second) {
			return false
		}
		a, b := assign(first, second, pieces)
		if a < 0 || b < 0 || a == b {
			return false
		}
		if o.late {
			a, b = b, a
		}
		early, late := pieces[a], pieces[b]
		return !early.From.IsZero() && !late.From.IsZero() && early.From.Sub(end(late)) > time.Second
	}
	return false
}

var sameDay = regexp.MustCompile(`\b(?:on |in )?the same (?:day|date|evening|morning|afternoon|night)\b`)

// Same returns the words that put on one day what the pieces have on different ones.
func Same(low string, pieces []Piece) string {
	said := sameDay.FindString(low)
	for i, p := range pieces {
		for _, q := range pieces[:i] {
			if p.From.IsZero() || q.From.IsZero() || p.From.Sub(q.From).Abs() < 24*time.Hour {
				return ""
			}
		}
	}
	return said
}

func end(p Piece) time.Time {
	if p.To.Before(p.From) {
		return p.From
	}
	return p.To
}

// assign says which piece each half of a sentence speaks of, -1 if that is not clear.
// Of two pieces, a half that fits both as well speaks of what the other does not.
func assign(first, second string, pieces []Piece) (a, b int) {
	a, sure := best(first, pieces)
	b, also := best(second, pieces)
	switch {
	case sure && also:
		return a, b
	case len(pieces) == 2 && sure && loose(second):
		return a, 1 - a
	case len(pieces) == 2 && also && loose(first):
		return 1 - b, b
	}
	return -1, -1
}

// loose reports whether a half says enough to be taken for a happening of its own.
func loose(half string) bool { return len(stem.All(half)) > 1 && !timed.MatchString(half) }

// best returns the piece with most of the words of a text, and whether it alone has
// any that not all have.
func best(text string, pieces []Piece) (int, bool) {
	at, most, others := -1, 0, 0
	for i, p := range pieces {
		n := 0
		for _, s := range stem.All(text) {
			if stem.Alike(p.Text, s) && !all(pieces, s) {
				n++
			}
		}
		if n > 0 {
			others++
		}
		if n > most {
			at, most = i, n
		}
	}
	return at, others == 1
}

func all(pieces []Piece, s string) bool {
	for _, p := range pieces {
		if !stem.Alike(p.Text, s) {
			return false
		}
	}
	return true
}
