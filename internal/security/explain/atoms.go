package explain

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

var hashForm = regexp.MustCompile(`(?i)^(?:(?:md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512|imphash|nt|ntlm)\s*[:=]\s*)?([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$`)
var ntPair = regexp.MustCompile(`(?i)^(?:[^:\s]+:\d+:)?([0-9a-f]{32}):([0-9a-f]{32})(?::::)?$`)

func (s *session) isHash(text string) (string, bool) {
	if len(text) > 200 {
		return "", false
	}
	if ntPair.MatchString(text) {
		return "two hashes with a colon, as Windows account dumps have", true
	}
	m := hashForm.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return fmt.Sprintf("%d hexadecimal digits", len(m[1])), true
}

func (s *session) tellHash(text string, e *Explanation) {
	if m := ntPair.FindStringSubmatch(text); m != nil {
		e.Kind = "Windows password hashes (LM:NT)"
		e.Summary = "The LM and NT hash of a Windows account, as dumping tools print them."
		e.addNote("LM hash", strings.ToLower(m[1]), s.tab.facts["hash"][strings.ToLower(m[1])].means)
		e.addNote("NT hash", strings.ToLower(m[2]), s.tab.facts["hash"][strings.ToLower(m[2])].means)
		a := s.analyse(e)
		a.find(Finding{Level: casemate.SeverityHigh, Text: "is an account's password hash, which can be used in place of the password", Techniques: []string{"T1003.002", "T1550.002"}, Span: Span{Layer: -1, End: len(text)}, Source: "behaviour"}, text)
		e.Next = append(e.Next, check("treat the account as compromised and change its password", "a hash works like the password"))
		return
	}
	value := strings.ToLower(hashForm.FindStringSubmatch(text)[1])
	kind := s.tab.facts["hash-length"][strconv.Itoa(len(value))].means
	e.Kind = kind
	e.Risk.Level = RiskLookup
	e.Summary = phrase.Upper(article(kind)) + kind + ". A hash alone says nothing about what it stands for."
	if f, ok := s.tab.facts["hash"][value]; ok {
		e.Summary = "This is the " + f.means + "."
		e.add("Known as", f.means)
		return
	}
	s.analyse(e).indicators(value, Span{Layer: -1})
	e.Notes = append(e.Notes, "no reputation is known here: Casemate asks nobody")
	e.Next = append(e.Next,
		check("look for the hash in endpoint records: where, when and under which names it ran", "the same file has the same hash everywhere"),
		check("look it up in the sources that you trust, bearing in mind that a search there can be seen", "a targeted attacker watches for it"))
}

var jwtForm = regexp.MustCompile(`(?i)^(?:authorization:\s*)?(?:bearer\s+)?(eyJ[A-Za-z0-9_-]{5,})\.([A-Za-z0-9_-]{2,})\.([A-Za-z0-9_-]*)$`)

func (s *session) isJWT(text string) (string, bool) {
	m := jwtForm.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	_, ok := decode.TokenPart(m[1])
	return "three parts, the first of which is a JWT header", ok
}

func (s *session) tellJWT(text string, e *Explanation) {
	m := jwtForm.FindStringSubmatch(text)
	e.Summary = "A JSON Web Token. Its signature was not verified: anyone can write such claims."
	e.Notes = append(e.Notes, "the signature was not verified")
	for i, name := range []string{"header", "claim"} {
		part, ok := decode.TokenPart(m[i+1])
		if !ok {
			e.add(name, "cannot be read")
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(part)) {
			value, note := s.claim(key, part[key])
			e.addNote(name+" "+key, value, note)
		}
	}
	a := s.analyse(e)
	a.tokens(text, Span{Layer: -1})
	a.indicators(claimsText(m[2]), Span{Layer: -1})
	a.address(claimsText(m[2]), Span{Layer: -1})
	e.Next = append(e.Next,
		check("find where the token was used, and revoke it if it left its owner", "who holds the token is its owner to the service"),
		check("check the issuer and audience against what the service expects", "they say for whom it was made"))
}

func claimsText(part string) string {
	b, _ := base64.RawURLEncoding.DecodeString(part)
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// tokens reports what is wrong with JWTs in a text.
func (a *analysis) tokens(text string, at Span) {
	for _, t := range decode.WebTokens(text) {
		span := at
		span.Start, span.End = t.Start, t.End
		if alg, _ := t.Header["alg"].(string); strings.EqualFold(alg, "none") {
			a.find(Finding{Level: casemate.SeverityHigh, Text: "is a token without a signature (alg none), as forged tokens are", Techniques: []string{"T1606"}, Span: span, Source: "behaviour"}, text)
		}
		for _, key := range []string{"jku", "x5u", "jwk"} {
			if _, ok := t.Header[key]; ok {
				a.find(Finding{Level: casemate.SeverityMedium, Text: "is a token that brings its own key (" + key + "), as forged tokens do", Techniques: []string{"T1606"}, Span: span, Source: "behaviour"}, text)
			}
		}
	}
}

// claim writes a claim and what it means; times are dated, never compared with
// a clock.
func (s *session) claim(key string, v any) (value, note string) {
	switch x := v.(type) {
	case string:
		value = x
	case float64:
		value = strconv.FormatFloat(x, 'f', -1, 64)
		if (key == "exp" || key == "iat" || key == "nbf" || key == "auth_time") && x > 0 && x < 1<<36 {
			note = time.Unix(int64(x), 0).UTC().Format("2006-01-02 15:04:05 UTC")
		}
	default:
		b, _ := json.Marshal(x)
		value = string(b)
	}
	if f, ok := s.tab.facts["claim"][key]; ok {
		note = strings.TrimSuffix(f.means+": "+note, ": ")
	}
	return phrase.Short(value, 200), note
}

func (s *session) isAddress(text string) (string, bool) {
	if _, known := s.codeOf(text); known {
		return "", false
	}
	_, _, _, ok := decode.Address(indicator.Refang(text))
	return "its form", ok
}

func (s *session) tellAddress(text string, e *Explanation) {
	addr, extra, trick, _ := decode.Address(indicator.Refang(text))
	scope := indicator.Scope(addr)
	e.Kind = "IP address"
	e.add("Address", addr.String())
	e.addNote("Scope", string(scope), s.scope(scope))
	if _, err := strconv.Atoi(extra); err == nil && extra != "" {
		e.addNote("Port", extra, s.tab.facts["port"][extra].means)
	} else {
		e.add("Network", extra)
	}
	e.Summary = fmt.Sprintf("%s is a %s address: %s.", addr, scope, s.scope(scope))
	a := s.analyse(e)
	e.Risk.Level = RiskLookup
	if trick != "" {
		e.Summary = fmt.Sprintf("%s, %s.", addr, trick)
		a.find(Finding{Level: casemate.SeverityMedium, Text: "hides an address: " + trick, Techniques: []string{"T1027"}, Span: Span{Layer: -1, End: len(text)}, Source: "behaviour"}, text)
	}
	if addr == netip.MustParseAddr("169.254.169.254") {
		e.Summary = "169.254.169.254 is the metadata service of clouds, which hands out credentials."
		a.find(Finding{Level: casemate.SeverityMedium, Text: "is the cloud's metadata service, which hands out credentials", Techniques: []string{"T1552.005"}, Span: Span{Layer: -1, End: len(text)}, Source: "behaviour"}, text)
	}
	a.indicators(addr.String(), Span{Layer: -1})
	if scope == casemate.ScopePublic {
		e.Notes = append(e.Notes, "no reputation or owner is known here: Casemate asks nobody")
		e.Next = append(e.Next, check("find which machines and accounts talked to "+indicator.Defang(addr.String())+", since when and how much", "one connection says little, the pattern says more"))
	}
	if scope == casemate.ScopePrivate {
		e.Next = append(e.Next, check("find the machine behind it at that time, in DHCP and inventory", "private addresses are given out again"))
	}
}

func (s *session) isMail(text string) (string, bool) {
	if len(text) > 320 || strings.ContainsAny(text, " \n<>") {
		return "", false
	}
	for _, ind := range indicator.Extract(nil, "", text) {
		if ind.Type == casemate.IndicatorMail {
			return "its form", len(ind.Value)+4 >= len(indicator.Refang(text))
		}
	}
	return "", false
}

func (s *session) tellMail(text string, e *Explanation) {
	e.Risk.Level = RiskLookup
	text = indicator.Refang(text)
	local, domain, _ := strings.Cut(strings.TrimPrefix(text, "mailto:"), "@")
	e.Summary = "A mail address at " + indicator.Defang(domain) + "."
	e.add("Mailbox", local)
	s.domainFacts(domain, e)
	s.analyse(e).indicators(text, Span{Layer: -1})
	e.Next = append(e.Next, check("find which mails came from or went to it, and what they linked to", "addresses of senders can be forged"))
}

func (s *session) isDomain(text string) (string, bool) {
	t := indicator.Refang(text)
	if len(t) > 253 || strings.ContainsAny(t, " \n/\\=") || !strings.Contains(t, ".") || s.isFileName(t) {
		return "", false
	}
	inds := indicator.Extract(nil, "domain", t)
	return "its form", len(inds) == 1 && inds[0].Type == casemate.IndicatorDomain && sameName(inds[0].Value, t)
}

// sameName compares a name, as found, with the text it was found in.
func sameName(found, text string) bool {
	unicode, _ := decode.Host(found)
	text = strings.ToLower(strings.TrimSuffix(text, "."))
	return found == text || unicode == text
}

// isFileName reports whether a dotted word is rather a program or a document.
func (s *session) isFileName(text string) bool {
	i := strings.LastIndexByte(text, '.')
	return i >= 0 && s.tab.lists("extension", text[i:])
}

// scope says what a scope means.
func (s *session) scope(scope casemate.Scope) string {
	return s.tab.facts["scope"][string(scope)].means
}

func (s *session) tellDomain(text string, e *Explanation) {
	e.Risk.Level = RiskLookup
	t := strings.ToLower(indicator.Refang(text))
	e.Summary = indicator.Defang(t) + " is a domain name."
	s.domainFacts(t, e)
	if f, ok := s.host(t); ok {
		e.Summary = indicator.Defang(t) + ": " + f.means + "."
	}
	a := s.analyse(e)
	a.indicators(t, Span{Layer: -1})
	a.domain(t, Span{Layer: -1, End: len(text)}, text)
	e.Notes = append(e.Notes, "no reputation or owner is known here: Casemate asks nobody")
	e.Next = append(e.Next, check("find which machines asked for "+indicator.Defang(t)+", since when, and what they did next", "the first machine to ask is often the one to look at"))
}

// domainFacts says what a name's parts show.
func (s *session) domainFacts(domain string, e *Explanation) {
	e.addNote("Domain", indicator.Defang(domain), s.scope(indicator.Host(domain)))
	if f, ok := s.host(domain); ok {
		e.add("Known as", f.means)
	}
	if u, puny := decode.Host(domain); puny {
		e.addNote("Written in Unicode", u, "the name is Punycode (xn--)")
	}
}

// parseURL reads what people paste, also defanged.
func parseURL(text string) (*url.URL, bool) { return decode.URL(indicator.Refang(text)) }
