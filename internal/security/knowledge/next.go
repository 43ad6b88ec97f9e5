package knowledge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

const (
	// maxSteps and maxStepTechniques bound the work of NextSteps.
	maxSteps          = 64
	maxStepTechniques = 128
	// maxReasonTechniques is how many techniques a reason names before "and n more".
	maxReasonTechniques = 3
	// maxStepSources is how many log sources a step names.
	maxStepSources = 3
	// doNotMitigate is an answer of ATT&CK's that is no step: M1055, "Do Not Mitigate".
	doNotMitigate = "M1055"
)

// Chain returns the tactics in kill-chain order, each once, under the short name
// that the catalogue has for it. Tactics that it does not have come last.
func (c *Catalogue) Chain(tactics []string) []string {
	type link struct {
		name  string
		order int
	}
	links := make([]link, 0, len(tactics))
	seen := map[string]bool{}
	for _, name := range tactics {
		l := link{name: name, order: len(c.attackTactics()) + 1}
		if t, ok := c.Tactic(name); ok {
			l = link{name: t.Short, order: t.Order}
		}
		if !seen[l.name] {
			seen[l.name] = true
			links = append(links, l)
		}
	}
	slices.SortStableFunc(links, func(x, y link) int {
		return cmp.Or(x.order-y.order, cmp.Compare(x.name, y.name))
	})
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.name
	}
	return out
}

func (c *Catalogue) attackTactics() []Tactic {
	a, _ := c.attack() // a damaged section answers as empty: see Catalogue
	return a.tactics
}

// proposal is one possible next step and the techniques that call for it.
type proposal struct {
	step    casemate.NextStep
	score   float64
	because []Technique
}

// NextSteps returns up to n steps for an incident that shows techniques: data
// components to collect, D3FEND countermeasures and ATT&CK mitigations, in
// that order, none twice. Half of the steps, rounded up, collect; half of the
// others, rounded up, counter. A step that several techniques call for comes before one that
// a single technique does. Unknown ids are passed over; revoked ones stand for
// their successors. Of the log sources, those that exist only on platforms other
// than the given ones (windows, linux, macos, esxi, cloud, container) are left
// out; no platform means all.
func (c *Catalogue) NextSteps(techniqueIDs []string, n int, platforms ...string) []casemate.NextStep {
	n = min(n, maxSteps)
	if n <= 0 {
		return nil
	}
	techniques := c.resolveAll(techniqueIDs)
	collect, counter, mitigate := agenda{}, agenda{}, agenda{}
	for _, t := range techniques {
		for rank, d := range c.DataComponents(t.ID) {
			all := len(d.Sources)
			d.Sources = slices.DeleteFunc(slices.Clone(d.Sources), func(s LogSource) bool { return elsewhere(s, platforms) })
			if all == 0 || len(d.Sources) > 0 {
				collect.propose(t, rank, collectStep(d))
			}
		}
		for rank, m := range c.Countermeasures(t.ID, n) {
			counter.propose(t, rank, counterStep(m))
		}
		for rank, m := range c.Mitigations(t.ID) {
			if m.ID != doNotMitigate {
				mitigate.propose(t, rank, casemate.NextStep{Kind: "mitigate", ID: m.ID, Text: "Mitigate: " + m.Name})
			}
		}
	}
	kinds := [][]casemate.NextStep{collect.best(), counter.best(), mitigate.best()}
	var out []casemate.NextStep
	for i, take := range shares(n, len(kinds[0]), len(kinds[1]), len(kinds[2])) {
		out = append(out, kinds[i][:take]...)
	}
	return out
}

// resolveAll looks techniques up, each once.
func (c *Catalogue) resolveAll(ids []string) []Technique {
	var out []Technique
	seen := map[string]bool{}
	for _, id := range ids {
		t, _, ok := c.Resolve(id)
		if ok && !seen[t.ID] && len(out) < maxStepTechniques {
			seen[t.ID] = true
			out = append(out, t)
		}
	}
	return out
}

// shares divides n steps among the kinds: half to the first, half of the rest to
// the second. What a kind cannot use goes to the others in order.
func shares(n int, have ...int) []int {
	want := []int{(n + 1) / 2, (n/2 + 1) / 2, n / 2 / 2}
	take := make([]int, len(have))
	left := n
	for _, limit := range [][]int{want, {n, n, n}} {
		for i := range have {
			more := min(left, have[i]-take[i], max(0, limit[i]-take[i]))
			take[i] += more
			left -= more
		}
	}
	return take
}

// sourcePlatforms says on which platform the sources of a name begin with a
// word; a source that is not here is read on any.
var sourcePlatforms = map[string]string{
	"wineventlog": "windows", "windows": "windows", "windows registry": "windows", "etw": "windows", "autoruns": "windows", "applicationlog": "windows",
	"auditd": "linux", "linux": "linux", "journald": "linux", "ebpf": "linux", "systemd": "linux", "iptables": "linux", "sar": "linux",
	"macos": "macos", "openbsm": "macos", "esxi": "esxi", "esxcli": "esxi", "esxilogs": "esxi", "vpxd.log": "esxi",
	"aws": "cloud", "cloudtrail": "cloud", "azure": "cloud", "gcp": "cloud", "m365": "cloud", "saas": "cloud", "saas-app": "cloud", "okta": "cloud",
	"kubernetes": "container", "docker": "container", "containerd": "container", "container": "container", "cni": "container",
	"networkdevice": "network", "snmp": "network",
}

// elsewhere reports whether a source exists only on platforms not given.
func elsewhere(s LogSource, platforms []string) bool {
	word, _, _ := strings.Cut(strings.ToLower(s.Name), ":")
	platform, known := sourcePlatforms[word]
	return len(platforms) > 0 && known && !slices.Contains(platforms, platform)
}

func collectStep(d DataComponent) casemate.NextStep {
	text := "Collect " + d.Name
	// Whoever collects wants the event codes, so sources that have some come first.
	var logs, bare []string
	for _, s := range d.Sources {
		if s.Channel != "" {
			logs = append(logs, s.String())
		} else {
			bare = append(bare, s.String())
		}
	}
	logs = append(logs, bare...)
	if logs = logs[:min(len(logs), maxStepSources)]; len(logs) > 0 {
		text += ": " + strings.Join(logs, "; ")
	}
	return casemate.NextStep{Kind: "collect", ID: d.ID, Text: text}
}

func counterStep(m Countermeasure) casemate.NextStep {
	text := m.Tactic + ": " + m.Name
	if m.Artifact != "" {
		text += " (" + m.Relation + " " + m.Artifact + ")"
	}
	return casemate.NextStep{Kind: "counter", ID: m.ID, Text: text}
}

// agenda gathers the proposals of one kind, by id.
type agenda map[string]*proposal

// propose adds a step that is the rank-th best for a technique, counted from 0.
func (a agenda) propose(t Technique, rank int, step casemate.NextStep) {
	p := a[step.ID]
	if p == nil {
		p = &proposal{step: step}
		a[step.ID] = p
	}
	// The root lets a step that two techniques call for second or third come
	// before one that a single technique calls for first.
	p.score += 1 / math.Sqrt(float64(rank+1))
	p.because = append(p.because, t)
}

// best returns the steps with their reasons, the best first.
func (a agenda) best() []casemate.NextStep {
	var list []*proposal
	for _, p := range a {
		list = append(list, p)
	}
	slices.SortFunc(list, func(x, y *proposal) int {
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(x.step.ID, y.step.ID))
	})
	out := make([]casemate.NextStep, len(list))
	for i, p := range list {
		out[i] = p.step
		out[i].Reason = reason(p.because)
	}
	return out
}

// reason names the techniques that call for a step.
func reason(techniques []Technique) string {
	var names []string
	for _, t := range techniques[:min(len(techniques), maxReasonTechniques)] {
		names = append(names, t.ID+" "+t.Name)
	}
	switch more := len(techniques) - len(names); {
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	case len(names) > 1:
		last := len(names) - 1
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}
