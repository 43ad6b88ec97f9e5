package report

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// tactic is a column of the ATT&CK matrix.
type tactic struct{ short, name string }

// builtinTactics are the tactics of the enterprise matrix in kill-chain order.
func builtinTactics() []tactic {
	return []tactic{
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

// maxForeignTactics bounds the columns for tactics that the catalogue lacks.
const maxForeignTactics = 6

// tactics returns the columns of the matrix: the catalogue's, then those that
// only the incidents name, so that nothing seen is left out for its tactic.
func (t *Triage) tactics() []tactic {
	var out []tactic
	if t.Catalogue == nil {
		out = builtinTactics()
	} else {
		for _, short := range t.Catalogue.TacticOrder() {
			name := t.Catalogue.TacticName(short)
			if name == "" {
				name = tacticName(short)
			}
			out = append(out, tactic{short, name})
		}
	}
	known := len(out)
	for i := range t.Incidents {
		for _, tech := range t.Incidents[i].Techniques {
			for _, short := range tech.Tactics {
				if len(out) < known+maxForeignTactics && tacticIndex(out, short) < 0 {
					out = append(out, tactic{short, tacticName(short)})
				}
			}
		}
	}
	return out
}

func tacticIndex(all []tactic, short string) int {
	return slices.IndexFunc(all, func(t tactic) bool { return t.short == short })
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
func reached(all []tactic, inc *casemate.Incident) []bool {
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

// techniquesOf returns the ids of the techniques that moment m shows, or "".
func techniquesOf(ids []string, most int) string {
	if len(ids) > most {
		return strings.Join(ids[:most], ", ") + " " + andMore(most, len(ids))
	}
	return strings.Join(ids, ", ")
}
