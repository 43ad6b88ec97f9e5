package grounding

import (
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/naming"
	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
	"github.com/casemate-ai/casemate/internal/security/grounding/sentence"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// token is a run of a statement without blanks, and without the marks around it.
type token struct {
	text, low string
	from, to  int
}

// tokens yields the tokens of a statement that no check has dealt with.
func (r *reading) tokens(yield func(token) bool) {
	for i := 0; i < len(r.text); {
		if r.text[i] == ' ' || r.text[i] == '\n' || r.text[i] == '\t' || r.used[i] {
			i++
			continue
		}
		j := i
		for j < len(r.text) && r.text[j] != ' ' && r.text[j] != '\n' && r.text[j] != '\t' && !r.used[j] {
			j++
		}
		if t, ok := r.trim(i, j); ok && !yield(t) {
			return
		}
		i = j
	}
}

const marks = "\"'`()[]{}<>,;:!?*…=|"

func (r *reading) trim(i, j int) (token, bool) {
	for i < j && (strings.IndexByte(marks, r.text[i]) >= 0 || strings.HasPrefix(r.text[i:j], "…")) {
		i++
	}
	for i < j {
		if strings.HasSuffix(r.text[i:j], "…") && !strings.ContainsAny(r.text[i:j], "0123456789") {
			j -= len("…")
			continue
		}
		if c := r.text[j-1]; c != '.' && (strings.IndexByte(marks, c) < 0 || c >= 0x80) {
			if strings.HasSuffix(r.text[i:j], "'s") {
				j -= 2
				continue
			}
			break
		}
		j--
	}
	if i >= j {
		return token{}, false
	}
	return token{text: r.text[i:j], low: fold(r.text[i:j]), from: i, to: j}, true
}

// shapes checks what has a form that only technical things have: links, addresses,
// digests, paths, accounts, file names. It goes before times and numbers, which
// would take parts of them.
func (r *reading) shapes() {
	r.tokens(func(t token) bool {
		if r.looked > maxMentions {
			return false
		}
		if part, ok := naming.Beginning(r.low[max(0, t.from-40):t.from], t.low); ok {
			if r.use(t.from, t.to); !r.prefix(part) {
				r.missing(Indicator, t.text)
			}
			return true
		}
		if kind := r.shapeOf(t); kind != "" {
			r.use(t.from, t.to)
			r.shape(t, kind)
		}
		return true
	})
}

var (
	hexDigest   = regexp.MustCompile(`(?i)^[0-9a-f]{12,128}(?:…|\.\.\.)?$`)
	guid        = regexp.MustCompile(`(?i)^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$`)
	dateLike    = regexp.MustCompile(`^(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:T[\d:.]+Z?)?|\d+(?:\.\d+)?|[\d:.]+Z?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+-\d+|\d+/\d+)$`)
	hive        = regexp.MustCompile(`(?i)^(?:hklm|hkcu|hku|hkcr|hkey_[a-z_]+|\\registry\\(?:machine|user))(?::)?\\`)
	fileSuffix  = regexp.MustCompile(`(?i)\.(?:exe|dll|sys|ps1|psm1|bat|cmd|vbs|vbe|js|jse|hta|lnk|msi|scr|cpl|ocx|doc|docx|docm|dotm|xls|xlsx|xlsm|xlsb|ppt|pptx|pptm|pdf|rtf|txt|csv|log|json|xml|html?|php\d?|phtml|aspx?|jspx?|war|jar|class|py|sh|pl|rb|so|elf|bin|dat|dmp|dump|dit|tmp|zip|7z|rar|gz|tgz|tar|bz2|xz|cab|iso|img|vhdx?|png|jpe?g|gif|bmp|svg|ico|eml|msg|pst|ost|key|pem|crt|cer|pfx|kdbx|db|sqlite|sql|bak|old|conf|cfg|ini|yml|yaml|toml|step|dwg|evtx|etl|pcap|onion|locked|encrypted|enc|plist|service|timer|deb|rpm|apk|dmg|pkg|url|inf|reg|wsf|xll|one)$`)
	domainLike  = regexp.MustCompile(`(?i)^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z]{2,24}\.?$`)
	accountLike = regexp.MustCompile(`(?i)^[a-z0-9][a-z0-9 _.-]*\\[a-z0-9_.$@-]+$`)
)

// shapeOf returns the kind of problem that a token would be if nothing had it, or
// "" for words and numbers.
func (r *reading) shapeOf(t token) string {
	s := t.text
	switch {
	case dateLike.MatchString(s):
		if _, err := netip.ParseAddr(s); err != nil {
			return ""
		}
		return Indicator
	case strings.Contains(s, "://"):
		return Indicator
	case strings.Contains(s, "@") && len(s) > 3 && s[0] != '@':
		return Indicator
	case isAddress(s):
		return Indicator
	case hexDigest.MatchString(s) && strings.ContainsAny(s, "0123456789") && strings.ContainsAny(t.low, "abcdef"), guid.MatchString(s):
		return Indicator
	case hive.MatchString(s), strings.Contains(s, `\`):
		if accountLike.MatchString(s) && strings.Count(s, `\`) == 1 && !fileSuffix.MatchString(s) && len(s) > 3 && s[1] != ':' {
			return User
		}
		return Path
	case len(s) > 2 && s[0] == '/' && word(s[1]) || strings.HasPrefix(s, "~/") || strings.HasPrefix(s, "../") || strings.HasPrefix(s, "./"):
		return Path
	case s[0] == '%' && strings.Count(s, "%") == 2:
		return Path
	case fileSuffix.MatchString(s) && len(s) > 4 && s[0] != '.':
		if strings.HasSuffix(t.low, ".exe") {
			return Process
		}
		if strings.Contains(s, "/") {
			return Path
		}
		return Path
	case strings.HasPrefix(t.low, "0x") && len(s) > 3:
		return Number
	case strings.Contains(s, ".") && domainLike.MatchString(s) && !sentence.Abbreviated(s) && len(s) > 4:
		return r.dotted(t)
	}
	return ""
}

func isAddress(s string) bool {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// dotted tells domains from accounts such as adm.tbrandt and from other names.
func (r *reading) dotted(t token) string {
	if strings.EqualFold(t.text, "asp.net") || strings.EqualFold(t.text, "node.js") {
		return ""
	}
	for _, ind := range indicator.Extract(nil, "", t.text) {
		if ind.Type == casemate.IndicatorDomain {
			return Indicator
		}
	}
	if strings.Count(t.text, ".") == 1 && lower(t.text) {
		return User
	}
	return Name
}

// shape reports a token of a kind that the pool does not have in any spelling.
func (r *reading) shape(t token, kind string) {
	if r.has(strings.TrimRight(t.low, ".")) || r.spelled(t, kind) || kind == Indicator && r.tied(t.low) {
		r.found++
		return
	}
	if kind == Process && r.c.opt.Catalogue != nil {
		if s, ok := r.c.opt.Catalogue.Software(strings.TrimSuffix(t.low, ".exe")); ok && s.Name != "" && !s.Tool {
			kind = Software
		}
	}
	r.missing(kind, t.text)
}

// spelled tries the other spellings that a thing of a kind may have.
func (r *reading) spelled(t token, kind string) bool {
	s := strings.TrimRight(t.low, ".")
	switch {
	case strings.Contains(s, "://"):
		return r.url(s)
	case strings.Contains(s, "@"):
		return r.mail(s)
	case isAddress(s):
		return r.address(s)
	case kind == Indicator && (strings.HasSuffix(s, "…") || strings.HasSuffix(s, "...")):
		return len(s) > 10 && r.prefix(strings.TrimRight(s, ".…"))
	case kind == User:
		return r.account(s)
	case hive.MatchString(s):
		return r.registry(s)
	case kind == Number:
		for _, m := range hexed.FindAllString(s, 1) {
			n := valueOfHex(m)
			return r.anyNumber(n, n)
		}
	case kind == Process:
		return r.program(strings.TrimSuffix(s, ".exe"))
	case kind == Path:
		return r.path(s) || fileSuffix.MatchString(s) && r.renamed(s)
	case kind == Indicator || kind == Name:
		return r.fullName(s)
	}
	return false
}

func (r *reading) prefix(s string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		i := strings.Index(x.low, s)
		return i >= 0 && (i == 0 || !word(x.low[i-1]))
	})
}

// renamed accepts the name that a file had before an encryptor added to it.
func (r *reading) renamed(s string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		i := strings.Index(x.low, s+".")
		return i >= 0 && edgeBefore(x.low, i, s)
	})
}

// url accepts a URL whose host and path the evidence has apart, and one without
// its path if the evidence has the host.
func (r *reading) url(s string) bool {
	s = strings.TrimRight(s, "/")
	_, rest, _ := strings.Cut(s, "://")
	if r.has(rest) {
		return true
	}
	host, tail, cut := strings.Cut(rest, "/")
	name, p, hasPort := strings.Cut(host, ":")
	if !r.has(name) || hasPort && !r.portNumber(p) {
		return false
	}
	return !cut || r.contains("/"+tail) || r.has(tail)
}

func (r *reading) portNumber(p string) bool {
	n := numeral.Value(p)
	return n == n && r.anyNumber(n, n) || p == "80" || p == "443"
}

// mail accepts the address of an account whose domain stands elsewhere.
func (r *reading) mail(s string) bool {
	s = strings.TrimPrefix(s, "mailto:")
	name, domain, _ := strings.Cut(s, "@")
	if r.has(s) {
		return true
	}
	first, _, _ := strings.Cut(domain, ".")
	return len(name) > 0 && slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		return hasToken(x.low, first+`\`+name) && (hasToken(x.low, domain) || !strings.Contains(domain, "."))
	})
}

func (r *reading) address(s string) bool {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return r.has(a.Addr().String()) && r.anyNumber(float64(a.Port()), float64(a.Port()))
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return r.has(a.String())
	}
	return false
}

// account accepts DOMAIN\user where the evidence has the user and, anywhere, the
// domain.
func (r *reading) account(s string) bool {
	if i := strings.LastIndexByte(s, '\\'); i >= 0 {
		domain, user := s[:i], s[i+1:]
		return r.has(user) && r.has(domain) && !slices.ContainsFunc(r.pool, func(x *index) bool {
			x.ready() // the evidence has it in another domain, and not in this one
			return strings.Contains(x.low, `\`+user) && !hasToken(x.low, s)
		})
	}
	return r.has(s + "$")
}

var hives = map[string][]string{
	"hkcu": {"hkcu", "hku", "hkey_current_user", "hkey_users", `\registry\user`}, "hkey_current_user": {"hkcu", "hku", "hkey_current_user", "hkey_users", `\registry\user`},
	"hku": {"hku", "hkcu", "hkey_users", `\registry\user`}, "hkey_users": {"hku", "hkey_users", `\registry\user`},
	"hklm": {"hklm", "hkey_local_machine", `\registry\machine`}, "hkey_local_machine": {"hklm", "hkey_local_machine", `\registry\machine`},
	"hkcr": {"hkcr", "hkey_classes_root", `software\classes`}, "hkey_classes_root": {"hkcr", "hkey_classes_root", `software\classes`},
}

// registry accepts a key under another spelling of its hive.
func (r *reading) registry(s string) bool {
	i := strings.IndexByte(s[1:], '\\') + 1
	root, rest := strings.TrimSuffix(s[:i], ":"), strings.TrimRight(s[i+1:], `\`)
	names := hives[root]
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		return hasToken(x.low, rest) && slices.ContainsFunc(names, func(n string) bool { return hasToken(x.low, n) })
	})
}

// program accepts a program without its extension or with another.
func (r *reading) program(s string) bool {
	base := path.Base(strings.ReplaceAll(s, `\`, "/"))
	if strings.ContainsAny(s, `\/`) {
		return r.path(s + ".exe")
	}
	return r.hasAny(base, base+".exe") && !slices.ContainsFunc([]string{".dll", ".com"}, func(e string) bool { return r.has(base+e) && !r.has(base+".exe") })
}

var environment = strings.NewReplacer("%temp%", `\temp`, "%tmp%", `\temp`, "%appdata%", `\appdata\roaming`, "%localappdata%", `\appdata\local`, "%programdata%", `c:\programdata`,
	"%systemroot%", `c:\windows`, "%windir%", `c:\windows`, "%userprofile%", `\users\`, "%public%", `c:\users\public`, "%programfiles%", `c:\program files`)

// path accepts a path with parts left out, in the other kind of slashes, with an
// environment variable, or relative to what the evidence has.
func (r *reading) path(s string) bool {
	s = strings.Trim(s, `\`)
	if s == "" {
		return true
	}
	for _, form := range []string{s, strings.ReplaceAll(s, `/`, `\`), strings.ReplaceAll(s, `\`, `/`), environment.Replace(s), strings.TrimRight(s, "/")} {
		if r.has(form) || strings.HasPrefix(form, `\`) && r.contains(form) {
			return true
		}
	}
	if strings.ContainsAny(s, "*…") || strings.Contains(s, "...") {
		return r.parts(strings.FieldsFunc(strings.ReplaceAll(s, "...", "*"), func(c rune) bool { return c == '*' || c == '…' }))
	}
	if host, rest, ok := strings.Cut(s, "/"); ok && host != "" && strings.Contains(host, ".") { // example.org/path without a scheme
		return r.url("http://" + s)
	} else if ok && host != "" && rest != "" && !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, ".") && strings.Count(s, "/") == 1 {
		return r.parts([]string{host, rest}) // "FS01/DC01"
	}
	if strings.Contains(s, `\`) && len(s) > 2 && s[1] != ':' { // \\FS01\Finance as D:\Shares\Finance is not the same
		return false
	}
	return false
}

func (r *reading) parts(parts []string) bool {
	for _, p := range parts {
		if p = strings.Trim(p, `\/. `); p != "" && !r.has(p) {
			return false
		}
	}
	return len(parts) > 0
}

// fullName accepts the full name of a host of which the evidence has the short one
// and, elsewhere, the domain.
func (r *reading) fullName(s string) bool {
	first, rest, ok := strings.Cut(s, ".")
	return ok && strings.Contains(rest, ".") && slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		return hasToken(x.low, first) && hasToken(x.low, rest) && shortHost(x.e.Host) == first
	})
}
