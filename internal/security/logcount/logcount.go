// Package logcount counts what the log of a server says of each source, in
// bounded memory: failed and successful logins, requests that look like an
// attack, requests a minute, and lines in which a service says that it cannot go
// on. What it finds anybody can count again from the log.
package logcount

import (
	"net/url"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// The limits, and how many of a thing make it more than a mistake.
const (
	maxSources   = 100_000
	maxMinutes   = 100_000 // of one host
	maxFaults    = 200
	maxFindings  = 40
	guessesLeast = 8    // failed logins of one source
	attackLeast  = 3    // attacking requests of one source
	floodMinute  = 240  // requests of one source within a minute
	floodAll     = 3000 // requests of all within a minute
)

// Kind is what a finding is about.
type Kind string

// The kinds.
const (
	Guessing Kind = "guessing"            // many logins failed
	Guessed  Kind = "guessed"             // and then one succeeded
	Attack   Kind = "web-attack"          // requests that look like an attack
	Answered Kind = "web-attack-answered" // some of which were answered with success
	Flood    Kind = "flood"               // far more requests than a person makes
	Fault    Kind = "fault"               // a service says that it cannot go on
)

// Counter counts. Its zero value is not ready: see New.
type Counter struct {
	by      map[string]*tally
	order   []*tally
	beyond  int // records of sources beyond maxSources
	minutes map[string]map[int64]int
	faults  []fault
	times   map[string]int // of faults, by kind and host
}

// tally is one source's dealings with one host.
type tally struct {
	source, host string
	failed, good int
	users        map[string]bool
	first, last  time.Time
	at           casemate.Location
	ports        []int

	guessedAt time.Time // of the first success after enough failures
	guessedBy string

	requests   int
	attacks    map[string]int
	succeeded  int // attacking requests that were answered with success
	logins     int // requests to a login page
	minute     int64
	now, peak  int
	peakMinute int64
}

// fault is a line in which a service says that it cannot go on.
type fault struct {
	at                        casemate.Location
	time                      time.Time
	host, name, kind, message string
}

// New returns a Counter.
func New() *Counter {
	return &Counter{by: map[string]*tally{}, minutes: map[string]map[int64]int{}, times: map[string]int{}}
}

// Beyond returns how many records were of sources too many to count.
func (c *Counter) Beyond() int { return c.beyond }

// Add counts one record. It keeps none of its memory.
func (c *Counter) Add(a *casemate.Alert) {
	if a.Kind == casemate.KindAlert || a.Time.IsZero() {
		return
	}
	switch {
	case a.Name == "ssh-login-failed" || a.Rule == "4625" && a.Log.Product == "windows":
		if t := c.of(a); t != nil {
			t.failed++
			if len(t.users) < maxMinutes {
				t.users[strings.Clone(a.User)] = true
			}
			if a.Log.Product != "windows" {
				t.ports = []int{22}
			}
		}
	case a.Name == "ssh-login" || a.Rule == "4624" && a.Log.Product == "windows":
		if t := c.of(a); t != nil {
			t.good++
			if t.failed >= guessesLeast && t.guessedAt.IsZero() {
				t.guessedAt, t.guessedBy = a.Time, strings.Clone(a.User)
			}
		}
	case strings.HasPrefix(a.Name, "HTTP "):
		c.request(a)
	case a.Log.Product == "linux" || a.Format == "error-log":
		c.complaint(a)
	}
}

// value returns a record's first entity of a type with a role.
func value(a *casemate.Alert, t casemate.EntityType, role casemate.Role) string {
	for _, e := range a.Entities {
		if e.Type == t && e.Role == role {
			return e.Value
		}
	}
	return ""
}

// of returns the tally of a record's source and host, or nil.
func (c *Counter) of(a *casemate.Alert) *tally {
	src := value(a, casemate.EntityAddress, casemate.RoleSource)
	if src == "" {
		return nil
	}
	key := src + "|" + strings.ToLower(a.Host)
	t := c.by[key]
	if t == nil {
		if len(c.by) >= maxSources {
			c.beyond++
			return nil
		}
		t = &tally{source: strings.Clone(src), host: strings.Clone(a.Host), users: map[string]bool{}, attacks: map[string]int{}, first: a.Time, last: a.Time, at: a.At}
		c.by[key] = t
		c.order = append(c.order, t)
	}
	if a.Time.Before(t.first) {
		t.first, t.at = a.Time, a.At
	}
	if a.Time.After(t.last) {
		t.last = a.Time
	}
	return t
}

// request counts a request to a web server, and what it looks like.
func (c *Counter) request(a *casemate.Alert) {
	minute, host := a.Time.Unix()/60, strings.ToLower(a.Host)
	if c.minutes[host] == nil {
		c.minutes[strings.Clone(host)] = map[int64]int{}
	}
	if m := c.minutes[host]; m[minute] > 0 || len(m) < maxMinutes {
		m[minute]++
	}
	t := c.of(a)
	if t == nil {
		return
	}
	t.requests++
	if t.minute != minute {
		t.minute, t.now = minute, 0
	}
	if t.now++; t.now > t.peak {
		t.peak, t.peakMinute = t.now, minute
	}
	u := value(a, casemate.EntityURL, casemate.RoleDestination)
	if kind := AttackIn(u); kind != "" {
		t.attacks[kind]++
		if strings.HasPrefix(a.Rule, "2") {
			t.succeeded++
		}
	}
	if strings.HasPrefix(a.Message, "POST ") && strings.Contains(strings.ToLower(u), "login") {
		t.logins++
	}
}

// patterns of attacks in a decoded URL, in lower case.
var patterns = []struct{ kind, text string }{
	{"SQL injection", "union select"}, {"SQL injection", "union all select"}, {"SQL injection", "' or '"}, {"SQL injection", "sleep("},
	{"SQL injection", "information_schema"}, {"SQL injection", "' and "}, {"SQL injection", "waitfor delay"},
	{"path traversal", "../.."}, {"path traversal", "/etc/passwd"}, {"path traversal", `..\..`},
	{"command injection", ";cat "}, {"command injection", "|id"}, {"command injection", "$("}, {"command injection", "`id`"},
	{"command injection", ";wget "}, {"command injection", ";curl "},
	{"code injection", "${jndi:"}, {"code injection", "<?php"}, {"code injection", "allow_url_include"},
	{"cross-site scripting", "<script"}, {"search for secrets", "/.env"}, {"search for secrets", "/.git/"}, {"search for secrets", "/wp-config"},
	{"search for weak pages", "/wp-login.php"}, {"search for weak pages", "/phpmyadmin"}, {"search for weak pages", "/xmlrpc.php"}, {"search for weak pages", "/cgi-bin/"},
}

// AttackIn names what kind of attack a URL looks like, or "".
func AttackIn(u string) string {
	text := strings.ReplaceAll(u, "+", " ")
	if t, err := url.PathUnescape(text); err == nil {
		text = t
	}
	text = strings.ToLower(text)
	for _, p := range patterns {
		if strings.Contains(text, p.text) {
			return p.kind
		}
	}
	return ""
}

// complaints are the words with which services say that they cannot go on.
var complaints = []struct{ kind, text string }{
	{"out of memory", "out of memory"}, {"out of memory", "oom-kill"}, {"out of memory", "cannot allocate memory"},
	{"crash", "segfault"}, {"crash", "core dumped"}, {"crash", "code=killed"}, {"crash", "'core-dump'"}, {"crash", "kernel panic"},
	{"wrong configuration", "configuration error"}, {"wrong configuration", "syntax error"}, {"wrong configuration", "unknown directive"},
	{"wrong configuration", "bad configuration option"}, {"wrong configuration", "configuration file test failed"}, {"wrong configuration", "[emerg]"},
	{"port in use", "address already in use"}, {"disk full", "no space left on device"}, {"certificate expired", "certificate has expired"},
	{"workers exhausted", "worker_connections are not enough"}, {"workers exhausted", "maxrequestworkers"}, {"workers exhausted", "max_children"},
	{"workers exhausted", "possible syn flooding"}, {"too many files", "too many open files"},
	{"service failed", "failed to start"}, {"service failed", "failed with result"}, {"service failed", "code=exited, status=1"},
	{"service failed", "start request repeated too quickly"},
}

// complaint keeps a line in which a service says that it cannot go on.
func (c *Counter) complaint(a *casemate.Alert) {
	if a.Message == "" || a.Host == "" && a.Format != "error-log" || strings.HasPrefix(a.Name, "ssh-") {
		return
	}
	text := strings.ToLower(a.Message)
	for _, w := range complaints {
		if !strings.Contains(text, w.text) {
			continue
		}
		if c.times[w.kind+"|"+strings.ToLower(a.Host)]++; len(c.faults) < maxFaults {
			c.faults = append(c.faults, fault{at: a.At, time: a.Time, host: strings.Clone(a.Host), name: strings.Clone(a.Name), kind: w.kind, message: strings.Clone(phrase.Cut(a.Message, 300))})
		}
		return
	}
}
