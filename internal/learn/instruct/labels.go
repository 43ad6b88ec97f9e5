package instruct

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/model/chat"
)

// maxListed is how many bytes of labels an instruction lists. With more, the
// labels have to be learnt from the answers.
const maxListed = 4000

// none answers where no label holds.
const none = "none"

// Question asks for the labels of texts.
type Question struct {
	Kind   dataset.Kind // KindSingle, KindOrdinal or KindMulti
	Labels []string
	system string
	comma  string // between the labels of an answer
}

// NewQuestion returns the question for a table's labels. Instruction, unless
// empty, says in words what is asked for, in place of "Classify the text".
func NewQuestion(kind dataset.Kind, labels []string, instruction string) (Question, error) {
	q := Question{Kind: kind, Labels: labels, comma: ","}
	if slices.ContainsFunc(labels, func(l string) bool { return strings.Contains(l, q.comma) }) {
		q.comma = ";"
	}
	if instruction = strings.TrimSpace(instruction); instruction == "" {
		instruction = "Classify the text that follows."
	}
	list := strings.Join(labels, q.comma+" ")
	if kind == dataset.KindOrdinal {
		list = strings.Join(labels, " < ")
	}
	switch kind {
	case dataset.KindSingle, dataset.KindOrdinal:
		q.system = instruction + " Answer with one label and nothing else."
	case dataset.KindMulti:
		q.system = instruction + " Answer with the labels that hold, " + q.between() + " between them, or with none, and nothing else."
	default:
		return q, fmt.Errorf("ask for labels: rows of kind %q have none that a model can name", kind)
	}
	if len(list) <= maxListed {
		q.system += " The labels are: " + list + "."
	}
	return q, nil
}

// between names what stands between labels.
func (q Question) between() string {
	if q.comma == ";" {
		return "with semicolons"
	}
	return "with commas"
}

// Turns are what the model is asked about a text.
func (q Question) Turns(text string) []dataset.Turn {
	return []dataset.Turn{{Role: chat.System, Content: q.system}, {Role: chat.User, Content: text}}
}

// Answer is what the model is to say for a row's labels.
func (q Question) Answer(labels []string) string {
	if len(labels) == 0 {
		return none
	}
	sorted := slices.Clone(labels)
	slices.Sort(sorted)
	return strings.Join(sorted, q.comma+" ")
}

// Options are the answers among which a model's probabilities choose, in the
// order of Labels: engine.ScoreRequest's Options, after Turns. Of multi-label
// rows they are the answers of one label each, and none.
func (q Question) Options() []string {
	if q.Kind == dataset.KindMulti {
		return append(slices.Clone(q.Labels), none)
	}
	return slices.Clone(q.Labels)
}

// Read returns the labels that an answer names; those that are none of Labels
// are counted, not returned.
func (q Question) Read(answer string) (labels []string, unknown int) {
	for part := range strings.SplitSeq(answer, q.comma) {
		part = strings.TrimSpace(part)
		switch {
		case part == "" || (part == none && !slices.Contains(q.Labels, none)):
		case slices.Contains(q.Labels, part):
			labels = append(labels, part)
		default:
			unknown++
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels), unknown
}
