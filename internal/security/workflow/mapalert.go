package workflow

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/evidence"
)

// maxAlertText is how much of a message or command line is read for techniques.
const maxAlertText = 4000

// alertDocument reads a file as alerts and events and makes a document of what
// they say: the name and message of each alert with the techniques that its
// sensor names, and the command line of each process. What many records say
// alike stands once. It returns nil for a file that holds no such records.
func alertDocument(ctx context.Context, name string, data []byte) (*document.Document, error) {
	g := gather{seen: map[string]bool{}}
	sum, err := evidence.ReadFrom(ctx, bytes.NewReader(data), name, evidence.Options{NoIndicators: true}, g.take)
	if stop := ctx.Err(); stop != nil {
		return nil, stop
	}
	if err != nil || !g.known {
		return nil, nil // not alerts: it is read for what it says
	}
	if g.kept == 0 {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: none of its records (%d) is an alert or gives a message or a command line", name, sum.Records),
			Hint: "casemate triage reads telemetry; map needs something that says what was done"}
	}
	if g.repeats > 0 {
		g.records.Note(fmt.Sprintf("%d texts of records say what others had said already, numbers aside", g.repeats), false)
	}
	if g.silent > 0 {
		g.records.Note(fmt.Sprintf("%d events without an alert, a message or a command line were left out", g.silent), false)
	}
	if sum.FaultCount > 0 {
		g.records.Note(fmt.Sprintf("%d records could not be read, the first: %s", sum.FaultCount, sum.Faults[0].String()), true)
	}
	return g.records.Document("alert"), nil
}

// gather collects what records say.
type gather struct {
	records document.Records
	seen    map[string]bool
	known   bool // a record is an alert, or of a product that is known
	kept    int
	repeats int
	silent  int
}

func (g *gather) take(a *casemate.Alert) error {
	command := ""
	if a.Process != nil {
		command = a.Process.CommandLine
	}
	alert := a.Kind == casemate.KindAlert
	g.known = g.known || alert || command != "" || a.Format != "json" && a.Format != "csv"
	text := a.Name
	if a.Message != "" && !strings.Contains(a.Message, a.Name) {
		text = strings.TrimRight(text, ".: ") + ": " + a.Message
	} else if a.Message != "" {
		text = a.Message
	}
	if !alert && len(a.Techniques) == 0 && (command != "" || !telling(a.Name)) {
		text = ""
	} else if !alert {
		text = a.Name // an event's message is its fields once more
	}
	if text == "" && command == "" {
		g.silent++
		return nil
	}
	g.add(a, document.KindProse, text, upper(a.Techniques))
	g.add(a, document.KindCode, command, nil)
	return nil
}

// noDigit leaves digits out.
func noDigit(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}

// telling says whether the name of an event says what was done: it is several
// words, or one like CreateAccessKey.
func telling(name string) bool {
	if strings.Contains(strings.TrimSpace(name), " ") {
		return true
	}
	small := false
	for _, r := range name {
		if small && r >= 'A' && r <= 'Z' {
			return true
		}
		small = r >= 'a' && r <= 'z'
	}
	return false
}

// add keeps a text that was not there yet, numbers such as times and ports
// aside. A text that claims other techniques than before counts as another.
func (g *gather) add(a *casemate.Alert, kind, text string, claims []string) {
	if len(text) > maxAlertText {
		text = strings.ToValidUTF8(text[:maxAlertText], "")
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	key := kind + "\x00" + strings.Map(noDigit, text) + "\x00" + strings.Join(claims, " ")
	if g.seen[key] {
		g.repeats++
		return
	}
	g.seen[key] = true
	g.kept++
	context := a.Format
	if a.Host != "" {
		context += ", host " + a.Host
	}
	g.records.Add(kind, context, text, a.At.Line, claims)
}

func upper(ids []string) []string {
	out := slices.Clone(ids)
	for i := range out {
		out[i] = strings.ToUpper(out[i])
	}
	return out
}
