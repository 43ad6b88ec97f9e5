package investigate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/firewall"
)

const (
	maxNodes    = 40 // of the graph; the rest is counted
	maxEntities = 400
	maxCited    = 6 // ids that an entity or edge cites
)

// The parts that entities take.
const (
	partRuns     = "runs what is under investigation"
	partEntered  = "was entered"
	partTried    = "was reached or tried"
	partUsed     = "account in use"
	partMade     = "account that was made"
	partExposed  = "account whose credentials lay open"
	partTicket   = "account whose service ticket can be attacked"
	partGuessed  = "account that was guessed"
	partControl  = "outside end of a connection"
	partAttacker = "outside source"
	partFile     = "file that was written or run"
	partCloudKey = "cloud key in use"
	partNewKey   = "cloud key that was made"
	partSite     = "name that was asked for"
)

// actor is an entity and all that speaks for its parts.
type actor struct {
	Entity
	Records []*causes.Record
}

// cast collects the entities of a scope and their parts.
type cast struct {
	by    map[string]*actor
	order []*actor
}

func (c *cast) add(t casemate.EntityType, value, part string, r *causes.Record) *actor {
	if value == "" {
		return nil
	}
	key := string(t) + "|" + strings.ToLower(value)
	a := c.by[key]
	if a == nil {
		a = &actor{Entity: Entity{Type: t, Value: value, First: r.Time, Last: r.Time}}
		c.by[key] = a
		c.order = append(c.order, a)
	}
	if part != "" && !slices.Contains(a.Parts, part) {
		a.Parts = append(a.Parts, part)
	}
	if !slices.Contains(a.Records, r) {
		a.Records = append(a.Records, r)
		a.Count++
	}
	if r.Time.Before(a.First) {
		a.First = r.Time
	}
	if r.Time.After(a.Last) {
		a.Last = r.Time
	}
	a.Severity = max(a.Severity, r.Severity)
	return a
}

func (a *actor) is(part string) bool { return slices.Contains(a.Parts, part) }

// castOf finds who and what takes part in the scope.
func (s *scene) castOf() *cast {
	c := &cast{by: map[string]*actor{}}
	for _, r := range s.scope {
		s.castRecord(c, r)
	}
	s.castTrees(c)
	s.castExposed(c)
	for _, a := range c.order {
		if a.Type == casemate.EntityHost {
			if asset, ok := s.assets[a.Value]; ok {
				a.Criticality, a.Exposure, a.Owner = asset.Criticality, asset.Exposure, asset.Owner
			}
		}
	}
	return c
}

func (s *scene) castRecord(c *cast, r *causes.Record) {
	host := s.HostName(r.Host)
	runs := graded(r) && (r.Image != "" || r.Act == causes.ActService || r.Act == causes.ActTask || r.Act == causes.ActFile)
	switch {
	case runs:
		c.add(casemate.EntityHost, host, partRuns, r)
	case r.Act == causes.ActLogon:
		c.add(casemate.EntityHost, host, partEntered, r)
	default:
		c.add(casemate.EntityHost, host, partTried, r)
	}
	if !causes.IsService(r.User) {
		part := partUsed
		switch {
		case r.Act == causes.ActMail:
			part = ""
		case r.Act != causes.ActLogon && (causes.Has(r, "T1110") || strings.HasPrefix(r.Name, "ssh-")):
			part = partGuessed
		}
		c.add(casemate.EntityUser, causes.Bare(r.User), part, r)
	}
	s.castAddresses(c, r)
	if r.Act == causes.ActFile && r.File != "" {
		c.add(casemate.EntityFile, r.File, partFile, r)
	}
	switch {
	case r.Act == causes.ActAccount && !causes.IsService(r.Account):
		part := ""
		if causes.Has(r, "T1136") || strings.Contains(strings.ToLower(r.Name), "created") {
			part = partMade
		}
		c.add(casemate.EntityUser, causes.Bare(r.Account), part, r)
	case causes.Has(r, "T1558.003") && r.Key != "" && !causes.IsService(r.Key) && causes.Bare(r.Key) != "krbtgt":
		c.add(casemate.EntityUser, causes.Bare(r.Key), partTicket, r)
	}
}

// site returns the part of a name that can be blocked: without the labels that a
// tunnel fills with data.
func site(name string) string {
	name = strings.ToLower(name)
	for {
		label, rest, ok := strings.Cut(name, ".")
		if !ok || !strings.Contains(rest, ".") || len(label) > 1 && len(label) <= 25 {
			return name
		}
		name = rest
	}
}

// castAddresses takes the outside ends of what is graded.
func (s *scene) castAddresses(c *cast, r *causes.Record) {
	if !graded(r) {
		return
	}
	if s.Foreign(r.Src) {
		c.add(casemate.EntityAddress, r.Src, partAttacker, r)
	}
	if s.Foreign(r.Dst) {
		c.add(casemate.EntityAddress, r.Dst, partControl, r)
	}
	if s.Foreign(r.Src) {
		return // the names in a request to us are our own
	}
	for _, d := range r.Domains {
		if s.Own.WhyName(d) == "" || firewall.Shared(d) != "" {
			c.add(casemate.EntityDomain, site(d), partSite, r)
		}
	}
}

// castTrees adds what the processes of the scope did that no rule graded: the
// addresses they connected to, the names they asked for, the files they wrote.
func (s *scene) castTrees(c *cast) {
	done := map[*causes.Process]bool{}
	for _, r := range s.scope {
		if r.Process == nil || done[r.Process] || !graded(r) || causes.IsCommon(r.Process.Image) {
			continue
		}
		done[r.Process] = true
		for _, o := range r.Process.Records {
			switch {
			case o.Act == causes.ActNetwork && s.Foreign(o.Dst):
				c.add(casemate.EntityAddress, o.Dst, partControl, o)
			case o.Act == causes.ActFile && o.File != "":
				c.add(casemate.EntityFile, o.File, partFile, o)
			}
			for _, d := range o.Domains {
				if o.Act != causes.ActNetwork && s.Own.WhyName(d) == "" {
					c.add(casemate.EntityDomain, site(d), partSite, o)
				}
			}
		}
	}
	s.castCloud(c)
}

// castCloud adds the keys that a cloud's accounts in the scope used and made.
func (s *scene) castCloud(c *cast) {
	who := map[string]bool{}
	for _, r := range s.scope {
		if r.Act == causes.ActCloud && s.Foreign(r.Src) && causes.Bare(r.User) != "root" {
			who[causes.Bare(r.User)+"|"+r.Src] = true
		}
	}
	for _, r := range s.Records {
		if r.Act != causes.ActCloud || !who[causes.Bare(r.User)+"|"+r.Src] {
			continue
		}
		if r.Name == "CreateAccessKey" && r.Key != "" {
			c.add(casemate.EntityUser, r.Key, partNewKey, r)
		}
		if r.CloudKey != "" && r.CloudKey != r.Key {
			c.add(casemate.EntityUser, r.CloudKey, partCloudKey, r)
		}
	}
}

// castExposed adds the accounts that had a session on a machine whose memory of
// credentials was read.
func (s *scene) castExposed(c *cast) {
	for _, dump := range s.scope {
		if !causes.Has(dump, "T1003.001") {
			continue
		}
		for _, r := range s.OnHost(dump, causes.Long) {
			if r.Act == causes.ActLogon && !causes.IsService(r.User) {
				c.add(casemate.EntityUser, causes.Bare(r.User), partExposed, r)
			}
		}
	}
}

// entities lists a cast, the most involved first.
func (s *scene) entities(c *cast) []Entity {
	slices.SortStableFunc(c.order, func(a, b *actor) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Count, a.Count), strings.Compare(string(a.Type)+a.Value, string(b.Type)+b.Value))
	})
	out := make([]Entity, 0, len(c.order))
	for _, a := range c.order[:min(len(c.order), maxEntities)] {
		e := a.Entity
		e.Evidence = s.citeAll(a.Records, maxCited)
		out = append(out, e)
	}
	return out
}

// drawing makes the graph.
type drawing struct {
	s     *scene
	nodes map[string]*Node
	order []string
	count map[string]int
	edges map[string]*Edge
	list  []string
}

// graph ties the entities of the scope.
func (s *scene) graph(c *cast) Graph {
	d := &drawing{s: s, nodes: map[string]*Node{}, count: map[string]int{}, edges: map[string]*Edge{}}
	for _, r := range s.scope {
		d.record(r)
	}
	for _, a := range c.order {
		if a.Type == casemate.EntityAddress || a.is(partExposed) || a.is(partNewKey) {
			for _, r := range a.Records {
				d.record(r)
			}
		}
	}
	return d.finish()
}

// record draws the edges that one record shows.
func (d *drawing) record(r *causes.Record) {
	s := d.s
	host := d.node(casemate.EntityHost, s.HostName(r.Host), causes.Label(r.Host), r)
	user := ""
	if !causes.IsService(r.User) {
		user = d.node(casemate.EntityUser, causes.Bare(r.User), causes.Bare(r.User), r)
	}
	src, dst := d.peer(r.Src, r), d.peer(r.Dst, r)
	switch r.Act {
	case causes.ActLogon:
		d.edge(src, host, "logged on to", r)
		d.edge(user, host, "logged on to", r)
	case causes.ActNetwork:
		if src == "" {
			src = host
		}
		d.edge(src, dst, "connected to", r)
	case causes.ActRequest:
		d.edge(src, cmp.Or(dst, host), "asked", r)
	case causes.ActFile:
		d.edge(user, host, "acted on", r)
		d.edge(host, d.node(casemate.EntityFile, r.File, causes.Base(r.File), r), "wrote", r)
	case causes.ActAccount:
		d.edge(user, d.node(casemate.EntityUser, causes.Bare(r.Account), causes.Bare(r.Account), r), "changed", r)
	case causes.ActCloud:
		d.edge(src, user, "used", r)
		if r.Key != "" {
			d.edge(user, d.node(casemate.EntityUser, r.Key, r.Key, r), "made", r)
		}
	case causes.ActMail:
		for _, m := range r.Files {
			d.edge(d.node(casemate.EntityFile, causes.Base(m), causes.Base(m), r), user, "was mailed to", r)
		}
	default:
		d.edge(user, host, "acted on", r)
		d.edge(src, dst, "reached", r)
		if src == "" {
			d.edge(host, dst, "reached", r)
		}
	}
	for _, name := range r.Domains {
		if s.Foreign(r.Src) || s.Own.WhyName(name) != "" {
			continue
		}
		from := cmp.Or(host, src)
		d.edge(from, d.node(casemate.EntityDomain, site(name), site(name), r), "asked for", r)
	}
}

// peer is the node of an address: of its host where that is known.
func (d *drawing) peer(addr string, r *causes.Record) string {
	if h := d.s.HostOf[addr]; h != "" {
		return d.node(casemate.EntityHost, h, h, r)
	}
	return d.node(casemate.EntityAddress, addr, addr, r)
}

func (d *drawing) node(t casemate.EntityType, value, text string, r *causes.Record) string {
	if value == "" {
		return ""
	}
	if t == casemate.EntityHost && d.s.HostOf[text] != "" {
		text = d.s.HostOf[text]
	}
	if t == casemate.EntityHost {
		text = strings.ToLower(text)
	}
	key := string(t) + "|" + strings.ToLower(value)
	n := d.nodes[key]
	if n == nil {
		n = &Node{Type: t, Label: text}
		d.nodes[key] = n
		d.order = append(d.order, key)
	}
	d.count[key]++
	n.Severity = max(n.Severity, r.Severity)
	return key
}

func (d *drawing) edge(from, to, verb string, r *causes.Record) {
	if from == "" || to == "" || from == to {
		return
	}
	key := from + "|" + verb + "|" + to
	e := d.edges[key]
	if e == nil {
		e = &Edge{From: from, To: to, Verb: verb, First: r.Time, Last: r.Time}
		d.edges[key] = e
		d.list = append(d.list, key)
	}
	e.Count++
	e.Severity = max(e.Severity, r.Severity)
	if r.Time.Before(e.First) {
		e.First = r.Time
	}
	if r.Time.After(e.Last) {
		e.Last = r.Time
	}
	if id := d.s.cite(r); len(e.Evidence) < maxCited && !slices.Contains(e.Evidence, id) {
		e.Evidence = append(e.Evidence, id)
	}
}

// finish keeps the nodes most involved and gives them their ids.
func (d *drawing) finish() Graph {
	tied := map[string]bool{}
	for _, e := range d.edges {
		tied[e.From], tied[e.To] = true, true
	}
	var keys []string
	for _, k := range d.order {
		if tied[k] {
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(d.nodes[b].Severity, d.nodes[a].Severity), cmp.Compare(d.count[b], d.count[a]))
	})
	g := Graph{More: max(0, len(keys)-maxNodes), Nodes: []Node{}, Edges: []Edge{}}
	ids := map[string]string{}
	for i, k := range keys[:min(len(keys), maxNodes)] {
		ids[k] = "n" + strconv.Itoa(i+1)
		n := *d.nodes[k]
		n.ID = ids[k]
		g.Nodes = append(g.Nodes, n)
	}
	for _, k := range d.list {
		e := *d.edges[k]
		if ids[e.From] == "" || ids[e.To] == "" {
			continue
		}
		e.From, e.To = ids[e.From], ids[e.To]
		g.Edges = append(g.Edges, e)
	}
	slices.SortStableFunc(g.Edges, func(a, b Edge) int { return a.First.Compare(b.First) })
	return g
}
