package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/firewall"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// The phases, in order.
var phases = []string{"preserve", "contain", "eradicate", "recover", "watch"}

// agenda collects actions.
type agenda struct {
	s    *scene
	list []Action
	seen map[string]bool
	by   map[string]play
}

// actions proposes what to do for the grave incidents of the scope, and what to
// ask about the rest. Nothing of it is ever done by Casemate.
func (s *scene) actions(c *cast, scopes []Scope, blocked map[string]string) []Action {
	a := &agenda{s: s, seen: map[string]bool{}, by: map[string]play{}}
	for _, p := range s.book.plays {
		a.by[p.ID] = p
	}
	bad := map[int]bool{}
	any := false
	for i, sc := range scopes {
		bad[i] = sc.Grave
		any = any || sc.Grave
	}
	var list []*causes.Record
	for _, r := range s.scope {
		if bad[r.Incident] {
			list = append(list, r)
		}
	}
	if any {
		a.preserve(list)
		a.hosts(c, list)
		a.accounts(c, list)
		a.network(c, list, blocked)
		a.persistence(list)
		a.files(c, list)
		a.aftermath(c, list)
	}
	for i := range s.incidents {
		if !bad[i] {
			a.ask(i)
		}
	}
	return a.finish()
}

// add proposes a play for a target.
func (a *agenda) add(id string, t casemate.EntityType, target string, because string, records []*causes.Record) *Action {
	key := id + "|" + strings.ToLower(target)
	if a.seen[key] || len(records) == 0 {
		return nil
	}
	a.seen[key] = true
	p := a.by[id]
	act := Action{
		Play: id, Phase: p.Phase, Text: strings.ReplaceAll(p.Text, "%T", target), Target: casemate.Entity{Type: t, Value: target},
		Touches: p.Touches, Undo: p.Undo, Risk: p.Risk, Counter: p.Counter,
		Because: casemate.Statement{Text: because, Evidence: a.s.citeAll(records, maxArgument), By: casemate.DecidedByRule},
	}
	if d, ok := a.s.Catalogue.Defence(p.Counter); ok {
		act.Name = d.Name
	}
	for _, c := range p.Commands {
		if safe(target) && fits(c.System, records[0].Product) {
			act.Commands = append(act.Commands, Command{System: c.System, Text: strings.ReplaceAll(c.Text, "%T", target), Undo: strings.ReplaceAll(c.Undo, "%T", target)})
		}
	}
	a.weighAsset(&act, p)
	a.list = append(a.list, act)
	return &a.list[len(a.list)-1]
}

// fits reports whether a command's system is that of the records.
func fits(system, product string) bool {
	switch product {
	case "linux":
		return system == "Linux"
	case "windows":
		return system != "Linux"
	}
	return true
}

// safe reports whether a value may stand in a command: what comes from data
// must not be able to end a quotation or begin a command.
func safe(v string) bool {
	for _, c := range v {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune("._-$@", c):
		default:
			return false
		}
	}
	return v != "" && v[0] != '-' && len(v) <= 128
}

// manyDepend is said of what would hit a machine that the inventory calls critical.
const manyDepend = " many depend on it, so decide with its owner, and take the milder way first unless data is being destroyed right now."

// weighAsset says what the inventory makes of an action's target.
func (a *agenda) weighAsset(act *Action, p play) {
	if act.Target.Type != casemate.EntityHost {
		act.Milder = p.Milder
		return
	}
	asset, ok := a.s.assets[act.Target.Value]
	if !ok {
		if p.Milder != "" {
			act.Milder = p.Milder
		}
		return
	}
	about := fmt.Sprintf(" The inventory rates it %s", asset.Criticality)
	if asset.Exposure != "" {
		about += ", " + asset.Exposure
	}
	if asset.Owner != "" {
		about += "; its owner is " + asset.Owner
	}
	act.Touches += about + "."
	if asset.Criticality >= casemate.SeverityHigh && p.Milder != "" {
		act.Risk = "high"
		act.Milder = p.Milder
		if asset.Criticality >= casemate.SeverityCritical {
			act.Touches = strings.TrimSuffix(act.Touches, ".") + ":" + manyDepend
		}
	}
}

// records of a list that pass.
func filter(list []*causes.Record, ok func(*causes.Record) bool) []*causes.Record {
	var out []*causes.Record
	for _, r := range list {
		if ok(r) {
			out = append(out, r)
		}
	}
	return out
}

// because says on what an action rests.
func because(r *causes.Record) string {
	if r.Kind == casemate.KindEvent {
		return r.Tell()
	}
	return r.Called() + "."
}

func (a *agenda) preserve(list []*causes.Record) {
	a.add("preserve-logs", "", "", "The incident stands on these records, and logs were its target before or may become it.", list[:min(len(list), maxArgument)])
}

// runsOn returns the machines on which the list's records show programs at work.
func (a *agenda) runsOn(list []*causes.Record) (names []string, of map[string][]*causes.Record) {
	of = map[string][]*causes.Record{}
	for _, r := range list {
		h := a.s.HostName(r.Host)
		if h == "" || !graded(r) || r.Image == "" && r.Act != causes.ActService && r.Act != causes.ActTask && r.Act != causes.ActFile {
			continue
		}
		if of[h] == nil {
			names = append(names, h)
		}
		of[h] = append(of[h], r)
	}
	return names, of
}

func (a *agenda) hosts(c *cast, list []*causes.Record) {
	names, of := a.runsOn(list)
	for _, h := range names {
		grave := of[h]
		slices.SortStableFunc(grave, func(x, y *causes.Record) int { return cmp.Compare(y.Severity, x.Severity) })
		why := because(grave[0])
		a.add("preserve-host", casemate.EntityHost, h, why, grave)
		a.add("isolate-host", casemate.EntityHost, h, why, grave)
		a.add("rebuild", casemate.EntityHost, h, why, grave)
		a.add("release", casemate.EntityHost, h, why, grave)
	}
}

func (a *agenda) accounts(c *cast, list []*causes.Record) {
	in := map[*causes.Record]bool{}
	for _, r := range list {
		in[r] = true
	}
	for _, x := range c.order {
		if x.Type != casemate.EntityUser || causes.IsService(x.Value) {
			continue
		}
		mine := filter(x.Records, func(r *causes.Record) bool { return in[r] })
		if x.is(partExposed) || x.is(partNewKey) || x.is(partCloudKey) {
			mine = x.Records
		}
		if len(mine) == 0 {
			continue
		}
		why := because(mine[0])
		switch {
		case x.is(partNewKey), x.is(partCloudKey):
			a.add("disable-key", x.Type, x.Value, why, mine)
		case x.is(partMade):
			a.add("disable-made", x.Type, x.Value, why, mine)
		case !x.is(partUsed) && !x.is(partExposed) && !x.is(partTicket):
		case strings.HasPrefix(x.Value, "svc") || x.is(partTicket):
			a.add("disable-service", x.Type, x.Value, why, mine)
		default:
			a.accountOfPerson(x, why, mine)
		}
	}
}

// accountOfPerson proposes to stop an account that acted, and to renew one whose
// credentials lay open.
func (a *agenda) accountOfPerson(x *actor, why string, mine []*causes.Record) {
	if cloud := filter(mine, func(r *causes.Record) bool { return r.Act == causes.ActCloud }); len(cloud) == len(mine) {
		return // the keys are what is used
	}
	if x.is(partUsed) {
		a.add("disable-user", x.Type, x.Value, why, mine)
	}
	a.add("reset-exposed", x.Type, x.Value, why, mine)
	if ssh := filter(mine, func(r *causes.Record) bool {
		return r.Act == causes.ActLogon && strings.Contains(strings.ToLower(r.Message), "publickey")
	}); len(ssh) > 0 {
		a.add("rotate-ssh", x.Type, x.Value, because(ssh[0]), ssh)
	}
}

// network proposes blocks, of what may be blocked and of nothing else.
func (a *agenda) network(c *cast, list []*causes.Record, blocked map[string]string) {
	for _, x := range c.order {
		switch {
		case x.Type == casemate.EntityAddress && blocked[x.Value] != "":
			act := a.add("block-address", x.Type, x.Value, because(x.Records[0]), x.Records)
			if act != nil && x.is(partAttacker) && !x.is(partControl) {
				act.Counter = "D3-ITF"
				if d, ok := a.s.Catalogue.Defence(act.Counter); ok {
					act.Name = d.Name
				}
			}
		case x.Type == casemate.EntityDomain && firewall.Shared(x.Value) != "":
			a.add("block-url", x.Type, x.Value, because(x.Records[0]), x.Records)
		case x.Type == casemate.EntityDomain && a.s.Own.WhyName(x.Value) == "":
			a.add("block-domain", x.Type, x.Value, because(x.Records[0]), x.Records)
		}
	}
	for _, r := range list {
		if r.Act == causes.ActMail && len(r.Files) > 0 {
			a.add("recall-mail", casemate.EntityFile, causes.Base(r.Files[0]), because(r), []*causes.Record{r})
		}
		if r.Act == causes.ActCloud && (r.Name == "StopLogging" || causes.Has(r, "T1562.008")) {
			a.add("trail-on", "", "", because(r), []*causes.Record{r})
		}
	}
}

// persistence proposes to remove each way to come back.
func (a *agenda) persistence(list []*causes.Record) {
	for _, r := range list {
		h := a.s.HostName(r.Host)
		why := because(r)
		one := []*causes.Record{r}
		switch {
		case h == "":
		case r.Act == causes.ActService || causes.Has(r, "T1543") && r.Image != "":
			a.detail("remove-service", h, why, one, cmp.Or(r.Key, r.Command))
		case r.Act == causes.ActTask || causes.Has(r, "T1053") && (r.Image != "" || r.File != ""):
			a.detail("remove-task", h, why, one, cmp.Or(r.Key, r.File, r.Command))
		case causes.Has(r, "T1547") || r.Act == causes.ActRegistry && causes.Has(r, "T1546"):
			a.detail("remove-autorun", h, why, one, r.Key)
		case causes.Has(r, "T1505.003") && r.File != "":
			a.add("remove-shell", casemate.EntityFile, r.File, why, one)
		}
	}
}

// detail adds an action and what exactly it is about, where the record says it.
func (a *agenda) detail(id, host, why string, records []*causes.Record, what string) {
	if act := a.add(id, casemate.EntityHost, host, why, records); act != nil && what != "" {
		act.Text = strings.TrimSuffix(act.Text, ".") + ": " + phrase.Cut(what, 200) + "."
	}
}

// files proposes to take away the programs of the incident.
func (a *agenda) files(c *cast, list []*causes.Record) {
	n := 0
	for _, x := range c.order {
		if x.Type != casemate.EntityFile || !causes.Runnable(x.Value) {
			continue
		}
		if a.seen["remove-shell|"+strings.ToLower(x.Value)] {
			continue
		}
		if n++; n <= 12 {
			a.add("remove-file", x.Type, x.Value, because(x.Records[0]), x.Records)
		}
	}
}

// aftermath proposes what follows from the gravest techniques.
func (a *agenda) aftermath(c *cast, list []*causes.Record) {
	for _, r := range list {
		h := a.s.HostName(r.Host)
		one := []*causes.Record{r}
		why := because(r)
		switch {
		case causes.Has(r, "T1003.003") && h != "":
			a.add("reset-krbtgt", casemate.EntityHost, h, why, one)
		case causes.Has(r, "T1490") && h != "":
			a.add("recovery-on", casemate.EntityHost, h, why, one)
			a.add("restore-files", casemate.EntityHost, h, why, one)
		case causes.Has(r, "T1486", "T1485") && h != "":
			a.add("restore-files", casemate.EntityHost, h, why, one)
		case causes.Has(r, "T1567", "T1048", "T1041", "T1537") && a.s.Foreign(r.Dst):
			a.add("judge-theft", casemate.EntityAddress, r.Dst, why, one)
		case causes.Has(r, exploiting...) && h != "":
			a.add("fix-web", casemate.EntityHost, h, why, one)
			a.add("rotate-secret", casemate.EntityHost, h, why, one)
		}
	}
	a.add("watch-names", "", "", "The accounts, names and files of the incident may be used again.", list[:min(len(list), maxArgument)])
}

// ask proposes to ask the owner, for an incident that is not grave.
func (a *agenda) ask(incident int) {
	for _, r := range a.s.scope {
		if r.Incident == incident {
			target := cmp.Or(a.s.HostName(r.Host), causes.Bare(r.User), "the source")
			a.add("ask", casemate.EntityHost, target, because(r), []*causes.Record{r})
			return
		}
	}
}

// finish orders the actions, numbers them and says which come before which.
func (a *agenda) finish() []Action {
	slices.SortStableFunc(a.list, func(x, y Action) int {
		return cmp.Or(cmp.Compare(slices.Index(phases, x.Phase), slices.Index(phases, y.Phase)), cmp.Compare(a.by[x.Play].Order, a.by[y.Play].Order))
	})
	for i := range a.list {
		a.list[i].ID = "A" + strconv.Itoa(i+1)
	}
	for i := range a.list {
		for _, need := range a.by[a.list[i].Play].After {
			for _, b := range a.list[:i] {
				if b.Play == need && (b.Target.Type != casemate.EntityHost || a.list[i].Target.Type != casemate.EntityHost || b.Target == a.list[i].Target) {
					a.list[i].Requires = append(a.list[i].Requires, b.ID)
				}
			}
		}
	}
	if a.list == nil {
		return []Action{}
	}
	return a.list
}
