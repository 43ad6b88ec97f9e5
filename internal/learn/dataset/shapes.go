package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// shape is how a file lays out conversations or preferences.
type shape struct {
	kind             Kind
	turns            string // column of messages
	system           string
	prompt, more     string // more: a second part of the prompt, such as "input"
	answer           string
	chosen, rejected string
}

// shapes are the layouts that trainers use, by the columns that each needs.
var shapes = []shape{
	{kind: KindPreference, prompt: "prompt", chosen: "chosen", rejected: "rejected", system: "system"},
	{kind: KindPreference, prompt: "question", chosen: "chosen", rejected: "rejected", system: "system"},
	{kind: KindPreference, prompt: "instruction", more: "input", chosen: "chosen", rejected: "rejected", system: "system"},
	{kind: KindPreference, chosen: "chosen", rejected: "rejected"},
	{kind: KindChat, turns: "messages"},
	{kind: KindChat, turns: "conversations"},
	{kind: KindChat, turns: "conversation"},
	{kind: KindChat, prompt: "instruction", more: "input", answer: "output", system: "system"},
	{kind: KindChat, prompt: "instruction", more: "input", answer: "response", system: "system"},
	{kind: KindChat, prompt: "prompt", answer: "completion", system: "system"},
	{kind: KindChat, prompt: "prompt", answer: "response", system: "system"},
	{kind: KindChat, prompt: "question", answer: "answer", system: "system"},
}

// findShape returns the layout whose columns a sheet has.
func findShape(columns []column, kind Kind) (shape, bool) {
	has := func(name string) *column {
		for i := range columns {
			if columns[i].name == name && columns[i].filled > 0 {
				return &columns[i]
			}
		}
		return nil
	}
	for _, s := range shapes {
		if kind != "" && s.kind != kind {
			continue
		}
		ok := true
		for _, need := range []string{s.turns, s.prompt, s.answer, s.chosen, s.rejected} {
			ok = ok && (need == "" || has(need) != nil)
		}
		if s.turns != "" && ok {
			ok = has(s.turns).turns > 0.5
		}
		if s.kind == KindPreference && s.prompt == "" && ok {
			ok = has("chosen").turns > 0.5 // the prompt is the beginning of both
		}
		if ok {
			return s, true
		}
	}
	return shape{}, false
}

// columnsUsed are those that a layout reads.
func (s *shape) columnsUsed() []string {
	return []string{s.turns, s.system, s.prompt, s.more, s.answer, s.chosen, s.rejected}
}

// roles are what makers of data call those who speak.
var roles = map[string]string{
	"system": "system", "developer": "system", "user": "user", "human": "user",
	"assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "ai": "assistant",
}

// turnOf reads a message: {"role","content"} or {"from","value"}.
func turnOf(v any) (Turn, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return Turn{}, false
	}
	who, ok := m["role"].(string)
	if !ok {
		who, _ = m["from"].(string)
	}
	what, ok := m["content"].(string)
	if !ok {
		what, ok = m["value"].(string)
	}
	role := roles[strings.ToLower(who)]
	return Turn{role, what}, ok && role != ""
}

func isTurns(list []any) bool {
	if len(list) == 0 {
		return false
	}
	_, ok := turnOf(list[0])
	return ok
}

// turnsOf reads a cell of messages, which may be JSON in a text.
func turnsOf(c cell) ([]Turn, string) {
	list, ok := c.any.([]any)
	if !ok {
		if list, ok = jsonList(c.text); !ok {
			return nil, "no list of messages"
		}
	}
	if len(list) == 0 || len(list) > MaxTurns {
		return nil, fmt.Sprintf("%d messages, want 1 to %d", len(list), MaxTurns)
	}
	out := make([]Turn, 0, len(list))
	for _, v := range list {
		t, ok := turnOf(v)
		if !ok {
			return nil, "a message without a role (system, user, assistant) or without a text"
		}
		out = append(out, t)
	}
	return out, ""
}

// jsonList reads a text that is a JSON array.
func jsonList(s string) ([]any, bool) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "[") || deep(s) {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var out []any
	if err := dec.Decode(&out); err != nil || dec.More() {
		return nil, false
	}
	return out, true
}

// fillShape makes rows of conversations or preferences.
func fillShape(t *Table, s *sheet, sh shape) {
	t.Kind, t.Text = sh.kind, sh.prompt
	t.Why["kind"] = "its columns are " + strings.Join(slices.DeleteFunc(sh.columnsUsed(), func(c string) bool { _, has := s.index[c]; return !has }), ", ")
	at := func(name string) int {
		if i, ok := s.index[name]; ok && name != "" {
			return i
		}
		return -1
	}
	for i := range s.records {
		r := &s.records[i]
		row := Row{Number: r.number, Line: r.line, File: r.file}
		if problem := shapeRow(&row, r, sh, at); problem != "" {
			s.skip(r.number, r.line, r.file, problem)
			continue
		}
		row.Fields = fields(s, r, sh.columnsUsed())
		t.Rows = append(t.Rows, row)
	}
}

// shapeRow reads a conversation or a preference, and says what is wrong with it.
func shapeRow(row *Row, r *record, sh shape, at func(string) int) string {
	if sh.turns != "" {
		turns, problem := turnsOf(r.cell(at(sh.turns)))
		if problem != "" {
			return problem
		}
		row.Turns = turns
	} else if problem := promptOf(row, r, sh, at); problem != "" {
		return problem
	}
	if sh.kind == KindPreference {
		return preferenceRow(row, r, sh, at)
	}
	if sh.answer != "" {
		answer := r.cell(at(sh.answer)).text
		if strings.TrimSpace(answer) == "" {
			return "no answer"
		}
		row.Turns = append(row.Turns, Turn{"assistant", answer})
	}
	if !slices.ContainsFunc(row.Turns, func(t Turn) bool { return t.Role == "assistant" && strings.TrimSpace(t.Content) != "" }) {
		return "no answer of the assistant"
	}
	row.Text = contents(row.Turns)
	return ""
}

// promptOf reads the turns of a prompt.
func promptOf(row *Row, r *record, sh shape, at func(string) int) string {
	if c := r.cell(at(sh.system)); !c.empty() {
		row.Turns = append(row.Turns, Turn{"system", c.text})
	}
	if sh.prompt == "" {
		return ""
	}
	c := r.cell(at(sh.prompt))
	if _, ok := c.any.([]any); ok {
		turns, problem := turnsOf(c)
		if problem != "" {
			return problem
		}
		row.Turns = append(row.Turns, turns...)
		return ""
	}
	text := c.text
	if more := r.cell(at(sh.more)); !more.empty() {
		text += "\n\n" + more.text
	}
	if strings.TrimSpace(text) == "" {
		return "no prompt"
	}
	row.Turns = append(row.Turns, Turn{"user", text})
	return ""
}

// preferenceRow reads the two answers. Where they are conversations, what both
// begin with is the prompt.
func preferenceRow(row *Row, r *record, sh shape, at func(string) int) string {
	read := func(name string) ([]Turn, string) {
		c := r.cell(at(name))
		if _, ok := c.any.([]any); ok {
			return turnsOf(c)
		}
		return []Turn{{"assistant", c.text}}, ""
	}
	chosen, problem := read(sh.chosen)
	if problem != "" {
		return problem
	}
	rejected, problem := read(sh.rejected)
	if problem != "" {
		return problem
	}
	for len(chosen) > 1 && len(rejected) > 1 && chosen[0] == rejected[0] {
		if sh.prompt == "" {
			row.Turns = append(row.Turns, chosen[0])
		}
		chosen, rejected = chosen[1:], rejected[1:]
	}
	if len(chosen) != 1 || len(rejected) != 1 || chosen[0].Role != "assistant" || rejected[0].Role != "assistant" {
		return "the two answers are not one message each after the same prompt"
	}
	row.Chosen, row.Rejected = chosen[0].Content, rejected[0].Content
	switch {
	case len(row.Turns) == 0:
		return "no prompt"
	case strings.TrimSpace(row.Chosen) == "" || strings.TrimSpace(row.Rejected) == "":
		return "an answer is missing"
	case row.Chosen == row.Rejected:
		return "both answers are the same"
	}
	row.Text = contents(row.Turns)
	return ""
}

// contents joins what is said, a line each.
func contents(turns []Turn) string {
	var all []string
	for _, t := range turns {
		all = append(all, t.Content)
	}
	return strings.Join(all, "\n")
}

// isSpans reports whether a list is one of spans: objects with start, end and
// label, or [start, end, label].
func isSpans(list []any) bool {
	if len(list) == 0 {
		return false
	}
	_, ok := rawSpanOf(list[0])
	return ok
}

// rawSpan is a span as a file has it: in which unit is not known yet.
type rawSpan struct {
	Span
	covered string // what the file says that it covers
}

func rawSpanOf(v any) (rawSpan, bool) {
	switch v := v.(type) {
	case Span:
		return rawSpan{Span: v}, true
	case []any:
		if len(v) != 3 {
			return rawSpan{}, false
		}
		start, a := integer(v[0])
		end, b := integer(v[1])
		label, c := v[2].(string)
		return rawSpan{Span: Span{start, end, strings.TrimSpace(label)}}, a && b && c
	case map[string]any:
		start, a := integer(first(v, "start", "start_offset", "begin", "from"))
		end, b := integer(first(v, "end", "end_offset", "stop", "to"))
		label, c := first(v, "label", "type", "entity", "tag", "class").(string)
		if l, ok := first(v, "labels").([]any); !c && ok && len(l) == 1 { // Label Studio
			label, c = l[0].(string)
		}
		covered, _ := first(v, "text", "value", "word", "covered").(string)
		return rawSpan{Span{start, end, strings.TrimSpace(label)}, covered}, a && b && c
	}
	return rawSpan{}, false
}

func first(m map[string]any, names ...string) any {
	for _, n := range names {
		if v, ok := m[n]; ok {
			return v
		}
	}
	return nil
}

func integer(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return int(i), err == nil && i >= 0 && i <= MaxCell
}

// unit is what a file counts the places of spans in.
type unit int

const (
	inCharacters unit = iota
	inBytes
	inUTF16
)

var unitNames = []string{"characters", "bytes", "UTF-16 units"}

// offsets returns the byte at which each unit of text begins, and the text's end.
func (u unit) offsets(text string) []int {
	out := make([]int, 0, len(text)+1)
	for i, r := range text {
		switch u {
		case inBytes:
			for j := range utf8.RuneLen(r) {
				out = append(out, i+j)
			}
		case inUTF16:
			out = append(out, i)
			if r > 0xffff {
				out = append(out, i)
			}
		default:
			out = append(out, i)
		}
	}
	return append(out, len(text))
}

// place turns a span of the unit into one of bytes, and says whether it lies within
// the text and covers what it says.
func (u unit) place(offsets []int, text string, s rawSpan) (Span, bool) {
	if s.Start >= s.End || s.End >= len(offsets) {
		return Span{}, false
	}
	out := Span{offsets[s.Start], offsets[s.End], s.Label}
	if out.Start >= out.End || !utf8.RuneStart(text[out.Start]) || out.End < len(text) && !utf8.RuneStart(text[out.End]) {
		return Span{}, false
	}
	return out, s.covered == "" || text[out.Start:out.End] == s.covered
}
