package mapping

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// tableHeader names the columns of the CSV file.
var tableHeader = []string{"file", "kind", "sentence_number", "page", "line", "technique", "name", "tactics", "p", "document_p", "state", "words", "by", "was", "sentence"}

// WriteCSV writes one row for each sentence and technique that it shows.
// document_p is the probability that the whole document shows the technique;
// state is "found", or "unsure" where that lies below the threshold. Cells that
// a spreadsheet would run as a formula are guarded by an apostrophe.
func WriteCSV(w io.Writer, results []*Result, all bool) error {
	out := csv.NewWriter(w)
	c := knowledge.Embedded()
	err := out.Write(tableHeader)
	for _, r := range results {
		states := documentStates(r)
		for i := range r.Sentences {
			s := &r.Sentences[i]
			for j := range s.Techniques {
				h := &s.Techniques[j]
				state := states[h.ID]
				if err != nil || state.name != "found" && !all {
					continue
				}
				err = out.Write(tableRow(r, s, h, state, c))
			}
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// documentState is what a document as a whole says of a technique.
type documentState struct {
	name string // found or unsure
	p    float64
}

// documentStates returns what a document says of each of its techniques; one
// that stands with a sentence alone is unsure.
func documentStates(r *Result) map[string]documentState {
	out := map[string]documentState{}
	for _, s := range r.Sentences {
		for _, h := range s.Techniques {
			out[h.ID] = documentState{"unsure", max(out[h.ID].p, h.P)}
		}
	}
	for _, f := range r.Unsure {
		out[f.ID] = documentState{"unsure", f.P}
	}
	for _, f := range r.Techniques {
		out[f.ID] = documentState{"found", f.P}
	}
	return out
}

func tableRow(r *Result, s *Sentence, h *Hit, state documentState, c *knowledge.Catalogue) []string {
	count := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	p := func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
	row := []string{r.Path, r.Kind, count(s.Number), count(s.Page), count(s.Line), h.ID, h.Name, strings.Join(tacticsOf(r, h.ID, c), " "),
		p(h.P), p(state.p), state.name, spanWords(h), strings.Join(h.By, " "), h.Was, s.Text}
	for i := range row {
		row[i] = report.CSVCell(row[i])
	}
	return row
}

// tacticsOf returns the tactics of a technique as the result or the catalogue
// has them.
func tacticsOf(r *Result, id string, c *knowledge.Catalogue) []string {
	for _, list := range [][]Found{r.Techniques, r.Unsure} {
		if i := slices.IndexFunc(list, func(f Found) bool { return f.ID == id }); i >= 0 {
			return list[i].Tactics
		}
	}
	t, _ := c.Technique(id)
	return t.Tactics
}
