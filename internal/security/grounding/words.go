package grounding

import (
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/grounding/naming"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// words checks what is left: proper names and identifiers that no list knows.
func (r *reading) words() {
	ps := r.pieces()
	for i := 0; i < len(ps); i++ {
		if r.looked > maxMentions {
			return
		}
		p := ps[i]
		if !r.free(p.from, p.to) {
			continue
		}
		text := r.text[p.from:p.to]
		kind := r.nameLike(ps, i, text)
		if kind == "" {
			continue
		}
		r.use(p.from, p.to)
		if r.present(p.low, text) || r.tied(p.low) || p.capital && r.person(p.low) {
			r.found++
			continue
		}
		r.missing(kind, text)
	}
}

var (
	camel    = regexp.MustCompile(`\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}{2}`)
	snake    = regexp.MustCompile(`[\p{L}\p{N}]_[\p{L}\p{N}]`)
	mixed    = regexp.MustCompile(`\p{L}.*\p{N}|\p{N}.*\p{L}`)
	ordinals = regexp.MustCompile(`^\d+(?:st|nd|rd|th|x|s|ms|h|d|m|w|kb|mb|gb|tb|kib|mib|gib|min|mins|hrs?|%|-bit|-day|-hour|-minute|-second|-byte|-character|-port)$`)
	dotted2  = regexp.MustCompile(`^v?\d+(?:\.\d+)+[a-z]?\d*$`)
	calling  = regexp.MustCompile(`\b(?:account|user|username|host|hostname|server|workstation|machine|service|bucket|share|process|program|domain|group|role|policy|key|job|value|task|named|called|titled|name is|known as)\s+["'` + "`" + `]?$`)
)

// nameLike returns the kind of problem that a word would be, or "" for words that
// name nothing.
func (r *reading) nameLike(ps []piece, i int, text string) string {
	p := ps[i]
	switch {
	case vocab().general[p.low] || ordinals.MatchString(p.low):
		return ""
	case dotted2.MatchString(p.low):
		return Version
	case snake.MatchString(text):
		return r.kindOf(ps, i, User)
	case strings.Contains(text, "."):
		if allGeneral(p.low, ".") {
			return ""
		}
		return r.kindOf(ps, i, Name)
	case strings.Contains(text, "/"):
		return r.slashed(p, text)
	case strings.Contains(text, "-"):
		return r.hyphened(ps, i, text)
	case mixed.MatchString(text):
		return r.kindOf(ps, i, Host)
	case camel.MatchString(text), strings.ToUpper(text) == text && len(text) > 1 && text != strings.ToLower(text):
		return r.kindOf(ps, i, Name)
	case p.capital:
		return r.properName(ps, i, text)
	case len(text) > 4 && r.c.accounts()[p.low] && !vocab().common[p.low] && !naming.Role(p.low):
		return User
	case calling.MatchString(r.low[max(0, p.from-32):p.from]) && quotedAround(r.text, p.from, p.to):
		return r.kindOf(ps, i, Name)
	}
	return ""
}

func quotedAround(text string, i, j int) bool {
	return i > 0 && j < len(text) && strings.IndexByte("\"'`", text[i-1]) >= 0 && text[j] == text[i-1]
}

func allGeneral(s, sep string) bool {
	for _, w := range strings.Split(s, sep) {
		if w != "" && !vocab().general[w] && !vocab().common[w] {
			return false
		}
	}
	return true
}

// slashed judges "read/write", "TCP/443" and "python-requests/2.31".
func (r *reading) slashed(p piece, text string) string {
	if lower(text) && !mixed.MatchString(text) || allGeneral(p.low, "/") {
		return ""
	}
	a, b, _ := strings.Cut(text, "/")
	if r.has(fold(a)) && dotted2.MatchString(strings.ToLower(b)) {
		return Version
	}
	ok := true
	for _, w := range strings.Split(p.low, "/") {
		ok = ok && (r.has(w) || vocab().general[w] || vocab().common[w])
	}
	if ok {
		return ""
	}
	return Name
}

// hyphened judges compounds: names such as FIN-WS-014, and words such as
// "TLS-encrypted" whose parts count one by one.
func (r *reading) hyphened(ps []piece, i int, text string) string {
	p := ps[i]
	parts := strings.Split(text, "-")
	if (identity.MatchString(p.low) || r.c.accounts()[p.low]) && lower(text) {
		return r.kindOf(ps, i, User)
	}
	named := false
	for k, w := range parts {
		named = named || w != "" && (strings.ToUpper(w) == w && w != strings.ToLower(w) && !vocab().general[strings.ToLower(w)] || digits(w) && k > 0)
	}
	called := calling.MatchString(r.low[max(0, p.from-32):p.from])
	if lower(text) && !mixed.MatchString(text) {
		if called && !ordinary(parts) {
			return r.kindOf(ps, i, Name)
		}
		// "acme-hr-archive" where the evidence has acme-design-archive.
		if !ordinary(parts[:1]) && r.contains(parts[0]+"-") && !r.partsKnown(parts) {
			return r.kindOf(ps, i, Name)
		}
		return ""
	}
	all := true
	for k, w := range parts {
		low := strings.ToLower(w)
		_, known := vocab().terms[low]
		if known && !r.shows(vocab().terms[low]) {
			return Name
		}
		all = all && (known || vocab().general[low] || vocab().common[low] || r.has(low) || k > 0 && lower(w) && !mixed.MatchString(w) || k == 0 && digits(w))
	}
	if all && !(named && mixed.MatchString(text)) || all && lower(parts[len(parts)-1]) && !mixed.MatchString(parts[len(parts)-1]) && !digits(parts[len(parts)-1]) {
		return ""
	}
	if p.first && !mixed.MatchString(text) && lower(text[1:]) { // "Long-lived", "Follow-up"
		return ""
	}
	return r.kindOf(ps, i, Host)
}

// identity matches accounts of services: ci-runner, s3-reader, backup-admin.
var identity = regexp.MustCompile(`^(?:svc|adm|admin|ci|cd|sa|srv|app|sys|usr|s3|ec2|aws|db|sql|web|build|deploy)-[a-z0-9-]+$|-(?:svc|adm|admin|runner|deployer|exporter|reader|writer|bot|agent|backup|prod|dev|test)$`)

// partsKnown reports whether each part is an ordinary word or stands in the pool.
func (r *reading) partsKnown(parts []string) bool {
	for _, p := range parts {
		if !ordinary([]string{p}) && !r.starts(stem.Of(p)) {
			return false
		}
	}
	return true
}

func ordinary(parts []string) bool {
	for _, p := range parts {
		if vocab().common[p] || vocab().general[p] {
			return true
		}
	}
	return false
}

// properName judges a capitalised word without anything else special.
func (r *reading) properName(ps []piece, i int, text string) string {
	p := ps[i]
	if vocab().common[p.low] && (p.first || i > 0 && !ps[i-1].capital) {
		return ""
	}
	if p.first {
		next := i+1 < len(ps) && ps[i+1].capital && r.text[p.to:ps[i+1].from] == " " && !vocab().general[ps[i+1].low] && r.free(ps[i+1].from, ps[i+1].to)
		if vocab().given[p.low] {
			return User
		}
		if !next || vocab().common[p.low] {
			return ""
		}
		// "Excel PowerShell"? Two capitals begin a sentence with a name, unless
		// the first is an ordinary word before a name.
		if r.has(ps[i+1].low) && !r.has(p.low) {
			return ""
		}
	}
	return r.kindOf(ps, i, Name)
}

// kindOf takes the kind from the word before or behind, such as "host" or "account".
func (r *reading) kindOf(ps []piece, i int, otherwise string) string {
	for _, k := range []int{i - 1, i + 1} {
		if k < 0 || k >= len(ps) {
			continue
		}
		switch strings.TrimSuffix(ps[k].low, "s") {
		case "host", "machine", "server", "workstation", "computer", "endpoint", "controller":
			return Host
		case "account", "user", "username", "administrator", "employee", "analyst":
			return User
		case "file", "archive", "folder", "share", "key", "path", "directory":
			return Path
		case "process", "program", "executable":
			return Process
		}
	}
	if low := ps[i].low; strings.HasPrefix(low, "svc_") || strings.HasPrefix(low, "adm_") {
		return User
	}
	return otherwise
}

// present reports whether the pool has a word, in the plural, as a possessive, as a
// part of a name, or under an abbreviation.
func (r *reading) present(low, text string) bool {
	if r.has(low) {
		return true
	}
	if s := strings.TrimSuffix(low, "s"); s != low && len(s) > 2 && r.has(s) {
		return true
	}
	if !strings.ContainsAny(low, "0123456789_-.") {
		if len(low) > 3 && capital(text) && !camel.MatchString(text) && strings.ToUpper(text) != text && r.starts(stem.Of(low)) {
			return true
		}
		// CamelCase and capitals inside longer names: "StopLogging", "NTDS.dit".
		return len(low) > 3 && r.contains(low) && (camel.MatchString(text))
	}
	if strings.Contains(low, "-") {
		return r.hasAny(strings.ReplaceAll(low, "-", " "), strings.ReplaceAll(low, "-", ""), strings.ReplaceAll(low, "-", "_"))
	}
	if i := strings.Index(r.text, text); i > 0 && strings.IndexByte("\"'`", r.text[i-1]) >= 0 && r.contains(" -p"+low) { // -pSecret
		return true
	}
	return strings.HasPrefix(low, "v") && r.has(low[1:])
}

func (r *reading) starts(s string) bool {
	for _, x := range r.pool {
		if x.ready(); stem.Begins(x.low, s) {
			return true
		}
	}
	return false
}

var accountWord = regexp.MustCompile(`\b(?:the|as|of|by|for|user|account|named|called) (root|administrator|guest|krbtgt|www-data|postgres|mysql|ubuntu|ec2-user|anonymous)\b(?: ?(?:cause|shell|directory|folder|certificate|domain|of|access|rights|privileges?|permissions?))?`)

var theAccount = regexp.MustCompile(`^(?:'s)? (?:account|user|login|password)s?\b`)

// accounts checks the accounts that are ordinary words.
func (r *reading) accounts() {
	for _, m := range accountWord.FindAllStringSubmatchIndex(r.low, 8) {
		name := r.low[m[2]:m[3]]
		if strings.HasPrefix(r.low[m[0]:], "the ") && !theAccount.MatchString(r.low[m[3]:]) {
			continue // a person, or a root of something
		}
		if m[1] == m[3] && r.free(m[2], m[3]) && !r.has(name) {
			r.missing(User, name)
		}
	}
}
