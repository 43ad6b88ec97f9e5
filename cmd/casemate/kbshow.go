package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/report"
)

const (
	shownLinks = 15  // of one type, unless all are asked for
	shownText  = 160 // columns of a relation's text
)

type kbShowCmd struct {
	dataFlag
	ID   string `arg:"" help:"A published id: T1059.001, CWE-79, CVE-2024-3094, AC-2, a rule's UUID."`
	All  bool   `help:"Show every relation."`
	JSON bool   `help:"Print one JSON document."`
}

// shown is what kb show says as JSON.
type shown struct {
	Remap     *library.Remap `json:"remap,omitempty"`
	Entry     *feed.Entry    `json:"entry"`
	Relations []library.Link `json:"relations"`
	Edition   string         `json:"edition"`
}

// Run shows one entry.
func (c *kbShowCmd) Run(s *streams) error {
	lib, err := c.openLibrary()
	if err != nil {
		return errNoLibrary(err)
	}
	defer lib.Close()
	e, remap, err := lib.Entry(s.ctx, c.ID)
	if errors.Is(err, library.ErrNotFound) {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("the knowledge base has no entry %q", c.ID), Hint: "casemate kb search finds entries by their words; casemate kb status tells what is imported"}
	}
	if err != nil {
		return err
	}
	links, err := lib.Links(s.ctx, e.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, shown{remap, e, links, lib.Edition()}, true)
	}
	if remap != nil {
		fmt.Fprintln(s.stdout, report.Terminal(remap.String())+"\n")
	}
	writeEntry(s.stdout, e)
	return c.writeLinks(s, lib, e.ID, links)
}

// writeEntry writes an entry for a person.
func writeEntry(w io.Writer, e *feed.Entry) {
	title := e.ID + "  " + e.Name
	if e.Name == e.ID { // a vulnerability without a title
		title = e.ID
	}
	fmt.Fprintf(w, "%s\n%s", report.Terminal(title), e.Kind)
	for _, fact := range [...]string{e.Domain, e.Status, labelled("modified", e.Modified), labelled("part of", e.Parent)} {
		if fact != "" {
			fmt.Fprint(w, ", ", report.Terminal(fact))
		}
	}
	fmt.Fprintln(w)
	if len(e.Aliases) > 0 {
		fmt.Fprintln(w, "also:", report.Terminal(strings.Join(e.Aliases, ", ")))
	}
	var keys []string
	values := map[string][]string{}
	for _, f := range e.Fields {
		if values[f.Key] == nil {
			keys = append(keys, f.Key)
		}
		values[f.Key] = append(values[f.Key], f.Value)
	}
	for _, k := range keys {
		fmt.Fprintf(w, "%s: %s\n", report.Terminal(k), report.Terminal(strings.Join(values[k], ", ")))
	}
	for _, sec := range e.Sections {
		fmt.Fprintf(w, "\n%s\n", strings.ToUpper(report.Terminal(sec.Name)))
		for line := range strings.Lines(sec.Text) {
			fmt.Fprintln(w, report.Terminal(strings.TrimRight(line, "\r\n")))
		}
	}
}

func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}

// writeLinks writes relations by type, and says which ids were remapped.
func (c *kbShowCmd) writeLinks(s *streams, lib *library.Library, id string, links []library.Link) error {
	counts := map[string]int{}
	for _, k := range links {
		counts[k.Type]++
	}
	last, written := "", 0
	for _, k := range links {
		if k.Type != last {
			fmt.Fprintf(s.stdout, "\n%s (%d)\n", strings.ToUpper(report.Terminal(k.Type)), counts[k.Type])
			last, written = k.Type, 0
		}
		if written++; !c.All && written > shownLinks {
			if written == shownLinks+1 {
				fmt.Fprintf(s.stdout, "  and %d more (--all shows them)\n", counts[k.Type]-shownLinks)
			}
			continue
		}
		if err := writeLink(s, lib, id, k); err != nil {
			return err
		}
	}
	return nil
}

func writeLink(s *streams, lib *library.Library, id string, k library.Link) error {
	line, was, far := "-> "+k.To, k.WasTo, k.To
	if k.To == id {
		line, was, far = "<- "+k.From, k.WasFrom, k.From
	}
	e, _, err := lib.Entry(s.ctx, far)
	switch {
	case err == nil && e.Name != far:
		line += " " + e.Name
	case errors.Is(err, library.ErrNotFound):
		line += " (not loaded)"
	case err != nil:
		return err
	}
	if was != "" {
		line += " (given as " + was + ")"
	}
	if k.To == id && k.WasTo != "" || k.To != id && k.WasFrom != "" {
		line += " (this one given as " + k.WasTo + k.WasFrom + ")"
	}
	if k.Text != "" {
		line += ": " + k.Text
	}
	_, err = fmt.Fprintln(s.stdout, " ", report.TerminalFit(line, shownText))
	return err
}

type kbSearchCmd struct {
	dataFlag
	Query []string `arg:"" help:"Words; all of them rank, none is syntax."`
	Kind  []string `placeholder:"KIND" help:"Only entries of these kinds (technique, group, weakness, …), or relation."`
	Limit int      `default:"10" help:"How many passages to show."`
	JSON  bool     `help:"Print one JSON document."`
}

// Run searches everything.
func (c *kbSearchCmd) Run(s *streams) error {
	if strings.TrimSpace(strings.Join(c.Query, " ")) == "" {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "search needs a word", Hint: "try: casemate kb search scheduled task"}
	}
	if c.Limit < 1 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--limit %d", c.Limit), Hint: "give a number from 1"}
	}
	lib, err := c.openLibrary()
	if err != nil {
		return errNoLibrary(err)
	}
	defer lib.Close()
	hits, err := lib.Search(s.ctx, strings.Join(c.Query, " "), library.SearchOptions{Kinds: c.Kind, Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, map[string]any{"hits": hits, "edition": lib.Edition()}, true)
	}
	if len(hits) == 0 {
		_, err := fmt.Fprintln(s.stdout, "nothing found")
		return err
	}
	for i, h := range hits {
		title := titled(h.EntryID, h.Name)
		if h.Kind == library.KindRelation {
			title += " " + h.Section + " " + h.To
		}
		fmt.Fprintf(s.stdout, "%d. %s  [%s]  %.1f\n   %s\n", i+1, report.Terminal(title), report.Terminal(labelled(h.Kind, h.Section)), h.Score, report.TerminalFit(strings.Join(strings.Fields(h.Text), " "), 2*shownText))
	}
	return nil
}

// titled joins an id and a name. Some entries have no name but their id.
func titled(id, name string) string {
	if id == name {
		return id
	}
	return strings.TrimSpace(id + " " + name)
}
