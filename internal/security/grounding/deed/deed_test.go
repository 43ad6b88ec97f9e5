package deed_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/deed"
)

func TestTaken(t *testing.T) {
	person := func(s string) bool { return s == "ali" || s == "nora" }
	note := deed.Words{Author: "nora beck", Text: "paid the invoice at noon, ali asked for it. i have reset the password. ali warned us of it"}
	mail := deed.Words{Author: "ali demir", Text: "nora, please pay", Mail: true}
	for says, want := range map[string]string{
		"Ali paid the invoice.":           "nora beck",
		"Nora paid the invoice.":          "",
		"Ali Demir reset the password.":   "nora beck",
		"Ali warned us of it.":            "",
		"Nora warned Ali of it.":          "ali",
		"Ali asked for it.":               "",
		"The invoice was paid.":           "",
		"Invoices paid in time are fine.": "",
	} {
		if who, _ := deed.Taken(says, []deed.Words{note}, person); who != want {
			t.Errorf("%q: %q, not %q", says, who, want)
		}
	}
	for says, want := range map[string]bool{"Nora sent Ali a mail.": true, "Ali sent Nora a mail.": false, "Nora read the mail of Ali.": false} {
		if _, ok := deed.Taken(says, []deed.Words{mail}, person); ok != want {
			t.Errorf("%q: %v", says, ok)
		}
	}
}

func TestPending(t *testing.T) {
	texts := []string{"pay, or we publish it on monday. the account was disabled; the key must be rotated"}
	for says, want := range map[string]string{"it was published on monday.": "was published", "the account was disabled.": "", "the key was rotated.": "was rotated", "the key was read.": ""} {
		if got := deed.Pending(says, texts); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}

func TestPlanned(t *testing.T) {
	texts := []string{"the wiki is still on 8.5.3, the update to 8.5.4 is planned"}
	for says, want := range map[string]string{
		"the wiki was running version 8.5.4.":        "8.5.4",
		"the wiki runs 8.5.3.":                       "",
		"an update to 8.5.4 was planned.":            "",
		"the wiki is to be updated to 8.5.4 in may.": "",
	} {
		if got := deed.Planned(says, texts); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
	if got := deed.Planned("it runs 8.5.4.", []string{"it runs 8.5.4 since monday"}); got != "" {
		t.Errorf("%q although the text says so", got)
	}
}

func TestPart(t *testing.T) {
	texts := []string{"one of 214 users agreed", "3 out of the 20 hosts answered"}
	for says, want := range map[string]string{"all 214 users agreed.": "all 214", "all twenty hosts answered.": "all twenty", "all three hosts answered.": "", "one of 214 users agreed.": ""} {
		if got := deed.Part(says, texts); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}

func TestOther(t *testing.T) {
	texts := []string{"versions 2.4.1 and 2.4.2 are affected; version 2.4.3 is clean."}
	for says, want := range map[string]string{"version 2.4.2 is clean.": "clean", "version 2.4.3 is clean.": "", "version 2.4.1 is affected.": "", "version 2.4.3 is affected.": "affected", "version 2.4.3 is fine.": ""} {
		if got := deed.Other(says, texts); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}
