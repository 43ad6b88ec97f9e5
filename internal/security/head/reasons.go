package head

import "github.com/casemate-ai/casemate/internal/model/lexical"

// labeller is a decider that knows which outputs of its model stand for a
// label: for a parent technique, its own and those of its children.
type labeller interface {
	outputs(label string) []lexical.Output
}

// Reasons returns up to n words without which label would be less likely, the
// strongest first, each checked by deletion: for labels other than the one that
// Classify explains. It returns nothing where the head does not know the label
// or explains its own alone.
func (h *Head) Reasons(text, label string, n int) []Reason {
	if h.techniques != nil {
		return h.techniques.reasons(text, label, n)
	}
	l, ok := h.decider.(labeller)
	if !ok {
		return nil
	}
	outputs := l.outputs(label)
	if len(outputs) == 0 {
		return nil
	}
	s := h.model.Borrow()
	defer h.model.Return(s)
	h.model.Read(s, text, 0)
	return reasons(h.model, s, n, outputs, nil)
}
