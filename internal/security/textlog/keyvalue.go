package textlog

import (
	"strings"
)

// isKeyValue says whether a line begins with two pairs, or is one.
func isKeyValue(line string) bool {
	pairs := 0
	for i := 0; i < len(line) && i < 512; {
		key, _, end, ok := pair(line, i)
		if key == "" || !ok {
			return false
		}
		if pairs++; pairs == 2 {
			return true
		}
		for i = end; i < len(line) && separates(line[i]); i++ {
		}
		if i == len(line) {
			return true
		}
	}
	return false
}

// separates says whether c stands between two pairs.
func separates(c byte) bool { return c == ' ' || c == '\t' || c == ',' || c == ';' }

// pair reads one pair at line[i:], or a word without a value, which has no key.
func pair(line string, i int) (key, value string, end int, ok bool) {
	start := i
	for i < len(line) && line[i] != '=' && line[i] != ' ' && line[i] != '\t' && line[i] != '"' {
		i++
	}
	if i == start || i == len(line) || line[i] != '=' {
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
		return "", line[start:i], i, true
	}
	key = line[start:i]
	i++
	if i < len(line) && line[i] == '"' {
		value, end, ok = quoted(line, i+1, `"\`)
		return key, value, end, ok
	}
	start = i
	for i < len(line) && line[i] != ' ' && line[i] != '\t' && !(line[i] == ',' || line[i] == ';') {
		i++
	}
	// A comma inside a value belongs to it unless a pair or the end follows.
	for i < len(line) && line[i] != ' ' && line[i] != '\t' && !separated(line, i) {
		for i++; i < len(line) && line[i] != ' ' && line[i] != '\t' && line[i] != ',' && line[i] != ';'; i++ {
		}
	}
	return key, line[start:i], i, true
}

// maxKeyAhead is how far separated looks for an equals sign.
const maxKeyAhead = 64

// separated says whether the comma or semicolon at line[i] ends a pair.
func separated(line string, i int) bool {
	i++
	if i == len(line) || line[i] == ' ' || line[i] == '\t' {
		return true
	}
	for end := min(len(line), i+maxKeyAhead); i < end && keyByte(line[i]); i++ {
	}
	return i < len(line) && line[i] == '=' && keyByte(line[i-1])
}

// ParseKeyValue reads a line of key=value pairs, as logfmt and many devices write
// them, separated by spaces, tabs, commas or semicolons. A value in double
// quotes may hold anything; a backslash in it escapes a quote or a backslash.
// Words without an equals sign are the Body. A value whose quote never closes is
// an error.
func ParseKeyValue(line string) (Message, error) {
	m, err := readKeyValue(line)
	return m.whole(line, err)
}

func readKeyValue(line string) (Message, error) {
	m := Message{Kind: KeyValue}
	if err := tooLong(KeyValue, line); err != nil {
		return m, err
	}
	var words []string
	for i := 0; i < len(line); {
		if separates(line[i]) {
			i++
			continue
		}
		key, value, end, ok := pair(line, i)
		switch {
		case !ok:
			return m, fail(KeyValue, i+len(key)+1, "the value has no end")
		case len(m.Fields) >= MaxFields:
			return m, fail(KeyValue, i, "too many fields")
		case key == "":
			words = append(words, value)
		default:
			m.Fields = append(m.Fields, Field{key, value})
		}
		i = end
	}
	m.Body = strings.Join(words, " ")
	if len(m.Fields) == 0 {
		return m, fail(KeyValue, 0, "want a key and an equals sign")
	}
	return m, nil
}
