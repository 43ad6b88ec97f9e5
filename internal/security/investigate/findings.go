package investigate

import (
	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/logcount"
)

// logCauses makes evidence of what counting showed. A source that the analysts
// vouch for is left out.
func (s *scene) logCauses() []LogCause {
	var out []LogCause
	for _, f := range s.counts.Findings() {
		if s.Own.Vouched[f.Source] != "" {
			continue
		}
		out = append(out, LogCause{
			Kind: string(f.Kind), Source: f.Source, Host: f.Host, Ports: f.Ports, Count: f.Count, First: f.First, Last: f.Last, at: f.At, shared: f.Good > 0 && f.Kind != logcount.Guessed,
			Statement: casemate.Statement{Text: f.Text, Evidence: []string{s.findingID(f)}, By: casemate.DecidedByRule},
		})
	}
	return out
}

// findingID makes evidence of a finding: of a fault its own line, of a count a
// finding of ours.
func (s *scene) findingID(f logcount.Finding) string {
	if f.Kind == logcount.Fault {
		if id := s.place[f.At]; id != "" {
			return id
		}
		return s.addEvidence(casemate.Evidence{Kind: casemate.EvidenceLog, At: f.At, First: f.First, Host: f.Host, Name: f.Name, Text: f.Line + " (" + f.Text + ")"})
	}
	e := casemate.Evidence{Kind: casemate.EvidenceFinding, At: f.At, First: f.First, Last: f.Last, Count: f.Count, Host: f.Host, Name: "count of the log: " + string(f.Kind), Text: f.Text}
	if f.Source != "" {
		e.Entities = []casemate.Entity{{Type: casemate.EntityAddress, Value: f.Source, Role: casemate.RoleSource}}
	}
	return s.addEvidence(e)
}

// maxAdopted bounds the records of one source that join an incident.
const maxAdopted = 50

// adopt makes the records behind what counting showed those of an incident: the
// logins and attacking requests of each source, the lines of faults, and what an
// account did after it had been guessed.
func (s *scene) adopt(list []LogCause, incident int) {
	at, of := map[casemate.Location]bool{}, map[string]int{}
	for _, l := range list {
		at[l.at] = l.Kind == string(logcount.Fault)
		if l.Source != "" {
			of[l.Source] = 1
		}
	}
	for _, r := range s.Records {
		if r.Incident >= 0 {
			continue
		}
		if at[r.At] {
			r.Incident, r.Fault = incident, true
			continue
		}
		technique := ""
		switch {
		case r.Name == "ssh-login-failed":
			technique = "T1110"
		case r.Act == causes.ActRequest && logcount.AttackIn(r.URL) != "":
			technique = "T1190"
		case r.Act == causes.ActLogon:
			technique = "T1078"
		}
		if n := of[r.Src]; n > 0 && (n <= maxAdopted || r.Act == causes.ActLogon) && technique != "" {
			of[r.Src]++
			r.Incident, r.Techniques, r.Severity = incident, merge(r.Techniques, []string{technique}), max(r.Severity, casemate.SeverityMedium)
		}
	}
	s.scope = filter(s.Records, func(r *causes.Record) bool { return r.Incident >= 0 })
	s.widen()
}
