package causes

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/firewall"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

const (
	maxChain     = 40
	logonWindow  = 15 * time.Minute
	sessionLong  = 8 * time.Hour
	requestClose = 2 * time.Minute
)

// Long is how far back a cause on the same machine may lie.
const Long = 24 * time.Hour

// Step is a step of a chain and what ties it to the one before.
type Step struct {
	*Record
	Tie  string
	Firm bool // by an id, a name or an address, not by time alone
}

// Story is all the records that are looked at. Records must be in the order of
// time before Grow is called.
type Story struct {
	Records   []*Record
	Catalogue *knowledge.Catalogue
	HostOf    map[string]string // address -> host, in lower case
	Own       firewall.Own
	Processes map[string][]*Process
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
	tieCommand = "the last command on the machine before it"
	tieMail    = "the attachment of the same name"
)

// ChainTo walks back from a record to the earliest step that evidence ties to it.
func (s *Story) ChainTo(r *Record) []Step {
	chain := []Step{{Record: r}}
	seen := map[*Record]bool{r: true}
	for at := r; len(chain) < maxChain; {
		prev, tie, firm := s.before(at)
		if prev == nil || seen[prev] {
			break
		}
		seen[prev] = true
		chain[len(chain)-1].Tie, chain[len(chain)-1].Firm = tie, firm
		chain = append(chain, Step{Record: prev})
		at = prev
	}
	chain[len(chain)-1].Tie, chain[len(chain)-1].Firm = tieFirst, true
	slices.Reverse(chain)
	return chain
}

// before finds what evidence says came before a record, and how it says so.
func (s *Story) before(r *Record) (prev *Record, tie string, firm bool) {
	if r.Act == ActLogon {
		return s.beforeLogon(r)
	}
	if r.Act == ActCloud {
		return s.sameActor(r), tieActor, true
	}
	if r.Act == ActProcess {
		if m := s.attachment(r); m != nil {
			return m, tieMail, true
		}
	}
	if p := r.Process; p != nil {
		if p.Start != nil && p.Start != r && !p.Start.Time.After(r.Time) && !sameMoment(p.Start, r) {
			return p.Start, tieActs, true
		}
		if q := p.Parent; q != nil && !IsCommon(q.Image) {
			if q.Start != nil && q.Start != r && !q.Start.Time.After(r.Time) {
				return q.Start, tieParent, true
			}
			if first := earliestOf(q, r); first != nil {
				return first, tieParent, true
			}
		}
	}
	return s.origin(r)
}

// earliestOf returns the first thing that a process of unknown start did before r.
func earliestOf(p *Process, r *Record) *Record {
	for _, o := range p.Records {
		if o != r && o.Time.Before(r.Time) && o.Act != ActOther {
			return o
		}
	}
	return nil
}

// sameMoment reports whether two records tell of one start of a process.
func sameMoment(a, b *Record) bool {
	d := b.Time.Sub(a.Time)
	return a.Act == b.Act && d < sameStart && d > -sameStart && strings.EqualFold(Base(a.Image), Base(b.Image))
}

// origin looks outside the process tree for what a record came from.
func (s *Story) origin(r *Record) (*Record, string, bool) {
	if IsWebServer(r) || r.Act == ActRequest {
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
	if r.Fault {
		return s.command(r), tieCommand, false
	}
	if l := s.logon(r); l != nil {
		tie := tieLogon
		if r.Time.Sub(l.Time) > logonWindow {
			tie = tieSession
		}
		return l, tie, Bare(l.User) == Bare(r.User)
	}
	return nil, "", false
}

// attachment finds the mail that brought a file which r names or wrote.
func (s *Story) attachment(r *Record) *Record {
	text := strings.ToLower(r.Command + " " + r.File)
	for _, m := range s.Records {
		if m.Act != ActMail || m.Time.After(r.Time) {
			continue
		}
		for _, f := range m.Files {
			if len(f) > 4 && strings.Contains(text, strings.ToLower(Base(f))) {
				return m
			}
		}
	}
	return nil
}

// installer finds the service or task that runs what r runs.
func (s *Story) installer(r *Record) *Record {
	if r.Act != ActProcess || r.Command == "" {
		return nil
	}
	var best *Record
	for _, o := range s.OnHost(r, logonWindow) {
		if (o.Act == ActService || o.Act == ActTask) && sharesFile(o.Command+" "+o.Key+" "+o.File, r.Command) {
			best = o
		}
	}
	return best
}

// dropped finds who wrote a file that r runs or names.
func (s *Story) dropped(r *Record) *Record {
	if r.Act == ActFile || r.Command == "" {
		return nil
	}
	var best *Record
	for _, o := range s.OnHost(r, Long) {
		if o.Act == ActFile && o.Process != r.Process && len(Base(o.File)) > 4 && strings.Contains(strings.ToLower(r.Command), strings.ToLower(Base(o.File))) {
			best = o
		}
	}
	return best
}

// sharesFile reports whether two commands name the same program file or library.
func sharesFile(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for _, word := range strings.FieldsFunc(a, func(c rune) bool { return c == ' ' || c == '"' || c == ',' }) {
		name := Base(word)
		if dot := strings.LastIndexByte(name, '.'); dot > 2 && !slices.Contains(hosts, name) && strings.Contains(b, name) {
			return true
		}
	}
	return false
}

// hosts are programs that run the files of others.
var hosts = []string{"rundll32.exe", "cmd.exe", "powershell.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "cscript.exe", "svchost.exe", "python.exe"}

// OnHost returns the records of r's host within a time before it, oldest first.
func (s *Story) OnHost(r *Record, within time.Duration) []*Record {
	host := s.HostName(r.Host)
	if host == "" {
		return nil
	}
	var out []*Record
	for _, o := range s.Until(r) {
		if o != r && r.Time.Sub(o.Time) <= within && s.HostName(o.Host) == host {
			out = append(out, o)
		}
	}
	return out
}

// Until returns the records up to the time of r. One without a time was not
// before anything.
func (s *Story) Until(r *Record) []*Record {
	timed, _ := slices.BinarySearchFunc(s.Records, time.Time{}.Add(time.Nanosecond), func(o *Record, t time.Time) int { return o.Time.Compare(t) })
	n, _ := slices.BinarySearchFunc(s.Records, r.Time.Add(time.Nanosecond), func(o *Record, t time.Time) int { return o.Time.Compare(t) })
	return s.Records[min(timed, n):n]
}

func isLoopback(addr string) bool { return addr == "::1" || strings.HasPrefix(addr, "127.") }

// command finds the latest command of a person on a machine before a service
// there complained.
func (s *Story) command(r *Record) *Record {
	list := s.OnHost(r, logonWindow)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Act == ActProcess && list[i].Command != "" && !IsService(list[i].User) {
			return list[i]
		}
	}
	return nil
}

// logon finds the logon from elsewhere that r most likely belongs to: of the
// same account if there is one, else the latest within a quarter of an hour.
func (s *Story) logon(r *Record) *Record {
	var same, latest *Record
	for _, o := range s.OnHost(r, sessionLong) {
		if o.Act != ActLogon || o.Src == "" || isLoopback(o.Src) || s.HostName(o.Src) == s.HostName(r.Host) || IsService(o.User) {
			continue
		}
		if !IsService(r.User) && Bare(o.User) == Bare(r.User) {
			same = o
		}
		if r.Time.Sub(o.Time) <= logonWindow {
			latest = o
		}
	}
	if same != nil {
		return same
	}
	// Another account's logon explains only what the system itself ran.
	if IsService(r.User) {
		return latest
	}
	return nil
}

// beforeLogon goes from a logon to the machine it came from.
func (s *Story) beforeLogon(r *Record) (*Record, string, bool) {
	from := s.HostName(r.Src)
	if r.SrcHost != "" {
		from = Short(r.SrcHost)
	}
	if from == "" || from == s.HostName(r.Host) {
		return nil, "", false
	}
	if s.Outside(r.Src) {
		return s.firstContact(r), tieAddress, true
	}
	to := s.HostName(r.Host)
	var active *Record
	for _, o := range s.Until(r) {
		if s.HostName(o.Host) != from || r.Time.Sub(o.Time) > sessionLong {
			continue
		}
		near := r.Time.Sub(o.Time) < time.Minute
		switch {
		case o.Act == ActNetwork && near && o.Process != nil && !IsCommon(o.Image) && s.HostName(o.Dst) == to:
			return o, tieSource, true
		case o.Act == ActProcess && o.Incident >= 0:
			active = o
		}
	}
	return active, tieActive, false
}

// sameActor finds an earlier call by the same account from the same address.
func (s *Story) sameActor(r *Record) *Record {
	var prev *Record
	for _, o := range s.Until(r) {
		if o != r && o.Time.Before(r.Time) && o.Act == ActCloud && Bare(o.User) == Bare(r.User) && o.Src == r.Src && o.Src != "" && s.Foreign(o.Src) {
			prev = o
		}
	}
	return prev
}

// beforeRequest goes from what a web server did to the request, and from there
// to the requests of the same outside address before it.
func (s *Story) beforeRequest(r *Record) (*Record, string, bool) {
	if r.Act == ActRequest {
		if f := s.served(r); f != nil {
			return f, tieFile, true
		}
	}
	host := s.HostName(r.Host)
	var prev *Record
	for _, o := range s.Until(r) {
		if o == r || o.Act != ActRequest || !s.Outside(o.Src) || sameRequest(o, r) {
			continue
		}
		switch {
		case r.Act == ActRequest:
			if o.Src == r.Src && o.Time.Before(r.Time) && !(prev != nil && prev.Kind == casemate.KindAlert && sameRequest(prev, o)) {
				prev = o // of two sensors that tell of one request, the one that judges it
			}
		case r.Time.Sub(o.Time) <= requestClose && (s.HostName(o.Host) == host || s.HostName(o.Dst) == host || o.Host == ""):
			if prev == nil || o.Incident >= 0 || prev.Incident < 0 {
				prev = o
			}
		}
	}
	if r.Act == ActRequest {
		return prev, tieAddress, true
	}
	return prev, tieRequest, false
}

// served finds who wrote the program that a request asks for, in the last hour.
func (s *Story) served(r *Record) *Record {
	name := strings.ToLower(Base(PathOf(r.URL)))
	if !Runnable(name) {
		return nil
	}
	for _, o := range s.Until(r) {
		if o.Act == ActFile && strings.ToLower(Base(o.File)) == name && r.Time.Sub(o.Time) < time.Hour {
			return o
		}
	}
	return nil
}

// sameRequest reports whether two sensors tell of one request.
func sameRequest(a, b *Record) bool {
	if a.Act != ActRequest || b.Act != ActRequest || a.Src != b.Src {
		return false
	}
	d := a.Time.Sub(b.Time)
	return d < 2*time.Second && d > -2*time.Second && PathOf(a.URL) == PathOf(b.URL)
}

// PathOf returns the path of a URL without scheme, host and query.
func PathOf(url string) string {
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
func (s *Story) firstContact(r *Record) *Record {
	for _, o := range s.Until(r) {
		if o != r && o.Src == r.Src && o.Time.Before(r.Time) && s.HostName(o.Host) == s.HostName(r.Host) {
			return o
		}
	}
	return nil
}

// IsWebServer reports whether a web server, or what it started, did this.
func IsWebServer(r *Record) bool {
	switch Bare(r.User) {
	case "www-data", "apache", "nginx", "iusr", "tomcat", "defaultapppool":
		return true
	}
	for _, p := range []string{"apache2", "httpd", "nginx", "w3wp.exe", "php-fpm", "tomcat", "java"} {
		if strings.EqualFold(Base(r.Parent), p) || strings.HasPrefix(strings.ToLower(Base(r.Parent)), "php") {
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

// Reach says how far a record shows an intrusion to have come.
func (s *Story) Reach(r *Record) int {
	switch {
	case Has(r, "T1505.003"):
		return stage["lateral-movement"] // whoever has it runs what they like
	case Has(r, "T1110", "T1595"):
		return stage["reconnaissance"] // an attempt
	}
	best := 0
	for _, id := range r.Techniques {
		if t, _, ok := s.Catalogue.Resolve(id); ok {
			for _, tactic := range t.Tactics {
				best = max(best, stage[tactic])
			}
		}
	}
	return best
}

// Gravest picks the record that a chain should lead to: how far it went, how
// grave it is, whether its process is known, then the latest.
func (s *Story) Gravest(list []*Record) *Record {
	return slices.MaxFunc(list, func(a, b *Record) int {
		return cmp.Or(cmp.Compare(s.Reach(a), s.Reach(b)), cmp.Compare(a.known(), b.known()), cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()), -cmp.Compare(a.Alert, b.Alert))
	})
}

// known says how much of its origin a record tells.
func (r *Record) known() int {
	switch {
	case r.Act == ActProcess && r.Process != nil && r.Process.Parent != nil:
		return 2
	case r.Process != nil || r.Act == ActRequest || r.Act == ActCloud || r.Act == ActLogon:
		return 1
	}
	return 0
}

// Fewer tells requests for one path, or calls of one name, that follow each
// other by the first of them.
func Fewer(chain []Step) []Step {
	var out []Step
	for i, t := range chain {
		if n := len(out); n > 0 && i < len(chain)-1 && t.Act == out[n-1].Act {
			if t.Act == ActRequest && PathOf(t.URL) == PathOf(out[n-1].URL) && (t.Kind != casemate.KindAlert || t.Name == out[n-1].Name) || t.Act == ActCloud && t.Name == out[n-1].Name {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}
