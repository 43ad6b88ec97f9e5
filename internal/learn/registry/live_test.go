package registry_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/learn/registry"
)

func TestParseLive(t *testing.T) {
	for line, want := range map[string]struct {
		ok       bool
		text     string
		truth    []string
		labelled bool
	}{
		"a plain text":                         {ok: true, text: "a plain text"},
		`{"text":"t"}`:                         {ok: true, text: "t"},
		`{"text":"t","label":"a"}`:             {ok: true, text: "t", truth: []string{"a"}, labelled: true},
		`{"text":"t","label":["b","a"]}`:       {ok: true, text: "t", truth: []string{"a", "b"}, labelled: true},
		`{"text":"t","label":[]}`:              {ok: true, text: "t", truth: []string{}, labelled: true},
		`{"text":"t","label":null}`:            {ok: true, text: "t"},
		`{"text":"t","label":{"no":"label"}}`:  {ok: true, text: "t"},
		`{"text":7}`:                           {},
		`{"text":" "}`:                         {},
		`{"message":"t"}`:                      {},
		`{"text":"t"`:                          {},
		"\xff\xfe":                             {},
		`{"text":"` + strings.Repeat("[", 1e5): {},
	} {
		x, ok := registry.ParseLive([]byte(line), "text", "label")
		if ok != want.ok || ok && (x.Text != want.text || !cmp.Equal(x.Truth, want.truth) || x.Labelled != want.labelled) {
			t.Errorf("ParseLive(%.40q) = %+v, %v, want %+v", line, x, ok, want)
		}
	}
}

func FuzzParseLive(f *testing.F) {
	f.Add([]byte(`{"text":"t","label":["b","a"]}`))
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if x, ok := registry.ParseLive(line, "text", "label"); ok && (x.Text == "" || !utf8.ValidString(x.Text)) {
			t.Errorf("ParseLive(%q) has the text %q", line, x.Text)
		}
	})
}
