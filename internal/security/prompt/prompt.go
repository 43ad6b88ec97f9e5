// Package prompt builds what a model is asked: a short instruction of ours, and
// data of others inside a fence that the data cannot close.
package prompt

import (
	"encoding/json"
	"io/fs"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
)

// Prompt is one question for a model. In a folder it is three files:
// system.md (who answers and how, of ours alone), user.md (a text/template whose
// values are trusted or fenced) and schema.json (what the answer must be; the
// array or string marked "x-casemate-evidence": true gets the ids of the evidence
// given as its enum, so that only what exists can be cited).
type Prompt struct {
	Name   string
	System string
	User   string
	Schema json.RawMessage
	Digest string // "sha256:…" over the three
}

// Load reads the prompt of a folder, for built-in prompts from an embed.FS.
func Load(fsys fs.FS, dir string) (*Prompt, error) { return nil, nil }

// Data is what a template is given. In user.md:
//
//	{{.Evidence}}      the evidence, one item a line, "E3 | 2026-03-04 09:12:31 | alert | FIN-WS-014 | …", fenced
//	{{data "name"}}    the text Texts["name"], fenced
//	{{.Vars.name}}     a trusted value of ours, written as it is
type Data struct {
	Evidence []casemate.Evidence
	Texts    map[string]string // of others
	Vars     map[string]any    // of ours
}

// Messages writes the conversation. The fence's delimiter is drawn from seed and
// the data, and does not occur in the data; spellings of special tokens in the
// data are broken, and characters that act or hide are written out.
func (p *Prompt) Messages(d Data, seed uint64) ([]engine.Message, json.RawMessage, error) {
	return nil, nil, nil
}
