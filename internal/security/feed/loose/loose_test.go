package loose_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
)

type object struct {
	T loose.Text  `json:"t"`
	L loose.Texts `json:"l"`
	F loose.Flag  `json:"f"`
	N struct {
		T loose.Text `json:"t"`
	} `json:"n"`
}

func TestDecode(t *testing.T) {
	tests := []struct {
		in   string
		want object
	}{
		{`{}`, object{}},
		{`{"t":"a","l":["b","c"],"f":true}`, object{T: "a", L: loose.Texts{"b", "c"}, F: true}},
		{`{"t":1.50,"l":"b","f":"true"}`, object{T: "1.50", L: loose.Texts{"b"}, F: true}},
		{`{"t":null,"l":null,"f":null}`, object{}},
		{`{"t":false,"l":[1,true,null],"f":1}`, object{T: "false", L: loose.Texts{"1", "true", ""}, F: true}},
		{`{"t":"\u00e9\ud83d\ude00\ud800","x":{"y":[1]}}`, object{T: "é😀\uFFFD"}},
		{"{\"t\":\"\xff\"}", object{T: "\uFFFD"}},
	}
	for _, tt := range tests {
		var got object
		if err := loose.Decode([]byte(tt.in), &got); err != nil {
			t.Errorf("Decode(%s): %v", tt.in, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Decode(%s) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"n":{"t":[]}}`, `member "/n/t": want text, found an array`},
		{`{"l":[["x"]]}`, `member "/l`},
		{`{"n":"x"}`, `member "/n", which is a string`},
		{`{"f":{}}`, "want text, found an object"},
		{`{"t":"a","t":"b"}`, "duplicate"},
		{`[]`, "which is an array"},
		{`{`, "cannot read the object"},
	}
	for _, tt := range tests {
		if err := loose.Decode([]byte(tt.in), &object{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Decode(%s) = %v, want an error with %q", tt.in, err, tt.want)
		}
	}
}

func TestTexts(t *testing.T) {
	text := loose.Text(" **a** &amp;\n\nb ")
	if text.Line() != "**a** & b" || text.Prose() != "a &\nb" || text.Plain() != "**a** &\nb" {
		t.Errorf("%q, %q, %q", text.Line(), text.Prose(), text.Plain())
	}
	if diff := cmp.Diff([]string{"a", "b c"}, loose.Texts{"a", " ", "b\nc", ""}.Lines()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestRationed(t *testing.T) {
	r := &loose.Rationed{R: strings.NewReader("abcdef"), Left: 4}
	got, err := io.ReadAll(r)
	if string(got) != "abcd" || err != loose.ErrTooLarge || r.Err != loose.ErrTooLarge {
		t.Errorf("read %q, %v", got, err)
	}
	r.Left = 10
	if got, err := io.ReadAll(r); string(got) != "ef" || err != nil {
		t.Errorf("after a refill %q, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"t":"a","l":["b",1],"f":true,"n":{"t":null}}`)
	f.Fuzz(func(t *testing.T, in string) {
		var o object
		if err := loose.Decode([]byte(in), &o); err != nil && err.Error() == "" {
			t.Fatal("an error that says nothing")
		}
	})
}
