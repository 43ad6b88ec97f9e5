package split

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/near"
)

const (
	// MaxGroup is the largest share of the rows that may be one group: what makes a
	// larger one is said and not used, unless FindOptions.Keep asks for it.
	MaxGroup = 0.3
	// MinGroups is the smallest number of groups that can be divided into parts.
	MinGroups = 10

	maxKeys   = 32  // of a kind that a row is looked at for
	hostShare = 0.5 // of the rows that name their host in the text, from which on it counts
)

const sameText = "the same text"

// None is FindOptions.Column where only rows of the very same text stay together.
const None = "none"

// Grouping is which rows belong together.
type Grouping struct {
	// Of has, for each row, the number of its group, from 0 in the order of the
	// rows that a group is first met in.
	Of []int
	// N is the number of groups.
	N int
	// By says in words what the rows of a group share: "the same CVE", …
	By []string
	// Unused says in words what rows share too and why they are not kept together
	// by it.
	Unused []string
	// Near says which texts are the same or nearly so.
	Near *near.Sets
}

// FindOptions say what rows share that belong together. The zero value finds it.
type FindOptions struct {
	// Column is the one whose equal cells belong together, with the rows of nearly
	// the same text; nothing else is then looked for. None keeps only rows of the
	// very same text together. Empty takes the table's Group.
	Column string
	// Keep uses what would make one group of more than MaxGroup of the rows.
	Keep bool
}

// groupColumns are columns whose equal cells belong together, and what their rows
// share. Names are compared in lower case with underscores.
var groupColumns = []struct {
	share string
	names []string
}{
	{"report", []string{"report", "report_id", "report_title", "report_name", "doc", "doc_id", "doc_title", "doc_name", "document", "document_id", "document_title", "article", "article_id", "source_report", "source_document"}},
	{"page", []string{"url", "source_url", "report_url", "link", "reference", "page"}},
	{"incident", []string{"incident", "incident_id", "incident_number", "case", "case_id", "case_number", "ticket", "ticket_id", "ticket_number", "offense_id", "campaign", "campaign_id", "session", "session_id", "thread", "thread_id", "conversation_id"}},
	{"host", []string{"host", "hostname", "host_name", "computer", "computer_name", "computername", "machine", "machine_name", "device", "device_name", "agent", "agent_name", "endpoint"}},
	{"title", []string{"title"}},
}

var (
	cve  = regexp.MustCompile(`(?i)\bCVE-(?:19|20)\d\d-\d{4,7}\b`)
	host = regexp.MustCompile(`(?i)\b(?:host(?:_?name)?|computer(?:_?name)?|device(?:_?name)?|machine)["']?\s*[=:]\s*["']?([A-Za-z0-9][A-Za-z0-9._-]{1,62})`)
)

// sharing is something that rows have in common.
type sharing struct {
	by   string
	keys func(r *dataset.Row) []string
}

// Find tells which rows of a table belong together.
func Find(ctx context.Context, t *dataset.Table, o FindOptions) (Grouping, error) {
	texts := make([]string, len(t.Rows))
	for i := range t.Rows {
		texts[i] = t.Rows[i].Text
	}
	sets, err := near.Find(ctx, texts)
	if err != nil {
		return Grouping{}, err
	}
	g := Grouping{Near: sets}
	u := near.NewUnion(len(t.Rows))
	before := u.Sets()
	for i, first := range sets.Same {
		u.Join(i, first)
	}
	if u.Sets() < before {
		g.By = []string{sameText}
	}
	column := cmp.Or(o.Column, t.Group)
	if column == None {
		return g.number(u), nil
	}
	u = g.join(u, "nearly the same text", func(u *near.Union) {
		for i, first := range sets.Near {
			u.Join(i, first)
		}
	}, o.Keep, false)
	if len(g.By) > 1 { // the one says the other
		g.By = g.By[1:]
	}
	shared := found(t)
	if column != "" {
		if !slices.ContainsFunc(t.Columns, func(c string) bool { return c == column }) {
			return Grouping{}, fmt.Errorf("group rows: there is no column %q", column)
		}
		shared = []sharing{{"the same " + column, func(r *dataset.Row) []string { return nonEmpty(cell(t, r, column)) }}}
	}
	for _, s := range shared {
		if err := ctx.Err(); err != nil {
			return Grouping{}, err
		}
		u = g.joinShared(u, t, s, o.Keep, column != "")
	}
	return g.number(u), nil
}

// cell returns a row's cell, whatever the column is used as.
func cell(t *dataset.Table, r *dataset.Row, column string) string {
	switch column {
	case t.Text:
		return r.Text
	case t.Label:
		return strings.Join(r.Labels, "\n")
	}
	return r.Fields[column]
}

// join returns u with what use joins, or u itself if nothing is joined or too much
// is. What is asked for is always used.
func (g *Grouping) join(u *near.Union, by string, use func(*near.Union), keep, asked bool) *near.Union {
	next := u.Clone()
	use(next)
	n, rows := next.Sets(), len(g.Near.Same)
	largest := float64(next.Largest()) / float64(max(rows, 1))
	switch {
	case n == u.Sets() && !asked:
		return u
	case keep || asked:
	case largest > MaxGroup:
		g.Unused = append(g.Unused, fmt.Sprintf("%s: %.0f %% of the rows would be one group", by, 100*largest))
		return u
	case n < MinGroups && rows > 2*MinGroups:
		g.Unused = append(g.Unused, fmt.Sprintf("%s: all rows would be %d groups", by, n))
		return u
	}
	g.By = append(g.By, by)
	return next
}

// joinShared joins what shares keys. Where rows with several keys, or of the same
// text under different keys, would chain most rows into one group, each set of rows
// goes with one of its keys alone.
func (g *Grouping) joinShared(u *near.Union, t *dataset.Table, s sharing, keep, asked bool) *near.Union {
	all := func(u *near.Union) { joinKeys(u, t, s.keys) }
	if next := u.Clone(); !keep {
		all(next)
		home := u.Clone()
		joinHomes(home, t, s.keys)
		if rows := float64(len(t.Rows)); float64(next.Largest()) > MaxGroup*rows && float64(home.Largest()) <= MaxGroup*rows {
			return g.join(u, s.by+", what stands under several goes with one of them", func(u *near.Union) { joinHomes(u, t, s.keys) }, keep, asked)
		}
	}
	return g.join(u, s.by, all, keep, asked)
}

// joinHomes joins the sets of u whose commonest key is the same.
func joinHomes(u *near.Union, t *dataset.Table, keys func(*dataset.Row) []string) {
	counts := map[int]map[string]int{}
	for i := range t.Rows {
		for n, k := range keys(&t.Rows[i]) {
			if n == maxKeys {
				break
			}
			first := u.Find(i)
			if counts[first] == nil {
				counts[first] = map[string]int{}
			}
			counts[first][k]++
		}
	}
	firsts := map[string]int{}
	for i := range t.Rows {
		if counts[i] == nil { // only the first row of a set has counts
			continue
		}
		home, most := "", 0
		for k, n := range counts[i] {
			if n > most || n == most && k < home {
				home, most = k, n
			}
		}
		if first, ok := firsts[home]; ok {
			u.Join(first, i)
		} else {
			firsts[home] = i
		}
	}
}

// joinKeys joins rows that have a key in common.
func joinKeys(u *near.Union, t *dataset.Table, keys func(*dataset.Row) []string) {
	firsts := map[string]int{}
	for i := range t.Rows {
		for n, k := range keys(&t.Rows[i]) {
			if n == maxKeys {
				break
			}
			if first, ok := firsts[k]; ok {
				u.Join(first, i)
			} else {
				firsts[k] = i
			}
		}
	}
}

// found lists what rows of a table share, the narrowest first.
func found(t *dataset.Table) []sharing {
	out := []sharing{{"the same CVE", func(r *dataset.Row) []string {
		ids := cve.FindAllString(r.Text, maxKeys)
		for _, v := range r.Fields {
			if len(v) <= 1000 { // a column of ids, not another text
				ids = append(ids, cve.FindAllString(v, maxKeys)...)
			}
		}
		for i := range ids {
			ids[i] = strings.ToUpper(ids[i])
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}}}
	for _, kind := range groupColumns {
		for _, c := range t.Columns {
			if c == t.Text || c == t.Label || c == t.Part || !slices.Contains(kind.names, plain(c)) {
				continue
			}
			by := "the same " + kind.share
			if plain(c) != kind.share {
				by += fmt.Sprintf(" (column %q)", c)
			}
			out = append(out, sharing{by, func(r *dataset.Row) []string { return nonEmpty(r.Fields[c]) }})
		}
	}
	named := 0
	for i := range t.Rows {
		if host.MatchString(t.Rows[i].Text) {
			named++
		}
	}
	if float64(named) >= hostShare*float64(len(t.Rows)) {
		out = append(out, sharing{"the same host in the text", func(r *dataset.Row) []string {
			var names []string
			for _, m := range host.FindAllStringSubmatch(r.Text, maxKeys) {
				names = append(names, strings.ToLower(m[1]))
			}
			return names
		}})
	}
	return out
}

// plain is a column's name as groupColumns has them, its nesting cut off.
func plain(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
}

func nonEmpty(s string) []string {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	return []string{s}
}

// number gives the groups their numbers.
func (g Grouping) number(u *near.Union) Grouping {
	g.Of = make([]int, len(g.Near.Same))
	numbers := map[int]int{}
	for i := range g.Of {
		first := u.Find(i)
		n, ok := numbers[first]
		if !ok {
			n = len(numbers)
			numbers[first] = n
		}
		g.Of[i] = n
	}
	g.N = len(numbers)
	return g
}
