package knowledge

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxFields is one more than the widest row has, so that a row that is too
	// wide is seen as such.
	maxFields = 12
	// maxID is longer than any id of any catalogue: CVE-2018-1000861 has 16 bytes.
	maxID = 24
)

// errRow is a row of an unknown kind or with a wrong number of fields.
var errRow = errors.New("unknown kind of row, or a wrong number of fields")

// eachRow calls f for every line: its first byte, then its fields, which are
// parts of text and stand in a slice that the next call overwrites.
func eachRow(text string, f func(kind byte, fields []string) error) error {
	var fields [maxFields]string
	for line := 1; text != ""; line++ {
		row, rest, ended := strings.Cut(text, "\n")
		if !ended || len(row) < 2 || row[1] != '\t' {
			return fmt.Errorf("line %d: %w", line, errRow)
		}
		n, more := 0, true
		for cell := row[2:]; more && n < maxFields; n++ {
			fields[n], cell, more = strings.Cut(cell, "\t")
		}
		if more {
			return fmt.Errorf("line %d: %w", line, errRow)
		}
		if err := f(row[0], fields[:n]); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		text = rest
	}
	return nil
}

// lists splits fields that repeat often, such as the platforms of a technique,
// and returns the same slice for the same text.
type lists map[string][]string

func (l lists) split(field, separator string) []string {
	if field == "" {
		return nil
	}
	s, ok := l[field]
	if !ok {
		s = slices.Clip(strings.Split(field, separator))
		l[field] = s
	}
	return s
}

// number reads a count that is not negative.
func number(field string) (int, error) {
	n, err := strconv.ParseUint(field, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("read number %q: %w", field, errRow)
	}
	return int(n), nil
}

// index finds an entry by its id in any case, without allocating.
func index(m map[string]int32, id string) (int32, bool) {
	var buf [maxID]byte
	if len(id) > maxID {
		return 0, false
	}
	for i := range len(id) {
		c := id[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	i, ok := m[string(buf[:len(id)])]
	return i, ok
}

// add enters an id, which a catalogue must not hold twice.
func add(m map[string]int32, id string, i int) error {
	if _, twice := m[id]; twice || id == "" || len(id) > maxID {
		return fmt.Errorf("id %q is empty, too long or there twice", id)
	}
	m[id] = int32(i)
	return nil
}
