package casefile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
)

// Check holds a run's output and error against what the case wants, and returns
// what is wrong, each with file and line. The run must have been started with
// what Options returned last. A reply that nobody asked for is wrong as well.
func (c *Case) Check(output any, err error) []string {
	r := result{err: err}
	var faults []string
	raw, marshal := json.Marshal(output)
	if marshal == nil {
		marshal = json.Unmarshal(raw, &r.output)
	}
	if marshal != nil {
		return []string{fmt.Sprintf("%s: write the output as JSON: %v", c.File, marshal)}
	}
	if c.engine != nil {
		for _, q := range c.engine.Requests() {
			r.asked = append(r.asked, spoken(q))
		}
		r.calls = len(r.asked)
		if left := c.engine.Left(); left > 0 {
			faults = append(faults, fmt.Sprintf("%s: %d of %d replies were not asked for", c.File, left, len(c.Replies)))
		}
	}
	if err != nil && !slices.ContainsFunc(c.wants, func(w want) bool { return w.fails }) {
		return append(faults, fmt.Sprintf("%s: the run ends with an error: %v", c.File, err))
	}
	for _, w := range c.wants {
		if err != nil && !w.fails {
			continue
		}
		if why := w.check(r); why != "" {
			faults = append(faults, fmt.Sprintf("%s:%d: want %s: %s", c.File, w.line, w.text, why))
		}
	}
	return faults
}

// spoken is the text of a request.
func spoken(q engine.GenerateRequest) string {
	var b strings.Builder
	for _, m := range q.Messages {
		b.WriteString(m.Content + "\n")
	}
	return b.String() + q.Prompt
}

// find returns the values at a place: a JSON pointer in which * is any element.
func find(v any, place string) []any {
	if place == "output" {
		return []any{v}
	}
	at := []any{v}
	for _, name := range strings.Split(place[1:], "/") {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		var next []any
		for _, v := range at {
			next = append(next, step(v, name)...)
		}
		at = next
	}
	return at
}

// step returns the element of that name, or with * all of them.
func step(v any, name string) []any {
	switch v := v.(type) {
	case []any:
		if name == "*" {
			return v
		}
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) {
			return v[i : i+1]
		}
	case map[string]any:
		if name == "*" {
			var out []any
			for _, k := range sorted(v) {
				out = append(out, v[k])
			}
			return out
		}
		if e, ok := v[name]; ok {
			return []any{e}
		}
	}
	return nil
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// walk calls do for every object of a value.
func walk(v any, do func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(e, do)
		}
	case map[string]any:
		do(v)
		for _, k := range sorted(v) {
			walk(v[k], do)
		}
	}
}

// problems returns the problems of statements, wherever they stand.
func problems(output any, kind string) []any {
	var out []any
	walk(output, func(m map[string]any) {
		list, _ := m["problems"].([]any)
		for _, p := range list {
			if o, ok := p.(map[string]any); ok && (kind == "" || o["kind"] == kind) {
				out = append(out, o)
			}
		}
	})
	return out
}

// problem wants a problem of a kind, about some words.
func problem(output any, kind, about string) string {
	for _, p := range problems(output, kind) {
		if strings.Contains(spell(p), about) {
			return ""
		}
	}
	return "the problems are " + shown(problems(output, ""))
}

func noProblem(output any, kind string) string {
	if list := problems(output, kind); len(list) > 0 {
		return "there is " + shown(list)
	}
	return ""
}

// said wants a statement with some words to have a field of that value.
func said(output any, field, value, about string) string {
	why := "no statement has these words"
	found := false
	walk(output, func(m map[string]any) {
		text, _ := m["text"].(string)
		if _, by := m["by"]; !by || !strings.Contains(text, about) {
			return
		}
		if m[field] == value {
			found = true
		} else {
			why = "there is " + spell(m)
		}
	})
	if found {
		return ""
	}
	return why
}
