package pipeline

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

// Fits reports whether a question fits into the model's context with its answer.
func (r *Run) Fits(ctx context.Context, q Question) (bool, error) {
	if !r.HasModel() {
		return false, ErrNoModel
	}
	req, err := r.request(ctx, q)
	if err != nil {
		return false, err
	}
	return req.fits(), nil
}

// Split cuts evidence into runs of neighbours, each of which fits into a question
// with what ask makes of it. It cuts at natural borders: files, days, gaps. One
// item that does not fit alone is given parts of its own text, under its own id:
// at the end of a line or a sentence where there is one. Nothing is lost: the
// texts of an item's parts, one behind the other, are its text. A question that
// does not even fit with no text is ErrTooLong.
func (r *Run) Split(ctx context.Context, evidence []casemate.Evidence, ask func([]casemate.Evidence) Question) ([][]casemate.Evidence, error) {
	if !r.HasModel() {
		return nil, ErrNoModel
	}
	most := r.opt.Engine.Info().Context * bytesPerToken
	s := splitter{guess: len(evidence), bytes: firstBytes, fits: func(run []casemate.Evidence) (bool, error) {
		if size := textBytes(run); size > most && most > 0 {
			return false, nil // without reading it all again and again
		}
		return r.Fits(ctx, ask(run))
	}}
	rest := append([]casemate.Evidence(nil), evidence...)
	var out [][]casemate.Evidence
	for len(rest) > 0 {
		n, err := s.most(rest)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			head, tail, err := s.cut(rest[0])
			if err != nil {
				return nil, err
			}
			out = append(out, []casemate.Evidence{head})
			if rest[0] = tail; tail.Text == "" {
				rest = rest[1:]
			}
			continue
		}
		n = naturally(rest, n)
		out = append(out, rest[:n:n])
		rest, s.guess = rest[n:], n
	}
	return out, nil
}

// bytesPerToken is more than any text has on average: what has more for each token
// of the context is taken not to fit.
const bytesPerToken = 16

// textBytes is the size of evidence's texts.
func textBytes(list []casemate.Evidence) int {
	n := 0
	for i := range list {
		n += len(list[i].Text)
	}
	return n
}

// firstBytes is how much of a long text is tried first.
const firstBytes = 8 << 10

// splitter finds how much fits. What fitted last is where it looks first.
type splitter struct {
	fits  func([]casemate.Evidence) (bool, error)
	guess int // items
	bytes int // of one text
}

// most returns how many items of the beginning fit, 0 where the first alone does not.
func (s *splitter) most(list []casemate.Evidence) (int, error) {
	return largest(len(list), max(1, s.guess), func(n int) (bool, error) { return s.fits(list[:n]) }, 1)
}

// largest returns the largest n up to limit for which fits holds, within step of
// it; 0 where none is. Where it holds for n, it must hold for what is below.
func largest(limit, guess int, fits func(int) (bool, error), step int) (int, error) {
	low, high := 0, limit+1 // low fits, high does not
	for n := min(guess, limit); n > low && n < high; n = min(2*n, limit) {
		ok, err := fits(n)
		if err != nil {
			return 0, err
		}
		if !ok {
			high = n
			break
		}
		low = n
	}
	for high-low > max(step, 1) && low < limit {
		n := low + (high-low)/2
		ok, err := fits(n)
		if err != nil {
			return 0, err
		}
		if ok {
			low = n
		} else {
			high = n
		}
	}
	return low, nil
}

// cut parts one item whose text is too long: head fits.
func (s *splitter) cut(e casemate.Evidence) (head, tail casemate.Evidence, err error) {
	part := func(n int) []casemate.Evidence {
		p := e
		p.Text = e.Text[:n]
		return []casemate.Evidence{p}
	}
	n, err := largest(len(e.Text), s.bytes, func(n int) (bool, error) { return s.fits(part(runeStart(e.Text, n))) }, max(16, s.bytes/16))
	if err != nil {
		return head, tail, err
	}
	s.bytes = max(n, 64)
	// Broken spellings make a text longer: fewer bytes can need more tokens.
	for n = parting(e.Text, runeStart(e.Text, n)); n > 0; n = runeStart(e.Text, n/2) {
		ok, err := s.fits(part(n))
		if err != nil {
			return head, tail, err
		}
		if ok {
			head, tail = e, e
			head.Text, tail.Text = e.Text[:n], e.Text[n:]
			return head, tail, nil
		}
	}
	return head, tail, fmt.Errorf("split %s: %w", e.ID, ErrTooLong)
}

// runeStart returns the largest place up to n where a character begins.
func runeStart(text string, n int) int {
	for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// parting returns where to part a text in the second half of its first n bytes:
// behind a line, a sentence or a word.
func parting(text string, n int) int {
	for _, end := range []string{"\n", ". ", " "} {
		if i := strings.LastIndex(text[:n], end); i >= n/2 {
			return i + len(end)
		}
	}
	return n
}

// longGap is how much time without a record parts two stretches of work.
const longGap = 30 * time.Minute

// naturally returns where to part a list in the second half of its first n items:
// between two files, two days, or before a long gap, in this order; the latest
// such place, else n.
func naturally(list []casemate.Evidence, n int) int {
	if n >= len(list) {
		return n
	}
	best, at := 0, n
	for i := n; i > n/2 && i > 0; i-- {
		if w := between(&list[i-1], &list[i]); w > best {
			best, at = w, i
		}
	}
	return at
}

// between says how natural it is to part two items: 0 not at all.
func between(a, b *casemate.Evidence) int {
	switch {
	case a.ID == b.ID:
		return 0
	case a.At.File != b.At.File:
		return 3
	case a.First.IsZero() || b.First.IsZero():
		return 0
	case a.First.UTC().Truncate(24*time.Hour) != b.First.UTC().Truncate(24*time.Hour):
		return 2
	case b.First.Sub(a.First) >= longGap || b.First.Sub(a.Last) >= longGap && !a.Last.IsZero():
		return 1
	}
	return 0
}
