package head_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gocvss31 "github.com/pandatix/go-cvss/31"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// small returns a head of a kind that a few invented texts were taught to. The
// texts of odd number are of the second style, if there are styles.
func small(t testing.TB, kind string, groups []lexical.Group, targets [][]lexical.Target, styles []string, info lexical.Info) *head.Head {
	t.Helper()
	texts := []string{
		"a script injection in the comment form of the page is possible through the name field",
		"an overflow of the heap in the image parser of the library happens with a long chunk",
		"a missing check of the password in the login of the device is used from the network",
	}
	var examples []lexical.Example
	for i := range 90 {
		e := lexical.Example{Text: texts[i%len(texts)], Targets: targets[i%len(texts)]}
		if len(styles) > 0 {
			e.Style = i % 2
		}
		examples = append(examples, e)
	}
	m, err := lexical.Train(examples, lexical.Config{
		Name: kind, Groups: groups, Styles: styles, Dim: 16, Epochs: 20, Rate: 0.2, RowRate: 0.3,
		Features: lexical.Features{Pairs: true, Bits: 14},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.SetInfo(info)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h, err := head.Load(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func weaknesses(t testing.TB) *head.Head {
	t.Helper()
	return small(t, "cwe", []lexical.Group{{Name: "cwe", Labels: []string{"CWE-79", "CWE-122", "CWE-306"}}},
		[][]lexical.Target{{{Label: 0}}, {{Label: 1}}, {{Label: 2}}}, []string{"nvd", "cna"}, lexical.Info{Threshold: 0.6})
}

func vectors(t testing.TB) *head.Head {
	t.Helper()
	var groups []lexical.Group
	names, values := head.Metrics()
	for i, n := range names {
		groups = append(groups, lexical.Group{Name: n, Labels: values[i]})
	}
	labels := []string{
		"AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N",
		"AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H",
		"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
	}
	groups = append(groups, lexical.Group{Name: "together", Labels: labels})
	var targets [][]lexical.Target
	for k, label := range labels {
		own := []lexical.Target{{Group: len(names), Label: k}}
		for i, f := range strings.Split(label, "/") {
			own = append(own, lexical.Target{Group: i, Label: slices.Index(values[i], f[len(f)-1:])})
		}
		targets = append(targets, own)
	}
	return small(t, "cvss", groups, targets, nil, lexical.Info{})
}

func decisions(t testing.TB) *head.Head {
	t.Helper()
	groups := []lexical.Group{
		{Name: "exploitation", Labels: []string{"none", "poc", "active"}},
		{Name: "automatable", Labels: []string{"no", "yes"}},
		{Name: "technical_impact", Labels: []string{"partial", "total"}},
		{Name: "together", Labels: []string{
			"exploitation:none/automatable:no/technical_impact:partial",
			"exploitation:poc/automatable:no/technical_impact:total",
			"exploitation:active/automatable:yes/technical_impact:total",
		}},
	}
	return small(t, "ssvc", groups, [][]lexical.Target{
		{{Group: 3, Label: 0}, {Group: 0, Label: 0}, {Group: 1, Label: 0}, {Group: 2, Label: 0}},
		{{Group: 3, Label: 1}, {Group: 0, Label: 1}, {Group: 1, Label: 0}, {Group: 2, Label: 1}},
		{{Group: 3, Label: 2}, {Group: 0, Label: 2}, {Group: 1, Label: 1}, {Group: 2, Label: 1}},
	}, nil, lexical.Info{Note: map[string]string{head.NoteSharpness: "1.2"}})
}

func TestClassifyNamesTheWeakness(t *testing.T) {
	h := weaknesses(t)
	text := "Script injection in the comment form"
	d := h.Classify(text, head.Options{Alternatives: 1, Because: 2})
	if d.Label != "CWE-79" || d.P < 0.6 || d.Abstain || d.Note != "" || len(d.Alternatives) != 1 {
		t.Errorf("Classify = %+v, want CWE-79 without doubt and one alternative", d)
	}
	if len(d.Because) == 0 {
		t.Error("no reasons")
	}
	for _, r := range d.Because {
		if text[r.Start:r.End] != r.Text || r.Weight <= 0 {
			t.Errorf("reason %+v does not stand in the text", r)
		}
	}
	again := h.Classify("CVE-2024-31337: "+text, head.Options{Alternatives: 1, Because: -1})
	if again.P != d.P || len(again.Because) != 0 {
		t.Errorf("with the vulnerability's number before it: p = %v and %d reasons, want %v and none", again.P, len(again.Because), d.P)
	}
}

func TestClassifyAbstains(t *testing.T) {
	h := weaknesses(t)
	sure := "script injection in the comment form of the page"
	for name, c := range map[string]struct {
		text string
		opt  head.Options
		note string
	}{
		"empty":       {"", head.Options{}, "text is empty"},
		"no words":    {" \n--- !!", head.Options{}, "text has no words"},
		"foreign":     {"ein Fehler im Formular der Seite library erlaubt fremden Personen das Ausführen von Befehlen", head.Options{}, "not English"},
		"Cyrillic":    {"уязвимость page в форме позволяет выполнить код form", head.Options{}, "not English"},
		"binary":      {"page\x00\x01\x02\x03\xff\xfe form \x00\x00", head.Options{}, "not text"},
		"unknown":     {"zyx wvut srqp", head.Options{}, "no word of it is known"},
		"not sure":    {sure, head.Options{Threshold: 0.99999}, ""},
		"wrong style": {"", head.Options{Style: "martian"}, "no style martian in this head: the usual one was used; text is empty"},
		"long":        {strings.Repeat("zyx wvut srqp ", 100_000), head.Options{}, "no word of it is known; only the first"},
	} {
		d := h.Classify(c.text, c.opt)
		if !d.Abstain || !strings.HasPrefix(d.Note, c.note) {
			t.Errorf("%s: abstains %v with note %q, want true with %q", name, d.Abstain, d.Note, c.note)
		}
		if d.Alternatives == nil || d.Because == nil {
			t.Errorf("%s: lists are null in JSON", name)
		}
	}
	if d := h.Classify(sure, head.Options{}); d.Abstain {
		t.Errorf("abstains from %q with p = %v", sure, d.P)
	}
}

func TestClassifyDecidesMetricsTogether(t *testing.T) {
	h := vectors(t)
	d := h.Classify("a heap overflow in the image parser", head.Options{})
	if d.Label != "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H" || d.Score == nil || *d.Score != 7.8 {
		t.Fatalf("Classify = %+v, want the vector of 7.8", d)
	}
	var parts []string
	sum := d.P
	for _, p := range d.Parts {
		parts = append(parts, p.Name+":"+p.Label)
	}
	if got := "CVSS:3.1/" + strings.Join(parts, "/"); got != d.Label {
		t.Errorf("parts are %s, label is %s", got, d.Label)
	}
	for _, a := range d.Alternatives {
		sum += a.P
	}
	if math.Abs(sum-1) > 1e-9 || len(d.Alternatives) != 2 {
		t.Errorf("probabilities of three vectors sum to %v over %d alternatives", sum, len(d.Alternatives))
	}
}

func TestClassifyDecidesPointsTogether(t *testing.T) {
	d := decisions(t).Classify("no check of the password in the login from the network", head.Options{})
	if want := "exploitation:active/automatable:yes/technical_impact:total"; d.Label != want || len(d.Parts) != 3 || d.Score != nil {
		t.Errorf("Classify = %+v, want %s", d, want)
	}
	if len(d.Because) == 0 || d.Parts[0].Alternatives[0].P > d.Parts[0].P {
		t.Errorf("Classify = %+v, want reasons, and a part's label the likeliest", d)
	}
}

func TestLoadRefuses(t *testing.T) {
	m, err := lexical.Train([]lexical.Example{{Text: "a b", Targets: []lexical.Target{{}}}}, lexical.Config{
		Groups: []lexical.Group{{Name: "g", Labels: []string{"x:1"}}, {Name: "h", Labels: []string{"x:2"}}}, Features: lexical.Features{MinDocs: 1},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"cwe", "cvss", "ssvc", "nonsense"} {
		if _, err := head.New(kind, m); err == nil {
			t.Errorf("a model of other groups became a %s head", kind)
		}
	}
	if _, err := head.Load("cwe", []byte("not weights")); err == nil {
		t.Error("loaded a head from nonsense")
	}
	if _, err := head.Open("nonsense"); err == nil {
		t.Error("opened a head that is not there")
	}
}

func TestBaseScoreAgreesWithAnotherImplementation(t *testing.T) {
	names, values := head.Metrics()
	var walk func(at int, vector string)
	walk = func(at int, vector string) {
		if at < len(names) {
			for _, v := range values[at] {
				walk(at+1, vector+"/"+names[at]+":"+v)
			}
			return
		}
		other, err := gocvss31.ParseVector(vector)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := head.BaseScore(vector); err != nil || got != other.BaseScore() {
			t.Errorf("BaseScore(%s) = %v, %v, want %v", vector, got, err, other.BaseScore())
		}
	}
	walk(0, "CVSS:3.1")
}

func TestBaseVectorRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "CVSS:3.1", "CVSS:2.0/AV:N", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "CVSS:3.1/AV:N",
		"CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:" + strings.Repeat("N", 1000),
	} {
		if got, err := head.BaseVector(bad); err == nil {
			t.Errorf("BaseVector(%.60q) = %q, want an error", bad, got)
		}
	}
	got, err := head.BaseVector("CVSS:3.0/A:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/E:P")
	if want := "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"; err != nil || got != want {
		t.Errorf("BaseVector = %q, %v, want %q", got, err, want)
	}
}

func TestClassifyTakesAnyBytes(t *testing.T) {
	heads := []*head.Head{weaknesses(t), vectors(t), decisions(t)}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "known words") {
			text = "overflow in the image parser " + text
		}
		for _, h := range heads {
			d := h.Classify(text, head.Options{})
			if !(d.P >= 0 && d.P <= 1+1e-9) || d.Label == "" && !d.Abstain {
				t.Errorf("%s: Classify(%q) = %+v", h.Info().Name, text, d)
			}
			for _, r := range d.Because {
				if text[r.Start:r.End] != r.Text {
					t.Errorf("%s: reason %+v is not in %q", h.Info().Name, r, text)
				}
			}
		}
	})
}

// TestEmbedded opens each head of this build and asks it something plain.
func TestEmbedded(t *testing.T) {
	want := map[string]string{"cwe": "CWE-89", "cvss": "CVSS:3.1/AV:N", "ssvc": "exploitation:"}
	for _, name := range head.Names() {
		h, err := head.Open(name)
		if err != nil {
			t.Errorf("Open(%q): %v", name, err)
			continue
		}
		if w, ok := want[name]; ok {
			if d := h.Classify(descriptions[2], head.Options{}); !strings.HasPrefix(d.Label, w) || len(d.Because) == 0 {
				t.Errorf("%s: Classify of an SQL injection = %+v, want %s…", name, d, w)
			}
		}
		if i := h.Info(); i.Digest == "" || i.Labels == 0 || i.Version == "" {
			t.Errorf("Info of %q = %+v: something is missing", name, i)
		}
	}
}

func TestCardsAreTheDocuments(t *testing.T) {
	for _, name := range head.Names() {
		card, err := head.Card(name)
		if err != nil {
			t.Errorf("Card(%q): %v", name, err)
			continue
		}
		doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "models", name+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(doc, []byte(card)) {
			t.Errorf("docs/models/%s.md is not cards/%s.md: %s", name, name, cmp.Diff(card, string(doc)))
		}
		if h, err := head.Open(name); err == nil && !strings.Contains(card, h.Info().Digest) {
			t.Errorf("the card of %q does not name the digest of its weights, %s", name, h.Info().Digest)
		}
	}
}

func FuzzBaseVector(f *testing.F) {
	f.Add("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N")
	f.Add("CVSS:3.0/A:N/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:N/E:P")
	f.Fuzz(func(t *testing.T, text string) {
		base, err := head.BaseVector(text)
		if err != nil {
			return
		}
		again, err := head.BaseVector("CVSS:3.1/" + base)
		if err != nil || again != base {
			t.Errorf("BaseVector(%q) = %q, and of that %q, %v", text, base, again, err)
		}
		if score, err := head.BaseScore(text); err != nil || score < 0 || score > 10 {
			t.Errorf("BaseScore(%q) = %v, %v", text, score, err)
		}
	})
}
