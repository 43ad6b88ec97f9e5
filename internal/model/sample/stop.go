package sample

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of strings that end an answer.
const (
	MaxStops     = 64
	MaxStopBytes = 1024 // of each
)

// Stopper looks for strings that end an answer, in text that comes in pieces cut
// anywhere: what it finds and how much it lets out in all does not depend on
// where they are cut.
//
// A stop comes with the first byte that completes one of the strings; if it
// completes several the longest counts, and the text ends before it. What may
// yet turn out to begin a stop is held back, as are the first bytes of a
// character whose rest has not come.
type Stopper struct {
	stops   []pattern
	held    []byte // came in, not let out
	stopped string
	done    bool
}

// pattern is one string in search, after Knuth, Morris and Pratt.
type pattern struct {
	text string
	// border[i] is the length of the longest proper end of text[:i+1] that is
	// also its beginning.
	border  []int
	matched int // bytes of text that the end of the input matches
}

// NewStopper returns a stopper for strings, of which there may be none.
func NewStopper(stops []string) (*Stopper, error) {
	if len(stops) > MaxStops {
		return nil, &OptionError{"stop", fmt.Sprintf("%d strings", len(stops)), fmt.Sprintf("at most %d", MaxStops)}
	}
	s := &Stopper{}
	for i, text := range stops {
		if len(text) == 0 || len(text) > MaxStopBytes {
			return nil, &OptionError{fmt.Sprintf("stop[%d]", i), fmt.Sprintf("%d bytes long", len(text)), fmt.Sprintf("1 to %d bytes", MaxStopBytes)}
		}
		s.stops = append(s.stops, pattern{text: text, border: borders(text)})
	}
	return s, nil
}

// borders returns the table of a pattern.
func borders(text string) []int {
	out := make([]int, len(text))
	for i, n := 1, 0; i < len(text); i++ {
		for n > 0 && text[i] != text[n] {
			n = out[n-1]
		}
		if text[i] == text[n] {
			n++
		}
		out[i] = n
	}
	return out
}

// step takes one byte and says whether it completes the pattern.
func (p *pattern) step(b byte) bool {
	for p.matched > 0 && p.text[p.matched] != b {
		p.matched = p.border[p.matched-1]
	}
	if p.text[p.matched] == b {
		p.matched++
	}
	return p.matched == len(p.text)
}

// ErrStopped is the error of text that is fed to a Stopper after a stop came.
var ErrStopped = errors.New("the text has ended")

// Feed takes the next bytes of the text and appends to out what may be let out
// now. It says whether a stop has come: then all is out that ever will be, and
// what remains of piece is lost.
func (s *Stopper) Feed(out, piece []byte) ([]byte, bool, error) {
	if s.done {
		return out, s.stopped != "", ErrStopped
	}
	s.held = append(s.held, piece...)
	for i, b := range piece {
		if longest := s.step(b); longest != "" {
			end := len(s.held) - len(piece) + i + 1 - len(longest)
			out = append(out, s.held[:end]...)
			s.stopped, s.done, s.held = longest, true, nil
			return out, true, nil
		}
	}
	safe := len(s.held)
	for i := range s.stops {
		safe = min(safe, len(s.held)-s.stops[i].matched)
	}
	safe = wholeCharacters(s.held[:safe])
	out = append(out, s.held[:safe]...)
	s.held = append(s.held[:0], s.held[safe:]...)
	return out, false, nil
}

// step takes one byte and returns the longest stop that it completes, or "".
func (s *Stopper) step(b byte) string {
	longest := ""
	for i := range s.stops {
		p := &s.stops[i]
		if p.step(b) && len(p.text) > len(longest) {
			longest = p.text
		}
	}
	return longest
}

// Flush ends the text without a stop and appends to out what was held back. After
// a stop there is nothing.
func (s *Stopper) Flush(out []byte) []byte {
	out = append(out, s.held...)
	s.held, s.done = nil, true
	return out
}

// Stopped returns the string that came, or "".
func (s *Stopper) Stopped() string { return s.stopped }

// wholeCharacters returns how long b is without the beginning of a character
// whose rest may yet come.
func wholeCharacters(b []byte) int {
	for i := len(b) - 1; i >= 0 && i > len(b)-utf8.UTFMax; i-- {
		if !utf8.RuneStart(b[i]) {
			continue
		}
		if !utf8.FullRune(b[i:]) {
			return i
		}
		break
	}
	return len(b)
}
