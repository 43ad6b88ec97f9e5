package explain

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

func (s *session) isURL(text string) (string, bool) {
	u, ok := parseURL(text)
	if !ok || !s.tab.lists("scheme", u.Scheme) {
		return "", false
	}
	return "it begins with " + strings.ToLower(u.Scheme) + ":", true
}

func (s *session) tellURL(text string, e *Explanation) {
	u, _ := parseURL(text)
	e.Summary = "A link to " + indicator.Defang(u.Hostname()) + "."
	if u.Hostname() == "" {
		e.Summary = "A " + u.Scheme + ": link without a host."
	}
	e.add("Scheme", u.Scheme)
	if u.User != nil {
		e.addNote("User part", u.User.String(), "stands before the host; the link does not lead there")
	}
	if h := u.Hostname(); h != "" {
		s.domainFacts(h, e)
		if f, ok := s.host(h); ok {
			e.Summary = "A link to " + indicator.Defang(h) + ", " + f.means + "."
		}
	}
	if p := u.Port(); p != "" {
		e.addNote("Port", p, s.tab.facts["port"][p].means)
	}
	if u.Path != "/" {
		e.add("Path", phrase.Short(u.Path, 300))
	}
	s.query(u, e)
	e.add("Fragment", phrase.Short(u.Fragment, 200))
	a := s.analyse(e)
	field, refanged := "", indicator.Refang(text)
	if refanged != text {
		field = "refanged"
	}
	a.examine(field, refanged, plain)
	e.Next = append(e.Next, check("find who opened the link and what came back: proxy and DNS logs, with sizes and content types", "a request alone does not show whether anything was loaded"))
	if u.Hostname() != "" {
		e.Notes = append(e.Notes, "the link was not followed; no reputation is known here")
	}
}

// query lists the parameters with their decoded values.
func (s *session) query(u *url.URL, e *Explanation) {
	for i, pair := range strings.Split(u.RawQuery, "&") {
		if pair == "" || i >= 24 {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		e.add("Parameter "+phrase.Short(name, 40), phrase.Short(value, 300))
	}
}

// urls reports the tricks of the URLs in a text.
func (a *analysis) urls(text string, at Span) {
	for _, m := range urlForm.FindAllStringIndex(text, 64) {
		raw := strings.TrimRight(text[m[0]:m[1]], `.,;:!?)]}'"`)
		u, ok := parseURL(raw)
		if !ok {
			continue
		}
		span := at
		span.Start, span.End = m[0], m[0]+len(raw)
		a.tricks(u, raw, func(lv casemate.Severity, means string, techniques ...string) {
			a.find(Finding{Level: lv, Text: means, Techniques: techniques, Span: span, Source: "behaviour"}, text)
		})
	}
}

var urlForm = regexp.MustCompile("(?i)(?:\\b(?:https?|hxxps?|ftp)(?:\\[?:\\]?//)[^\\s\"'`<>|]{3,}|\\bdata:[a-z]+/[a-z0-9.+-]+[;,][^\\s\"'<>]*)")

var programLink = regexp.MustCompile(`(?i)\.(exe|dll|scr|hta|vbs|jse|ps1|psm1|bat|cmd|msi|sct|xsl|lnk|iso|img|jar|elf|bin|apk|wsf)$`)

// tricks tells what makes a URL look other than it is, or worth a look.
func (a *analysis) tricks(u *url.URL, raw string, add func(lv casemate.Severity, means string, techniques ...string)) {
	host := strings.ToLower(u.Hostname())
	if u.User != nil && strings.Contains(u.User.Username(), ".") {
		add(casemate.SeverityHigh, "shows a host before the @ of a link that leads elsewhere", "T1566.002", "T1036")
	} else if u.User != nil {
		add(casemate.SeverityLow, "puts a user name or password into a link", "T1552.001")
	}
	if addr, _, odd, ok := decode.Address(host); ok {
		switch scope := indicator.Scope(addr); {
		case odd != "":
			add(casemate.SeverityHigh, "hides the address of a link, "+odd, "T1027", "T1566.002")
		case scope == casemate.ScopePublic || scope == casemate.ScopeDocumentation:
			add(casemate.SeverityLow, "links to an address instead of a name", "T1071.001")
		}
	}
	if name, puny := decode.Host(host); puny {
		lv := casemate.SeverityLow
		if decode.MixedScripts(name) {
			lv = casemate.SeverityHigh
		}
		add(lv, "links to a name in other letters ("+name+"), which may imitate another name", "T1583.001", "T1036")
	}
	if p := u.Port(); p != "" && !slices.Contains([]string{"80", "443", "8080", "8443", "21"}, p) {
		add(casemate.SeverityLow, "links to an unusual port", "T1571")
	}
	if decode.DoubleExtension(u.Path) {
		add(casemate.SeverityHigh, "links to a program that is named like a document", "T1036.007", "T1566.002")
	} else if programLink.MatchString(u.Path) {
		add(casemate.SeverityLow, "links to a program or script", "T1105")
	}
	switch strings.ToLower(u.Scheme) {
	case "data":
		if strings.Contains(strings.ToLower(raw[:min(len(raw), 80)]), "html") || strings.Contains(strings.ToLower(raw[:min(len(raw), 80)]), "script") {
			add(casemate.SeverityHigh, "carries a page or script inside a link", "T1027.006")
		}
	case "javascript", "vbscript":
		add(casemate.SeverityHigh, "runs script through a link", "T1059.007")
	case "ms-msdt", "search-ms", "ms-officecmd", "ms-appinstaller":
		add(casemate.SeverityHigh, "starts a Windows program through a link", "T1203")
	case "ldap", "rmi":
		add(casemate.SeverityMedium, "links to a server as Log4Shell does to load code", "T1190")
	}
	if f, ok := a.s.host(host); ok && len(f.techniques) > 0 {
		add(casemate.SeverityLow, "links to "+f.means, f.techniques...)
	}
	for key, values := range u.Query() {
		if len(values) > 0 && a.s.tab.lists("redirect", key) && (strings.Contains(values[0], "://") || strings.HasPrefix(values[0], "//")) {
			to, err := url.Parse(values[0])
			if err == nil && to.Hostname() != "" && !strings.EqualFold(to.Hostname(), host) {
				add(casemate.SeverityMedium, "sends whoever follows the link on to "+indicator.Defang(to.Hostname()), "T1566.002")
			}
		}
	}
	if strings.Count(host, ".") >= 5 {
		add(casemate.SeverityLow, "links to a name of many parts, which may hide its end", "T1566.002")
	}
}

// domain reports what a bare name shows.
func (a *analysis) domain(name string, at Span, text string) {
	if u, puny := decode.Host(name); puny && decode.MixedScripts(u) {
		a.find(Finding{Level: casemate.SeverityHigh, Text: "mixes alphabets (" + u + "), which imitates another name", Techniques: []string{"T1583.001", "T1036"}, Span: at, Source: "behaviour"}, text)
	}
	if f, ok := a.s.host(name); ok && len(f.techniques) > 0 {
		a.find(Finding{Level: casemate.SeverityLow, Text: "is " + f.means, Techniques: f.techniques, Span: at, Source: "behaviour"}, text)
	}
}

func (s *session) isAgent(text string) (string, bool) {
	if len(text) > 1000 || strings.Contains(text, "\n") {
		return "", false
	}
	_, ok := s.agent(agentMark.ReplaceAllString(text, ""))
	return "it begins as user agents do", ok
}

var agentMark = regexp.MustCompile(`(?i)^user-agent:\s*`)
var product = regexp.MustCompile(`(?i)^[a-z][\w .-]{1,40}/\d[\w.]*`)

func (s *session) agent(text string) (fact, bool) {
	lower := strings.ToLower(text)
	for _, f := range s.tab.ordered["agent"] {
		if strings.HasPrefix(lower, f.key) && (product.MatchString(text) || f.key == "mozilla/") {
			return f, true
		}
	}
	return fact{}, false
}

func (s *session) tellAgent(text string, e *Explanation) {
	t := agentMark.ReplaceAllString(text, "")
	f, _ := s.agent(t)
	lower := strings.ToLower(t)
	for _, o := range s.tab.ordered["agent"] {
		if len(o.techniques) > 0 && strings.Contains(lower, o.key) {
			f = o
			break
		}
	}
	e.Summary = "A user agent: " + f.means + ". Whoever sends it chooses what it says."
	e.add("Program", f.means)
	for _, name := range []string{"System", "Browser"} {
		o, _ := s.tab.within("agent-"+strings.ToLower(name), lower)
		e.add(name, o.means)
	}
	a := s.analyse(e)
	if len(f.techniques) > 0 {
		a.find(Finding{Level: casemate.SeverityMedium, Text: "names " + f.means, Techniques: f.techniques, Span: Span{Layer: -1, End: len(text)}, Source: "behaviour"}, text)
	}
	a.examine("", text, plain)
	e.Next = append(e.Next, check("compare with what this machine usually sends, and look at the paths it asked for", "a user agent is easily forged"))
}

// headerNames begin the lines of a mail header.
var headerLine = regexp.MustCompile(`(?im)^(received|from|to|subject|message-id|return-path|authentication-results|received-spf|dkim-signature|reply-to|date|mime-version|content-type|x-[a-z-]+|delivered-to|arc-[a-z-]+|sender|cc|list-unsubscribe):[ \t]`)

func (s *session) isHeader(text string) (string, bool) {
	seen := map[string]bool{}
	for _, m := range headerLine.FindAllStringSubmatch(cut2(text, 1<<16), 200) {
		seen[strings.ToLower(m[1])] = true
	}
	return "lines as mail headers have", len(seen) >= 3 && (seen["received"] || seen["from"] || seen["message-id"])
}

func (s *session) tellHeader(text string, e *Explanation) {
	fields := decode.Header(cut2(text, MaxScan))
	get := func(name string) string {
		for _, f := range fields {
			if strings.EqualFold(f[0], name) {
				return f[1]
			}
		}
		return ""
	}
	for _, name := range []string{"From", "Reply-To", "Return-Path", "Sender", "To", "Subject", "Date", "Message-ID", "X-Mailer", "User-Agent", "X-Originating-IP"} {
		e.add(name, phrase.Short(get(name), 300))
	}
	hops := 0
	for i := len(fields) - 1; i >= 0; i-- {
		if strings.EqualFold(fields[i][0], "Received") {
			hops++
			e.addNote(fmt.Sprintf("Hop %d", hops), phrase.Short(fields[i][1], 240), map[bool]string{true: "the first; only hops added by servers that you trust are proof"}[hops == 1])
		}
	}
	a := s.analyse(e)
	s.mailChecks(a, fields, get, text)
	e.Summary = fmt.Sprintf("The header of a mail that says it is from “%s”, over %s.", phrase.Short(get("From"), 80), phrase.Count(hops, "hop"))
	a.examine("", text, plain)
	e.Next = append(e.Next,
		check("find who else received it, who opened it and who clicked", "mails of this kind seldom come alone"),
		check("take the sender's address from the first hop that a server of yours wrote", "everything below can be forged"))
}

func (s *session) mailChecks(a *analysis, fields [][2]string, get func(string) string, text string) {
	report := func(lv casemate.Severity, means, where string, techniques ...string) {
		i := max(0, strings.Index(text, where))
		a.find(Finding{Level: lv, Text: means, Techniques: techniques, Span: Span{Layer: -1, Start: i, End: min(len(text), i+len(where))}, Source: "behaviour"}, text)
	}
	from := get("From")
	for _, f := range fields {
		name, v := strings.ToLower(f[0]), strings.ToLower(f[1])
		if name != "authentication-results" && name != "received-spf" && name != "arc-authentication-results" {
			continue
		}
		for _, c := range []string{"spf", "dkim", "dmarc"} {
			for _, bad := range []string{"fail", "softfail", "permerror"} {
				if strings.Contains(v, c+"="+bad) || c == "spf" && name == "received-spf" && strings.HasPrefix(v, bad) {
					report(casemate.SeverityMedium, "failed the "+strings.ToUpper(c)+" check, so that the sender is not proven", f[1], "T1566", "T1672")
				}
			}
		}
	}
	if d, r := decode.MailDomain(from), decode.MailDomain(get("Reply-To")); d != "" && r != "" && d != r {
		report(casemate.SeverityMedium, "asks for answers to another domain than it says it is from", get("Reply-To"), "T1566")
	}
	if d, r := decode.MailDomain(from), decode.MailDomain(get("Return-Path")); d != "" && r != "" && d != r && !strings.HasSuffix(r, "."+d) && !strings.HasSuffix(d, "."+r) {
		report(casemate.SeverityLow, "returns to another domain than it says it is from, as bulk senders and forgers do", get("Return-Path"), "T1566")
	}
	if name, _, ok := strings.Cut(from, "<"); ok && strings.Contains(name, "@") && decode.MailDomain(name) != decode.MailDomain(from) {
		report(casemate.SeverityHigh, "shows another address in the sender's name than it is from", from, "T1566", "T1036")
	}
}
