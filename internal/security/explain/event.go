package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const maxRecords = 64 // records of one input that are explained

func (s *session) isRecord(text string) (string, bool) {
	if !decode.Record(text) {
		return "", false
	}
	alerts := s.records(text)
	if len(alerts) == 0 {
		return "", false
	}
	return "the " + alerts[0].Format + " reader understood it", true
}

// isDocument reports whether a text of several lines is one JSON or XML value or
// one table.
func (s *session) isDocument(text string) (string, bool) {
	t := strings.TrimSpace(text)
	if !decode.Record(t) || !strings.Contains("{[<", t[:1]) && !decode.Table(t) {
		return "", false
	}
	n := len(s.records(t))
	return "", n == 1 || n > 1 && (json.Valid([]byte(t)) || t[0] != '{')
}

// records reads the records of a text. What cannot be read is no record here:
// the text is then explained as text.
func (s *session) records(text string) []*casemate.Alert {
	if events := decode.WindowsEvents(text); events != "" {
		text = events
	}
	var out []*casemate.Alert
	_, _ = evidence.ReadFrom(s.ctx, strings.NewReader(text), "input", evidence.Options{Reference: s.opt.Reference}, func(a *casemate.Alert) error {
		if len(out) >= maxRecords {
			return errEnough
		}
		out = append(out, a)
		return nil
	})
	return out
}

var errEnough = fmt.Errorf("read records: enough")

func (s *session) tellRecord(text string, e *Explanation) {
	alerts := s.records(text)
	if len(alerts) > 1 {
		s.recordParts(alerts, e)
		return
	}
	s.tellAlert(alerts[0], e)
}

// recordParts explains each record of a document that holds several.
func (s *session) recordParts(alerts []*casemate.Alert, e *Explanation) {
	e.Kind = "several records"
	for i, al := range alerts {
		part := Explanation{Input: cmp.Or(phrase.Short(al.Raw, maxQuote), fmt.Sprintf("record %d", i+1))}
		s.tellAlert(al, &part)
		s.finish(&part)
		e.Parts = append(e.Parts, part)
	}
	e.merge(fmt.Sprintf("%d records", len(alerts)))
	if len(alerts) == maxRecords {
		e.Notes = append(e.Notes, fmt.Sprintf("only the first %d records were explained", maxRecords))
	}
}

// tellAlert explains a record by its fields.
func (s *session) tellAlert(al *casemate.Alert, e *Explanation) {
	e.Kind = "log record (" + al.Format + ")"
	if i := slices.IndexFunc(al.Fields, func(f casemate.Field) bool { return f.Name == "program" }); i >= 0 {
		e.Kind = phrase.Short(al.Fields[i].Value, 40) + " log line (" + al.Format + ")"
	}
	if al.Kind == casemate.KindAlert {
		e.Kind = "alert (" + al.Format + ")"
	}
	if !al.Time.IsZero() {
		e.add("Time", al.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	e.add("Name", phrase.Short(al.Name, 300))
	e.add("Rule or event", al.Rule)
	if al.Severity != casemate.SeverityUnknown {
		e.addNote("Severity", al.Severity.String(), "as the sensor says")
	}
	e.add("Host", al.Host)
	e.add("User", al.User)
	e.add("From", peer(al, casemate.RoleSource))
	e.add("To", peer(al, casemate.RoleDestination))
	e.add("Action", al.Action)
	if al.Message != al.Name {
		e.add("Message", phrase.Short(al.Message, 600))
	}
	a := s.analyse(e)
	a.windowsEvent(al)
	a.process(al)
	a.fieldsOf(al)
	a.sensor(al)
	for _, ind := range al.Indicators {
		a.indicator(ind, "", Span{Field: ind.Field, Layer: -1})
	}
	if s.opt.Rules != nil && len(al.Event) > 0 {
		a.rules(al.Log, al.Event, al.Raw)
	}
	e.Summary = s.alertSummary(al, e)
	e.Next = append(e.Next, check("run casemate triage over the log that it stands in", "one record seldom tells what happened"))
}

// alertSummary says in a sentence what happened, where, to whom and from where.
func (s *session) alertSummary(al *casemate.Alert, e *Explanation) string {
	what := phrase.Short(strings.Join(strings.Fields(cmp.Or(al.Name, al.Message, "a record of format "+al.Format)), " "), 160)
	f, known := s.tab.facts["log-event"][strings.ToLower(al.Name)]
	at := slices.IndexFunc(e.Facts, func(f Fact) bool { return f.Name == "Event" })
	switch {
	case known:
		what = f.means
		s.related(f.techniques, e)
	case at >= 0:
		what = e.Facts[at].Value
	case al.Message != "" && slices.Contains(al.Fields, casemate.Field{Name: "program", Value: al.Name}):
		what += ": " + phrase.Short(al.Message, 120)
	case al.Format == "access-log":
		what = "the web request “" + phrase.Short(al.Message, 120) + "” was answered with " + al.Rule
	case al.Kind == casemate.KindAlert:
		what = "the sensor reports “" + what + "”"
	}
	for _, part := range [][2]string{{", host ", al.Host}, {", account ", al.User}, {", from ", peer(al, casemate.RoleSource)}, {", to ", peer(al, casemate.RoleDestination)}} {
		if part[1] != "" && (part[1] != al.Host || part[0] == ", host ") {
			what += part[0] + part[1]
		}
	}
	if p := al.Process; p != nil && p.CommandLine != "" && al.Kind == casemate.KindEvent {
		what += ": " + phrase.Short(phrase.Line(p.CommandLine), 100)
	}
	return phrase.Upper(what) + "."
}

// peer returns the first address or name of a role in the traffic.
func peer(al *casemate.Alert, role casemate.Role) string {
	for _, n := range al.Entities {
		if n.Role == role && (n.Type == casemate.EntityAddress || n.Type == casemate.EntityHost) {
			return n.Value
		}
	}
	return ""
}

// windowsEvent says what a Windows event means and which fields decide.
func (a *analysis) windowsEvent(al *casemate.Alert) {
	if al.Log.Product != "" && al.Log.Product != "windows" {
		return
	}
	id, channel, named := al.Rule, a.s.channel(al.Log.Service), false
	for _, f := range al.Fields {
		name := strings.ToLower(last(f.Name))
		switch {
		case name == "eventid" || name == "event_id" || name == "eventcode" || strings.HasSuffix(strings.ToLower(f.Name), "eventid.#text") || strings.ToLower(f.Name) == "event.code":
			id, named = f.Value, true
		case name == "channel" && channel == "":
			channel = a.s.channel(f.Value)
		}
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		return
	}
	for _, v := range a.s.tab.events[n] {
		if v.channel == channel || channel == "" && named && len(a.s.tab.events[n]) == 1 {
			a.e.addNote("Event", v.means, fmt.Sprintf("%s %d", v.channel, n))
			a.s.related(v.techniques, a.e)
			a.e.add("Decides", v.fields)
			return
		}
	}
}

// channel returns the tables' name for a log.
func (s *session) channel(name string) string {
	f, _ := s.tab.within("channel", strings.ToLower(name))
	return f.means
}

func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// process explains the command lines of a record.
func (a *analysis) process(al *casemate.Alert) {
	p := al.Process
	if p == nil {
		return
	}
	a.e.add("Process", p.Image)
	a.e.add("Command line", phrase.Short(p.CommandLine, 600))
	a.e.add("Parent", p.ParentImage)
	a.e.add("Parent's command line", phrase.Short(p.ParentCommandLine, 300))
	if p.Image != "" {
		a.misplaced(p.Image, Span{Field: "process", Layer: -1})
	}
	if p.CommandLine != "" {
		a.examine("command line", p.CommandLine, command)
	}
	a.lineage(p)
	if p.ParentCommandLine != "" {
		a.examine("parent's command line", p.ParentCommandLine, command)
	}
}

// lineage judges a program by what started it.
func (a *analysis) lineage(p *casemate.Process) {
	parent, child := decode.ProgramName(p.ParentImage), decode.ProgramName(p.Image)
	what, ok := a.s.tab.facts["parent"][parent]
	if !ok || !a.s.tab.lists("child", child) {
		return
	}
	lv := casemate.SeverityHigh
	if parent == "wmiprvse" || parent == "wsmprovhost" {
		lv = casemate.SeverityMedium
	}
	a.find(Finding{
		Level: lv, Text: fmt.Sprintf("was started by %s (%s), which seldom starts %s", what.means, parent, child), Techniques: what.techniques,
		Span: Span{Field: "parent", Layer: -1}, Quote: phrase.Short(p.ParentImage, maxQuote), Source: "behaviour",
	}, "")
}

// fieldsOf explains the coded fields and searches the free ones.
func (a *analysis) fieldsOf(al *casemate.Alert) {
	list := al.Fields
	if len(list) == 0 && al.Raw != "" {
		a.examine("", al.Raw, prose)
		return
	}
	budget := MaxScan
	for _, f := range list {
		if f.Kind != casemate.String && f.Kind != casemate.Number || f.Value == "" || budget <= 0 {
			continue
		}
		name := strings.ToLower(last(f.Name))
		if table, ok := a.s.tab.facts["field"][name]; ok {
			a.code(f, table.means)
			continue
		}
		if f.Kind == casemate.Number || len(f.Value) < 4 || al.Process != nil && (f.Value == al.Process.CommandLine || f.Value == al.Process.ParentCommandLine) {
			continue
		}
		budget -= len(f.Value)
		switch {
		case strings.HasPrefix(name, "taskcontent") && strings.Contains(f.Value, "<Exec>"):
			if line := strings.TrimSpace(strings.Join(append(first(decode.Elements(f.Value)["Command"], 1), first(decode.Elements(f.Value)["Arguments"], 1)...), " ")); line != "" {
				a.e.add("Task runs", phrase.Short(line, 400))
				a.examine(f.Name, line, command)
			}
		case a.s.tab.lists("code-field", name):
			a.examine(f.Name, f.Value, a.s.role(f.Value))
		case strings.Contains(name, "hash") || strings.Contains(name, "guid") || strings.Contains(name, "keyid"):
		default:
			a.examine(f.Name, f.Value, prose)
		}
	}
}

// code explains the value of a coded field.
func (a *analysis) code(f casemate.Field, table string) {
	key := strings.ToLower(f.Value)
	var means fact
	ok := true
	switch table {
	case "sid":
		if !sidForm.MatchString(f.Value) {
			return
		}
		means = fact{means: a.s.sid(f.Value)}
	case "ntstatus":
		if means, ok = a.s.tab.facts["ntstatus"][key]; !ok {
			means, ok = a.s.tab.facts["kerberos"][key]
		}
	default:
		means, ok = a.s.tab.facts[table][key]
	}
	if !ok || means.means == "" || key == "0x0" || key == "0x00000000" {
		return
	}
	a.e.addNote(last(f.Name), f.Value, means.means)
}

// sensor takes over what the sensor itself claims.
func (a *analysis) sensor(al *casemate.Alert) {
	if al.Kind != casemate.KindAlert && len(al.Techniques) == 0 {
		return
	}
	lv := al.Severity
	if lv == casemate.SeverityUnknown {
		lv = casemate.SeverityMedium
	}
	a.find(Finding{Level: lv, Text: "was reported by the sensor as “" + phrase.Short(al.Name, 160) + "”", Techniques: a.s.resolved(al.Techniques), Span: Span{Field: "name", Layer: -1}, Quote: phrase.Short(al.Name, maxQuote), Source: "sensor"}, "")
}

// resolved keeps the technique ids that the catalogue has, as they stand today.
func (s *session) resolved(ids []string) []string {
	var out []string
	for _, id := range ids {
		if t, _, ok := s.opt.Catalogue.Resolve(strings.ToUpper(id)); ok {
			out = append(out, t.ID)
		}
	}
	return out
}

// rules runs the Sigma rules over an event.
func (a *analysis) rules(log casemate.Logsource, event []casemate.Field, raw string) {
	for _, m := range a.s.opt.Rules.NewMatcher().Match(log, event, raw, nil) {
		if !m.Alone {
			continue
		}
		d := m.Detection()
		shown := ""
		for _, f := range event {
			if slices.Contains(d.Fields, f.Name) {
				shown = f.Value // the last is the most particular
			}
		}
		a.find(Finding{
			Level: d.Level, Text: "matches the rule “" + d.Title + "”", Techniques: a.s.resolved(d.Techniques),
			Span: Span{Field: strings.Join(first(d.Fields, 3), ", "), Layer: -1}, Quote: phrase.Short(shown, maxQuote), Source: "rule",
		}, "")
	}
}

// runRules tries the rules for process creation on a command line, which is the
// part of such an event that was pasted.
func (s *session) runRules(text string, a *analysis) {
	if s.opt.Rules == nil || len(a.e.Commands) == 0 || len(text) > MaxScan {
		return
	}
	product := "windows"
	if a.shell == decode.POSIX {
		product = "linux"
	}
	log := casemate.Logsource{Product: product, Category: "process_creation"}
	top := a.e.Commands[0]
	image := top.Program
	if product == "windows" && !strings.Contains(image, `\`) {
		// A bare name is looked for among the programs of Windows first.
		image = `C:\Windows\System32\` + image
		if !strings.Contains(top.Program, ".") {
			image += ".exe"
		}
	}
	a.rules(log, []casemate.Field{{Name: "OriginalFileName", Value: top.Name + ".exe"}, {Name: "Image", Value: image}, {Name: "CommandLine", Value: text}}, "")
}
