package numeral_test

import (
	"math"
	"regexp"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
)

func TestValue(t *testing.T) {
	for s, want := range map[string]float64{
		"7": 7, "1,204,331": 1204331, "3.9": 3.9, "seven": 7, "twenty-two": 22, "Two Hundred and Five": 205,
		"three thousand": 3000, "a": math.NaN(), "dozen": 12, "hundred": 100,
	} {
		if got := numeral.Value(s); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("Value(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestInWords(t *testing.T) {
	whole := regexp.MustCompile(`^` + numeral.Words + `$`)
	for n := 1.0; n < 100; n++ {
		s := numeral.InWords(n)
		if numeral.Value(s) != n || !whole.MatchString(s) {
			t.Errorf("InWords(%v) = %q, which reads as %v", n, s, numeral.Value(s))
		}
	}
	for _, n := range []float64{100, 1.5, -1} {
		if s := numeral.InWords(n); s != "" {
			t.Errorf("InWords(%v) = %q, want none", n, s)
		}
	}
}

func TestCounts(t *testing.T) {
	for noun, want := range map[string]string{"machines": "host", "laptops": "some-host", "accounts": "user", "recipients": "some-user", "alerts": "record", "shoes": ""} {
		if got := numeral.Counts(noun); got != want {
			t.Errorf("Counts(%q) = %q, not %q", noun, got, want)
		}
	}
	if !numeral.Ends("of") || numeral.Ends("files") {
		t.Error("Ends: of ends what is counted, and files does not")
	}
}

func TestSums(t *testing.T) {
	v := []float64{4, 61}
	if !numeral.Difference(v, 57) || numeral.Difference(v, 58) {
		t.Error("57 is what is left of 61 without 4, and 58 is not")
	}
	if !numeral.Share(v, 7) || numeral.Share(v, 50) {
		t.Error("4 of 61 are 7 percent, and not 50")
	}
	if !numeral.Sum([]float64{48210}, []float64{1930}, 50140) || numeral.Sum(v, v, 9) {
		t.Error("48210 and 1930 are 50140; 9 is no sum of 4 and 61")
	}
}

func TestRatio(t *testing.T) {
	values := []float64{186, 203, 558}
	for n, want := range map[float64]bool{3: true, 4: false, 2: false} {
		if got := numeral.Ratio(values, n); got != want {
			t.Errorf("%v: %v", n, got)
		}
	}
}
