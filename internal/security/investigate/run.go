package investigate

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/logcount"
	"github.com/casemate-ai/casemate/internal/security/material"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

// Run investigates what the input names.
func Run(ctx context.Context, run *pipeline.Run, in Input) (Output, error) {
	if len(in.Files) == 0 {
		return Output{}, &casemate.Error{Code: casemate.CodeUsage, Message: "no input was given", Hint: "name files or folders of alerts, events and logs, or - for standard input"}
	}
	if in.All && len(in.Incident) > 0 {
		return Output{}, &casemate.Error{Code: casemate.CodeUsage, Message: "--all and --incident do not go together", Hint: "give one of them"}
	}
	side, err := readSide(in)
	if err != nil {
		return Output{}, err
	}
	var stdin []byte
	if slices.Contains(in.Files, evidence.Stdin) && run.Options().Stdin != nil {
		if stdin, err = spool(run.Options().Stdin); err != nil {
			return Output{}, err
		}
	}
	d, err := material.Read(ctx, run, material.Input{
		Files: in.Files, Stdin: bytes.NewReader(stdin), Format: in.Format, Rules: in.Rules, NoRules: in.NoRules, Assets: in.Assets, Suppress: in.Suppress, AsOf: in.AsOf,
	})
	if err != nil {
		return Output{}, err
	}
	chosen, err := choose(d.Triage.Incidents, in)
	if err != nil {
		return Output{}, err
	}
	s, err := newScene(ctx, in, d, chosen, side, stdin, run.Options().Catalogue)
	if err != nil {
		return Output{}, err
	}
	s.named = len(in.Incident) > 0
	return s.investigate(ctx, run, in)
}

// readSide reads the inventory and the known-benign list; the dossier's triage
// reads them too, and names what is wrong with them.
func readSide(in Input) (sideFiles, error) {
	var out sideFiles
	if in.Assets != "" {
		f, err := os.Open(in.Assets)
		if err != nil {
			return out, sideError("assets", in.Assets, err)
		}
		defer f.Close()
		if out.assets, err = triage.ReadAssets(f); err != nil {
			return out, sideError("assets", in.Assets, err)
		}
	}
	if in.Suppress != "" {
		f, err := os.Open(in.Suppress)
		if err != nil {
			return out, sideError("suppressions", in.Suppress, err)
		}
		defer f.Close()
		if out.suppress, err = triage.ReadSuppressions(f); err != nil {
			return out, sideError("suppressions", in.Suppress, err)
		}
	}
	return out, nil
}

func sideError(what, path string, err error) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: "read " + what + " " + filepath.Base(path), Err: err, Hint: "the formats stand in examples/assets.csv and examples/suppress.yaml"}
}

// choose picks the incidents to investigate: those named, all that need a person,
// or the gravest.
func choose(incidents []casemate.Incident, in Input) ([]casemate.Incident, error) {
	if len(in.Incident) > 0 {
		var out []casemate.Incident
		for _, want := range in.Incident {
			i := slices.IndexFunc(incidents, func(x casemate.Incident) bool {
				return x.ID == want || strconv.Itoa(x.Rank) == strings.TrimPrefix(want, "#")
			})
			if i < 0 {
				return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no incident is %q", want),
					Hint: fmt.Sprintf("give an id or a rank from 1 to %d, as casemate triage shows them", len(incidents))}
			}
			out = append(out, incidents[i])
		}
		return out, nil
	}
	if !in.All {
		return incidents[:min(1, len(incidents))], nil
	}
	return slices.DeleteFunc(slices.Clone(incidents), func(x casemate.Incident) bool { return x.Verdict == casemate.VerdictBenign }), nil
}

// investigate does the work on a scene.
func (s *scene) investigate(ctx context.Context, run *pipeline.Run, in Input) (Output, error) {
	out := Output{Coverage: s.dossier.Coverage, LogCauses: s.logCauses(), RootCauses: []RootCause{}, Scope: []Scope{}, Hypotheses: []Hypothesis{}, Firewall: []Rule{}}
	s.judge(&out)
	for _, sc := range out.Scope {
		out.Grave = out.Grave || sc.Grave
	}
	c := s.castOf()
	out.Entities, out.Graph = s.entities(c), s.graph(c)
	out.RootCauses = append(out.RootCauses, s.rootCauses()...)
	out.Firewall, out.Unblocked = s.firewall(c, out.Scope, out.LogCauses)
	out.Actions = s.actions(c, out.Scope, blockedBy(out.Firewall))
	out.Title = title(out)
	out.Questions = s.questions(out)
	out.Report = s.report(out, c)
	if err := s.ask(ctx, run, &out); err != nil {
		return Output{}, err
	}
	decided(run)
	verify(run, out.statements(), s.evidence)
	out.Evidence = s.citedBy(out)
	if n := s.counts.Beyond(); n > 0 {
		run.Note(fmt.Sprintf("%d records were of more sources and hosts than are counted: attempts to log in and floods among them are not looked for", n))
	}
	if s.left > 0 {
		run.Note(fmt.Sprintf("%d further records were counted and not looked at for causes: %d of the incidents are, %d that may be causes, %d others", s.left, maxScope, maxUseful, maxOthers))
	}
	out.Coverage = s.dossier.Receipt(out.Evidence, s.seen)
	out.Provenance = run.Provenance()
	return out, nil
}

// decided notes who decides the fields.
func decided(run *pipeline.Run) {
	for _, path := range []string{"grave", "entities", "graph", "hypotheses", "root_causes", "actions", "firewall", "log_causes", "report"} {
		run.Decided(path, casemate.DecidedByRule)
	}
}

// logScope is the id of what the logs show and no incident has.
const logScope = "logs"

// judge weighs the explanations of each incident by itself, so that one
// incident's evidence does not accuse another's machines. What the logs show
// belongs to the incident that names its source or machine; what is left is a
// case of its own.
func (s *scene) judge(out *Output) {
	if len(s.incidents) == 1 && s.incidents[0].Verdict == casemate.VerdictBenign && !s.named && len(out.LogCauses) > 0 {
		// A routine incident, taken for want of a graver one: the logs say more.
		s.incidents = nil
		for _, r := range s.scope {
			r.Incident = -1
		}
		s.scope = nil
	}
	whole := s.scope
	taken := map[int]bool{}
	for i := range s.incidents {
		in := &s.incidents[i]
		s.scope = filter(whole, func(r *causes.Record) bool { return r.Incident == i })
		var mine []LogCause
		for k, l := range out.LogCauses {
			if s.belongs(l, in) {
				taken[k] = true
				mine = append(mine, l)
			}
		}
		sc := Scope{
			ID: in.ID, Rank: in.Rank, Title: in.Title, Verdict: in.Verdict, Score: in.Score, First: in.First, Last: in.Last, Records: in.Count,
			Related: in.Related, Evidence: s.citeAll(s.scope[:min(len(s.scope), maxCited)], maxCited),
		}
		list := s.weigh(mine)
		sc.Grave = isGrave(in, list, mine)
		out.put(sc, list)
	}
	var left []LogCause
	for k, l := range out.LogCauses {
		if !taken[k] {
			left = append(left, l)
		}
	}
	if len(left) > 0 && !s.named {
		s.judgeLogs(out, left)
	}
	s.scope = filter(s.Records, func(r *causes.Record) bool { return r.Incident >= 0 })
}

// put adds an incident and its explanations.
func (o *Output) put(sc Scope, list []Hypothesis) {
	for k := range list {
		list[k].Incident = sc.ID
	}
	o.Scope = append(o.Scope, sc)
	o.Hypotheses = append(o.Hypotheses, list...)
}

// judgeLogs makes an incident of what only counting the logs shows, and weighs it.
func (s *scene) judgeLogs(out *Output, left []LogCause) {
	sc := Scope{ID: logScope, Title: "What the logs show", Verdict: casemate.VerdictReview, First: left[0].First}
	for _, l := range left {
		sc.Records += l.Count
		sc.Evidence = append(sc.Evidence, l.Statement.Evidence...)
		if l.First.Before(sc.First) {
			sc.First = l.First
		}
		if l.Last.After(sc.Last) {
			sc.Last = l.Last
		}
	}
	i := len(s.incidents)
	s.adopt(left, i)
	s.scope = filter(s.Records, func(r *causes.Record) bool { return r.Incident == i })
	list := s.weigh(left)
	done := slices.ContainsFunc(left, func(l LogCause) bool {
		return l.Kind == string(logcount.Guessed) || l.Kind == string(logcount.Answered) || l.Kind == string(logcount.Flood)
	})
	if attack, _ := explained(list); done && attack {
		sc.Verdict, sc.Grave = casemate.VerdictSuspicious, true
	}
	s.incidents = append(s.incidents, casemate.Incident{ID: sc.ID, Title: sc.Title, Verdict: sc.Verdict, First: sc.First, Last: sc.Last})
	out.put(sc, list)
}

// belongs reports whether what the logs show is of the incident in view: it has
// its source, or, of a fault, its machine while it went on.
func (s *scene) belongs(l LogCause, in *casemate.Incident) bool {
	if in.Verdict == casemate.VerdictBenign {
		return false
	}
	for _, r := range s.scope {
		if l.Source != "" && (r.Src == l.Source || r.Dst == l.Source) {
			return true
		}
		if l.Source == "" && l.Host != "" && s.HostName(r.Host) == s.HostName(l.Host) && !l.First.Before(in.First) && l.First.Sub(in.Last) < nearby {
			return true
		}
	}
	return false
}

// nearby is how long after an incident a service's failure may be of it.
const nearby = 15 * time.Minute

// isGrave says whether there is reason to act: triage holds the incident for
// suspicious at least, or the logs show that an attack succeeded; an attack
// explains it, and no harmless explanation does as well. Where the explanation is
// no more than plausible, somebody must grade it medium at least.
func isGrave(in *casemate.Incident, list []Hypothesis, logs []LogCause) bool {
	succeeded := slices.ContainsFunc(logs, func(l LogCause) bool {
		return l.Kind == string(logcount.Guessed) || l.Kind == string(logcount.Answered)
	})
	firm := len(list) > 0 && list[0].Standing == "well supported"
	suspicious := in.Verdict == casemate.VerdictSuspicious && (firm || in.Severity >= casemate.SeverityMedium)
	if in.Verdict != casemate.VerdictMalicious && !suspicious && !succeeded {
		return false
	}
	attack, known := explained(list)
	return attack || !known && in.Verdict == casemate.VerdictMalicious
}

// explained says whether an attack is the best explanation, if any is plausible.
// A fault explains no attack away: anybody can write a line of a log.
func explained(list []Hypothesis) (attack, known bool) {
	for _, h := range list {
		if h.Kind != kindFault && rank(h.Standing) >= rank("plausible") {
			return h.Kind == kindAttack, true
		}
	}
	return false, false
}

// best returns the hypothesis that an incident's list begins with.
func best(list []Hypothesis, incident string) *Hypothesis {
	for i := range list {
		if list[i].Incident == incident {
			return &list[i]
		}
	}
	return nil
}

// title names what was investigated: the gravest of it.
func title(out Output) string {
	if len(out.Scope) == 0 {
		return "Nothing to investigate: no incident was found"
	}
	sc := out.Scope[0]
	if i := slices.IndexFunc(out.Scope, func(s Scope) bool { return s.Grave }); i >= 0 {
		sc = out.Scope[i]
	}
	text := sc.Title
	if sc.ID == logScope {
		if h := best(out.Hypotheses, logScope); h != nil && rank(h.Standing) >= rank("plausible") {
			text += ": " + strings.ToLower(h.Name[:1]) + h.Name[1:]
		}
	}
	if n := len(out.Scope) - 1; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text
}

// verify holds statements against the evidence, in place.
func verify(run *pipeline.Run, list []*casemate.Statement, all []casemate.Evidence) {
	flat := make([]casemate.Statement, len(list))
	for i, st := range list {
		flat[i] = *st
	}
	for i, st := range run.Verify(flat, all) {
		if i < len(list) {
			*list[i] = st
		}
	}
}

// statements lists every statement of the output, so that each is checked.
func (o *Output) statements() []*casemate.Statement {
	var all []*casemate.Statement
	add := func(list []casemate.Statement) {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	links := func(list []Link) {
		for i := range list {
			all = append(all, &list[i].Statement)
		}
	}
	add(o.Report.Executive)
	add(o.Report.Technical)
	for i := range o.Hypotheses {
		for _, args := range [][]Argument{o.Hypotheses[i].For, o.Hypotheses[i].Against} {
			for j := range args {
				all = append(all, &args[j].Statement)
			}
		}
	}
	for i := range o.RootCauses {
		rc := &o.RootCauses[i]
		all = append(all, &rc.Root)
		links(rc.Chain)
		for j := range rc.Branches {
			links(rc.Branches[j].Chain)
		}
		add(rc.Gaps)
		add(rc.Alternatives)
		add(rc.Before)
	}
	for i := range o.Actions {
		all = append(all, &o.Actions[i].Because)
		if o.Actions[i].Comment != nil {
			all = append(all, o.Actions[i].Comment)
		}
	}
	for i := range o.Firewall {
		all = append(all, &o.Firewall[i].Reason)
	}
	for i := range o.LogCauses {
		all = append(all, &o.LogCauses[i].Statement)
	}
	for i := range o.Questions {
		all = append(all, &o.Questions[i].Statement)
	}
	if m := o.Model; m != nil {
		add(m.Cause)
		for i := range m.Weighed {
			all = append(all, &m.Weighed[i].Statement)
		}
	}
	return all
}

// citedBy returns the evidence that anything in the output cites.
func (s *scene) citedBy(o Output) []casemate.Evidence {
	want := map[string]bool{}
	mark := func(ids []string) {
		for _, id := range ids {
			want[id] = true
		}
	}
	for _, st := range o.statements() {
		mark(st.Evidence)
	}
	for _, e := range o.Entities {
		mark(e.Evidence)
	}
	for _, e := range o.Graph.Edges {
		mark(e.Evidence)
	}
	for _, sc := range o.Scope {
		mark(sc.Evidence)
	}
	out := []casemate.Evidence{}
	for _, e := range s.evidence {
		if want[e.ID] {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b casemate.Evidence) int {
		switch {
		case a.First.IsZero() && !b.First.IsZero():
			return 1
		case b.First.IsZero() && !a.First.IsZero():
			return -1
		}
		return a.First.Compare(b.First)
	})
	return out
}

// maxExecutive bounds the executive summary.
const maxExecutive = 5
