package sigma_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/casemate-ai/casemate"
)

// oracle is the plainest matcher that Sigma allows: it reads a rule into maps
// and evaluates it value by value, without an index and without any code of the
// package. What it says, the index must say.
type oracle struct {
	id        string
	log       casemate.Logsource
	searches  []search
	condition []string
	patterns  map[string]*regexp.Regexp
	need      map[string]string
}

type search struct {
	name string
	body any
}

// newOracle reads a detection rule that is known to be sound.
func newOracle(tb testing.TB, text []byte) *oracle {
	tb.Helper()
	var doc struct {
		ID        string `yaml:"id"`
		Logsource struct {
			Product, Category, Service string
		} `yaml:"logsource"`
		Detection yaml.MapSlice `yaml:"detection"`
	}
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.UseOrderedMap()); err != nil {
		tb.Fatalf("oracle reads a rule: %v", err)
	}
	o := &oracle{id: doc.ID, log: casemate.Logsource(doc.Logsource), patterns: map[string]*regexp.Regexp{}, need: map[string]string{}}
	for _, item := range doc.Detection {
		name := fmt.Sprint(item.Key)
		if name != "condition" {
			o.searches = append(o.searches, search{name, item.Value})
			continue
		}
		list, ok := item.Value.([]any)
		if !ok {
			list = []any{item.Value}
		}
		for _, c := range list {
			o.condition = append(o.condition, fmt.Sprint(c))
		}
	}
	return o
}

// event is what the oracle sees.
type event struct {
	log    casemate.Logsource
	fields []casemate.Field
	raw    string
}

func (o *oracle) applies(log casemate.Logsource) bool {
	ok := func(rule, have string) bool { return rule == "" || strings.EqualFold(rule, have) }
	category := ok(o.log.Category, log.Category) ||
		o.log.Category == "registry_event" && strings.HasPrefix(log.Category, "registry_")
	return category && ok(o.log.Product, log.Product) && ok(o.log.Service, log.Service)
}

func (o *oracle) match(ev event) bool {
	if !o.applies(ev.log) {
		return false
	}
	for _, c := range o.condition {
		words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(c))
		if got, _ := o.or(ev, words); got {
			return true
		}
	}
	return false
}

func (o *oracle) or(ev event, words []string) (bool, []string) {
	got, words := o.and(ev, words)
	for len(words) > 0 && strings.EqualFold(words[0], "or") {
		var more bool
		more, words = o.and(ev, words[1:])
		got = got || more
	}
	return got, words
}

func (o *oracle) and(ev event, words []string) (bool, []string) {
	got, words := o.term(ev, words)
	for len(words) > 0 && strings.EqualFold(words[0], "and") {
		var more bool
		more, words = o.term(ev, words[1:])
		got = got && more
	}
	return got, words
}

func (o *oracle) term(ev event, words []string) (bool, []string) {
	switch {
	case strings.EqualFold(words[0], "not"):
		got, rest := o.term(ev, words[1:])
		return !got, rest
	case words[0] == "(":
		got, rest := o.or(ev, words[1:])
		return got, rest[1:]
	case len(words) > 2 && strings.EqualFold(words[1], "of"):
		return o.count(ev, words[0], words[2]), words[3:]
	}
	for _, s := range o.searches {
		if s.name == words[0] {
			return o.search(ev, s.body), words[1:]
		}
	}
	panic("oracle: no search " + words[0])
}

func (o *oracle) count(ev event, count, pattern string) bool {
	if strings.EqualFold(pattern, "them") {
		pattern = "*"
	}
	re := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
	total, hits := 0, 0
	for _, s := range o.searches {
		if !re.MatchString(s.name) || strings.HasPrefix(s.name, "_") && !strings.HasPrefix(pattern, "_") {
			continue
		}
		total++
		if o.search(ev, s.body) {
			hits++
		}
	}
	switch n, err := strconv.Atoi(count); {
	case err == nil:
		return hits >= n
	case strings.EqualFold(count, "all"):
		return hits == total
	}
	return hits > 0
}

func (o *oracle) search(ev event, body any) bool {
	switch b := body.(type) {
	case yaml.MapSlice:
		for _, item := range b {
			if !o.item(ev, fmt.Sprint(item.Key), item.Value) {
				return false
			}
		}
		return true
	case []any:
		return slices.ContainsFunc(b, func(x any) bool { return o.search(ev, x) })
	}
	return o.item(ev, "", body)
}

func (o *oracle) item(ev event, key string, value any) bool {
	parts := strings.Split(key, "|")
	name, mods := parts[0], parts[1:]
	has := func(m string) bool { return slices.Contains(mods, m) }
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	one := func(v any) bool { return o.value(ev, name, mods, v) }
	var got bool
	if has("all") {
		got = !slices.ContainsFunc(values, func(v any) bool { return !one(v) })
	} else {
		got = slices.ContainsFunc(values, one)
	}
	return got != has("neq")
}

// texts returns the values of a field, or all texts for keywords, and whether
// the field is there and whether it is null.
func (ev event) texts(name string) (texts []string, there, null bool) {
	for _, f := range ev.fields {
		if name != "" && !strings.EqualFold(f.Name, name) {
			continue
		}
		there = true
		if f.Kind > casemate.Bool {
			null = true
			continue
		}
		texts = append(texts, f.Value)
	}
	if name == "" && ev.raw != "" {
		texts = append(texts, ev.raw)
	}
	return texts, there, null
}

func (o *oracle) value(ev event, name string, mods []string, v any) bool {
	texts, there, null := ev.texts(name)
	has := func(m string) bool { return slices.Contains(mods, m) }
	text := fmt.Sprint(v)
	any := func(f func(string) bool) bool { return slices.ContainsFunc(texts, f) }
	switch {
	case has("exists"):
		return there == (text == "true")
	case v == nil:
		return !there || null
	case has("re"):
		flags := ""
		for _, f := range []string{"i", "m", "s"} {
			if has(f) {
				flags += f
			}
		}
		if flags != "" {
			text = "(?" + flags + ")" + text
		}
		return any(o.pattern(text).MatchString)
	case has("cidr"):
		p := netip.MustParsePrefix(text)
		return any(func(s string) bool {
			a, err := netip.ParseAddr(s)
			return err == nil && p.Contains(a.Unmap())
		})
	case has("fieldref"):
		others, _, _ := ev.texts(text)
		return any(func(s string) bool {
			return slices.ContainsFunc(others, func(other string) bool {
				lo, needle := strings.ToLower(s), strings.ToLower(other)
				switch {
				case has("contains"):
					return strings.Contains(lo, needle)
				case has("startswith"):
					return strings.HasPrefix(lo, needle)
				case has("endswith"):
					return strings.HasSuffix(lo, needle)
				}
				return lo == needle
			})
		})
	case has("hour"):
		return any(func(s string) bool {
			t, err := time.Parse(time.RFC3339, s)
			return err == nil && strconv.Itoa(t.Hour()) == text
		})
	}
	for _, op := range []string{"lt", "lte", "gt", "gte"} {
		if has(op) {
			want, _ := strconv.ParseFloat(text, 64)
			return any(func(s string) bool {
				have, err := strconv.ParseFloat(s, 64)
				return err == nil && (op == "lt" && have < want || op == "lte" && have <= want ||
					op == "gt" && have > want || op == "gte" && have >= want)
			})
		}
	}
	return slices.ContainsFunc(encode(text, mods, name == ""), func(p string) bool {
		need := o.needs(p)
		return any(func(s string) bool {
			// Compiled regular expressions are slow; most texts are plain to see not to match.
			return (need == "" || !ascii(s) || strings.Contains(strings.ToLower(s), need)) && o.pattern(p).MatchString(s)
		})
	})
}

var word = regexp.MustCompile(`[0-9A-Za-z]+`)

// needs returns a run of letters and digits that texts matching p hold.
func (o *oracle) needs(p string) string {
	need, ok := o.need[p]
	if !ok {
		_, body, _ := strings.Cut(p, ")")
		for _, w := range word.FindAllString(body, -1) {
			if len(w) > len(need) {
				need = strings.ToLower(w)
			}
		}
		o.need[p] = need
	}
	return need
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

func (o *oracle) pattern(p string) *regexp.Regexp {
	re := o.patterns[p]
	if re == nil {
		re = regexp.MustCompile(p)
		o.patterns[p] = re
	}
	return re
}

// encode applies the text modifiers and returns one regular expression for each
// text that the value becomes.
func encode(text string, mods []string, keyword bool) []string {
	flags := "(?is)"
	if slices.Contains(mods, "cased") {
		flags = "(?s)"
	}
	texts := []string{text}
	before, after := "^", "$"
	if keyword {
		before, after = "", ""
	}
	for _, m := range mods {
		var next []string
		for _, s := range texts {
			switch m {
			case "contains":
				before, after = "", ""
			case "startswith":
				after = ""
			case "endswith":
				before = ""
			case "wide", "utf16le":
				s = widen(s)
			case "base64":
				s = base64.StdEncoding.EncodeToString([]byte(s))
			case "base64offset":
				for i := range 3 {
					e := base64.StdEncoding.EncodeToString([]byte("   "[:i] + s))
					e = e[[]int{0, 2, 3}[i]:]
					// A part of no length would match everything.
					if e = e[:max(0, len(e)-[]int{0, 3, 2}[(len(s)+i)%3])]; e != "" {
						next = append(next, e)
					}
				}
				continue
			case "windash":
				next = append(next, dashed(s)...)
				continue
			}
			next = append(next, s)
		}
		texts = next
	}
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = flags + before + wildcards(s) + after
	}
	return out
}

func widen(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte(c)
		b.WriteByte(0)
	}
	return b.String()
}

var option = regexp.MustCompile(`(^|[^0-9A-Za-z_])[-/–—―]([0-9A-Za-z_])`)

// dashed replaces the first dash of an option, and so on with the rest.
func dashed(s string) []string {
	at := option.FindStringSubmatchIndex(s)
	if at == nil {
		return []string{s}
	}
	head, tail := s[:at[3]], s[at[4]:]
	var out []string
	for _, rest := range dashed(tail) {
		for _, d := range []string{"-", "/", "–", "—", "―"} {
			out = append(out, head+d+rest)
		}
	}
	return out
}

// wildcards makes a regular expression of a Sigma text.
func wildcards(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.ContainsRune(`*?\`, rune(s[i+1])):
			i++
			b.WriteString(regexp.QuoteMeta(s[i : i+1]))
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(s[i : i+1]))
		}
	}
	return b.String()
}
