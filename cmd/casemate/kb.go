package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// importWait is how long an import waits for another one.
const importWait = time.Minute

// namedFaults is how many faults of a file are kept for -v.
const namedFaults = 10_000

type kbCmd struct {
	Import kbImportCmd `cmd:"" help:"Import what others publish: ATT&CK, CWE, CAPEC, NVD, CVE, EPSS, KEV, D3FEND, Sigma, atomics, YARA, OSCAL, mappings."`
	Status kbStatusCmd `cmd:"" help:"Tell what is imported, how old it is, and what answers lack."`
	Show   kbShowCmd   `cmd:"" help:"Show one entry and its relations."`
	Search kbSearchCmd `cmd:"" help:"Search the text of everything imported."`
}

type kbImportCmd struct {
	dataFlag
	Files   []string `arg:"" name:"file" help:"Files or folders, plain, .gz or .zip, whose content decides what they are; - for standard input."`
	Force   bool     `help:"Replace a newer edition by an older one, or a collection by a part of it."`
	Add     bool     `help:"Add rules, tests, controls and mappings to those that are there, instead of replacing them."`
	JSON    bool     `help:"Print one JSON document."`
	Verbose bool     `short:"v" help:"Name everything that could not be used."`
}

// Run imports all files, or none.
func (c *kbImportCmd) Run(s *streams) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	lib, err := library.Open(dir, library.Options{Write: true, Wait: importWait})
	if err != nil {
		return err
	}
	defer lib.Close()
	bar := newProgress(s.stderr, c.Files)
	opt := library.ImportOptions{Stdin: s.stdin, Force: c.Force, Add: c.Add, Progress: bar.showImport}
	if c.Verbose {
		opt.MaxNamed = namedFaults
	}
	rep, err := lib.Import(s.ctx, c.Files, opt)
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, rep, true)
	} else {
		err = writeImport(s.stdout, rep)
	}
	if err != nil {
		return err
	}
	tellMissing(s.stderr, rep, c.Verbose)
	tellFaults(s.stderr, rep.Faults, rep.FaultCount, c.Verbose)
	if rep.FaultCount > 0 {
		return exitRequest(exitIncomplete)
	}
	return nil
}

// showImport shows how far an import has come.
func (p progress) showImport(at library.Progress) {
	if p.bar == nil {
		return
	}
	if at.Total > 0 {
		p.bar.Describe(fmt.Sprintf("indexing %d of %d", at.Done, at.Total))
	} else {
		p.bar.Describe(fmt.Sprintf("reading, %d entries and relations", at.Taken))
	}
	p.update(at.Bytes)
}

// writeImport says what an import did, for a person.
func writeImport(w io.Writer, rep *library.ImportReport) error {
	t := newTable("publication", "version", "date", "entries", "relations", "added", "changed", "removed", "revoked")
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, c := range rep.Changes {
		t.row(c.Name, orDash(c.Version), orDash(c.Date), c.Entries, c.Relations, c.Added, c.Changed, c.Removed, c.Revoked)
		switch {
		case c.Same:
			note("%s: these bytes were there already; nothing was done", c.Name)
		case c.Before != "":
			note("%s: was at %s before", c.Name, c.Before)
		}
		if c.Older > 0 {
			note("%s: records left out, as newer ones are there: %d", c.Name, c.Older)
		}
		if c.Removed > 0 {
			note("%s: gone are %s%s", c.Name, strings.Join(c.Gone, ", "), more(c.Removed-len(c.Gone)))
		}
		if c.Remapped > 0 {
			note("%s: outdated ids that lead to what replaced them: %d", c.Name, c.Remapped)
		}
		if c.Dangling > 0 {
			note("%s: relations that lead to what is not loaded: %d", c.Name, c.Dangling)
		}
	}
	if rep.Repeated > 0 {
		note("entries that were in several files, the first of which was kept: %d", rep.Repeated)
	}
	if rep.UnknownCount > 0 {
		note("files in folders or archives that hold nothing known, passed over: %s%s", strings.Join(first(rep.Unknown), ", "), more(rep.UnknownCount-len(first(rep.Unknown))))
	}
	t.write(w)
	for _, n := range notes {
		fmt.Fprintln(w, report.Terminal(n))
	}
	_, err := fmt.Fprintf(w, "edition %.16s\n", rep.Edition)
	return err
}

// tellMissing says on stderr which objects relations name and nobody brought.
func tellMissing(w io.Writer, rep *library.ImportReport, all bool) {
	if rep.MissingCount == 0 {
		return
	}
	names := rep.Missing
	if !all {
		names = first(names)
	}
	for _, n := range names {
		fmt.Fprintln(w, "casemate: missing:", report.Terminal(n))
	}
	if rest := rep.MissingCount - len(names); rest > 0 {
		fmt.Fprintf(w, "casemate: missing: and %d more (-v names them)\n", rest)
	}
	fmt.Fprintln(w, "casemate: relations that name what is missing were kept as they are")
}

const firstNames = 3

func first(names []string) []string { return names[:min(len(names), firstNames)] }

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
