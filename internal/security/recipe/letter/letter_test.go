package letter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/recipe/letter"
)

// read reads a message and returns its evidence, its signs and its faults.
func read(text string) (evidence []casemate.Evidence, signs, faults []string, err error) {
	to := letter.Sink{
		Add: func(e casemate.Evidence) string {
			e.ID = fmt.Sprintf("E%d", len(evidence)+1)
			evidence = append(evidence, e)
			return e.ID
		},
		Fault: func(_ int, text string) { faults = append(faults, text) },
	}
	all, err := letter.Read("a.eml", []byte(text), to)
	for _, l := range all {
		l.Signs(func(name string, _ int, _ string, cited ...string) {
			signs = append(signs, name+" "+strings.Join(cited, " "))
		})
	}
	return evidence, signs, faults, err
}

const lure = `From: "Bank <help@bank.example>" <x@example.org>
Reply-To: y@example.net
Return-Path: <z@example.com>
To: a@corp.example
Subject: =?utf-8?q?N=C3=B6tice?=
Date: Mon, 5 Jan 2026 08:10:00 +0100
Authentication-Results: mx.corp.example; spf=softfail; dkim=none; dmarc=fail
Authentication-Results: forged; dmarc=pass
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<p>Hello</p><p style=3D"font-size:1px">secret <b>words</b></p>
<a href=3D"https://xn--bnk-rla.example/in">https://bank.example/in</a>
<a href=3D"https://www.bank.example/help">bank.example</a>
<form action=3D"http://203.0.113.5/p"><script>x</script></form>
--b
Content-Type: application/pdf; name="a.pdf.exe"
Content-Transfer-Encoding: base64

TVo=
--b--
`

func TestSigns(t *testing.T) {
	evidence, signs, faults, err := read(lure)
	if err != nil || len(faults) > 0 {
		t.Fatalf("%v, faults %v", err, faults)
	}
	want := []string{"reply-to E1", "return-path E1", "shown-address E1", "authentication E1", "authentication E1", "authentication E1",
		"masked-link E3", "international-name E3", "address-link E5", "form E5", "double-extension E6", "hidden-text E2"}
	if diff := cmp.Diff(want, signs); diff != "" {
		t.Errorf("signs (-want +got):\n%s", diff)
	}
	first := evidence[0]
	if first.Name != "Nötice" || first.First.Format("15:04") != "07:10" || !strings.Contains(first.Text, "Reply-To: y@example.net") {
		t.Errorf("headers %+v", first)
	}
	if evidence[1].Text != "Hidden text: secret words" {
		t.Errorf("hidden text %q", evidence[1].Text)
	}
}

// TestHarmless wants no sign in an ordinary mail, and those of a mail in a mail
// that is reported.
func TestHarmless(t *testing.T) {
	const plain = "From: Kim <k@corp.example>\nReply-To: desk@mail.corp.example\nTo: a@corp.example\nSubject: Plan\n\nSee https://corp.example/plan\n"
	if _, signs, _, err := read(plain); err != nil || len(signs) > 0 {
		t.Errorf("signs %v, error %v", signs, err)
	}
	reported := "From: Kim <k@corp.example>\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n" + lure
	if _, signs, _, err := read(reported); err != nil || len(signs) < 10 {
		t.Errorf("in a mail: signs %v, error %v", signs, err)
	}
	if _, _, _, err := read("no mail at all"); err == nil {
		t.Error("no mail: no error")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(lure)
	f.Add("From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nFrom: b\n\nx")
	f.Fuzz(func(t *testing.T, text string) {
		evidence, _, _, err := read(text)
		if err != nil && len(evidence) > 0 {
			t.Errorf("an error and %d pieces: %v", len(evidence), err)
		}
		if len(evidence) > 5000 {
			t.Errorf("%d pieces", len(evidence))
		}
	})
}

// TestTooMuch tells once what is left out.
func TestTooMuch(t *testing.T) {
	const head = "From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/html\n\n"
	var links strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&links, "<a href='http://x%d.example/'>y</a>", i)
	}
	for name, body := range map[string]string{"has more than 200 links: the rest was left out": links.String(), "has over 1024 KiB of text: the rest was left out": strings.Repeat("<p>some words</p>", 120000)} {
		if _, _, faults, err := read(head + body); err != nil || len(faults) != 1 || faults[0] != name {
			t.Errorf("%d faults, the first of %v, error %v; want %q", len(faults), faults[:min(1, len(faults))], err, name)
		}
	}
}
