// Command knowledge-facts writes the embedded catalogue of facts from the data
// sets as their publishers distribute them. It is run by hand when a data set
// has a new release; Casemate itself does not contain it.
//
//	go run ./cmd/knowledge-facts --from ../shared/data --out internal/security/knowledge/facts.bin
//
// Its output depends on its input alone, to the byte.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns 0, 2 for wrong use or 3 for a fault.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("knowledge-facts", flag.ContinueOnError)
	flags.SetOutput(stderr)
	from := flags.String("from", filepath.Join("..", "shared", "data"), "`folder` of the data sets")
	out := flags.String("out", "", "`file` to write")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *out == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "knowledge-facts: error: --out is needed, and nothing but flags")
		return 2
	}
	data, err := generate(*from)
	if err == nil {
		err = report(stdout, data)
	}
	if err == nil {
		err = replace(*out, data)
	}
	if err != nil {
		fmt.Fprintln(stderr, "knowledge-facts: error:", err)
		return 3
	}
	return 0
}

// generate reads all data sets and packs their facts.
func generate(folder string) ([]byte, error) {
	var sets rows
	a, err := readAttack(filepath.Join(folder, "attack"), &sets)
	if err != nil {
		return nil, err
	}
	weaknesses, err := readCWE(filepath.Join(folder, "knowledge"), &sets)
	if err != nil {
		return nil, err
	}
	exploited, err := readKEV(filepath.Join(folder, "cve"), &sets)
	if err != nil {
		return nil, err
	}
	defences, err := readD3FEND(filepath.Join(folder, "knowledge"), a, &sets)
	if err != nil {
		return nil, err
	}
	parts := []struct {
		name string
		rows *rows
	}{
		{knowledge.SectionVersions, &sets},
		{knowledge.SectionAttack, a.attackRows()},
		{knowledge.SectionCollect, a.collectRows()},
		{knowledge.SectionActors, a.actorRows()},
		{knowledge.SectionCWE, weaknesses},
		{knowledge.SectionKEV, exploited},
		{knowledge.SectionD3FEND, defences},
	}
	var sections []knowledge.Section
	for _, p := range parts {
		if p.rows.err != nil {
			return nil, fmt.Errorf("write section %q: %w", p.name, p.rows.err)
		}
		sections = append(sections, knowledge.Section{Name: p.name, Text: p.rows.text.Bytes()})
	}
	data, err := knowledge.Pack(sections)
	if err != nil {
		return nil, err
	}
	// What cannot be read back must not replace what can.
	c, err := knowledge.Open(data)
	if err != nil {
		return nil, err
	}
	return data, c.Verify()
}

// report says what the catalogue holds.
func report(w io.Writer, data []byte) error {
	c, err := knowledge.Open(data)
	if err != nil {
		return err
	}
	for _, d := range c.Versions() {
		if _, err := fmt.Fprintf(w, "%-18s %-11s %-10s %5d\n", d.Key, d.Version, d.Date, d.Count); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "%d bytes, digest %s\n", len(data), c.Digest())
	return err
}

// replace writes the file beside its target first, so that a fault leaves the
// old one whole.
func replace(path string, data []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, data, 0o644); err != nil {
		return fmt.Errorf("write catalogue: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write catalogue: %w", err)
	}
	return nil
}
