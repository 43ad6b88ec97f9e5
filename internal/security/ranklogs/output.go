package ranklogs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// fill writes the ranked lines into the output.
func (o *Output) fill(st *ranking, in Input, w *Weights) {
	top := in.Top
	if top <= 0 {
		top = DefaultTop
	}
	o.Calibration, o.Calibrated = w.calibration(), w != nil
	o.Lines = make([]Line, 0, len(st.kept))
	o.Evidence = []casemate.Evidence{}
	for i, s := range st.kept {
		l := Line{
			Rank: i + 1, File: shownName(s.entry.file), Line: s.entry.line, ID: s.entry.id, Text: s.entry.text,
			Score: round(100*logistic(Base+s.points.sum()), 1), Points: s.points.rounded(),
			Time: s.time, Host: s.host, User: s.user, Techniques: s.techniques(), Read: "rules", ModelOdds: s.model,
		}
		if s.model != nil {
			l.Read = "rules and model"
		}
		if w != nil {
			p := round(logistic(w.odds(s.points)), 4)
			l.P = &p
		}
		if i < top {
			o.tell(&l, s, st)
		}
		o.Lines = append(o.Lines, l)
	}
	o.Told = min(top, len(o.Lines))
	o.Left = st.total - len(o.Lines)
}

func (p Points) rounded() Points {
	return Points{round(p.Signs, 3), round(p.Course, 3), round(p.Rarity, 3), round(p.Model, 3)}
}

func round(x float64, digits int) float64 {
	f := math.Pow(10, float64(digits))
	return math.Round(x*f) / f
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func (s *scored) techniques() []string {
	var out []string
	for _, sg := range s.own() {
		for _, t := range sg.techniques {
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// maxReasons is how many signs and facts of a line are told.
const maxReasons = 6

// tell gives a line its evidence and its reasons: the line itself, and what was
// found of it as evidence of its own, since counts stand in no line.
func (o *Output) tell(l *Line, s *scored, st *ranking) {
	l.Evidence = fmt.Sprintf("E%d", l.Rank)
	o.Evidence = append(o.Evidence, casemate.Evidence{
		ID: l.Evidence, Kind: casemate.EvidenceLog, At: casemate.Location{File: l.File, Line: l.Line},
		First: s.time, Last: s.time, Host: s.host, User: s.user, Text: s.entry.text, Techniques: l.Techniques,
	})
	add := func(text, detail string, by casemate.Decider) {
		if len(l.Reasons) == maxReasons {
			return
		}
		id := fmt.Sprintf("%s.%d", l.Evidence, len(l.Reasons)+1)
		o.Evidence = append(o.Evidence, casemate.Evidence{
			ID: id, Kind: casemate.EvidenceFinding, Record: l.Evidence, At: casemate.Location{File: l.File, Line: l.Line},
			Host: s.host, User: s.user, Name: "rank-logs", Text: detail, Techniques: l.Techniques,
		})
		l.Reasons = append(l.Reasons, casemate.Statement{Text: text, Evidence: []string{l.Evidence, id}, By: by})
	}
	seen := map[string]bool{}
	for _, sg := range s.own() {
		if seen[sg.text] {
			continue
		}
		seen[sg.text] = true
		text := "It " + sg.text
		detail := fmt.Sprintf("%s: it %s (%s", sg.source, sg.text, sg.level)
		if len(sg.techniques) > 0 {
			text += " (" + strings.Join(sg.techniques, ", ") + ")"
			detail += ", " + strings.Join(sg.techniques, ", ")
		}
		if n := st.shared[sg.key]; n > 1 && st.total >= 20 {
			detail += fmt.Sprintf("; %d of %d lines show it", n, st.total)
		}
		add(text+".", detail+")", casemate.DecidedByRule)
	}
	if !s.taken && len(s.found) > 0 {
		text := "It was not taken apart itself: its score has what all lines of its kind show that were."
		add(text, fmt.Sprintf("not taken apart itself; %s of lines of its kind in its score", phrase.Count(len(s.found), "finding")), casemate.DecidedByRule)
	}
	slices.SortStableFunc(s.facts, func(a, b fact) int {
		if a.course != b.course {
			return cmp.Compare(0, side(a.course))
		}
		return cmp.Compare(b.points, a.points)
	})
	for _, f := range s.facts {
		add(f.text, f.detail, casemate.DecidedByRule)
	}
	if s.points.Model > 0 {
		add("The model holds it to be more likely malicious than most lines.", fmt.Sprintf("log-odds of the words for malicious against those for benign, less those without a line: %+.2f", *s.model), casemate.DecidedByModel)
	}
	if len(l.Reasons) == 0 {
		add("Nothing known to be bad shows in it, and nothing of it is rare.", "no sign, no rare form or value", casemate.DecidedByRule)
	}
}

func side(course bool) int {
	if course {
		return 1
	}
	return -1
}

// coverage is the receipt of the input.
func (st *ranking) coverage(o *Output) casemate.Coverage {
	cited := map[string]int{}
	for _, l := range o.Lines[:o.Told] {
		cited[l.File]++
	}
	c := casemate.Coverage{Parts: st.src.parts, Faults: st.src.faults, FaultCount: st.src.count}
	receipt := st.receipt()
	for i := range c.Parts {
		p := &c.Parts[i]
		p.Cited = cited[p.Name]
		c.Records += p.Records
		p.Why = receipt
		if o.Model != nil {
			p.Read = "rules, and some lines by the model"
			if p.Why != "" && o.Model.Why != "" {
				p.Why += "; "
			}
			p.Why += o.Model.Why
		}
	}
	return c
}
