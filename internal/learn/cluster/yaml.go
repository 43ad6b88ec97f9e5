package cluster

import (
	"fmt"
	"strconv"
	"strings"
)

// yaml writes the little YAML that configurations need: maps and lists of numbers,
// truth values and quoted strings, by indentation. Strings are quoted as JSON
// quotes them, which is YAML.
type yaml struct {
	b     strings.Builder
	depth int
	item  bool // the next line is the first of a list's item
}

// field writes "key: value".
func (y *yaml) field(key string, value any) {
	fmt.Fprintf(&y.b, "%s%s: %s\n", y.margin(), key, scalar(value))
}

// comment writes a line for people.
func (y *yaml) comment(text string) {
	fmt.Fprintf(&y.b, "%s# %s\n", y.margin(), text)
}

// under writes a map under a key.
func (y *yaml) under(key string, fields func()) {
	fmt.Fprintf(&y.b, "%s%s:\n", y.margin(), key)
	y.depth++
	fields()
	y.depth--
}

// only writes a list of one map under a key.
func (y *yaml) only(key string, fields func()) {
	y.under(key, func() {
		y.depth++
		y.item = true
		fields()
		y.depth--
	})
}

// margin returns what stands before a line's key.
func (y *yaml) margin() string {
	if y.item {
		y.item = false
		return strings.Repeat("  ", y.depth-1) + "- "
	}
	return strings.Repeat("  ", y.depth)
}

// scalar writes a value on one line.
func scalar(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return number(v)
	case string:
		return quoted(v)
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = quoted(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return quoted(fmt.Sprint(value))
}

// number writes a number so that YAML 1.1 reads one: with a dot, as 2e-4 alone
// would be a string to some readers.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quoted quotes a text so that it is one line of ASCII.
func quoted(s string) string { return strconv.QuoteToASCII(s) }
