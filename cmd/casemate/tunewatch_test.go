package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLiveLine(t *testing.T) {
	c := &tuneWatchCmd{Text: "text", Label: "label"}
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
		x, ok := c.parse([]byte(line))
		if ok != want.ok || ok && (x.Text != want.text || !cmp.Equal(x.Truth, want.truth) || x.Labelled != want.labelled) {
			t.Errorf("parse(%.40q) = %+v, %v, want %+v", line, x, ok, want)
		}
	}
}

func FuzzLiveLine(f *testing.F) {
	f.Add([]byte(`{"text":"t","label":["b","a"]}`))
	f.Add([]byte("text"))
	c := &tuneWatchCmd{Text: "text", Label: "label"}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		if x, ok := c.parse(line); ok && (x.Text == "" || !utf8.ValidString(x.Text)) {
			t.Errorf("parse(%q) has the text %q", line, x.Text)
		}
	})
}
