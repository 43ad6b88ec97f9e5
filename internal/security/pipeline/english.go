package pipeline

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// English reports whether a text is not plainly in another language. Short texts,
// and texts that are names and numbers, pass.
func English(text string) bool { return !head.Foreign(text) }

// proseWords is how many words make a string prose, and no label or name.
const proseWords = 4

// freeText returns the prose in an answer.
func freeText(answer json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(answer))
	var parts []string
	for {
		token, err := d.Token()
		if err != nil { // io.EOF: the answer has been found valid
			return strings.Join(parts, "\n")
		}
		if s, ok := token.(string); ok && len(strings.Fields(s)) >= proseWords {
			parts = append(parts, s)
		}
	}
}
