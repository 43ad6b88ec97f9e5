package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

const (
	maxChain     = 40
	logonWindow  = 15 * time.Minute
	sessionLong  = 8 * time.Hour
	requestClose = 2 * time.Minute
	dropWindow   = 24 * time.Hour
	gapLong      = 30 * time.Minute
)

// tied is a step of a chain and what ties it to the one before.
type tied struct {
	*record
	tie  string
	firm bool // by an id, a name or an address, not by time alone
}

// The ties, as they are told.
const (
	tieFirst   = "the earliest step that evidence shows"
	tieParent  = "its parent process"
	tieActs    = "done by the same process"
	tieFile    = "the file that it names"
	tieInstall = "the service or task that runs the same file"
	tieLogon   = "the logon to the machine just before"
	tieSession = "the session of the same account"
	tieSource  = "the machine that the logon came from"
	tieActive  = "the latest step on the machine that the logon came from"
	tieRequest = "the web request just before"
	tieAddress = "the same outside address"
	tieActor   = "the same account and address"
	tieMail    = "the attachment of the same name"
)

// chainTo walks back from a record to the earliest step that evidence ties to it.
func (s *scene) chainTo(r *record) []tied {
	chain := []tied{{record: r}}
	seen := map[*record]bool{r: true}
	for at := r; len(chain) < maxChain; {
		prev, tie, firm := s.before(at)
		if prev == nil || seen[prev] {
			break
		}
		seen[prev] = true
		chain[len(chain)-1].tie, chain[len(chain)-1].firm = tie, firm
		chain = append(chain, tied{record: prev})
		at = prev
	}
	chain[len(chain)-1].tie, chain[len(chain)-1].firm = tieFirst, true
	slices.Reverse(chain)
	return chain
}

// before finds what evidence says came before a record, and how it says so.
func (s *scene) before(r *record) (prev *record, tie string, firm bool) {
	if r.act == actLogon {
		return s.beforeLogon(r)
	}
	if r.act == actCloud {
		return s.sameActor(r), tieActor, true
	}
	if r.act == actProcess {
		if m := s.attachment(r); m != nil {
			return m, tieMail, true
		}
	}
	if p := r.proc; p != nil {
		if p.start != nil && p.start != r && !p.start.time.After(r.time) && !sameMoment(p.start, r) {
			return p.start, tieActs, true
		}
		if q := p.parent; q != nil && !isCommon(q.image) {
			if q.start != nil && q.start != r && !q.start.time.After(r.time) {
				return q.start, tieParent, true
			}
			if first := earliestOf(q, r); first != nil {
				return first, tieParent, true
			}
		}
	}
	return s.origin(r)
}

// earliestOf returns the first thing that a process of unknown start did before r.
func earliestOf(p *process, r *record) *record {
	for _, o := range p.records {
		if o != r && o.time.Before(r.time) {
			return o
		}
	}
	return nil
}

// sameMoment reports whether two records tell of one start of a process.
func sameMoment(a, b *record) bool {
	d := b.time.Sub(a.time)
	return a.act == b.act && d < sameStart && d > -sameStart && strings.EqualFold(base(a.image), base(b.image))
}

// origin looks outside the process tree for what a record came from.
func (s *scene) origin(r *record) (*record, string, bool) {
	if isWebServer(r) || r.act == actRequest {
		return s.beforeRequest(r)
	}
	if m := s.attachment(r); m != nil {
		return m, tieMail, true
	}
	if i := s.installer(r); i != nil {
		return i, tieInstall, true
	}
	if f := s.dropped(r); f != nil {
		return f, tieFile, true
	}
	if l := s.logon(r); l != nil {
		tie := tieLogon
		if r.time.Sub(l.time) > logonWindow {
			tie = tieSession
		}
		return l, tie, bare(l.user) == bare(r.user)
	}
	return nil, "", false
}

// attachment finds the mail that brought a file which r names or wrote.
func (s *scene) attachment(r *record) *record {
	text := strings.ToLower(r.command + " " + r.file)
	for _, m := range s.records {
		if m.act != actMail || m.time.After(r.time) {
			continue
		}
		for _, f := range m.files {
			if len(f) > 4 && strings.Contains(text, strings.ToLower(base(f))) {
				return m
			}
		}
	}
	return nil
}

// installer finds the service or task that runs what r runs.
func (s *scene) installer(r *record) *record {
	if r.act != actProcess || r.command == "" {
		return nil
	}
	var best *record
	for _, o := range s.onHost(r, logonWindow) {
		if (o.act == actService || o.act == actTask) && sharesFile(o.command+" "+o.key+" "+o.file, r.command) {
			best = o
		}
	}
	return best
}

// dropped finds who wrote a file that r runs or names.
func (s *scene) dropped(r *record) *record {
	if r.act == actFile || r.command == "" {
		return nil
	}
	var best *record
	for _, o := range s.onHost(r, dropWindow) {
		if o.act == actFile && o.proc != r.proc && len(base(o.file)) > 4 && strings.Contains(strings.ToLower(r.command), strings.ToLower(base(o.file))) {
			best = o
		}
	}
	return best
}

// sharesFile reports whether two commands name the same program file or library.
func sharesFile(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for _, word := range strings.FieldsFunc(a, func(c rune) bool { return c == ' ' || c == '"' || c == ',' }) {
		name := base(word)
		if dot := strings.LastIndexByte(name, '.'); dot > 2 && !slices.Contains(hosts, name) && strings.Contains(b, name) {
			return true
		}
	}
	return false
}

// hosts are programs that run the files of others.
var hosts = []string{"rundll32.exe", "cmd.exe", "powershell.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "cscript.exe", "svchost.exe", "python.exe"}

// onHost returns the records of r's host within a time before it, oldest first.
func (s *scene) onHost(r *record, within time.Duration) []*record {
	host := s.hostName(r.host)
	if host == "" {
		return nil
	}
	var out []*record
	for _, o := range s.until(r) {
		if o != r && r.time.Sub(o.time) <= within && s.hostName(o.host) == host {
			out = append(out, o)
		}
	}
	return out
}

// until returns the records up to the time of r.
func (s *scene) until(r *record) []*record {
	n, _ := slices.BinarySearchFunc(s.records, r.time.Add(time.Nanosecond), func(o *record, t time.Time) int { return o.time.Compare(t) })
	return s.records[:n]
}

// logon finds the logon from elsewhere that r most likely belongs to: of the
// same account if there is one, else the latest within a quarter of an hour.
func (s *scene) logon(r *record) *record {
	var same, latest *record
	for _, o := range s.onHost(r, sessionLong) {
		if o.act != actLogon || o.src == "" || s.hostName(o.src) == s.hostName(r.host) || isService(o.user) {
			continue
		}
		if !isService(r.user) && bare(o.user) == bare(r.user) {
			same = o
		}
		if r.time.Sub(o.time) <= logonWindow {
			latest = o
		}
	}
	if same != nil {
		return same
	}
	// Another account's logon explains only what the system itself ran.
	if isService(r.user) {
		return latest
	}
	return nil
}

// beforeLogon goes from a logon to the machine it came from.
func (s *scene) beforeLogon(r *record) (*record, string, bool) {
	from := s.hostName(r.src)
	if r.srcHost != "" {
		from = short(r.srcHost)
	}
	if from == "" || from == s.hostName(r.host) {
		return nil, "", false
	}
	if s.outside(r.src) {
		return s.firstContact(r), tieAddress, true
	}
	to := s.hostName(r.host)
	var active *record
	for _, o := range s.until(r) {
		if s.hostName(o.host) != from || r.time.Sub(o.time) > sessionLong {
			continue
		}
		near := r.time.Sub(o.time) < time.Minute
		switch {
		case o.act == actNetwork && near && o.proc != nil && !isCommon(o.image) && s.hostName(o.dst) == to:
			return o, tieSource, true
		case o.act == actProcess && o.incident >= 0:
			active = o
		}
	}
	return active, tieActive, false
}

// sameActor finds an earlier call by the same account from the same address.
func (s *scene) sameActor(r *record) *record {
	var prev *record
	for _, o := range s.until(r) {
		if o != r && o.time.Before(r.time) && o.act == actCloud && bare(o.user) == bare(r.user) && o.src == r.src && o.src != "" && s.isForeign(o.src) {
			prev = o
		}
	}
	return prev
}

// beforeRequest goes from what a web server did to the request, and from there
// to the requests of the same outside address before it.
func (s *scene) beforeRequest(r *record) (*record, string, bool) {
	if r.act == actRequest {
		if f := s.served(r); f != nil {
			return f, tieFile, true
		}
	}
	host := s.hostName(r.host)
	var prev *record
	for _, o := range s.until(r) {
		if o == r || o.act != actRequest || !s.outside(o.src) || sameRequest(o, r) {
			continue
		}
		switch {
		case r.act == actRequest:
			if o.src == r.src && o.time.Before(r.time) && !(prev != nil && prev.kind == casemate.KindAlert && sameRequest(prev, o)) {
				prev = o // of two sensors that tell of one request, the one that judges it
			}
		case r.time.Sub(o.time) <= requestClose && (s.hostName(o.host) == host || s.hostName(o.dst) == host || o.host == ""):
			if prev == nil || o.incident >= 0 || prev.incident < 0 {
				prev = o
			}
		}
	}
	if r.act == actRequest {
		return prev, tieAddress, true
	}
	return prev, tieRequest, false
}

// served finds who wrote the program that a request asks for, in the last hour.
func (s *scene) served(r *record) *record {
	name := strings.ToLower(base(pathOf(r.url)))
	if !program(name) {
		return nil
	}
	for _, o := range s.until(r) {
		if o.act == actFile && strings.ToLower(base(o.file)) == name && r.time.Sub(o.time) < time.Hour {
			return o
		}
	}
	return nil
}

// sameRequest reports whether two sensors tell of one request.
func sameRequest(a, b *record) bool {
	if a.act != actRequest || b.act != actRequest || a.src != b.src {
		return false
	}
	d := a.time.Sub(b.time)
	return d < 2*time.Second && d > -2*time.Second && pathOf(a.url) == pathOf(b.url)
}

// pathOf returns the path of a URL without scheme, host and query.
func pathOf(url string) string {
	if i := strings.Index(url, "://"); i >= 0 {
		url = url[i+3:]
	}
	if i := strings.IndexByte(url, '/'); i > 0 {
		url = url[i:]
	}
	url, _, _ = strings.Cut(url, "?")
	return url
}

// firstContact finds the first thing that an outside address did to the host of r.
func (s *scene) firstContact(r *record) *record {
	for _, o := range s.until(r) {
		if o != r && o.src == r.src && o.time.Before(r.time) && s.hostName(o.host) == s.hostName(r.host) {
			return o
		}
	}
	return nil
}

// isWebServer reports whether a web server, or what it started, did this.
func isWebServer(r *record) bool {
	switch bare(r.user) {
	case "www-data", "apache", "nginx", "iusr", "tomcat", "defaultapppool":
		return true
	}
	for _, p := range []string{"apache2", "httpd", "nginx", "w3wp.exe", "php-fpm", "tomcat", "java"} {
		if strings.EqualFold(base(r.parent), p) || strings.HasPrefix(strings.ToLower(base(r.parent)), "php") {
			return true
		}
	}
	return false
}

// stage orders the tactics by how far an intrusion has come.
var stage = map[string]int{
	"reconnaissance": 1, "resource-development": 1, "initial-access": 2, "execution": 3, "persistence": 4, "privilege-escalation": 4,
	"defense-evasion": 4, "stealth": 4, "defense-impairment": 4, "credential-access": 5, "discovery": 3, "lateral-movement": 6, "command-and-control": 5, "collection": 7, "exfiltration": 8, "impact": 9,
}

// reach says how far a record shows an intrusion to have come.
func (s *scene) reach(r *record) int {
	switch {
	case hasTechnique(r, "T1505.003"):
		return stage["lateral-movement"] // whoever has it runs what they like
	case hasTechnique(r, "T1110", "T1595"):
		return stage["reconnaissance"] // an attempt
	}
	best := 0
	for _, id := range r.techniques {
		if t, _, ok := s.catalogue.Resolve(id); ok {
			for _, tactic := range t.Tactics {
				best = max(best, stage[tactic])
			}
		}
	}
	return best
}

// gravest picks the record that a chain should lead to: how far it went, how
// grave it is, whether its process is known, then the latest.
func (s *scene) gravest(list []*record) *record {
	return slices.MaxFunc(list, func(a, b *record) int {
		return cmp.Or(cmp.Compare(s.reach(a), s.reach(b)), cmp.Compare(a.known(), b.known()), cmp.Compare(a.severity, b.severity),
			cmp.Compare(a.time.UnixNano(), b.time.UnixNano()), -cmp.Compare(a.alert, b.alert))
	})
}

// known says how much of its origin a record tells.
func (r *record) known() int {
	switch {
	case r.act == actProcess && r.proc != nil && r.proc.parent != nil:
		return 2
	case r.proc != nil || r.act == actRequest || r.act == actCloud || r.act == actLogon:
		return 1
	}
	return 0
}

// rootCauses traces each incident.
func (s *scene) rootCauses() []RootCause {
	var out []RootCause
	for i := range s.incidents {
		var mine []*record
		for _, r := range s.scope {
			if r.incident == i {
				mine = append(mine, r)
			}
		}
		if len(mine) > 0 {
			out = append(out, s.rootCause(&s.incidents[i], mine))
		}
	}
	return out
}

func (s *scene) rootCause(in *casemate.Incident, mine []*record) RootCause {
	chain := fewer(s.chainTo(s.endOf(mine)))
	rc := RootCause{Incident: in.ID, Time: chain[0].time, Confidence: "tied"}
	on := map[*record]bool{}
	for i, t := range chain {
		on[t.record] = true
		if i > 0 && !t.firm {
			rc.Confidence = "partly tied"
		}
		rc.Chain = append(rc.Chain, s.link(t))
	}
	rc.Root = s.rootStatement(chain)
	rc.Branches = s.branches(mine, on)
	rc.Gaps = s.gaps(chain)
	rc.Alternatives = s.alternatives(chain, mine, on)
	rc.Before = s.takenBefore(in, chain)
	return rc
}

// endOf picks where the chain leads to: the gravest record, or what a web server
// was made to run.
func (s *scene) endOf(mine []*record) *record {
	end := s.gravest(mine)
	if !hasTechnique(end, exploiting...) {
		return end
	}
	for _, r := range s.records {
		if r.act == actProcess && isWebServer(r) && isShell(r.image) && s.hostName(r.host) == s.hostName(end.host) && r.time.After(end.time) && r.time.Sub(end.time) < dropWindow {
			end = r
		}
	}
	return end
}

// fewer tells requests for one path, or calls of one name, that follow each
// other by the first of them.
func fewer(chain []tied) []tied {
	var out []tied
	for i, t := range chain {
		if n := len(out); n > 0 && i < len(chain)-1 && t.act == out[n-1].act {
			if t.act == actRequest && pathOf(t.url) == pathOf(out[n-1].url) && (t.kind != casemate.KindAlert || t.name == out[n-1].name) || t.act == actCloud && t.name == out[n-1].name {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// link shows a step.
func (s *scene) link(t tied) Link {
	return Link{
		Time: t.time, Host: t.host, User: t.user, Tie: t.tie, Detail: t.detail(),
		Statement: casemate.Statement{Text: t.tell(), Evidence: []string{s.cite(t.record)}, By: casemate.DecidedByRule},
	}
}

// detail is the command, URL or path of a record, for display.
func (r *record) detail() string {
	return clip(cmp.Or(r.command, r.url, r.file, r.key, r.message), maxDetail)
}

// tell says what a record shows, in no more words than it has.
func (r *record) tell() string {
	on, as := "", ""
	if r.host != "" {
		on = " on " + label(r.host)
	}
	if r.user != "" {
		as = " as " + r.user
	}
	switch {
	case r.act == actProcess && r.image != "" && r.parent != "":
		return base(r.parent) + " started " + base(r.image) + on + as + "."
	case r.act == actProcess && r.image != "":
		return base(r.image) + " was started" + on + as + "."
	case r.act == actLogon && r.src != "":
		return "There was a logon" + on + as + " from " + cmp.Or(label(r.srcHost), r.src) + "."
	case r.act == actService:
		return "A service was installed" + on + "."
	case r.act == actTask:
		return "A scheduled task was made" + on + as + "."
	case r.act == actFile && r.file != "":
		return "The file " + r.file + " was written" + on + as + "."
	case r.act == actNetwork && r.image != "" && r.dst != "":
		return base(r.image) + on + " connected to " + r.dst + "."
	case r.act == actRequest && r.src != "":
		return fmt.Sprintf("«%s»: a web request for «%s» came from %s%s.", r.name, pathOf(r.url), r.src, on)
	case r.act == actCloud && r.user != "" && r.src != "":
		return fmt.Sprintf("«%s» was called as %s from %s.", r.name, r.user, r.src)
	}
	return "«" + r.name + "»" + on + as + "."
}

// rootStatement says where it began.
func (s *scene) rootStatement(chain []tied) casemate.Statement {
	first := chain[0]
	text := "The earliest step that the evidence ties to the rest: at " + stamp(first.time) + ", " + lower(first.tell())
	ids := []string{s.cite(first.record)}
	if first.act == actMail && len(chain) > 1 {
		next := chain[1]
		text = "It began with a mail that brought «" + first.files[0] + "», delivered at " + stamp(first.time) + " and opened: " + lower(next.tell())
		for _, t := range chain[1:min(len(chain), 4)] {
			if t.act == actProcess && t.command != "" {
				next = t
				text = "It began with a mail that brought «" + base(first.files[0]) + "», delivered at " + stamp(first.time) +
					"; at " + stamp(next.time) + " " + lower(next.tell())
				break
			}
		}
		ids = append(ids, s.cite(next.record))
	}
	return casemate.Statement{Text: text, Evidence: ids, By: casemate.DecidedByRule}
}

// lower writes the first letter small where the word is one of ours.
func lower(text string) string {
	for _, word := range []string{"There ", "A ", "The "} {
		if strings.HasPrefix(text, word) {
			return strings.ToLower(text[:1]) + text[1:]
		}
	}
	return text
}

// stamp writes a time as every output does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// branches traces the other machines of an incident up to the chain.
func (s *scene) branches(mine []*record, on map[*record]bool) []Branch {
	byHost := map[string][]*record{}
	var names []string
	for _, r := range mine {
		if h := s.hostName(r.host); h != "" {
			if byHost[h] == nil {
				names = append(names, h)
			}
			byHost[h] = append(byHost[h], r)
		}
	}
	slices.Sort(names)
	var out []Branch
	for _, h := range names {
		end := s.gravest(byHost[h])
		if on[end] || s.reach(end) == 0 {
			continue
		}
		chain := s.chainTo(end)
		cut := 0
		for i, t := range chain {
			if on[t.record] {
				cut = i
			}
		}
		b := Branch{Host: label(end.host), Joins: on[chain[cut].record]}
		for _, t := range chain[cut:] {
			on[t.record] = true
			b.Chain = append(b.Chain, s.link(t))
		}
		if len(b.Chain) > 1 {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b Branch) int { return a.Chain[0].Time.Compare(b.Chain[0].Time) })
	return out
}

// gaps names the long silences of a chain and the ties that are only of time.
func (s *scene) gaps(chain []tied) []casemate.Statement {
	var out []casemate.Statement
	for i := 1; i < len(chain); i++ {
		a, b := chain[i-1], chain[i]
		ids := []string{s.cite(a.record), s.cite(b.record)}
		switch {
		case !b.firm:
			out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: ids,
				Text: fmt.Sprintf("No id ties the steps of %s and %s: only %s does.", stamp(a.time), stamp(b.time), b.tie)})
		case b.time.Sub(a.time) > gapLong:
			out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: ids,
				Text: fmt.Sprintf("Between %s and %s the chain shows no step.", stamp(a.time), stamp(b.time))})
		}
	}
	return out
}

// alternatives names what is earlier than the root and not tied to it.
func (s *scene) alternatives(chain []tied, mine []*record, on map[*record]bool) []casemate.Statement {
	var out []casemate.Statement
	said := map[string]bool{}
	for _, r := range mine {
		if !r.time.Before(chain[0].time) || on[r] || said[r.name] || len(out) == 4 {
			continue
		}
		said[r.name] = true
		out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: []string{s.cite(r)},
			Text: fmt.Sprintf("At %s, earlier than the root: %s. Nothing ties it to the chain.", stamp(r.time), r.called())})
	}
	return out
}

// called says in a sentence's middle what a record is: an alert by its name, an
// event by what it tells.
func (r *record) called() string {
	if r.kind == casemate.KindAlert || r.act == actOther {
		return "«" + r.name + "»" + onHost(r)
	}
	return lower(strings.TrimSuffix(r.tell(), "."))
}

func onHost(r *record) string {
	if r.host == "" {
		return ""
	}
	return " on " + label(r.host)
}

// takenBefore finds in the rest of the evidence what may have led to a chain that
// begins with somebody's valid credentials.
func (s *scene) takenBefore(in *casemate.Incident, chain []tied) []casemate.Statement {
	first := chain[0].record
	if first.act != actCloud && first.act != actLogon {
		return nil
	}
	var out []casemate.Statement
	for _, r := range s.until(first) {
		if r.incident < 0 && first.act != actCloud || r == first || len(out) == 3 || !hasTechnique(r, "T1552", "T1555", "T1003") {
			continue
		}
		if first.act == actCloud && !strings.Contains(strings.ToLower(r.command+r.file), "aws") && !hasTechnique(r, "T1552.005") {
			continue
		}
		out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: []string{s.cite(r)},
			Text: fmt.Sprintf("Credentials may have been taken before: at %s, %s Nothing shows that they are the ones used.", stamp(r.time), lower(r.tell()))})
	}
	return out
}

// hasTechnique reports whether a record shows one of the techniques, or one below it.
func hasTechnique(r *record, ids ...string) bool {
	for _, have := range r.techniques {
		for _, id := range ids {
			if have == id || strings.HasPrefix(have, id+".") {
				return true
			}
		}
	}
	return false
}
