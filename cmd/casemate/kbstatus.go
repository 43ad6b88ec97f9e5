package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/report"
)

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
