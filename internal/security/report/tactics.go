package report

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// builtinTactics are the tactics of the enterprise matrix in kill-chain order.
func builtinTactics() []Tactic {
	return []Tactic{
		{"reconnaissance", "Reconnaissance"},
		{"resource-development", "Resource Development"},
		{"initial-access", "Initial Access"},
		{"execution", "Execution"},
		{"persistence", "Persistence"},
		{"privilege-escalation", "Privilege Escalation"},
		{"defense-evasion", "Defense Evasion"},
		{"credential-access", "Credential Access"},
		{"discovery", "Discovery"},
		{"lateral-movement", "Lateral Movement"},
		{"collection", "Collection"},
		{"command-and-control", "Command and Control"},
		{"exfiltration", "Exfiltration"},
		{"impact", "Impact"},
	}
}

// maxForeignTactics bounds the columns for tactics that only an incident names.
const maxForeignTactics = 6

// tactics returns the columns of the matrix: the given ones, then those that
// only the incidents name, so that nothing seen is left out for its tactic.
func (t *Triage) tactics() []Tactic {
	out := slices.Clone(t.Tactics)
	if out == nil {
		out = builtinTactics()
	}
	for i := range out {
		if out[i].Name == "" {
			out[i].Name = tacticName(out[i].Short)
		}
	}
	known := len(out)
	for i := range t.Incidents {
		for _, tech := range t.Incidents[i].Techniques {
			for _, short := range tech.Tactics {
				if len(out) < known+maxForeignTactics && tacticIndex(out, short) < 0 {
					out = append(out, Tactic{short, tacticName(short)})
				}
			}
		}
	}
	return out
}

func tacticIndex(all []Tactic, short string) int {
	return slices.IndexFunc(all, func(t Tactic) bool { return t.Short == short })
}

// tacticName makes a name of a short name: "lateral-movement" is "Lateral movement".
func tacticName(short string) string {
	s := strings.ReplaceAll(short, "-", " ")
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// reached says for each tactic whether a technique of the incident serves it.
func reached(all []Tactic, inc *casemate.Incident) []bool {
	out := make([]bool, len(all))
	for _, tech := range inc.Techniques {
		for _, short := range tech.Tactics {
			if i := tacticIndex(all, short); i >= 0 {
				out[i] = true
			}
		}
	}
	return out
}
