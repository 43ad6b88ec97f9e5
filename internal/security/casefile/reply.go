package casefile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
)

// maxRepeat bounds how often one reply may stand for several.
const maxRepeat = 10_000

// parseReply reads a reply: lines "name: value" up to an empty line, where there
// are any, and then what the model says.
func parseReply(file string, m member) ([]scripted.Reply, error) {
	h := headers{repeat: 1, stop: -1}
	text, line := string(m.data), m.line
	for n := 0; ; n++ {
		head, rest, _ := strings.Cut(text, "\n")
		name, value, ok := strings.Cut(head, ":")
		if !ok || !isHeader(name) {
			if n > 0 {
				if head != "" {
					return nil, fmt.Errorf("%s:%d: want an empty line between the headers of a reply and its text", file, line)
				}
				text = rest
			}
			break
		}
		if err := h.set(name, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", file, line, name, err)
		}
		text, line = rest, line+1
	}
	h.Text = strings.TrimSuffix(text, "\n")
	if h.stop >= 0 {
		cut := scripted.StopsEarly(h.Text, h.stop)
		h.Text, h.Finish = cut.Text, cut.Finish
	}
	out := make([]scripted.Reply, h.repeat)
	for i := range out {
		out[i] = h.Reply
	}
	return out, nil
}

// headers is a reply and what its headers say of it.
type headers struct {
	scripted.Reply
	repeat, stop int
}

// set takes one header.
func (h *headers) set(name, value string) (err error) {
	switch name {
	case "when":
		h.When = value
	case "thinking":
		h.Thinking = value
	case "finish":
		if h.Finish = engine.Finish(value); h.Finish != engine.FinishStop && h.Finish != engine.FinishLength && h.Finish != engine.FinishString {
			err = fmt.Errorf("no answer ends by %q: stop, string or length", value)
		}
	case "error":
		h.Err = errors.New(value)
	case "stop-after":
		h.stop, err = strconv.Atoi(value)
	case "repeat":
		if h.repeat, err = strconv.Atoi(value); err == nil && (h.repeat < 1 || h.repeat > maxRepeat) {
			err = fmt.Errorf("a reply can be repeated 1 to %d times", maxRepeat)
		}
	case "logprobs":
		h.Logprobs, err = numbers(value)
	}
	return err
}

// isHeader reports whether a line of that beginning is a header of a reply.
func isHeader(name string) bool {
	switch name {
	case "when", "thinking", "finish", "error", "stop-after", "repeat", "logprobs":
		return true
	}
	return false
}

func numbers(text string) ([]float64, error) {
	var out []float64
	for f := range strings.FieldsSeq(text) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
