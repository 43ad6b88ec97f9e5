package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// researchView is the view whose tree gives weaknesses their parents.
const researchView = "1000"

type weakness struct {
	ID                string
	Name              string
	Abstraction       string
	Status            string
	RelatedWeaknesses []struct{ Nature, CweID, ViewID, Ordinal string }
	MappingNotes      struct{ Usage string }
	ContentHistory    []struct{ SubmissionReleaseDate, ModificationReleaseDate, ModificationDate string }

	number int
}

// readCWE reads the weaknesses, one JSON object a line.
func readCWE(folder string, sets *rows) (*rows, error) {
	path, version, err := versioned(folder, "cwe-", ".jsonl.gz")
	if err != nil {
		return nil, err
	}
	data, err := readGzip(path)
	if err != nil {
		return nil, err
	}
	var list []weakness
	newest := ""
	for line := range bytes.Lines(data) {
		var w weakness
		if err := json.Unmarshal(line, &w); err != nil {
			return nil, fmt.Errorf("parse %s: weakness %d: %w", path, len(list)+1, err)
		}
		if w.number, err = strconv.Atoi(w.ID); err != nil || w.number <= 0 || w.Name == "" || w.Abstraction == "" {
			return nil, fmt.Errorf("parse %s: weakness %d has id %q, name %q", path, len(list)+1, w.ID, w.Name)
		}
		for _, h := range w.ContentHistory {
			newest = max(newest, day(h.ModificationDate), day(h.ModificationReleaseDate), day(h.SubmissionReleaseDate))
		}
		list = append(list, w)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("parse %s: no weaknesses", path)
	}
	slices.SortFunc(list, func(x, y weakness) int { return cmp.Compare(x.number, y.number) })
	out := &rows{}
	for _, w := range list {
		out.add('W', strconv.Itoa(w.number), clean(w.Name), w.Abstraction, w.Status, w.MappingNotes.Usage, out.list(w.parents(), ","))
	}
	sets.dataset("cwe", "Common Weakness Enumeration", version, newest, len(list), data)
	return out, nil
}

// parents returns the numbers of the parents in the research view, the primary first.
func (w weakness) parents() []string {
	var primary, others []string
	for _, r := range w.RelatedWeaknesses {
		switch {
		case r.Nature != "ChildOf" || r.ViewID != researchView:
		case r.Ordinal == "Primary":
			primary = append(primary, r.CweID)
		default:
			others = append(others, r.CweID)
		}
	}
	return append(primary, others...)
}
