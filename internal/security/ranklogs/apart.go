package ranklogs

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Taking a line apart with explain costs about a millisecond, a hundred times what
// the rest of a line does, so the number of lines is bounded whatever the log
// holds. Some are taken while the log is read: the first of each kind, and rare
// ones. The rest of the bound goes to the lines with the most points once all are
// known, so that no flood of lines at the beginning uses it up.
const (
	maxExplained   = 4_000
	whileReading   = maxExplained * 3 / 5
	firstOfKind    = 3
	rareEnough     = 1.2 // points of rarity
	minimumOfAKind = 2   // lines that must share a finding before others borrow it
)

// kind is what lines of one form with the same signs have in common.
type kind struct {
	seen, taken int    // of its lines, while more may be taken apart
	shared      []sign // findings that all of its lines that were taken apart show
}

// kindOf is the key of a line's kind: its form and its signs of the catalogue.
func kindOf(form string, signs []sign) uint64 {
	parts := []string{form}
	for _, s := range signs {
		parts = append(parts, s.key)
	}
	return key(parts...)
}

// apart takes lines apart within the bound, and lends the rest what their kind has
// in common.
type apart struct {
	d     *detector
	all   bool // the log is so short that every line is taken apart
	kinds map[uint64]*kind
	count int // lines taken apart
}

// chunk finds the signs of lines that stand one after another in the log. The
// order of the lines decides, not which processor is faster.
func (a *apart) chunk(ctx context.Context, lines []*scored) {
	parallel(len(lines), func(i int) { lines[i].signs = look(lines[i].entry.text) })
	var take []*scored
	for _, s := range lines {
		s.kind = kindOf(s.form, s.signs)
		s.form = "" // long, and not needed any more
		if !a.all && a.count >= whileReading {
			continue
		}
		k := a.kinds[s.kind]
		if k == nil { // its first line is taken apart, so the bound holds for kinds, too
			k = &kind{}
			a.kinds[s.kind] = k
		}
		k.seen++
		if a.all || k.seen <= firstOfKind || s.points.Rarity >= rareEnough || s.points.Course > 0 {
			a.count++
			take = append(take, s)
		}
	}
	a.examine(ctx, take)
	for _, s := range take {
		a.kinds[s.kind].meet(s.found)
	}
	for _, s := range lines {
		if !s.taken {
			if k := a.kinds[s.kind]; k != nil && k.taken >= minimumOfAKind {
				s.found = k.shared
			}
		}
		s.weigh()
	}
}

// best takes those of the kept lines apart that have the most points and were not
// yet, as far as the bound goes, and counts their signs anew.
func (a *apart) best(ctx context.Context, st *ranking) {
	rest := slices.DeleteFunc(slices.Clone(st.kept), func(s *scored) bool { return s.taken })
	order(rest, nil)
	rest = rest[:min(len(rest), maxExplained-a.count)]
	for _, s := range rest {
		s.countSigns(st.shared, -1)
	}
	a.count += len(rest)
	a.examine(ctx, rest)
	for _, s := range rest {
		s.weigh()
		s.countSigns(st.shared, 1)
	}
}

// examine takes lines apart, each for itself.
func (a *apart) examine(ctx context.Context, lines []*scored) {
	parallel(len(lines), func(i int) {
		lines[i].found, lines[i].taken = a.d.findings(ctx, lines[i].entry.text), true
	})
}

// parallel calls f for 0 to n-1 on all processors.
func parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// findings is what explain finds in a line.
func (d *detector) findings(ctx context.Context, text string) []sign {
	e, err := explain.Explain(ctx, text, d.opt)
	if err != nil {
		return nil // an empty line, or the context ended, which the caller sees
	}
	var out []sign
	for _, f := range e.Findings {
		if f.Level <= casemate.SeverityInformational {
			continue
		}
		if f.Source == "sensor" { // any name=value may pass for a sensor's name here
			f.Level = casemate.SeverityLow
		}
		out = append(out, sign{key: f.Source + " " + f.Text, level: f.Level, text: f.Text, techniques: f.Techniques, source: f.Source})
	}
	return out
}

// meet keeps of what a kind shares what one more of its lines shows, too. What
// follows from values that differ between lines does not stay.
func (k *kind) meet(found []sign) {
	k.taken++
	if k.taken == 1 {
		k.shared = found
		return
	}
	var both []sign
	for _, s := range k.shared {
		if slices.ContainsFunc(found, func(f sign) bool { return f.key == s.key && f.level == s.level }) {
			both = append(both, s)
		}
	}
	k.shared = both // a new list: lines hold the old one
}

// weigh gives a line the points of its signs, and of those of its kind.
func (s *scored) weigh() {
	s.points.Signs = signPoints(s.all(), nil, 0)
}

// all returns the signs that count for a line, the gravest first.
func (s *scored) all() []sign {
	list := slices.Concat(s.signs, s.found)
	slices.SortStableFunc(list, func(a, b sign) int { return cmp.Compare(b.level, a.level) })
	return list
}

// own returns the signs that were found in the line itself.
func (s *scored) own() []sign {
	if s.taken {
		return s.all()
	}
	return s.signs
}

// countSigns adds n to the count of each sign that a line shows.
func (s *scored) countSigns(shared map[string]int, n int) {
	counted := map[string]bool{}
	for _, sg := range s.all() {
		if !counted[sg.key] {
			counted[sg.key] = true
			shared[sg.key] += n
		}
	}
}

// receipt says how many lines were taken apart, where it was not all of them.
func (st *ranking) receipt() string {
	if st.explained == st.total {
		return ""
	}
	return fmt.Sprintf("patterns tried on all %s lines; %s taken apart one by one, the others have what those of their kind share", phrase.Number(st.total), phrase.Number(st.explained))
}
