package phrase_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// TestPhrases writes each kind of phrase.
func TestPhrases(t *testing.T) {
	abc := []string{"a", "b", "c"}
	at := time.Date(2026, 3, 4, 10, 12, 31, 5, time.FixedZone("", 3600))
	for _, c := range [][2]string{
		{phrase.Number(0), "0"}, {phrase.Number(999), "999"}, {phrase.Number(-1234), "-1,234"}, {phrase.Number(int64(1234567)), "1,234,567"},
		{phrase.Count(1, "host"), "1 host"}, {phrase.Count(0, "host"), "0 hosts"}, {phrase.Count(2048, "search"), "2,048 searches"},
		{phrase.More(3, 3), ""}, {phrase.More(3, 1003), "and 1,000 more"},
		{phrase.And(nil), ""}, {phrase.And(abc[:1]), "a"}, {phrase.And(abc[:2]), "a and b"}, {phrase.And(abc), "a, b and c"},
		{phrase.First(abc, 3), "a, b and c"}, {phrase.First(abc, 2), "a, b and 1 more"}, {phrase.First(nil, 2), ""},
		{phrase.Upper(""), ""}, {phrase.Upper("élan"), "Élan"}, {phrase.Upper("4 hosts"), "4 hosts"}, {phrase.Upper("\xc3"), "\xc3"},
		{phrase.Line(" a\r\n\tb  c "), "a b c"},
		{phrase.Short("aé", 2), "a …"}, {phrase.Short("ab", 2), "ab"}, {phrase.Cut("aé", 2), "a"}, {phrase.Cut("aé", 3), "aé"}, {phrase.Cut("é", 0), ""},
		{phrase.Bytes(0), "0 B"}, {phrase.Bytes(999), "999 B"}, {phrase.Bytes(1000), "1.0 kB"}, {phrase.Bytes(402_600), "402.6 kB"}, {phrase.Bytes(18_100_000), "18.1 MB"}, {phrase.Bytes(4_920_000_000), "4.92 GB"},
		{phrase.Time(at), "2026-03-04 09:12:31"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
	if diff := cmp.Diff([]string{"b", "a"}, phrase.Once([]string{"b", "a", "b"})); diff != "" {
		t.Errorf("Once (-want +got):\n%s", diff)
	}
}

// FuzzCut holds a cut to the beginning of its text, whole characters and n bytes.
func FuzzCut(f *testing.F) {
	f.Add("héllo wörld", 7)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(n, 0)
		got := phrase.Cut(s, n)
		if len(got) > n || !strings.HasPrefix(s, got) || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("Cut(%q, %d) = %q", s, n, got)
		}
	})
}
