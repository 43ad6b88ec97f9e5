// Command run holds the grammar package against the public JSON Schema Test
// Suite, draft 2020-12, and prints a table by keyword.
//
//	go run ./conformance/jsonschema/run [-v] FOLDER
//
// FOLDER is a copy of https://github.com/json-schema-org/JSON-Schema-Test-Suite.
// It exits with 1 if an invalid instance is accepted.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// group is a schema of the suite and what it says of some instances.
type group struct {
	Description string         `json:"description"`
	Schema      jsontext.Value `json:"schema"`
	Tests       []struct {
		Description string         `json:"description"`
		Data        jsontext.Value `json:"data"`
		Valid       bool           `json:"valid"`
	} `json:"tests"`
}

// row is a line of the table.
type row struct {
	name                              string
	groups, compiled, refused         int
	agree, narrower, disagree, untold int
}

func main() {
	verbose := flag.Bool("v", false, "name the schemas that are refused and the instances that are not produced")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: run [-v] FOLDER")
		os.Exit(2)
	}
	rows, err := run(filepath.Join(flag.Arg(0), "tests", "draft2020-12"), *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(3)
	}
	if print(rows) > 0 {
		os.Exit(1)
	}
}

func run(root string, verbose bool) ([]row, error) {
	var rows []row
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var groups []group
		if err := json.Unmarshal(src, &groups, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		name, _ := filepath.Rel(root, path)
		r := row{name: strings.TrimSuffix(filepath.ToSlash(name), ".json")}
		for _, g := range groups {
			r.check(g, verbose)
		}
		rows = append(rows, r)
		return nil
	})
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(strings.Count(a.name, "/"), strings.Count(b.name, "/")), cmp.Compare(a.name, b.name))
	})
	return rows, err
}

// check compares one group. A schema that nothing satisfies is compiled: it
// accepts no instance.
func (r *row) check(g group, verbose bool) {
	r.groups++
	s, err := grammar.Compile(g.Schema, grammar.Options{Open: true})
	nothing := errors.Is(err, grammar.ErrNothing)
	if err != nil && !nothing {
		r.refused++
		if verbose {
			fmt.Printf("refused   %s: %s: %v\n", r.name, g.Description, err)
		}
		return
	}
	r.compiled++
	for _, t := range g.Tests {
		forms, ok := spellings(t.Data)
		if !ok {
			r.untold++
			continue
		}
		accepted := !nothing && slices.ContainsFunc(forms, func(doc []byte) bool { return s.Validate(doc) == nil })
		switch {
		case accepted == t.Valid:
			r.agree++
		case t.Valid:
			r.narrower++
			if verbose {
				fmt.Printf("narrower  %s: %s: %s: %s\n", r.name, g.Description, t.Description, t.Data)
			}
		default:
			r.disagree++
			fmt.Printf("DISAGREE  %s: %s: %s: %s is accepted\n", r.name, g.Description, t.Description, t.Data)
		}
	}
}

// maxSpellings bounds the orders of properties that are tried.
const maxSpellings = 20000

// spellings writes an instance in the form that the grammar produces: compact,
// numbers without exponents and needless zeros, strings with no needless
// escapes. The order of properties is the schema's, which is not known here, so
// the instance is written in every order; it counts as accepted if one is. It
// returns false for an instance with too many orders, or that is no Unicode.
func spellings(data jsontext.Value) ([][]byte, bool) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	return write(d)
}

func write(d *jsontext.Decoder) ([][]byte, bool) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, false
	}
	switch token.Kind() {
	case '[':
		return sequence(d, ']')
	case '{':
		return sequence(d, '}')
	case '0':
		s, ok := decimal(token.String())
		return [][]byte{[]byte(s)}, ok
	case '"':
		return [][]byte{quote(token.String())}, true
	}
	return [][]byte{[]byte(token.String())}, true
}

// sequence writes an array, or an object in every order.
func sequence(d *jsontext.Decoder, end jsontext.Kind) ([][]byte, bool) {
	parts, ok := elements(d, end)
	if !ok {
		return nil, false
	}
	orders, ok := arrangements(len(parts), end == '}')
	if !ok {
		return nil, false
	}
	var out [][]byte
	for _, o := range orders {
		docs := [][]byte{{byte(end) - 2}}
		for n, i := range o {
			var next [][]byte
			for _, doc := range docs {
				for _, p := range parts[i] {
					if n > 0 {
						p = append([]byte{','}, p...)
					}
					next = append(next, slices.Concat(doc, p))
				}
			}
			if docs = next; len(docs)+len(out) > maxSpellings {
				return nil, false
			}
		}
		for _, doc := range docs {
			out = append(out, append(doc, byte(end)))
		}
	}
	return out, true
}

// elements reads the items of an array, or the properties of an object, each in
// all its spellings.
func elements(d *jsontext.Decoder, end jsontext.Kind) (parts [][][]byte, ok bool) {
	for d.PeekKind() != end {
		var name []byte
		if end == '}' {
			token, err := d.ReadToken()
			if err != nil {
				return nil, false
			}
			name = append(quote(token.String()), ':')
		}
		part, ok := write(d)
		if !ok {
			return nil, false
		}
		for i := range part {
			part[i] = slices.Concat(name, part[i])
		}
		parts = append(parts, part)
	}
	_, err := d.ReadToken()
	return parts, err == nil
}

// arrangements returns the orders of n things: all, or the one they are in.
func arrangements(n int, all bool) ([][]int, bool) {
	orders := [][]int{{}}
	for i := range n {
		var next [][]int
		for _, o := range orders {
			if !all {
				next = append(next, append(o, i))
				continue
			}
			for at := range len(o) + 1 {
				next = append(next, slices.Insert(slices.Clone(o), at, i))
			}
		}
		if orders = next; len(orders) > maxSpellings {
			return nil, false
		}
	}
	return orders, true
}

// quote spells a string with the fewest escapes.
func quote(s string) []byte {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return []byte(`"`)
	}
	return b
}

// decimal writes a JSON number without an exponent, a needless zero, or the sign
// of -0. It returns false for one of more than a thousand digits.
func decimal(s string) (string, bool) {
	s, neg := strings.CutPrefix(s, "-")
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		if _, err := fmt.Sscan(strings.TrimPrefix(s[i+1:], "+"), &exponent); err != nil || exponent > 1000 || exponent < -1000 {
			return "", false
		}
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	for ; exponent > 0; exponent-- {
		if frac == "" {
			frac = "0"
		}
		whole, frac = whole+frac[:1], frac[1:]
	}
	for ; exponent < 0; exponent++ {
		if whole == "" {
			whole = "0"
		}
		whole, frac = whole[:len(whole)-1], whole[len(whole)-1:]+frac
	}
	whole, frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	if whole == "" {
		whole = "0"
	}
	if frac != "" {
		whole += "." + frac
	}
	if neg && whole != "0" {
		whole = "-" + whole
	}
	return whole, true
}

// print writes the table and returns how many verdicts are wrong.
func print(rows []row) int {
	total := row{name: "all"}
	fmt.Println("| file | groups | compiled | refused | instances agree | narrower | disagree | not told |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|---:|")
	line := func(r row) {
		fmt.Printf("| %s | %d | %d | %d | %d | %d | %d | %d |\n", r.name, r.groups, r.compiled, r.refused, r.agree, r.narrower, r.disagree, r.untold)
	}
	for _, r := range rows {
		line(r)
		total.groups += r.groups
		total.compiled += r.compiled
		total.refused += r.refused
		total.agree += r.agree
		total.narrower += r.narrower
		total.disagree += r.disagree
		total.untold += r.untold
	}
	line(total)
	return total.disagree
}
