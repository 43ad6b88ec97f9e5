package columns_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// TestColumns measures and fits narrow, wide and joined characters.
func TestColumns(t *testing.T) {
	for _, c := range [][2]string{
		{columns.Head("abc", 2), "ab"}, {columns.Head("日本", 3), "日"}, {columns.Head("e\u0301x", 1), "e\u0301"},
		{columns.Fit("abc", 3), "abc"}, {columns.Fit("abcd", 3), "ab…"}, {columns.Fit("日本", 3), "日…"}, {columns.Fit("a", 0), ""},
		{columns.Middle("abcdefg", 5), "ab…fg"}, {columns.Middle("abc", 3), "abc"}, {columns.Middle("abc", 0), ""},
		{columns.Pad("日", 3), "日 "}, {columns.Pad("abc", 2), "abc"}, {columns.PadLeft("日", 3), " 日"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
	if n := columns.Of("a日"); n != 3 {
		t.Errorf("Of = %d, want 3", n)
	}
}

// FuzzFit holds every cut to its width, and to text of its source.
func FuzzFit(f *testing.F) {
	f.Add("C:\\Users\\日本\\e\u0301.exe", 9)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n = n % 200; !utf8.ValidString(s) {
			return
		}
		for _, got := range []string{columns.Head(s, n), columns.Fit(s, n), columns.Middle(s, n)} {
			if n >= 0 && columns.Of(got) > n {
				t.Errorf("%q is wider than %d", got, n)
			}
			if head, _, _ := strings.Cut(got, "…"); !strings.HasPrefix(s, head) {
				t.Errorf("%q does not begin %q", got, s)
			}
		}
	})
}
