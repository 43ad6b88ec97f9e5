package head

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

//go:embed cards
var cards embed.FS

// Card returns what is to be known of a head before it is relied on, in
// Markdown: data, dates, splits, figures with intervals, limits. docs/models has
// the same text.
func Card(name string) (string, error) {
	if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name }) {
		return "", &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("there is no head %q", name), Hint: "use one of " + strings.Join(Names(), ", ")}
	}
	data, err := cards.ReadFile("cards/" + name + ".md")
	if err != nil {
		return "", fmt.Errorf("read the card of head %q: %w", name, err)
	}
	return string(data), nil
}
