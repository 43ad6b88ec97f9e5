// Package report shows people what triage found: on a terminal, as one HTML
// page, as a case note and as the account of a score.
//
// Every text in an incident may have been written by an attacker, so no text
// goes out as it came in: Terminal, Markdown, MarkdownCode and CSVCell clean it
// for where it goes, and HTML is written by html/template alone. Nothing here
// judges; the wording comes from fixed templates and the facts from the incident.
package report

import (
	"time"

	"github.com/casemate-ai/casemate"
)

// Tactic is a tactic of ATT&CK: a column of the matrix and a step of the kill chain.
type Tactic struct {
	Short string // as techniques name it, such as "initial-access"
	Name  string // as people do; "" makes one of Short
}

// FileLine says what became of one input file.
type FileLine struct {
	Name, Format    string
	Records, Faults int
}

// SuppressedLine says how many alerts one suppression rule set aside.
type SuppressedLine struct {
	Rule   string
	Alerts int
	Note   string
}

// KeyValue is one line of provenance, such as a version or a digest.
type KeyValue struct {
	Key, Value string
}

// Triage is all that a report says: the ranked incidents and how they came about.
type Triage struct {
	Incidents []casemate.Incident // by rank, most urgent first; may be limited
	Total     int                 // incidents before that limit

	Alerts  int // records that a sensor or rule flagged
	Events  int // records that are telemetry only
	Repeats int // alerts of a name, host, user and hour beyond the first; they are in the incidents, too

	Files      []FileLine
	Faults     []casemate.Fault // may be fewer than FaultCount
	FaultCount int
	Suppressed []SuppressedLine

	RulesLoaded  int
	RulesRefused int      // rules that could not be used
	Refused      []string // each of them, with the reason
	RuleMatches  int

	First, Last time.Time // of what was read; zero where nothing has a time
	Provenance  []KeyValue
	Took        time.Duration

	Tactics []Tactic // in kill-chain order; nil is those of the enterprise matrix

	// Opinions are what a language model says, by the incidents' ids; nil where
	// none was asked.
	Opinions map[string]Opinion
}

// total returns how many incidents there were before any limit, which is never
// fewer than there are.
func (t *Triage) total() int { return max(t.Total, len(t.Incidents)) }

// faults returns how many pieces of input could not be used.
func (t *Triage) faults() int { return max(t.FaultCount, len(t.Faults)) }

// suppressed returns how many alerts were set aside by suppression rules.
func (t *Triage) suppressed() int {
	n := 0
	for _, s := range t.Suppressed {
		n += s.Alerts
	}
	return n
}

// verdicts lists the verdicts, gravest first, as every report counts them.
func verdicts() []casemate.Verdict {
	return []casemate.Verdict{
		casemate.VerdictMalicious, casemate.VerdictSuspicious,
		casemate.VerdictReview, casemate.VerdictBenign,
	}
}

// verdictCounts counts the incidents of each verdict, in the order of verdicts.
func (t *Triage) verdictCounts() []int {
	n := make([]int, len(verdicts()))
	for i := range t.Incidents {
		for j, v := range verdicts() {
			if t.Incidents[i].Verdict == v {
				n[j]++
			}
		}
	}
	return n
}
