package investigate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
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
	records []*record
}

// cast collects the entities of a scope and their parts.
type cast struct {
	by    map[string]*actor
	order []*actor
}

func (c *cast) add(t casemate.EntityType, value, part string, r *record) *actor {
	if value == "" {
		return nil
	}
	key := string(t) + "|" + strings.ToLower(value)
	a := c.by[key]
	if a == nil {
		a = &actor{Entity: Entity{Type: t, Value: value, First: r.time, Last: r.time}}
		c.by[key] = a
		c.order = append(c.order, a)
	}
	if part != "" && !slices.Contains(a.Parts, part) {
		a.Parts = append(a.Parts, part)
	}
	if !slices.Contains(a.records, r) {
		a.records = append(a.records, r)
		a.Count++
	}
	if r.time.Before(a.First) {
		a.First = r.time
	}
	if r.time.After(a.Last) {
		a.Last = r.time
	}
	a.Severity = max(a.Severity, r.severity)
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

func (s *scene) castRecord(c *cast, r *record) {
	host := s.hostName(r.host)
	runs := graded(r) && (r.image != "" || r.act == actService || r.act == actTask || r.act == actFile)
	switch {
	case runs:
		c.add(casemate.EntityHost, host, partRuns, r)
	case r.act == actLogon:
		c.add(casemate.EntityHost, host, partEntered, r)
	default:
		c.add(casemate.EntityHost, host, partTried, r)
	}
	if !isService(r.user) {
		part := partUsed
		if r.act == actMail || hasTechnique(r, "T1110") && r.act != actLogon {
			part = ""
		}
		c.add(casemate.EntityUser, bare(r.user), part, r)
	}
	s.castAddresses(c, r)
	if r.act == actFile && r.file != "" {
		c.add(casemate.EntityFile, r.file, partFile, r)
	}
	switch {
	case r.act == actAccount && !isService(r.account):
		part := ""
		if hasTechnique(r, "T1136") || strings.Contains(strings.ToLower(r.name), "created") {
			part = partMade
		}
		c.add(casemate.EntityUser, bare(r.account), part, r)
	case hasTechnique(r, "T1558.003") && r.key != "" && !isService(r.key) && bare(r.key) != "krbtgt":
		c.add(casemate.EntityUser, bare(r.key), partTicket, r)
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
func (s *scene) castAddresses(c *cast, r *record) {
	if !graded(r) {
		return
	}
	if s.isForeign(r.src) {
		c.add(casemate.EntityAddress, r.src, partAttacker, r)
	}
	if s.isForeign(r.dst) {
		c.add(casemate.EntityAddress, r.dst, partControl, r)
	}
	if s.isForeign(r.src) {
		return // the names in a request to us are our own
	}
	for _, d := range r.domains {
		if s.own.WhyName(d) == "" || firewall.Shared(d) != "" {
			c.add(casemate.EntityDomain, site(d), partSite, r)
		}
	}
}

// castTrees adds what the processes of the scope did that no rule graded: the
// addresses they connected to, the names they asked for, the files they wrote.
func (s *scene) castTrees(c *cast) {
	done := map[*process]bool{}
	for _, r := range s.scope {
		if r.proc == nil || done[r.proc] || !graded(r) || isCommon(r.proc.image) {
			continue
		}
		done[r.proc] = true
		for _, o := range r.proc.records {
			switch {
			case o.act == actNetwork && s.isForeign(o.dst):
				c.add(casemate.EntityAddress, o.dst, partControl, o)
			case o.act == actFile && o.file != "":
				c.add(casemate.EntityFile, o.file, partFile, o)
			}
			for _, d := range o.domains {
				if o.act != actNetwork && s.own.WhyName(d) == "" {
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
		if r.act == actCloud && s.isForeign(r.src) && bare(r.user) != "root" {
			who[bare(r.user)+"|"+r.src] = true
		}
	}
	for _, r := range s.records {
		if r.act != actCloud || !who[bare(r.user)+"|"+r.src] {
			continue
		}
		if r.name == "CreateAccessKey" && r.key != "" {
			c.add(casemate.EntityUser, r.key, partNewKey, r)
		}
		if r.cloudKey != "" && r.cloudKey != r.key {
			c.add(casemate.EntityUser, r.cloudKey, partCloudKey, r)
		}
	}
}

// castExposed adds the accounts that had a session on a machine whose memory of
// credentials was read.
func (s *scene) castExposed(c *cast) {
	for _, dump := range s.scope {
		if !hasTechnique(dump, "T1003.001") {
			continue
		}
		for _, r := range s.onHost(dump, dropWindow) {
			if r.act == actLogon && !isService(r.user) {
				c.add(casemate.EntityUser, bare(r.user), partExposed, r)
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
		e.Evidence = s.citeAll(a.records, maxCited)
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
			for _, r := range a.records {
				d.record(r)
			}
		}
	}
	return d.finish()
}

// record draws the edges that one record shows.
func (d *drawing) record(r *record) {
	s := d.s
	host := d.node(casemate.EntityHost, s.hostName(r.host), label(r.host), r)
	user := ""
	if !isService(r.user) {
		user = d.node(casemate.EntityUser, bare(r.user), bare(r.user), r)
	}
	src, dst := d.peer(r.src, r), d.peer(r.dst, r)
	switch r.act {
	case actLogon:
		d.edge(src, host, "logged on to", r)
		d.edge(user, host, "logged on to", r)
	case actNetwork:
		if src == "" {
			src = host
		}
		d.edge(src, dst, "connected to", r)
	case actRequest:
		d.edge(src, pickNode(dst, host), "asked", r)
	case actFile:
		d.edge(user, host, "acted on", r)
		d.edge(host, d.node(casemate.EntityFile, r.file, base(r.file), r), "wrote", r)
	case actAccount:
		d.edge(user, d.node(casemate.EntityUser, bare(r.account), bare(r.account), r), "changed", r)
	case actCloud:
		d.edge(src, user, "used", r)
		if r.key != "" {
			d.edge(user, d.node(casemate.EntityUser, r.key, r.key, r), "made", r)
		}
	case actMail:
		for _, m := range r.files {
			d.edge(d.node(casemate.EntityFile, base(m), base(m), r), user, "was mailed to", r)
		}
	default:
		d.edge(user, host, "acted on", r)
		d.edge(src, dst, "reached", r)
		if src == "" {
			d.edge(host, dst, "reached", r)
		}
	}
	for _, name := range r.domains {
		if s.isForeign(r.src) || s.own.WhyName(name) != "" {
			continue
		}
		from := pickNode(host, src)
		d.edge(from, d.node(casemate.EntityDomain, site(name), site(name), r), "asked for", r)
	}
}

func pickNode(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// peer is the node of an address: of its host where that is known.
func (d *drawing) peer(addr string, r *record) string {
	if h := d.s.hostOf[addr]; h != "" {
		return d.node(casemate.EntityHost, h, h, r)
	}
	return d.node(casemate.EntityAddress, addr, addr, r)
}

func (d *drawing) node(t casemate.EntityType, value, text string, r *record) string {
	if value == "" {
		return ""
	}
	if t == casemate.EntityHost && d.s.hostOf[text] != "" {
		text = d.s.hostOf[text]
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
	n.Severity = max(n.Severity, r.severity)
	return key
}

func (d *drawing) edge(from, to, verb string, r *record) {
	if from == "" || to == "" || from == to {
		return
	}
	key := from + "|" + verb + "|" + to
	e := d.edges[key]
	if e == nil {
		e = &Edge{From: from, To: to, Verb: verb, First: r.time, Last: r.time}
		d.edges[key] = e
		d.list = append(d.list, key)
	}
	e.Count++
	e.Severity = max(e.Severity, r.severity)
	if r.time.Before(e.First) {
		e.First = r.time
	}
	if r.time.After(e.Last) {
		e.Last = r.time
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
