package mapping_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

// sentences makes a document of one sentence a line; a line "# x" is a heading
// and the context of those after it.
func sentences(lines ...string) *document.Document {
	d := &document.Document{Path: "report.txt", Kind: "text"}
	context := ""
	for i, l := range lines {
		s := document.Sentence{Start: len(d.Text), Line: i + 1, Context: context}
		if title, ok := strings.CutPrefix(l, "# "); ok {
			l, context, s.Kind, s.Context = title, title, document.KindHeading, ""
		}
		d.Text += l
		s.End = len(d.Text)
		d.Text += "\n"
		d.Sentences = append(d.Sentences, s)
	}
	return d
}

// mapped maps without a classifier and returns the ids of all techniques found.
func mapped(t *testing.T, d *document.Document) *mapping.Result {
	t.Helper()
	r, err := mapping.Map(context.Background(), d, mapping.Options{})
	if err != nil {
		t.Fatalf("Map: %v", err)
	}
	return r
}

func ids(found []mapping.Found) []string {
	out := []string{}
	for _, f := range found {
		out = append(out, f.ID)
	}
	slices.Sort(out)
	return out
}

func TestMapTakesWhatTheTextStates(t *testing.T) {
	cases := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"an id", []string{"The loader runs through T1059.001 on every host."}, []string{"T1059.001"}},
		{"in lower case", []string{"seen: t1105"}, []string{"T1105"}},
		{"an outdated id", []string{"PowerShell (T1086) started it."}, []string{"T1059.001"}},
		{"an id that does not exist", []string{"This is T9999 and T1059.999."}, []string{}},
		{"part of a word", []string{"Model XT1059 and T10591 are printers."}, []string{}},
		{"a name", []string{"They relied on process hollowing to hide."}, []string{"T1055.012"}},
		{"a name of one word", []string{"The malware reached a server with a tool."}, []string{}},
		{"a denied name", []string{"We found no evidence of process hollowing on the hosts."}, []string{}},
		{"a name after a denied clause", []string{"They did not stop there but used process hollowing again."}, []string{"T1055.012"}},
		{"advice", []string{"Block process hollowing with an EDR.", "Administrators should watch for pass the hash."}, []string{}},
		{"advice by heading", []string{"# Mitigations", "Hosts that resist process hollowing are kept."}, []string{}},
		{"references", []string{"# References", "A study of process hollowing, 2019."}, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := mapped(t, sentences(c.lines...))
			if diff := cmp.Diff(c.want, ids(r.Techniques)); diff != "" {
				t.Errorf("techniques of %q (-want +got):\n%s", c.lines, diff)
			}
		})
	}
}

func TestMapSaysWhatAnIDWas(t *testing.T) {
	r := mapped(t, sentences("PowerShell (T1086) started it."))
	if len(r.Sentences) != 1 || len(r.Sentences[0].Techniques) != 1 {
		t.Fatalf("result %+v, want one hit", r)
	}
	h := r.Sentences[0].Techniques[0]
	if h.Was != "T1086" || h.ID != "T1059.001" || h.Name != "PowerShell" || !slices.Equal(h.By, []string{mapping.ByID}) {
		t.Errorf("hit %+v, want T1059.001 that was T1086, by id", h)
	}
	text := r.Sentences[0].Text
	for _, s := range h.Spans {
		if text[s.Start:s.End] != s.Text || s.Text != "T1086" {
			t.Errorf("span %+v of %q, want T1086", s, text)
		}
	}
}

func TestMapTakesClaims(t *testing.T) {
	d := sentences("A rule about something.")
	d.Sentences[0].Claims = []string{"T1003.001", "T0000"}
	r := mapped(t, d)
	if diff := cmp.Diff([]string{"T1003.001"}, ids(r.Techniques)); diff != "" {
		t.Errorf("techniques (-want +got):\n%s", diff)
	}
	if by := r.Techniques[0].By; !slices.Equal(by, []string{mapping.ByTag}) {
		t.Errorf("by %v, want the tag", by)
	}
}

// TestMapLeavesLogsAlone wants a log searched for what it states, and a timeline
// read as prose.
func TestMapLeavesLogsAlone(t *testing.T) {
	attack, err := head.Open("attack")
	if err != nil {
		t.Fatal(err)
	}
	const deed = " The actors dumped the memory of LSASS with procdump."
	log := sentences("Mar  4 10:00:01 host sshd[1]: Failed password for root from 10.0.0.1", "Mar  4 10:00:02 host x: T1105", "Mar  4 10:00:03 host kernel: dumped memory of LSASS with procdump")
	timeline := sentences("2026-03-04 10:12:33"+deed, "The next day nothing happened.", "Then they left.")
	for _, c := range []struct {
		doc  *document.Document
		want string
		logs bool
	}{{log, "T1105", true}, {timeline, "T1003.001", false}} {
		r, err := mapping.Map(context.Background(), c.doc, mapping.Options{Head: attack})
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(r.Techniques); !slices.Contains(got, c.want) || c.logs && len(got) != 1 {
			t.Errorf("techniques of %q = %v, want %s", c.doc.Text, got, c.want)
		}
		if said := strings.Contains(strings.Join(r.Notes, " "), "lines of logs"); said != c.logs {
			t.Errorf("notes of %q = %q", c.doc.Text, r.Notes)
		}
	}
}

// TestMapSettlesFamilies wants one technique where the classifier sees the family
// and the sentence names the member.
func TestMapSettlesFamilies(t *testing.T) {
	attack, err := head.Open("attack")
	if err != nil {
		t.Fatal(err)
	}
	r, err := mapping.Map(context.Background(), sentences("Our logs show thousands of failed logons in a password spraying attack against the VPN portal."), mapping.Options{Head: attack})
	if err != nil || len(r.Sentences) != 1 {
		t.Fatalf("Map = %+v, %v", r, err)
	}
	for _, h := range r.Sentences[0].Techniques {
		if h.ID == "T1110" || h.ID == "T1110.003" && !slices.Equal(h.By, []string{mapping.ByClassifier, mapping.ByName}) {
			t.Errorf("hit %s by %v, want T1110.003 by the classifier and the name", h.ID, h.By)
		}
	}
	if !slices.Contains(ids(r.Techniques), "T1110.003") {
		t.Errorf("techniques %v, want T1110.003", ids(r.Techniques))
	}
}

func TestMapOfNothing(t *testing.T) {
	r := mapped(t, &document.Document{Path: "empty"})
	if r.Read != 0 || len(r.Techniques) != 0 || r.Sentences == nil || r.Unsure == nil {
		t.Errorf("result of an empty document: %+v", r)
	}
}

func TestMapEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := mapping.Map(ctx, sentences("T1105"), mapping.Options{}); err == nil {
		t.Error("Map with an ended context returned no error")
	}
}

func FuzzMap(f *testing.F) {
	f.Add("We did not see T1059 or process hollowing.")
	f.Add("T1086....\nhttp://a T1 \xff never without")
	f.Fuzz(func(t *testing.T, text string) {
		r := mapped(t, sentences(strings.Split(text, "\n")...))
		for _, s := range r.Sentences {
			for _, h := range s.Techniques {
				for _, p := range h.Spans {
					if s.Text[p.Start:p.End] != p.Text {
						t.Fatalf("span %+v is not of %q", p, s.Text)
					}
				}
			}
		}
	})
}

func TestMapReadsForTheDomainThatTheTextSpeaksOf(t *testing.T) {
	for want, lines := range map[string][]string{
		"mobile":     {"The Android app reads every SMS.", "It asks for rights on Android 12.", "Then it waits."},
		"ics":        {"The PLC was stopped.", "Commands went to the RTU and the HMI."},
		"enterprise": {"The server was reached.", "An Android phone was not.", "Files were copied.", "Accounts were added.", "Logs were cleared."},
	} {
		r := mapped(t, sentences(lines...))
		if !strings.Contains(r.Catalogue, "ATT&CK "+want) {
			t.Errorf("%q were read for %q, want %s", lines, r.Catalogue, want)
		}
	}
}
