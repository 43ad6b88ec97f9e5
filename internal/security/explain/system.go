package explain

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

var sidForm = regexp.MustCompile(`(?i)^S-1-\d{1,15}(-\d{1,10}){1,15}$`)

func (s *session) isSID(text string) (string, bool) {
	return "it begins with S-1-", len(text) < 200 && sidForm.MatchString(text)
}

func (s *session) tellSID(text string, e *Explanation) {
	e.Risk.Level = RiskLookup
	sid := strings.ToUpper(text)
	means := s.sid(sid)
	e.Summary = sid + " is " + means + "."
	if parts := strings.Split(sid, "-"); len(parts) == 8 && parts[3] == "21" {
		e.addNote("Domain or machine", strings.Join(parts[:7], "-"), "the same for all its accounts")
		e.addNote("RID", parts[7], s.tab.facts["rid"][parts[7]].means)
	}
}

// sid says whom a security identifier stands for.
func (s *session) sid(sid string) string {
	if f, ok := s.tab.facts["sid"][strings.ToLower(sid)]; ok {
		return f.means
	}
	if parts := strings.Split(sid, "-"); len(parts) == 8 && parts[3] == "21" {
		if f, ok := s.tab.facts["rid"][parts[7]]; ok {
			if n, _ := strconv.Atoi(parts[7]); n >= 512 {
				return f.means + " of a domain"
			}
			return f.means + " of a domain or machine"
		}
		if n, err := strconv.Atoi(parts[7]); err == nil && n >= 1000 {
			return "an account, group or machine that was added to a domain or machine"
		}
		return "a built-in account or group of a domain or machine"
	}
	f, _ := s.tab.within("sid-prefix", strings.ToLower(sid))
	return f.means
}

// question is what a number or code is asked as.
type question struct{ table, key string }

var codeForms = []struct {
	re    *regexp.Regexp
	table string
}{
	{regexp.MustCompile(`(?i)^(?:windows\s+)?(?:logon|login)[\s_-]*type\s*[:=#]?\s*(\d{1,2})$`), "logon"},
	{regexp.MustCompile(`(?i)^(?:tcp|udp)?[\s/-]*port\s*[:=#]?\s*(\d{1,5})(?:/(?:tcp|udp))?$`), "port"},
	{regexp.MustCompile(`(?i)^(?:tcp|udp)[/:\s](\d{1,5})$`), "port"},
	{regexp.MustCompile(`(?i)^(\d{1,5})/(?:tcp|udp)$`), "port"},
	{regexp.MustCompile(`(?i)^kerberos\s+(?:error|failure|status|result)?\s*(?:code)?\s*[:=]?\s*(0x[0-9a-f]{1,8})$`), "kerberos"},
	{regexp.MustCompile(`(?i)^(?:ticket\s*)?encryption\s*(?:type)?\s*[:=]?\s*(0x[0-9a-f]{1,8})$`), "encryption"},
	{regexp.MustCompile(`(?i)^(?:nt)?_?(?:status|sub_?status|failure\s*code|error\s*code)?\s*[:=]?\s*(0x(?:c00|c01|80[0-4]|400)[0-9a-f]{5})$`), "ntstatus"},
	{regexp.MustCompile(`(?i)^(?:status|failure\s*code|result\s*code|error)?\s*(?:code)?\s*[:=]?\s*(0x[0-9a-f]{1,2})$`), "kerberos"},
	{regexp.MustCompile(`(?i)^(?:windows|win32|system)?\s*error\s*(?:code)?\s*[:=#]?\s*(\d{1,5})$`), "win32"},
	{regexp.MustCompile(`(?i)^(?:windows\s+)?(?:(security|sysmon|powershell|system|application|defender|taskscheduler|wmi|bits|ntlm|applocker|firewall|dns)\s+)?(?:event\s*(?:id|code)?|eid|id)?\s*[:=#]?\s*(\d{1,5})$`), "event"},
}

// codeOf reads an event id, a logon type, a port or an error code.
func (s *session) codeOf(text string) (question, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 60 {
		return question{}, false
	}
	for _, f := range codeForms {
		m := f.re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if f.table == "event" {
			return question{"event", strings.ToLower(m[1]) + " " + m[2]}, true
		}
		return question{f.table, strings.ToLower(m[len(m)-1])}, true
	}
	return question{}, false
}

func (s *session) isCode(text string) (string, bool) {
	_, ok := s.codeOf(text)
	return "its form", ok
}

func (s *session) tellCode(text string, e *Explanation) {
	e.Risk.Level = RiskLookup
	q, _ := s.codeOf(text)
	switch q.table {
	case "event":
		channel, id, _ := strings.Cut(q.key, " ")
		s.tellNumber(channel, id, e)
		return
	case "ntstatus":
		if _, known := s.tab.facts["ntstatus"][q.key]; !known {
			q.table = "hresult"
		}
	}
	name := s.tab.facts["code"][q.table].means
	f, ok := s.tab.facts[q.table][q.key]
	if n, err := strconv.ParseUint(strings.TrimPrefix(q.key, "0x"), 16, 32); !ok && err == nil && n>>16 == 0x8007 {
		// Such a code wraps an older one.
		f, ok = s.tab.facts["win32"][strconv.Itoa(int(n&0xFFFF))]
	}
	e.Kind = name
	if !ok {
		e.Summary = fmt.Sprintf("%s %s is not one that the tables know.", phrase.Upper(name), q.key)
		return
	}
	e.Summary = fmt.Sprintf("%s %s: %s.", phrase.Upper(name), q.key, f.means)
	s.related(f.techniques, e)
}

// related lists techniques that a fact has to do with, without claiming that
// anything shows them.
func (s *session) related(ids []string, e *Explanation) {
	for _, id := range ids {
		if t, ok := s.opt.Catalogue.Technique(id); ok {
			e.addNote("Has to do with", t.ID+" "+t.Name, s.tacticNames(t.Tactics))
		}
	}
}

// tellNumber explains a number that may be an event id of several logs, a port
// or an error code.
func (s *session) tellNumber(channel, id string, e *Explanation) {
	n, _ := strconv.Atoi(id)
	e.Kind = "Windows event id"
	var list []event
	for _, v := range s.tab.events[n] {
		if channel == "" || strings.HasPrefix(strings.ToLower(v.channel), channel) {
			list = append(list, v)
		}
	}
	for _, v := range list {
		if v.fields != "" {
			e.Next = append(e.Next, check("in "+v.channel+" "+id+" read "+v.fields, "these fields decide what the event means"))
		}
		e.add(v.channel+" "+id, v.means)
		s.related(v.techniques, e)
	}
	if len(list) > 0 {
		e.Summary = fmt.Sprintf("Event %s of %s: %s.", id, list[0].channel, list[0].means)
		if len(list) > 1 {
			e.Summary += " The number has other meanings in other logs."
		}
	}
	if channel == "" {
		s.otherNumbers(id, n, len(list) > 0, e)
	}
	if e.Summary == "" {
		e.Kind = "number"
		e.Summary = id + " is no event id, port, logon type or error code that the tables know."
	}
}

// otherNumbers adds what else a bare number may be.
func (s *session) otherNumbers(id string, n int, known bool, e *Explanation) {
	for _, t := range []struct{ table, name string }{{"logon", "Logon type"}, {"port", "Port"}, {"win32", "Win32 error"}, {"rid", "RID"}} {
		f, ok := s.tab.facts[t.table][id]
		if !ok || known && t.table != "port" && n >= 1000 {
			continue
		}
		e.addNote(t.name+" "+id, f.means, "")
		if e.Summary == "" {
			e.Kind = "number"
			e.Summary = fmt.Sprintf("%s %s: %s.", t.name, id, f.means)
		}
	}
}

var registryForm = regexp.MustCompile(`(?i)(?:\b(?:HKLM|HKCU|HKCR|HKU|HKCC|HKEY_LOCAL_MACHINE|HKEY_CURRENT_USER|HKEY_CLASSES_ROOT|HKEY_USERS|HKEY_CURRENT_CONFIG):?\\|\\REGISTRY\\(?:MACHINE|USER)\\|Computer\\HKEY_)[^\r\n"'<>|;,]+`)

func (s *session) isRegistry(text string) (string, bool) {
	m := registryForm.FindStringIndex(text)
	return "it begins with a registry hive", m != nil && m[0] <= 2 && !strings.Contains(text, "\n") && len(text)-m[1] <= 200
}

func (s *session) tellRegistry(text string, e *Explanation) {
	e.Summary = "A key of the Windows registry."
	hive := strings.ToUpper(strings.Trim(strings.SplitN(text, `\`, 2)[0], `"' :`))
	e.addNote("Hive", hive, s.tab.facts["hive"][strings.ToLower(hive)].means)
	e.add("Key", text)
	if f, ok := s.registry(text); ok {
		e.Summary = "A key of the Windows registry: " + f.means + "."
	}
	a := s.analyse(e)
	a.examine("", text, prose)
	e.Next = append(e.Next, check("find which program wrote it and when: Sysmon 12, 13 and 14, Security 4657", "the writer tells more than the key"))
}

// registry finds the longest entry of the table that a key contains.
func (s *session) registry(text string) (fact, bool) {
	lower := strings.ToLower(text)
	var best fact
	for _, f := range s.tab.ordered["registry"] {
		key := strings.ToLower(f.key)
		i := strings.Index(lower, key)
		if i < 0 || len(key) <= len(best.key) {
			continue
		}
		end := i + len(key)
		if end < len(lower) && (lower[end] >= 'a' && lower[end] <= 'z' || lower[end] >= '0' && lower[end] <= '9') {
			continue
		}
		best = f
	}
	return best, best.key != ""
}

// registryKeys reports keys in a text from which programs start or which
// decide about security.
func (a *analysis) registryKeys(text string, at Span) {
	for _, m := range registryForm.FindAllStringIndex(text, 16) {
		f, ok := a.s.registry(text[m[0]:m[1]])
		if !ok || len(f.techniques) == 0 {
			continue
		}
		span := at
		span.Start, span.End = m[0], m[1]
		a.find(Finding{Level: casemate.SeverityLow, Text: "names a registry key: " + f.means, Techniques: f.techniques, Span: span, Source: "behaviour"}, text)
	}
}

func (s *session) isPath(text string) (string, bool) {
	return "it is written as paths are", decode.Path(text)
}

func (s *session) tellPath(text string, e *Explanation) {
	path := strings.Trim(text, `"`)
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	e.Summary = "The path of a file or folder."
	e.add("Path", path)
	e.add("Name", name)
	if f, ok := s.path(path); ok {
		e.Summary = "A path: " + f.means + "."
		e.add("Place", f.means)
		s.related(f.techniques, e)
	}
	a := s.analyse(e)
	// What bears a program's name and is none, such as /etc/passwd, stands nowhere where programs do.
	if list := s.lookup(decode.ProgramName(path), decode.GuessShell(path)); len(list) > 0 && (strings.Contains(path, `\`) || strings.Contains(path, "bin/")) {
		p := list[0]
		e.Summary = fmt.Sprintf("The path of %s: %s.", name, p.what)
		e.Programs = append(e.Programs, Program{Name: decode.ProgramName(path), Platforms: p.platforms, What: p.what, Use: p.use})
	}
	a.examine("", text, prose)
	e.Next = append(e.Next, check("find who wrote the file, when, and what its hash is", "a name says little about a file"))
}

// path finds the longest entry of the table that a path contains.
func (s *session) path(text string) (fact, bool) {
	lower := strings.ToLower(text)
	var best fact
	for _, f := range s.tab.ordered["path"] {
		if len(f.key) > len(best.key) && strings.Contains(lower, f.key) {
			best = f
		}
	}
	return best, best.key != ""
}

// exePath is the full path of a program.
var exePath = regexp.MustCompile(`(?i)\b[a-z]:\\[^"'<>|\r\n*?]*?\.exe\b`)

// misplaced reports a part of Windows outside its folder.
func (a *analysis) misplaced(text string, at Span) {
	for _, m := range exePath.FindAllStringIndex(text, 16) {
		path := strings.ToLower(text[m[0]:m[1]])
		if _, home := a.s.tab.within("windows-folder", path); home || !a.s.tab.lists("windows-name", decode.ProgramName(path)) {
			continue
		}
		span := at
		span.Start, span.End = m[0], m[1]
		a.find(Finding{Level: casemate.SeverityHigh, Text: "names a part of Windows outside its folder", Techniques: []string{"T1036.005"}, Span: span, Source: "behaviour"}, text)
	}
}

func (s *session) isTask(text string) (string, bool) {
	head := cut2(text, 1<<16)
	return "it has a task's elements", strings.Contains(head, "<") && (strings.Contains(head, "<Exec>") && strings.Contains(head, "<Command>") || strings.Contains(head, "/windows/2004/02/mit/task"))
}

// tellTask reads what a scheduled task runs, when and as whom.
func (s *session) tellTask(text string, e *Explanation) {
	values := decode.Elements(cut2(text, MaxScan))
	for _, f := range s.tab.ordered["task"] {
		for _, v := range first(values[f.key], 4) {
			note := ""
			if sidForm.MatchString(v) {
				note = s.sid(v)
			}
			e.addNote(f.means, phrase.Short(v, 400), note)
		}
	}
	var when []string
	for _, t := range s.tab.ordered["trigger"] {
		if strings.Contains(text, "<"+t.key) {
			when = append(when, t.means)
		}
	}
	e.add("When", strings.Join(when, ", "))
	line := strings.TrimSpace(strings.Join(append(first(values["Command"], 1), first(values["Arguments"], 1)...), " "))
	e.Summary = "A scheduled task."
	if line != "" {
		e.Summary = "A scheduled task that runs " + phrase.Short(line, 120) + "."
	}
	a := s.analyse(e)
	if line != "" {
		a.examine("action", line, command)
	}
	if len(values["Hidden"]) > 0 && strings.EqualFold(values["Hidden"][0], "true") {
		i := max(0, strings.Index(text, "<Hidden>"))
		a.find(Finding{Level: casemate.SeverityMedium, Text: "hides from the list of tasks", Techniques: []string{"T1053.005", "T1564"}, Span: Span{Layer: -1, Start: i, End: min(len(text), i+8)}, Source: "behaviour"}, text)
	}
	a.one(cut2(text, MaxScan), Span{Layer: -1}, plain, false)
	e.Next = append(e.Next, check("find who registered it and when: Security 4698, TaskScheduler 106", "the author in the XML can be anything"))
}
