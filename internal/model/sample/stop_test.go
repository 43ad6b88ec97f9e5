package sample_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/sample"
)

// newStopper fails the test on an error.
func newStopper(t testing.TB, stops ...string) *sample.Stopper {
	t.Helper()
	s, err := sample.NewStopper(stops)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// feed fails the test on an error.
func feed(t testing.TB, s *sample.Stopper, piece string) (string, bool) {
	t.Helper()
	out, stopped, err := s.Feed(nil, []byte(piece))
	if err != nil {
		t.Fatal(err)
	}
	return string(out), stopped
}

// TestStopperSteps shows what is let out with each piece.
func TestStopperSteps(t *testing.T) {
	for _, c := range []struct {
		name   string
		stops  []string
		pieces []string
		out    []string // with each piece, then on Flush
		stop   string
	}{
		{"none", nil, []string{"ab", "c"}, []string{"ab", "c", ""}, ""},
		{"inside a piece", []string{"\n\n"}, []string{"ab\n\ncd"}, []string{"ab", ""}, "\n\n"},
		{"across pieces", []string{"</s>"}, []string{"a<", "/", "s", ">b"}, []string{"a", "", "", "", ""}, "</s>"},
		{"false start", []string{"</s>"}, []string{"a<", "/", "x"}, []string{"a", "", "</x", ""}, ""},
		{"a start in a start", []string{"aab"}, []string{"aa", "a", "ab"}, []string{"", "a", "a", ""}, "aab"},
		{"a border of a border", []string{"aabaaac"}, []string{"aabaaabaaac"}, []string{"aaba", ""}, "aabaaac"},
		{"held at the end", []string{"stop"}, []string{"don't sto"}, []string{"don't ", "sto"}, ""},
		{"the one that ends first", []string{"abcd", "bc"}, []string{"xab", "cd"}, []string{"x", "a", ""}, "bc"},
		{"the longest that ends there", []string{"c", "abc", "bc"}, []string{"xa", "b", "c"}, []string{"x", "", "", ""}, "abc"},
		{"part of a character", []string{"!"}, []string{"a\xe2\x82", "\xac", "!"}, []string{"a", "€", "", ""}, "!"},
		{"a stop in parts of characters", []string{"é€"}, []string{"a\xc3", "\xa9\xe2", "\x82", "\xac"}, []string{"a", "", "", "", ""}, "é€"},
		{"not UTF-8", []string{"!"}, []string{"\xe2", "\xe2", "\x82a"}, []string{"", "\xe2", "\xe2\x82a", ""}, ""},
		{"cut character at the end", nil, []string{"a\xf0\x9f"}, []string{"a", "\xf0\x9f"}, ""},
	} {
		s := newStopper(t, c.stops...)
		for i, piece := range c.pieces {
			out, stopped := feed(t, s, piece)
			if out != c.out[i] {
				t.Errorf("%s: piece %d lets out %q, want %q", c.name, i, out, c.out[i])
			}
			if last := i == len(c.pieces)-1; stopped != (last && c.stop != "") {
				t.Errorf("%s: piece %d: stopped is %v", c.name, i, stopped)
			}
		}
		if got, want := string(s.Flush(nil)), c.out[len(c.pieces)]; got != want {
			t.Errorf("%s: Flush gives %q, want %q", c.name, got, want)
		}
		if s.Stopped() != c.stop {
			t.Errorf("%s: Stopped is %q, want %q", c.name, s.Stopped(), c.stop)
		}
		if _, _, err := s.Feed(nil, []byte("x")); !errors.Is(err, sample.ErrStopped) {
			t.Errorf("%s: Feed after the end = %v, want ErrStopped", c.name, err)
		}
	}
}

// slowStop is the definition: the text before the first end of a stop, and the
// longest stop that ends there.
func slowStop(text string, stops []string) (out, stop string) {
	for end := range len(text) + 1 {
		for _, s := range stops {
			if strings.HasSuffix(text[:end], s) && len(s) > len(stop) {
				stop = s
			}
		}
		if stop != "" {
			return text[:end-len(stop)], stop
		}
	}
	return text, ""
}

// checkStopper feeds a text in pieces, and compares with slowStop what comes out
// in all, that nothing comes out too early, and that no character is cut.
func checkStopper(t interface {
	Helper()
	Fatalf(string, ...any)
}, stops []string, text string, cut func(left int) int) {
	t.Helper()
	s, err := sample.NewStopper(stops)
	if err != nil {
		t.Fatalf("NewStopper(%q) = %v", stops, err)
	}
	want, stop := slowStop(text, stops)
	var out []byte
	for left := []byte(text); len(left) > 0; {
		n := cut(len(left))
		before := len(out)
		var stopped bool
		if out, stopped, err = s.Feed(out, left[:n]); err != nil {
			t.Fatalf("Feed = %v", err)
		}
		if stopped {
			break
		}
		if utf8.ValidString(text) && !utf8.Valid(out[before:]) {
			t.Fatalf("stops %q, text %q: a character is cut: %q", stops, text, out[before:])
		}
		left = left[n:]
	}
	if out = s.Flush(out); string(out) != want || s.Stopped() != stop {
		t.Fatalf("stops %q, text %q: got %q and %q, want %q and %q", stops, text, out, s.Stopped(), want, stop)
	}
}

// TestStopperAgainstDefinition makes its texts of beginnings of the stops, so
// that false starts within false starts abound.
func TestStopperAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([][]rune{[]rune("aaab"), []rune("ab€é")}).Draw(t, "letters")
		stops := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom(letters), 1, 8, -1), 0, 4).Draw(t, "stops")
		var text strings.Builder
		for range rapid.IntRange(0, 12).Draw(t, "parts") {
			part := string(rapid.SampledFrom(letters).Draw(t, "letter"))
			if len(stops) > 0 && rapid.Bool().Draw(t, "beginning") {
				whole := []rune(rapid.SampledFrom(stops).Draw(t, "of"))
				part = string(whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "long")])
			}
			text.WriteString(part)
		}
		checkStopper(t, stops, text.String(), func(left int) int { return rapid.IntRange(1, min(left, 5)).Draw(t, "cut") })
	})
}

func FuzzStopper(f *testing.F) {
	f.Add("aab", "ab", "aaaabab", uint8(1))
	f.Add("</think>", "\n\n", "<think>\n</thin</think>", uint8(3))
	f.Add("\xac", "€", "a€b", uint8(2))
	f.Fuzz(func(t *testing.T, a, b, text string, step uint8) {
		var stops []string
		for _, s := range []string{a, b} {
			if len(s) > 0 && len(s) <= sample.MaxStopBytes {
				stops = append(stops, s)
			}
		}
		if len(text) > 1000 {
			t.Skip() // the definition is slow
		}
		checkStopper(t, stops, text, func(left int) int { return min(left, int(step)%7+1) })
	})
}

func TestStopperLimits(t *testing.T) {
	for _, c := range []struct {
		field string
		stops []string
	}{
		{"stop[1]", []string{"a", ""}},
		{"stop[0]", []string{strings.Repeat("a", sample.MaxStopBytes+1)}},
		{"stop", strings.Split(strings.Repeat("a", sample.MaxStops+1), "")},
	} {
		_, err := sample.NewStopper(c.stops)
		var option *sample.OptionError
		if !errors.As(err, &option) || option.Field != c.field {
			t.Errorf("NewStopper(%d strings) = %v, want an error of %s", len(c.stops), err, c.field)
		}
	}
}

// TestStopperHoldsLittle wants that a long false start neither grows what is
// held nor takes more than linear time.
func TestStopperHoldsLittle(t *testing.T) {
	s := newStopper(t, strings.Repeat("a", 1000)+"b")
	out := 0
	piece := bytes.Repeat([]byte("a"), 1<<10)
	buffer := make([]byte, 0, 4<<10)
	for i := range 1 << 10 {
		got, stopped, err := s.Feed(buffer[:0], piece)
		if err != nil || stopped {
			t.Fatalf("Feed = %v, %v", stopped, err)
		}
		if out += len(got); out < i<<10 {
			t.Fatalf("after %d bytes %d are out", (i+1)<<10, out)
		}
	}
}
