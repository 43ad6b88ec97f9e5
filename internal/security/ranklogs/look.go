package ranklogs

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// compiled is an entry of the catalogue, ready to be tried.
type compiled struct {
	known
	branches []branch // any of them matches what the pattern matches
	unless   *regexp.Regexp
}

// branch is one alternative of a pattern, and words of which a match has at least
// one: most of a pattern need not be tried where one of its words stands.
type branch struct {
	re    *regexp.Regexp
	words []string // nil: it may match without any
}

// branchesOf takes the alternatives of a pattern apart.
func branchesOf(pattern string) []branch {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || re.Op != syntax.OpAlternate {
		return []branch{{re: regexp.MustCompile(pattern)}}
	}
	var out []branch
	for _, sub := range re.Sub {
		out = append(out, branch{re: regexp.MustCompile(sub.String()), words: neededBy(sub)})
	}
	return out
}

func (k *compiled) match(lower string) bool {
	for _, b := range k.branches {
		has := func(w string) bool { return strings.Contains(lower, w) }
		if (b.words == nil || slices.ContainsFunc(b.words, has)) && b.re.MatchString(lower) {
			return k.unless == nil || !k.unless.MatchString(lower)
		}
	}
	return false
}

// tried is the catalogue with an index of literals: most patterns need one of a
// few words, and a line that has none of them need not be tried on them.
type tried struct {
	all     []compiled
	always  []int32             // entries without such words
	first   [1 << 12]bool       // hashes of the first three bytes of the words
	byStart map[uint32][]entry3 // the words, by their first three bytes
}

type entry3 struct {
	word string
	at   int32
}

func start3(a, b, c byte) uint32 { return uint32(a)<<16 | uint32(b)<<8 | uint32(c) }

func fold3(x uint32) uint32 { return (x ^ x>>7 ^ x>>13) & (1<<12 - 1) }

// neededWords stands in for needed where a pattern needs but a byte or two, such
// as the name of a program.
var neededWords = map[string][]string{
	"opens a shell to or from another machine":                        {"/dev/tcp", "/dev/udp", "nc ", "nc.", "ncat", "netcat", "mkfifo", "sh -i", "socat", "pty.spawn", "socket", "fsockopen", "tclsh", "s_client"},
	"changes a request to a database (SQL injection)":                 {"select", "' or", "'or", "' and", "'and", "'+or", "'+and", "'; ", "';drop", "';insert", "';update", "';delete", "';exec", "sleep", "benchmark", "waitfor", "information_schema", "xp_cmdshell", "outfile", "dumpfile", "load_file", "extractvalue"},
	"carries a known way to make a server run code":                   {"${jndi", "${${", "${lower:", "${upper:", "${env:", "${::-", "() {", "(){", "class.module", "%{(", "%{#", "__class__", "config.", "7*7", "constructor", "ognl", "<?php", "php://", "data://", "expect://", "\"0:{", "1:{", "2:{", "3:{", "4:{", "5:{", "6:{", "7:{", "8:{", "9:{", "ro0abx", "aced0005", "java.lang.runtime", "/bin/sh", "/bin/bash", ";id", "; id", "whoami", ";wget", "; wget", ";curl", "; curl", "|id", "| id", "$(id", "$( id", "$(curl", "$(wget"},
	"searches the network for machines and ports":                     {"nmap", "masscan", "zmap", "arp-scan", "netdiscover", "hping3", "fping", "unicornscan", "rustscan", "nc "},
	"offers files or a shell to the network":                          {"http.server", "simplehttpserver", "php", "nc ", "ncat", "netcat"},
	"sends a file or what it reads to another machine":                {"curl", "--post-", "| nc", "|nc", "| ssh", "|ssh", "| openssl", "|openssl", "| curl", "|curl"},
	"downloads from a bare address":                                   {"://0", "://1", "://2", "://3", "://4", "://5", "://6", "://7", "://8", "://9"},
	"adds a source or package that nobody has signed":                 {"--allow-unauth", "--force-yes", "--nogpg", "--no-gpg", "--trusted-host", "--no-verify-ssl", "[trusted=yes]", "dpkg", "rpm ", "pip"},
	"takes a lot of data out at once":                                 {"export", "dump", "backup", "copy", "copied", "download", "rclone", "outfile"},
	"asks for a file of the system":                                   {"/etc/", "/proc/self", "win.ini", "boot.ini", "web.config", "/.env", "/.git/", "wp-config", "id_rsa"},
	"looks for files that should not be there":                        {"/.env", "/.git/", "/.aws/", "wp-config", "phpmyadmin", "/actuator", "/.svn/", "server-status", "/cgi-bin/", ".bak", ".sql", ".old", ".swp", "/vendor/phpunit", "/solr/", "/manager/html", "/console"},
	"asks a script in a folder for uploads or media to run a command": {".php", ".phtml", ".phar", ".jsp", ".asp", ".ashx", ".cfm", ".cgi", ".pl"},
	"destroys files or disks":                                         {"rm -", "no-preserve-root", "mkfs", "of=/dev/", "shred", "wipefs"},
}

var compileCatalogue = sync.OnceValue(func() *tried {
	t := &tried{byStart: map[uint32][]entry3{}}
	for i, k := range catalogue {
		c := compiled{known: k, branches: branchesOf(k.pattern)}
		if k.unless != "" {
			c.unless = regexp.MustCompile(k.unless)
		}
		t.all = append(t.all, c)
		words := neededWords[k.text]
		if words == nil {
			words = needed(k.pattern)
		}
		if words == nil {
			t.always = append(t.always, int32(i))
		}
		for _, w := range words {
			x := start3(w[0], w[1], w[2])
			t.first[fold3(x)] = true
			t.byStart[x] = append(t.byStart[x], entry3{w, int32(i)})
		}
	}
	return t
})

// look returns the signs of the catalogue that a line shows, in its order.
func look(text string) []sign {
	t := compileCatalogue()
	lower := strings.ToLower(plain(text))
	var try [len(catalogue)]bool
	long := hasLongLabel(lower)
	for _, i := range t.always {
		try[i] = long || t.all[i].text != carriedData
	}
	for i := 0; i+2 < len(lower); i++ {
		x := start3(lower[i], lower[i+1], lower[i+2])
		if !t.first[fold3(x)] {
			continue
		}
		for _, e := range t.byStart[x] {
			if !try[e.at] && strings.HasPrefix(lower[i:], e.word) {
				try[e.at] = true
			}
		}
	}
	var out []sign
	for i := range try {
		k := &t.all[i]
		if !try[i] || !k.match(lower) {
			continue
		}
		out = append(out, sign{key: k.text, level: k.level, text: k.text, techniques: []string{k.techniques}, source: "catalogue"})
	}
	return out
}

// hasLongLabel reports whether a text has a label of a name that is long enough to
// carry data, and a dot behind it.
func hasLongLabel(s string) bool {
	run := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '=', c == '_', c == '-':
			run++
		default:
			if c == '.' && run >= 28 {
				return true
			}
			run = 0
		}
	}
	return false
}

// needed returns words of three bytes and more of which any match of a pattern
// has at least one, or nil where there are none.
func needed(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	return neededBy(re)
}

func neededBy(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if w := string(re.Rune); len(w) >= 3 && re.Flags&syntax.FoldCase == 0 {
			return []string{w}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return neededBy(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return neededBy(re.Sub[0])
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := neededBy(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	case syntax.OpConcat:
		return neededInRow(re.Sub)
	}
	return nil
}

// neededInRow returns the best words that parts in a row need: of one part, or of
// several next to each other that are all plain text.
func neededInRow(parts []*syntax.Regexp) []string {
	var best []string
	take := func(words []string) {
		if len(words) > 0 && shortest(words) >= 3 && (best == nil || shortest(words) > shortest(best)) {
			best = words
		}
	}
	for i := range parts {
		take(neededBy(parts[i]))
		run := []string{""}
		for _, p := range parts[i:] {
			list := plainTexts(p)
			if list == nil || len(run)*len(list) > maxTexts {
				break
			}
			run = cross(run, list)
			take(run)
		}
	}
	return best
}

// maxTexts bounds how many texts one part of a pattern is written out as.
const maxTexts = 64

func cross(a, b []string) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// plainTexts returns all texts that a part of a pattern matches, or nil where they
// are many.
func plainTexts(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}
		}
	case syntax.OpCapture:
		return plainTexts(re.Sub[0])
	case syntax.OpQuest:
		if list := plainTexts(re.Sub[0]); list != nil {
			return append(list, "")
		}
	case syntax.OpCharClass:
		var out []string
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if out = append(out, string(r)); len(out) > 8 {
					return nil
				}
			}
		}
		return out
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range re.Sub {
			list := plainTexts(sub)
			if list == nil || len(out)*len(list) > maxTexts {
				return nil
			}
			out = cross(out, list)
		}
		return out
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			list := plainTexts(sub)
			if list == nil || len(out)+len(list) > maxTexts {
				return nil
			}
			out = append(out, list...)
		}
		return out
	}
	return nil
}

func shortest(words []string) int {
	n := len(words[0])
	for _, w := range words {
		n = min(n, len(w))
	}
	return n
}

// plain undoes percent escapes, twice, where a text has any.
func plain(text string) string {
	for range 2 {
		if !strings.Contains(text, "%") {
			break
		}
		text = unescape(text)
	}
	return text
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := hex(s[i+1]), hex(s[i+2]); hi >= 0 && lo >= 0 {
				if c := byte(hi<<4 | lo); c >= ' ' && c < 0x7f {
					b.WriteByte(c)
					i += 2
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
