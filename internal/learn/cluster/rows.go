package cluster

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/instruct"
)

// conversation is a line of the data: the form of messages that both trainers
// read.
type conversation struct {
	Messages []dataset.Turn `json:"messages"`
}

// writer turns rows into conversations.
type writer struct {
	question *instruct.Question // nil where rows are conversations
	special  []string           // spellings that the trainer's tokenizer would take for special tokens
}

func newWriter(t *dataset.Table, instruction string, special []string) (*writer, error) {
	w := &writer{special: special}
	switch t.Kind {
	case dataset.KindChat:
		return w, nil
	case dataset.KindSingle, dataset.KindMulti, dataset.KindOrdinal:
		q, err := instruct.NewQuestion(t.Kind, t.Labels, instruction)
		w.question = &q
		return w, err
	}
	return nil, fmt.Errorf("rows of kind %q cannot be taught to a language model on a cluster: give conversations, or texts with labels", t.Kind)
}

// Reasons why a row is not written.
var (
	errSpecial = errors.New("it spells a special token, which the trainer would take for one")
	errAnswer  = errors.New("it does not end with an answer")
)

// turns returns a row as a conversation that ends with an answer.
func (w *writer) turns(r *dataset.Row) ([]dataset.Turn, error) {
	turns := r.Turns
	if w.question != nil {
		turns = append(w.question.Turns(r.Text), dataset.Turn{Role: "assistant", Content: w.question.Answer(r.Labels)})
	}
	if len(turns) < 2 || turns[len(turns)-1].Role != "assistant" {
		return nil, errAnswer
	}
	for _, turn := range turns {
		for _, s := range w.special {
			if strings.Contains(turn.Content, s) {
				return nil, errSpecial
			}
		}
	}
	return turns, nil
}

// write writes rows, one a line, and returns how many there are and the reasons of
// those that were left out.
func (w *writer) write(to io.Writer, t *dataset.Table, rows []int) (written int, skipped []dataset.Problem, err error) {
	for _, i := range rows {
		r := &t.Rows[i]
		turns, err := w.turns(r)
		if err != nil {
			skipped = append(skipped, dataset.Problem{Number: r.Number, Line: r.Line, File: r.File, Reason: err.Error()})
			continue
		}
		line, err := json.Marshal(conversation{slices.Clone(turns)})
		if err != nil {
			return written, skipped, fmt.Errorf("write row %d: %w", r.Number, err)
		}
		if _, err := to.Write(append(line, '\n')); err != nil {
			return written, skipped, err
		}
		written++
	}
	return written, skipped, nil
}
