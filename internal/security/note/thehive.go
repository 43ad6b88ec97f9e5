package note

import (
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// TheHive 5 takes an alert with its observables and procedures in one request
// (POST /api/v1/alert), a case with its tasks (POST /api/v1/case), and the
// observables and procedures of a case by themselves (POST
// /api/v1/case/{id}/observable and /procedure). All of these are written, so that
// one can be chosen. A handover or a notification is a page of a case (POST
// /api/v1/case/{id}/page).
type theHive struct {
	Alert       *hiveAlert       `json:"alert,omitempty"`
	Case        *hiveCase        `json:"case,omitempty"`
	Observables []hiveObservable `json:"observables,omitempty"`
	Procedures  []hiveProcedure  `json:"procedures,omitempty"`
	Page        *hivePage        `json:"page,omitempty"`
}

type hiveAlert struct {
	Type        string           `json:"type"`
	Source      string           `json:"source"`
	SourceRef   string           `json:"sourceRef"`
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Severity    int              `json:"severity"`
	Date        int64            `json:"date,omitempty"`
	Tags        []string         `json:"tags,omitempty"`
	Flag        bool             `json:"flag"`
	TLP         int              `json:"tlp"`
	PAP         int              `json:"pap"`
	Observables []hiveObservable `json:"observables,omitempty"`
	Procedures  []hiveProcedure  `json:"procedures,omitempty"`
}

type hiveCase struct {
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Severity    int        `json:"severity"`
	StartDate   int64      `json:"startDate,omitempty"`
	Tags        []string   `json:"tags,omitempty"`
	Flag        bool       `json:"flag"`
	TLP         int        `json:"tlp"`
	PAP         int        `json:"pap"`
	Tasks       []hiveTask `json:"tasks,omitempty"`
}

type hiveTask struct {
	Title       string `json:"title"`
	Group       string `json:"group"`
	Description string `json:"description,omitempty"`
	Order       int    `json:"order"`
}

type hiveObservable struct {
	DataType string   `json:"dataType"`
	Data     string   `json:"data"`
	Message  string   `json:"message,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	TLP      int      `json:"tlp"`
	PAP      int      `json:"pap"`
	IOC      bool     `json:"ioc"`
	Sighted  bool     `json:"sighted"`
}

type hiveProcedure struct {
	PatternID   string `json:"patternId"`
	OccurDate   int64  `json:"occurDate"`
	Tactic      string `json:"tactic,omitempty"`
	Description string `json:"description,omitempty"`
}

type hivePage struct {
	Title    string `json:"title"`
	Category string `json:"category"`
	Content  string `json:"content"`
}

// amber is TLP and PAP of what is written: an analyst lowers them.
const amber = 2

// hiveSeverity is a severity on TheHive's scale of 1 to 4.
func hiveSeverity(s casemate.Severity) int {
	return max(1, int(s)-int(casemate.SeverityInformational))
}

func (w *writer) theHive() (any, error) {
	text, err := w.markdown()
	if err != nil {
		return nil, err
	}
	if w.in.Kind != KindCase {
		return theHive{Page: &hivePage{Title: w.title(128), Category: kickers[w.in.Kind], Content: text}}, nil
	}
	observables, procedures := w.observables(), w.procedures()
	a := &hiveAlert{
		Type: "casemate", Source: "casemate", SourceRef: w.id(), Title: w.title(512), Description: text, Severity: hiveSeverity(w.out.Severity),
		Tags: w.tags(), TLP: amber, PAP: amber, Observables: observables, Procedures: procedures,
	}
	c := &hiveCase{Title: a.Title, Description: text, Severity: a.Severity, Tags: a.Tags, TLP: amber, PAP: amber}
	if t, ok := w.start(); ok {
		a.Date, c.StartDate = millis(t), millis(t)
	}
	for n, t := range w.out.Tasks {
		c.Tasks = append(c.Tasks, hiveTask{Title: plain(t.Text, 128), Group: t.Kind, Description: report.Markdown(t.Text + ". " + t.Reason), Order: n})
	}
	return theHive{Alert: a, Case: c, Observables: observables, Procedures: procedures}, nil
}

// tags are words to find the case by.
func (w *writer) tags() []string {
	out := []string{"casemate", "casemate:incident=" + w.id()}
	if w.out.Verdict != "" {
		out = append(out, "casemate:verdict="+strings.ReplaceAll(string(w.out.Verdict), " ", "-"))
	}
	for _, t := range w.out.Techniques {
		out = append(out, "attack:"+t.ID)
	}
	return out
}

// hiveTypes are TheHive's names for indicators.
var hiveTypes = map[casemate.IndicatorType]string{
	casemate.IndicatorIPv4: "ip", casemate.IndicatorIPv6: "ip", casemate.IndicatorDomain: "domain", casemate.IndicatorURL: "url", casemate.IndicatorMail: "mail",
	casemate.IndicatorMD5: "hash", casemate.IndicatorSHA1: "hash", casemate.IndicatorSHA256: "hash", casemate.IndicatorSHA512: "hash",
}

// observables are the incident's indicators, hosts and accounts. None is called an
// indicator of compromise: that is a judgement.
func (w *writer) observables() []hiveObservable {
	var out []hiveObservable
	seen := map[string]bool{}
	add := func(kind, data, message string, tags ...string) {
		if data = plain(data, 2000); data == "" || seen[kind+" "+data] {
			return
		}
		seen[kind+" "+data] = true
		out = append(out, hiveObservable{DataType: kind, Data: data, Message: message, Tags: append(tags, "casemate"), TLP: amber, PAP: amber, Sighted: true})
	}
	for _, i := range w.out.Indicators {
		tags := []string{string(i.Type)}
		if i.Scope != "" {
			tags = append(tags, "scope:"+string(i.Scope))
		}
		kind := hiveTypes[i.Type]
		if kind == "" {
			kind = "other"
		}
		// A product looks for the value as it is, so what Terminal breaks for the eye is whole here.
		if value := whole(i.Value); value != "" && !seen[kind+" "+value] {
			seen[kind+" "+value] = true
			out = append(out, hiveObservable{DataType: kind, Data: value, Tags: append(tags, "casemate"), TLP: amber, PAP: amber, Sighted: true})
		}
	}
	for _, i := range w.chosen {
		for _, h := range i.Hosts {
			add("hostname", h, "a host of the incident", "host")
		}
		for _, u := range i.Users {
			add("other", u, "an account of the incident", "account")
		}
	}
	return out
}

// whole returns a value for a program, or "" for one that holds what no indicator
// has: blanks and characters that act or hide.
func whole(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) || len(s) > 4096 {
		return ""
	}
	if clean := report.Terminal(s); strings.Contains(clean, `\u{`) || strings.Contains(clean, `\x`) && !strings.Contains(s, `\x`) {
		return ""
	}
	return s
}

// procedures are the incident's techniques.
func (w *writer) procedures() []hiveProcedure {
	at, ok := w.start()
	if !ok {
		return nil
	}
	var out []hiveProcedure
	for _, t := range w.out.Techniques {
		p := hiveProcedure{PatternID: t.ID, OccurDate: millis(w.when(&t, at)), Description: t.Name}
		if len(t.Tactics) > 0 {
			p.Tactic = t.Tactics[0]
		}
		out = append(out, p)
	}
	return out
}

// when is the first time that evidence shows a technique.
func (w *writer) when(t *casemate.Technique, otherwise time.Time) time.Time {
	for _, id := range t.Evidence {
		if e := w.dossier.Piece(id); e != nil && !e.First.IsZero() {
			return e.First
		}
	}
	return otherwise
}
