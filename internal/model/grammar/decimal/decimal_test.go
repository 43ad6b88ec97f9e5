package decimal_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/grammar/decimal"
)

func rat(t interface {
	Helper()
	Fatalf(string, ...any)
}, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return r
}

var spelling = rapid.StringMatching(`-?(0|[1-9][0-9]{0,4})(\.[0-9]{1,4})?`)

func negativeZero(s string) bool {
	return strings.HasPrefix(s, "-") && strings.Trim(s, "-0.") == ""
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "-0.0e9": "0", "1.50": "1.5", "1e3": "1000", "12.5E-3": "0.0125", "-0.001e2": "-0.1", "1e-2": "0.01", "100": "100", "120e-1": "12",
	} {
		d, err := decimal.Parse(in)
		if err != nil || d.String() != want {
			t.Errorf("Parse(%q) = %s, %v, want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"1e401", "1e-401", "1e99999999999999999999", strings.Repeat("9", 5000)} {
		if d, err := decimal.Parse(in); err == nil {
			t.Errorf("Parse(%.20q) = %s", in, d)
		}
	}
}

func TestCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := spelling.Draw(t, "bound")
		b, err := decimal.Parse(bound)
		if err != nil {
			t.Fatal(err)
		}
		r := decimal.Relation(rapid.IntRange(1, 7).Draw(t, "relation"))
		d, err := decimal.Compare(r, b)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			x := spelling.Draw(t, "x")
			if rapid.Bool().Draw(t, "near") {
				x = bound + rapid.SampledFrom([]string{"", "0", "1"}).Draw(t, "tail")
				if !strings.Contains(bound, ".") && x != bound {
					x = bound + "." + x[len(x)-1:]
				}
			}
			o := []decimal.Relation{decimal.Less, decimal.Equal, decimal.Greater}[rat(t, x).Cmp(rat(t, bound))+1]
			if got, want := d.Matches(x), r&o != 0 && !negativeZero(x); got != want {
				t.Fatalf("%s in relation %d to %s: %v", x, r, bound, got)
			}
		}
	})
}

func TestMultiples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.StringMatching(`([1-9][0-9]{0,2}|[0-9]\.[0-9]?[1-9]|0\.0{0,6}[1-9])`).Draw(t, "step")
		m, err := decimal.Parse(step)
		if err != nil {
			t.Fatal(err)
		}
		d, err := decimal.Multiples(m)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			x := spelling.Draw(t, "x")
			want := new(big.Rat).Quo(rat(t, x), rat(t, step)).IsInt() && !negativeZero(x)
			if got := d.Matches(x); got != want {
				t.Fatalf("%s a multiple of %s: %v", x, step, got)
			}
		}
	})
}

func TestShapes(t *testing.T) {
	within, err := decimal.Within(2)
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		// all, shortest, plain, integers, within two digits
		"0": "asPiw", "-0": "", "-0.0": "", "1.0": "aiw", "1.50": "aw", "1.5": "asw", "-12": "asPiw", "123": "asPi", "0.125": "as", "01": "", "1.": "", ".5": "", "-": "", "": "", "1e5": "", "+1": "", "0.0": "aiw", "-0.5": "asw",
	} {
		got := ""
		for _, c := range []struct {
			name string
			ok   bool
		}{
			{"a", decimal.All().Matches(s)}, {"s", decimal.Shortest().Matches(s)}, {"P", decimal.Plain().Matches(s)}, {"i", decimal.Integers().Matches(s)}, {"w", within.Matches(s)},
		} {
			if c.ok {
				got += c.name
			}
		}
		if got != want {
			t.Errorf("%q is in %q, want %q", s, got, want)
		}
	}
}
