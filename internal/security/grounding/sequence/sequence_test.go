package sequence_test

import (
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/sequence"
)

func TestWrong(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2030, 1, 2, 9, m, 0, 0, time.UTC) }
	mail := sequence.Piece{Text: "mail with a link delivered to anna", From: at(1), To: at(1)}
	click := sequence.Piece{Text: "anna clicked the url", From: at(5), To: at(5)}
	scan := sequence.Piece{Text: "port scan of sql09", From: at(8), To: at(20)}
	unknown := sequence.Piece{Text: "the password was reset"}
	for says, want := range map[string]bool{
		"the url was clicked before the mail was delivered.":          true,
		"the mail was delivered before the link was clicked.":         false,
		"the mail was delivered after the url had been clicked.":      true,
		"before the mail was delivered, the url was clicked.":         true,
		"after the mail was delivered, the url was clicked.":          false,
		"the port scan preceded the click.":                           true,
		"the click was followed by a port scan.":                      false,
		"the port scan was followed by the click.":                    true,
		"the url was clicked, and then the mail was delivered.":       true,
		"the url was clicked shortly after 09:04.":                    false,
		"the url may have been clicked before the mail was delivered": false,
		"the url was clicked before anything else.":                   false,
	} {
		pieces := []sequence.Piece{mail, click, scan}
		if got := sequence.Wrong(says, pieces); got != want {
			t.Errorf("%q: %v", says, got)
		}
	}
	if sequence.Same("it happened on the same day.", []sequence.Piece{mail, click}) != "" {
		t.Error("four minutes are not one day")
	}
	if sequence.Same("it happened on the same day.", []sequence.Piece{mail, {From: at(60 * 30)}}) == "" {
		t.Error("thirty hours are one day")
	}
	if sequence.Wrong("the password was reset before the mail was delivered.", []sequence.Piece{mail, unknown}) {
		t.Error("an order is wrong although one time is not known")
	}
	// A scan that goes on overlaps what happens meanwhile.
	if sequence.Wrong("the url was clicked after the port scan.", []sequence.Piece{{Text: "clicked url", From: at(9), To: at(9)}, scan}) {
		t.Error("an order is wrong although the two overlap")
	}
}
