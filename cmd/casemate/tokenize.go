package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type tokenizeCmd struct {
	dataFlag
	Model   string `required:"" short:"m" placeholder:"NAME|PATH" help:"A model of the store, a GGUF file (a vocabulary alone will do) or a folder."`
	File    string `arg:"" optional:"" default:"-" help:"Text, or lines of JSON with --jsonl; - for standard input."`
	JSONL   bool   `name:"jsonl" help:"Read {\"text\":…} a line and answer {\"ids\":[…]}; with --decode the other way round."`
	Decode  bool   `help:"Read ids and answer text."`
	BOS     bool   `name:"bos" help:"Put the beginning-of-text token in front, as a model's prompt has it."`
	Special bool   `help:"Spellings of special tokens stand for them. Without it they are text."`
	JSON    bool   `help:"Print one JSON document with ids and pieces."`
}

// tokenLine is a line of input.
type tokenLine struct {
	ID   json.RawMessage `json:"id"`
	Text *string         `json:"text"`
	IDs  []int           `json:"ids"`
}

// Run turns text into ids, or back.
func (c *tokenizeCmd) Run(s *streams) error {
	t, err := openTokenizer(c.dataFlag, c.Model)
	if err != nil {
		return err
	}
	if c.JSONL {
		return answerLines(s, c.File, 1, func(_ context.Context, line []byte) (any, error) { return c.line(t, line) })
	}
	in, done, err := openInput(s, c.File)
	if err != nil {
		return err
	}
	defer done()
	data, err := io.ReadAll(io.LimitReader(in, maxPrompt+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the text: %w", err)
	case len(data) > maxPrompt:
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("the text is longer than %d MiB", maxPrompt>>20), Hint: "cut it into lines, and use --jsonl"}
	case c.Decode:
		return c.decode(s, t, string(data))
	}
	ids := c.encode(t, string(data))
	if c.JSON {
		pieces := make([]string, len(ids))
		for i, id := range ids {
			pieces[i] = piece(t, id)
		}
		return writeJSON(s.stdout, struct {
			IDs    []int    `json:"ids"`
			Pieces []string `json:"pieces"`
		}{ids, pieces}, false)
	}
	for _, id := range ids {
		fmt.Fprintf(s.stdout, "%d\t%s\n", id, report.Terminal(piece(t, id)))
	}
	return nil
}

// line answers one line of JSON.
func (c *tokenizeCmd) line(t *tokenizer.Tokenizer, line []byte) (any, error) {
	var in tokenLine
	if err := decodeLine(line, &in); err != nil {
		return nil, err
	}
	if c.Decode {
		if in.IDs == nil {
			return nil, faulty(`the line has no "ids"`)
		}
		if err := within(t, in.IDs); err != nil {
			return nil, &badLine{err}
		}
		return struct {
			ID   json.RawMessage `json:"id,omitempty"`
			Text string          `json:"text"`
		}{in.ID, string(t.Decode(in.IDs))}, nil
	}
	if in.Text == nil {
		return nil, faulty(`the line has no "text"`)
	}
	return struct {
		ID  json.RawMessage `json:"id,omitempty"`
		IDs []int           `json:"ids"`
	}{in.ID, c.encode(t, *in.Text)}, nil
}

// encode returns the ids of a text, never nil.
func (c *tokenizeCmd) encode(t *tokenizer.Tokenizer, text string) []int {
	ids := []int{}
	if bos := t.Spec().BOS; c.BOS && bos != tokenizer.None {
		ids = append(ids, bos)
	}
	return append(ids, t.EncodeSpans([]tokenizer.Span{{Text: text, Special: c.Special}})...)
}

// decode prints the text of ids, which stand between spaces or commas.
func (c *tokenizeCmd) decode(s *streams, t *tokenizer.Tokenizer, text string) error {
	var ids []int
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,\t\r\n[]", r) }) {
		var id int
		if _, err := fmt.Sscanf(word, "%d", &id); err != nil || fmt.Sprint(id) != word {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q is no token id", word), Hint: "give numbers with spaces or commas between them"}
		}
		ids = append(ids, id)
	}
	if err := within(t, ids); err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "decode", Err: err, Hint: "casemate tokenize gives a model's ids"}
	}
	if c.JSON {
		return writeJSON(s.stdout, struct {
			Text string `json:"text"`
		}{string(t.Decode(ids))}, false)
	}
	_, err := s.stdout.Write(t.Decode(ids))
	return err
}

// within wants ids that the vocabulary has.
func within(t *tokenizer.Tokenizer, ids []int) error {
	for _, id := range ids {
		if id < 0 || id >= t.Size() {
			return fmt.Errorf("token %d is not in the vocabulary of %d", id, t.Size())
		}
	}
	return nil
}

// piece returns what a token stands for: its bytes, or a control token's name.
func piece(t *tokenizer.Tokenizer, id int) string {
	if t.IsControl(id) {
		return t.Spec().Tokens[id]
	}
	return string(t.Bytes(id))
}
