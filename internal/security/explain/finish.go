package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// finish orders the findings and draws the summary, the risk, the techniques
// and the next steps from them.
func (s *session) finish(e *Explanation) {
	slices.SortStableFunc(e.Findings, func(a, b Finding) int { return int(b.Level) - int(a.Level) })
	if n := len(e.Findings); n > maxFindings {
		e.Findings = e.Findings[:maxFindings]
		e.Notes = append(e.Notes, fmt.Sprintf("the %d gravest of %d findings are listed", maxFindings, n))
	}
	s.judge(e)
	s.techniques(e)
	if e.Summary == "" {
		e.Summary = e.sum()
	} else if does := e.does(); does != "" && e.Risk.Level != RiskLookup {
		e.Summary = strings.TrimSuffix(e.Summary, ".") + ". It " + does + "."
	}
	if len(e.Parts) == 0 {
		s.steps(e)
	}
}

// riskOf is the risk that a gravest finding makes.
var riskOf = map[casemate.Severity]string{
	casemate.SeverityLow: RiskWeak, casemate.SeverityMedium: RiskSome, casemate.SeverityHigh: RiskStrong, casemate.SeverityCritical: RiskStrong,
}

// judge sets the risk where the kind has not: by the gravest finding.
func (s *session) judge(e *Explanation) {
	worst := casemate.SeverityUnknown
	if len(e.Findings) > 0 {
		worst = e.Findings[0].Level
	}
	// Parts have judged themselves; what stands beside them may add to it.
	if len(e.Parts) > 0 && (worst < casemate.SeverityMedium || e.Risk.Level == RiskStrong || e.Risk.Level == RiskSome && worst < casemate.SeverityHigh) {
		return
	}
	level := cmp.Or(riskOf[worst], RiskNone)
	if level == RiskNone && e.Risk.Level != "" {
		return
	}
	e.Risk.Level = level
	points := e.points()
	for _, f := range points {
		if f.Level == points[0].Level && len(e.Risk.Reasons) < 5 {
			e.Risk.Reasons = append(e.Risk.Reasons, "it "+f.Text)
		}
	}
}

// points returns the findings that need a sentence of their own: a rule that
// says again what a behaviour shows does not.
func (e *Explanation) points() []Finding {
	return slices.DeleteFunc(slices.Clone(e.Findings), func(f Finding) bool {
		return f.Source == "rule" && slices.ContainsFunc(e.Findings, func(o Finding) bool {
			return o.Source == "behaviour" && o.Level+1 >= f.Level && slices.ContainsFunc(f.Techniques, func(t string) bool { return slices.Contains(o.Techniques, t) })
		})
	})
}

// does joins the gravest findings to the predicate of a sentence. What the
// summary says already is not said again.
func (e *Explanation) does() string {
	var out []string
	for _, f := range e.points() {
		_, said, _ := strings.Cut(f.Text, " ")
		if _, after, ok := strings.Cut(said, ": "); ok {
			said = after
		}
		if len(out) == 3 || len(out) > 0 && f.Level < e.Findings[0].Level-1 {
			break
		}
		if f.Source != "sensor" && !strings.Contains(strings.ToLower(e.Summary), strings.ToLower(said)) {
			out = append(out, f.Text)
		}
	}
	return joinAnd(out)
}

func joinAnd(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	sep, last := ", ", " and "
	if strings.Contains(strings.Join(list, ""), ", ") {
		sep, last = "; ", "; and "
	}
	return strings.Join(list[:len(list)-1], sep) + last + list[len(list)-1]
}

// sum writes the one-line summary of a command line or a text.
func (e *Explanation) sum() string {
	out := phrase.Upper(article(e.Kind)) + e.Kind
	if e.Kind == "text" {
		out = "Text"
		if len(e.Commands) > 0 {
			out = "Text with a command in it"
		}
	}
	var names []string
	for _, c := range e.Commands {
		if name := c.Name; !slices.Contains(names, name) && name != "" && len(name) < 32 {
			names = append(names, name)
		}
	}
	switch {
	case len(e.Findings) > 0:
		e.Summary = out
		if does := e.does(); does != "" {
			out += " that " + does
		}
	case len(names) > 0 && strings.HasSuffix(e.Kind, "line"):
		out += " that runs " + joinAnd(first(names, 5))
	case len(e.Indicators) > 0:
		out += " with " + phrase.Count(len(e.Indicators), "indicator") + " in it"
	case e.Kind == "text":
		out += " in which no command, indicator or id was recognised"
	}
	return out + "."
}

// techniques collects what the findings show, named by the catalogue alone.
func (s *session) techniques(e *Explanation) {
	at := map[string]int{}
	for i, t := range e.Techniques {
		at[t.ID] = i
	}
	for _, f := range e.Findings {
		for _, id := range f.Techniques {
			i, known := at[id]
			if !known {
				t, ok := s.opt.Catalogue.Technique(id)
				if !ok {
					continue
				}
				i = len(e.Techniques)
				at[id] = i
				e.Techniques = append(e.Techniques, casemate.Technique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Source: f.Source})
			}
			if ev := f.Span.String() + ": " + f.Text; len(e.Techniques[i].Evidence) < 4 && !slices.Contains(e.Techniques[i].Evidence, ev) {
				e.Techniques[i].Evidence = append(e.Techniques[i].Evidence, ev)
			}
		}
	}
}

// steps adds what to look at next: what the input itself calls for, then what
// the catalogue recommends for its gravest techniques.
func (s *session) steps(e *Explanation) {
	add := func(text, reason string) {
		if len(e.Next) < maxSteps && !slices.ContainsFunc(e.Next, func(n casemate.NextStep) bool { return n.Text == text }) {
			e.Next = append(e.Next, check(text, reason))
		}
	}
	if len(e.Commands) > 0 && len(e.Findings) > 0 {
		add("find the process behind it: its parent, account, host and time, and what it started", "who ran a command decides what it means")
	}
	var out []string
	for _, i := range e.Indicators {
		if i.Scope == casemate.ScopePublic && len(out) < 3 && (i.Type == casemate.IndicatorDomain || i.Type == casemate.IndicatorIPv4 || i.Type == casemate.IndicatorIPv6) {
			out = append(out, i.Shown)
		}
	}
	if len(out) > 0 && len(e.Findings) > 0 {
		add("look for "+strings.Join(out, ", ")+" in DNS, proxy and firewall logs of all machines", "another machine that reached it has the same problem")
	}
	for _, l := range e.Layers {
		if l.Binary != nil {
			add("look for the SHA-256 "+l.Binary.SHA256+" on all machines, and keep the decoded file for analysis", "the input carries "+l.Binary.Kind)
		}
		if l.Cut {
			add("decode the whole content with the original at hand", "a layer was cut at its limit")
		}
	}
	var ids []string
	for _, f := range e.Findings {
		if f.Level < casemate.SeverityMedium && len(ids) > 0 {
			break
		}
		for _, id := range f.Techniques {
			if !slices.Contains(ids, id) && len(ids) < 4 {
				ids = append(ids, id)
			}
		}
	}
	// Logs of systems that the command cannot run on are no help.
	var on []string
	if len(e.Commands) > 0 && e.Commands[0].Shell != decode.POSIX.String() {
		on = []string{"windows"}
	} else if len(e.Programs) > 0 && !slices.Contains(e.Programs[0].Platforms, "windows") {
		on = e.Programs[0].Platforms
	}
	e.Next = append(e.Next, s.opt.Catalogue.NextSteps(ids, max(0, min(4, maxSteps-len(e.Next))), on...)...)
}
