package logcount_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/logcount"
)

var start = time.Date(2026, 4, 14, 2, 0, 0, 0, time.UTC)

func login(src, user string, ok bool, second int) *casemate.Alert {
	name := "ssh-login-failed"
	if ok {
		name = "ssh-login"
	}
	return &casemate.Alert{Time: start.Add(time.Duration(second) * time.Second), Host: "edge02", User: user, Name: name, Log: casemate.Logsource{Product: "linux"},
		Entities: []casemate.Entity{{Type: casemate.EntityAddress, Value: src, Role: casemate.RoleSource}}}
}

func request(src, url, status string, second int) *casemate.Alert {
	return &casemate.Alert{Time: start.Add(time.Duration(second) * time.Second), Host: "shop01", Name: "HTTP GET " + status, Rule: status, Message: "GET " + url,
		Entities: []casemate.Entity{{Type: casemate.EntityAddress, Value: src, Role: casemate.RoleSource}, {Type: casemate.EntityURL, Value: url, Role: casemate.RoleDestination}}}
}

// summary is kind, source and count of each finding.
func summary(c *logcount.Counter) []string {
	var out []string
	for _, f := range c.Findings() {
		out = append(out, strings.TrimSpace(string(f.Kind)+" "+f.Source))
	}
	return out
}

// TestGuessing wants the border between a mistake and guessing where it is said
// to be, and a success told only if it came after the guesses.
func TestGuessing(t *testing.T) {
	for _, c := range []struct {
		name   string
		failed int
		ok     int // when a login succeeds, in seconds; 0 is never
		want   []string
	}{
		{"mistyped", 7, 8, nil},
		{"in vain", 8, 0, []string{"guessing 203.0.113.7"}},
		{"before", 8, -1, []string{"guessing 203.0.113.7"}},
		{"guessed", 8, 20, []string{"guessing 203.0.113.7", "guessed 203.0.113.7"}},
	} {
		n := logcount.New()
		if c.ok < 0 {
			n.Add(login("203.0.113.7", "ann", true, c.ok))
		}
		for i := range c.failed {
			n.Add(login("203.0.113.7", "root", false, i))
		}
		if c.ok > 0 {
			n.Add(login("203.0.113.7", "root", true, c.ok))
		}
		if diff := cmp.Diff(c.want, summary(n)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestRequests counts attacks in URLs, as they are written and as they are meant.
func TestRequests(t *testing.T) {
	c := logcount.New()
	for i, u := range []string{"/a?id=1%27+UNION+SELECT+1", "/a?id=1' OR '1'='1", "/../../etc/passwd", "/.env", "/a?x=%24%7Bjndi:ldap://x%7D"} {
		c.Add(request("203.0.113.7", u, "404", i))
	}
	for i, u := range []string{"/union", "/select?union=yes", "/passwd-reset", "/images/env.png", "/blog/sql-injection"} {
		c.Add(request("198.51.100.7", u, "200", i))
	}
	if diff := cmp.Diff([]string{"web-attack 203.0.113.7"}, summary(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.Add(request("203.0.113.7", "/a?id=1+UNION+ALL+SELECT+2", "200", 9))
	if diff := cmp.Diff([]string{"web-attack 203.0.113.7", "web-attack-answered 203.0.113.7"}, summary(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFlood wants many requests within one minute told, and the same over hours not.
func TestFlood(t *testing.T) {
	c := logcount.New()
	for i := range 240 {
		c.Add(request("203.0.113.7", "/", "200", i%60))
		c.Add(request("198.51.100.7", "/", "200", i*60))
	}
	if diff := cmp.Diff([]string{"flood 203.0.113.7"}, summary(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFaults tells a kind of fault once a host, with how often it came.
func TestFaults(t *testing.T) {
	c := logcount.New()
	for i, m := range []string{"nginx.service: Failed with result 'exit-code'.", "Failed to start nginx.service", "all is well", "Out of memory: Killed process 1 (java)"} {
		c.Add(&casemate.Alert{Time: start.Add(time.Duration(i) * time.Second), Host: "web07", Name: "systemd", Message: m, Log: casemate.Logsource{Product: "linux"}})
	}
	f := c.Findings()
	if len(f) != 2 || f[0].Count != 2 || f[1].Count != 1 || !strings.Contains(f[1].Text, "out of memory") {
		t.Errorf("faults: %+v", f)
	}
	// What an attacker puts into a login's name is no service's complaint.
	c.Add(&casemate.Alert{Time: start, Host: "web07", Name: "ssh-login-failed", User: "out of memory", Message: "Failed password for out of memory", Log: casemate.Logsource{Product: "linux"}})
	if n := len(c.Findings()); n != 2 {
		t.Errorf("%d findings after a login with the words of a fault", n)
	}
}
