package note

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

// ServiceNow's table API takes a record as one flat object of strings (POST
// /api/now/table/sn_si_incident or /api/now/table/incident). References such as
// cmdb_ci hold display values: add sysparm_input_display_value=true.
type serviceNow struct {
	ShortDescription string `json:"short_description"`
	Description      string `json:"description"`
	WorkNotes        string `json:"work_notes"`
	Category         string `json:"category"`
	Impact           string `json:"impact"`
	Urgency          string `json:"urgency"`
	ConfigItem       string `json:"cmdb_ci,omitempty"`
	AffectedUser     string `json:"affected_user,omitempty"`
	ContactType      string `json:"contact_type,omitempty"`
	CorrelationID    string `json:"correlation_id"`
}

// The lengths of ServiceNow's fields.
const (
	snowShort = 160
	snowLong  = 4000
)

// grade is a severity on ServiceNow's scale of 1 (high) to 3 (low).
func grade(s casemate.Severity) string {
	switch {
	case s >= casemate.SeverityHigh:
		return "1"
	case s == casemate.SeverityMedium:
		return "2"
	}
	return "3"
}

// urgencies are how soon a verdict wants somebody.
var urgencies = map[casemate.Verdict]string{casemate.VerdictMalicious: "1", casemate.VerdictSuspicious: "2", casemate.VerdictReview: "2", casemate.VerdictBenign: "3"}

func (w *writer) serviceNow() (any, error) {
	lines := w.lines()
	head := lines
	for i, l := range lines {
		if l.heading {
			head = lines[:i]
			break
		}
	}
	r := serviceNow{
		ShortDescription: w.title(snowShort), Description: journal(head, snowLong), WorkNotes: journal(lines, snowLong),
		Category: "security", Impact: w.impact(), Urgency: cmp.Or(urgencies[w.out.Verdict], "3"), CorrelationID: w.id(),
	}
	if w.in.Kind == KindCustomer {
		// A notification is one text; what it is about stays with us.
		r.Description, r.WorkNotes = journal(lines, snowLong), "A draft to be read, completed and sent by a person."
		return r, nil
	}
	if len(w.chosen) > 0 {
		r.ConfigItem = w.gravestHost()
		if w.in.Table == "sn_si_incident" {
			r.ContactType = "siem"
			if users := w.chosen[0].Users; len(users) > 0 {
				r.AffectedUser = plain(users[0], 100)
			}
		}
	}
	return r, nil
}

// impact is the gravest criticality of the inventory, else the severity.
func (w *writer) impact() string {
	worst := casemate.SeverityUnknown
	for _, i := range w.chosen {
		for _, a := range i.Assets {
			worst = max(worst, a.Criticality)
		}
	}
	if worst == casemate.SeverityUnknown {
		worst = w.out.Severity
	}
	return grade(worst)
}

// gravestHost is the host of the incident that matters most: by the inventory,
// then by its gravest record.
func (w *writer) gravestHost() string {
	best, weight := "", -1
	for _, h := range w.chosen[0].Hosts {
		n := 0
		if e := w.dossier.Entity(casemate.EntityHost, h); e != nil {
			n = int(e.Severity)
			if e.Asset != nil {
				n += 8 * int(e.Asset.Criticality)
			}
		}
		if n > weight {
			best, weight = h, n
		}
	}
	return plain(best, 100)
}

// journal writes lines as plain text. Journal fields show what stands between
// [code] and [/code] as HTML, so these are broken. What does not fit is counted.
func journal(lines []line, most int) string {
	var b strings.Builder
	size := 0
	for n, l := range lines {
		text := l.text
		switch {
		case l.heading:
			text = "\n" + strings.ToUpper(text)
		case !l.note:
			text = "- " + text
		}
		text = uncoded(text) + "\n"
		left := "And " + strconv.Itoa(len(lines)-n) + " more lines in casemate's output."
		if size+utf8.RuneCountInString(text)+len(left) > most {
			b.WriteString(left)
			break
		}
		size += utf8.RuneCountInString(text)
		b.WriteString(text)
	}
	return strings.TrimSpace(b.String())
}

// uncoded breaks the marks of HTML in journals, in any case.
func uncoded(s string) string {
	for _, mark := range []string{"[code]", "[/code]"} {
		for {
			i := strings.Index(strings.ToLower(s), mark)
			if i < 0 {
				break
			}
			s = s[:i] + "[ " + s[i+1:]
		}
	}
	return s
}
