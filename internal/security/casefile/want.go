package casefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// want is one line of the member of that name.
type want struct {
	line int
	text string
	// check returns what is wrong, or "".
	check func(r result) string
	// fails says that the line is about the error of the run.
	fails bool
}

// result is what came of a case.
type result struct {
	output any
	asked  []string
	calls  int
	err    error
}

// parseWants reads the lines of a member want.
func parseWants(file string, m member) ([]want, error) {
	var out []want
	for i, text := range strings.Split(string(m.data), "\n") {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		w, err := parseWant(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, m.line+i, err)
		}
		w.line, w.text = m.line+i, text
		out = append(out, w)
	}
	return out, nil
}

// parseWant reads one line.
func parseWant(text string) (want, error) {
	word, rest := cutWord(text)
	switch {
	case strings.HasPrefix(word, "/") || word == "output":
		return parsePlace(word, rest)
	case word == "problem" && rest != "":
		kind, about := cutWord(rest)
		return want{check: func(r result) string { return problem(r.output, kind, about) }}, nil
	case word == "no" && rest != "":
		if noun, kind := cutWord(rest); noun == "problem" {
			return want{check: func(r result) string { return noProblem(r.output, kind) }}, nil
		}
	case word == "support" || word == "by":
		level, about := cutWord(rest)
		if level == "" || about == "" {
			return want{}, fmt.Errorf("want %s, a value and words of the statement", word)
		}
		return want{check: func(r result) string { return said(r.output, word, level, about) }}, nil
	case word == "calls":
		n, err := strconv.Atoi(rest)
		return want{check: func(r result) string {
			if r.calls == n {
				return ""
			}
			return fmt.Sprintf("the model was asked %d times", r.calls)
		}}, err
	case word == "asked":
		how, about := cutWord(rest)
		if (how != "contains" && how != "lacks") || about == "" {
			return want{}, errors.New("want asked contains TEXT or asked lacks TEXT")
		}
		return want{check: func(r result) string { return asked(r.asked, how, about) }}, nil
	case word == "error" && rest != "":
		return want{fails: true, check: func(r result) string {
			if r.err != nil && strings.Contains(r.err.Error(), rest) {
				return ""
			}
			return fmt.Sprintf("the error is: %v", r.err)
		}}, nil
	}
	return want{}, fmt.Errorf("no line of want is %q: it begins with a JSON pointer, output, problem, no problem, support, by, calls, asked or error", text)
}

// cutWord returns the first word of a text and the rest without space around it.
func cutWord(text string) (word, rest string) {
	word, rest, _ = strings.Cut(text, " ")
	return word, strings.TrimSpace(rest)
}

// parsePlace reads what is wanted of a place in the output.
func parsePlace(place, text string) (want, error) {
	how, value := cutWord(text)
	var test func(found []any) string
	switch how {
	case "=", "!=":
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return want{}, fmt.Errorf("want JSON after %s: %w", how, err)
		}
		test = equals(v, how == "=")
	case "contains", "lacks":
		if value == "" {
			return want{}, fmt.Errorf("want text after %s", how)
		}
		test = holds(value, how == "contains")
	case "count", ">=", "<=":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return want{}, fmt.Errorf("want a number after %s: %w", how, err)
		}
		test = measures(how, n)
	case "present", "absent":
		if value != "" {
			return want{}, fmt.Errorf("%s takes no value", how)
		}
		test = func(found []any) string {
			if (len(found) > 0) == (how == "present") {
				return ""
			}
			return "there is " + shown(found)
		}
	default:
		return want{}, fmt.Errorf("nothing of a place is %q: =, !=, contains, lacks, count, >=, <=, present or absent", how)
	}
	return want{check: func(r result) string { return test(find(r.output, place)) }}, nil
}

// equals wants one of the values to be v, or none of them.
func equals(v any, same bool) func([]any) string {
	return func(found []any) string {
		for _, f := range found {
			if cmp.Equal(f, v) {
				if same {
					return ""
				}
				return "it is " + shown([]any{f})
			}
		}
		if same {
			return "there is " + shown(found)
		}
		return ""
	}
}

// holds wants one of the values to hold a text, or none of them. What is no
// string is looked at as JSON.
func holds(text string, some bool) func([]any) string {
	return func(found []any) string {
		for _, f := range found {
			s, ok := f.(string)
			if !ok {
				s = spell(f)
			}
			if strings.Contains(s, text) {
				if some {
					return ""
				}
				return "there is " + shown([]any{f})
			}
		}
		if some {
			return "there is " + shown(found)
		}
		return ""
	}
}

// measures wants a number, or the length of an array, object or string.
func measures(how string, n float64) func([]any) string {
	return func(found []any) string {
		if len(found) == 0 {
			found = []any{[]any{}} // what is left out is empty
		}
		for _, f := range found {
			size, isNumber := f.(float64)
			if !isNumber || how == "count" {
				switch v := f.(type) {
				case []any:
					size = float64(len(v))
				case map[string]any:
					size = float64(len(v))
				case string:
					size = float64(len([]rune(v)))
				default:
					return "it has no length: " + shown([]any{f})
				}
			}
			if how == "count" && size != n || how == ">=" && size < n || how == "<=" && size > n {
				return fmt.Sprintf("it is %v: %s", size, shown([]any{f}))
			}
		}
		return ""
	}
}

// asked looks for a text in the prompts.
func asked(prompts []string, how, text string) string {
	for i, p := range prompts {
		if strings.Contains(p, text) {
			if how == "contains" {
				return ""
			}
			return fmt.Sprintf("question %d has it", i+1)
		}
	}
	if how == "lacks" {
		return ""
	}
	return fmt.Sprintf("none of %d questions has it", len(prompts))
}

// spell writes a value as people write JSON in a case: without escapes for HTML.
func spell(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// maxShown bounds how many bytes of a value a fault shows.
const maxShown = 600

// shown writes values for a fault.
func shown(values []any) string {
	if len(values) == 0 {
		return "nothing"
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = spell(v)
	}
	s := strings.Join(parts, ", ")
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + fmt.Sprintf(" … (%d bytes more)", len(s)-maxShown)
	}
	return s
}
