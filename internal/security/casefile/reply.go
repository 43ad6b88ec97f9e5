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
	var r scripted.Reply
	repeat, stop := 1, -1
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
		var err error
		switch value = strings.TrimSpace(value); name {
		case "when":
			r.When = value
		case "thinking":
			r.Thinking = value
		case "finish":
			if r.Finish = engine.Finish(value); r.Finish != engine.FinishStop && r.Finish != engine.FinishLength && r.Finish != engine.FinishString {
				err = fmt.Errorf("no answer ends by %q: stop, string or length", value)
			}
		case "error":
			r.Err = errors.New(value)
		case "stop-after":
			stop, err = strconv.Atoi(value)
		case "repeat":
			if repeat, err = strconv.Atoi(value); err == nil && (repeat < 1 || repeat > maxRepeat) {
				err = fmt.Errorf("a reply can be repeated 1 to %d times", maxRepeat)
			}
		case "logprobs":
			r.Logprobs, err = numbers(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", file, line, name, err)
		}
		text, line = rest, line+1
	}
	r.Text = strings.TrimSuffix(text, "\n")
	if stop >= 0 {
		cut := scripted.StopsEarly(r.Text, stop)
		r.Text, r.Finish = cut.Text, cut.Finish
	}
	out := make([]scripted.Reply, repeat)
	for i := range out {
		out[i] = r
	}
	return out, nil
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
