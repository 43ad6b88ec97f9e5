package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/openbook"
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
	Force   bool     `help:"Replace a newer edition by an older one, a collection by a part of it, or a whole edition by one with unreadable objects."`
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
	if err != nil {
		bar.done()
		return err
	}
	bar.describe("cutting passages for ask")
	book, bookErr := openbook.Attach(s.ctx, lib)
	bar.done()
	if c.JSON {
		err = writeJSON(s.stdout, rep, true)
	} else {
		err = writeImport(s.stdout, rep, book)
	}
	if err != nil {
		return err
	}
	// The import stands, and ask makes up for it; a later import does so, too.
	if bookErr != nil && !errors.Is(bookErr, library.ErrStale) {
		fmt.Fprintf(s.stderr, "casemate: note: the index of passages was not kept, the next ask builds it: %s\n", report.Terminal(bookErr.Error()))
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
		p.describe(fmt.Sprintf("indexing %d of %d", at.Done, at.Total))
	} else {
		p.describe(fmt.Sprintf("reading, %d entries and relations", at.Taken))
	}
	p.update(at.Bytes)
}

// writeImport says what an import did, for a person.
func writeImport(w io.Writer, rep *library.ImportReport, book openbook.Size) error {
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
	if book.Sentences > 0 {
		fmt.Fprintf(w, "passages for ask: %d, of %d entries\n", book.Passages, book.Entries)
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

// oldDays is the age from which a publication's age is pointed out, by key. The
// others appear twice a year or less.
var oldDays = map[string]int{"kev": 14, "epss": 7, "nvd": 30, "cve": 30, "sigma": 180}

const oldCatalogue = 365

type kbStatusCmd struct {
	dataFlag
	AsOf    string `name:"as-of" placeholder:"YYYY-MM-DD" help:"The day to count ages to; default: today."`
	NoCheck bool   `name:"no-check" help:"Do not read the whole file to see whether it is sound."`
	JSON    bool   `help:"Print one JSON document."`
}

// kbStatus is what kb status says.
type kbStatus struct {
	Directory    string          `json:"directory"`
	AsOf         string          `json:"as_of"`
	Edition      string          `json:"edition,omitempty"`
	Bytes        int64           `json:"bytes"`
	Integrity    string          `json:"integrity"` // sound, not checked, or what is wrong
	Publications []heldStatus    `json:"publications"`
	Kinds        []library.Count `json:"kinds"`
	Remapped     int             `json:"remapped"`
	Dangling     int             `json:"dangling"`
	Lacks        []library.Lack  `json:"lacks"`
}

type heldStatus struct {
	library.Held
	AgeDays *int `json:"age_days"` // null where the publication states no date
	Old     bool `json:"old"`
}

// Run tells the state of the knowledge base. An empty one is no fault.
func (c *kbStatusCmd) Run(s *streams) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	if c.AsOf != "" {
		if day, err = time.Parse(time.DateOnly, c.AsOf); err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read --as-of %q: no such day", c.AsOf), Hint: "write it as 2025-01-31"}
		}
	}
	st := kbStatus{Directory: dir, AsOf: day.Format(time.DateOnly), Publications: []heldStatus{}, Kinds: []library.Count{}, Integrity: "sound"}
	lib, err := c.openLibrary()
	var damage error
	switch {
	case errors.Is(err, library.ErrEmpty):
		st.Lacks = library.Lacks(nil)
	case err != nil:
		return err
	default:
		defer lib.Close()
		if damage, err = st.read(s, lib, day, !c.NoCheck); err != nil {
			return err
		}
	}
	if c.JSON {
		err = writeJSON(s.stdout, st, true)
	} else {
		err = st.write(s.stdout)
	}
	if damage != nil {
		return damage
	}
	return err
}

// read fills in what a library holds. damage is what its check found.
func (st *kbStatus) read(s *streams, lib *library.Library, day time.Time, check bool) (damage, err error) {
	held, err := lib.Held(s.ctx)
	if err != nil {
		return nil, err
	}
	st.Edition, st.Lacks = lib.Edition(), library.Lacks(held)
	for _, h := range held {
		hs := heldStatus{Held: h}
		if released, err := time.Parse(time.DateOnly, h.Date); err == nil {
			age := int(day.Sub(released) / (24 * time.Hour))
			limit := oldDays[h.Key]
			if limit == 0 {
				limit = oldCatalogue
			}
			hs.AgeDays, hs.Old = &age, age > limit
		}
		st.Publications = append(st.Publications, hs)
		st.Dangling += h.Dangling
	}
	if st.Kinds, err = lib.Counts(s.ctx); err != nil {
		return nil, err
	}
	if st.Remapped, err = lib.Remapped(s.ctx); err != nil {
		return nil, err
	}
	if st.Bytes, err = lib.Size(); err != nil {
		return nil, err
	}
	if !check {
		st.Integrity = "not checked"
	} else if damage = lib.Check(s.ctx); damage != nil {
		st.Integrity = damage.Error()
	}
	return damage, nil
}

// write says it for a person.
func (st *kbStatus) write(w io.Writer) error {
	fmt.Fprintf(w, "knowledge base in %s\n", report.Terminal(st.Directory))
	if len(st.Publications) == 0 {
		fmt.Fprintln(w, "nothing is imported yet")
	} else {
		st.writeHeld(w)
	}
	if len(st.Lacks) > 0 {
		fmt.Fprintln(w, "\nanswers lack:")
		for _, k := range st.Lacks {
			fmt.Fprintf(w, "  %s\n    get %s\n", k.Effect, k.File)
		}
		fmt.Fprintln(w, "\nimport what you have with: casemate kb import FILE…")
	}
	return nil
}

func (st *kbStatus) writeHeld(w io.Writer) {
	t := newTable("publication", "version", "date", "age", "entries", "relations", "dangling", "files")
	for _, p := range st.Publications {
		age := "-"
		if p.AgeDays != nil {
			age = fmt.Sprintf("%d days", *p.AgeDays)
			if p.Old {
				age += ", old"
			}
		}
		t.row(p.Name, orDash(p.Version), orDash(p.Date), age, p.Entries, p.Relations, p.Dangling, p.Files)
	}
	t.write(w)
	k := newTable("kind", "entries", "standing")
	for _, c := range st.Kinds {
		k.row(c.Kind, c.Entries, c.Standing)
	}
	fmt.Fprintln(w)
	k.write(w)
	fmt.Fprintf(w, "\noutdated ids that lead to what replaced them: %d\nrelations that lead to what is not loaded: %d\n", st.Remapped, st.Dangling)
	fmt.Fprintf(w, "edition %s\n%.1f MB, %s; ages as of %s\n", st.Edition, float64(st.Bytes)/1e6, report.Terminal(st.Integrity), st.AsOf)
}

// The columns that a cell may take; the first of a row is its name.
const (
	maxName = 60
	maxCell = 24
)

// table is a plain table: numbers to the right, text to the left.
type table struct {
	head  []string
	rows  [][]string
	right []bool
}

func newTable(head ...string) *table { return &table{head: head, right: make([]bool, len(head))} }

// row adds a row of strings and integers.
func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		if _, number := c.(int); number {
			t.right[i] = true
		}
		limit := maxCell
		if i == 0 {
			limit = maxName
		}
		row[i] = report.TerminalFit(fmt.Sprint(c), limit)
	}
	t.rows = append(t.rows, row)
}

// write writes the table. What cannot be written shows at the next write.
func (t *table) write(w io.Writer) {
	width := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if t.right[i] {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
