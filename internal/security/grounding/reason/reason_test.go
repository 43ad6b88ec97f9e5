package reason_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/reason"
)

func TestGiven(t *testing.T) {
	for says, want := range map[string]string{
		"the job failed because the disk was full.":                                        "because",
		"the outage led staff to go home.":                                                 "led staff to go",
		"the gap was a consequence of a wrong setting.":                                    "was a consequence of",
		"the outage is down to a bug.":                                                     "is down to",
		"the login was traced to a bar in town.":                                           "",
		"the host is due to be rebuilt.":                                                   "",
		"the fault was due to a bad disk.":                                                 "due to",
		"fear drove the users to pay.":                                                     "drove the users to pay",
		"they declined since the offer was too low.":                                       "since",
		"nothing has been seen since the host was isolated.":                               "",
		"the host has been off since 03:10.":                                               "",
		"the alert was raised because a threshold was passed.":                             "",
		"the sync ran because an intruder triggered it.":                                   "because",
		"the rule was triggered because of a port.":                                        "",
		"the number is therefore well above the average.":                                  "",
		"the host is therefore infected.":                                                  "therefore",
		"a golden ticket attack forges tickets in order to impersonate any account.":       "",
		"the switch -q suppresses questions, so that nobody notices.":                      "",
		"the attackers used the switch in order to hide.":                                  "in order to",
		"the attack was made in order to extort money.":                                    "in order to",
		"process injection (t1055) means that code runs in another process to evade them.": "",
		"it may have failed because of a timeout.":                                         "",
	} {
		from, to := reason.Given(says)
		if got := says[from:to]; got != want {
			t.Errorf("%q: %q, not %q", says, got, want)
		}
	}
}

func TestRecorded(t *testing.T) {
	texts := []string{"post /put action=deny category=online games rule=7"}
	for says, want := range map[string]bool{
		"it was blocked because the site belongs to online games.": true,
		"it was blocked because the file was too large.":           false,
		"no page was shown because the category was online games.": true,
		"no page was shown because the user closed the browser.":   false,
		"it was made because of online games.":                     false,
	} {
		from, to := reason.Given(says)
		if got := reason.Recorded(says, from, to, texts); got != want {
			t.Errorf("%q: %v", says, got)
		}
	}
}

func TestStated(t *testing.T) {
	for text, want := range map[string]bool{"backup failed because the disk is full": true, "backup job result=failed": false, "the mouse was eaten because of a cat": false} {
		if got := reason.Stated("the backup failed because the disk was full.", []string{text}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestStatedAim(t *testing.T) {
	note := []string{"anna ran the tool to convert drawings"}
	for says, want := range map[string]bool{"anna wanted to convert drawings and therefore ran the tool.": true, "anna ran the tool in order to sell drawings.": false} {
		if got := reason.Stated(says, note); got != want {
			t.Errorf("%q: %v", says, got)
		}
	}
}
