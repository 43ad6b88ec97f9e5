// Command walk writes documents at random that the grammar package produces for
// the schemas of the JSON Schema Test Suite, so that walks.py can hold them
// against another validator.
//
//	go run ./conformance/jsonschema/walk [-n 20] [-seed 1] FOLDER
//
// A line is {"schema", "document"}. Bytes are drawn evenly from those that the
// mask of a vocabulary of single bytes allows; a document ends as soon as it
// may once it is long.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

func main() {
	n := flag.Int("n", 20, "documents of each schema")
	seed := flag.Uint64("seed", 1, "what the documents are drawn by")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: walk [-n 20] [-seed 1] FOLDER")
		os.Exit(2)
	}
	if err := walkAll(filepath.Join(flag.Arg(0), "tests", "draft2020-12"), *n, rand.New(rand.NewPCG(*seed, 0))); err != nil {
		fmt.Fprintln(os.Stderr, "walk:", err)
		os.Exit(3)
	}
}

// walkAll goes through the files of the suite but those of optional parts.
func walkAll(root string, n int, rng *rand.Rand) error {
	tokens := make([][]byte, 257)
	for b := range 256 {
		tokens[b] = []byte{byte(b)}
	}
	v, err := grammar.NewVocabulary(tokens, []int{256})
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, "*.json"))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for _, path := range files {
		schemas, err := read(path)
		if err != nil {
			return err
		}
		for _, src := range schemas {
			if err := walkOne(out, v, src, n, rng); err != nil {
				return fmt.Errorf("%s: schema %s: %w", path, src, err)
			}
		}
	}
	return out.Flush()
}

// read returns the schemas of a file of the suite.
func read(path string) ([]jsontext.Value, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var groups []struct {
		Schema jsontext.Value `json:"schema"`
	}
	if err := json.Unmarshal(src, &groups, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var out []jsontext.Value
	for _, g := range groups {
		out = append(out, g.Schema)
	}
	return out, nil
}

// walkOne writes n documents of a schema, none if it is refused.
func walkOne(out *bufio.Writer, v *grammar.Vocabulary, src jsontext.Value, n int, rng *rand.Rand) error {
	s, err := grammar.Compile(src, grammar.Options{Open: true, Limits: grammar.Limits{MaxDepth: 8, MaxItems: 8, MaxString: 20, MaxProperties: 6}})
	if err != nil {
		return nil // what is refused is counted by run
	}
	g, err := s.Bind(v)
	if err != nil {
		return err
	}
	for range n {
		doc, err := walk(g.Start(), rng)
		if err != nil {
			return err
		}
		line, err := json.Marshal(map[string]any{"schema": src, "document": string(doc)})
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// walk draws one document. The longer it is, the more likely are bytes that
// close what is open.
func walk(m *grammar.Matcher, rng *rand.Rand) ([]byte, error) {
	var doc []byte
	for {
		mask := m.Mask()
		var may []int
		for id := range 257 {
			if mask[id/64]>>(id%64)&1 == 1 {
				may = append(may, id)
			}
		}
		if len(may) == 0 {
			return nil, fmt.Errorf("nothing may follow %q", doc)
		}
		id := may[rng.IntN(len(may))]
		if rng.IntN(200) < len(doc) {
			for _, end := range []int{256, '}', ']', '"'} {
				if mask[end/64]>>(end%64)&1 == 1 {
					id = end
					break
				}
			}
		}
		if err := m.Accept(id); err != nil {
			return nil, err
		}
		if id == 256 {
			return doc, nil
		}
		doc = append(doc, byte(id))
	}
}
