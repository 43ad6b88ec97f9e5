package note

import (
	"encoding/json"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Jira Cloud's REST API, version 3, takes an issue as fields, of which the
// description is a document of the Atlassian Document Format (POST
// /rest/api/3/issue).
type jiraIssue struct {
	Fields jiraFields `json:"fields"`
}

type jiraFields struct {
	Project     jiraKey   `json:"project"`
	IssueType   jiraName  `json:"issuetype"`
	Summary     string    `json:"summary"`
	Description adf       `json:"description"`
	Labels      []string  `json:"labels,omitempty"`
	Priority    *jiraName `json:"priority,omitempty"`
}

type jiraKey struct {
	Key string `json:"key"`
}

type jiraName struct {
	Name string `json:"name"`
}

// adf is a node of the Atlassian Document Format. Text in it is shown as it is:
// there is no markup in a text node.
type adf struct {
	Type    string         `json:"type"`
	Version int            `json:"version,omitempty"` // of the document alone
	Attrs   map[string]any `json:"attrs,omitempty"`
	Content []adf          `json:"content,omitempty"`
	Text    string         `json:"text,omitempty"`
	Marks   []adfMark      `json:"marks,omitempty"`
}

type adfMark struct {
	Type string `json:"type"`
}

// The limits of Jira: characters of a summary, and of a description.
const (
	jiraSummary     = 255
	jiraDescription = 32767
	jiraOverhead    = 100 // characters that a node takes besides its text, as a bound
)

// priorities are Jira's own names; a project may have others.
var priorities = map[casemate.Severity]string{
	casemate.SeverityCritical: "Highest", casemate.SeverityHigh: "High", casemate.SeverityMedium: "Medium", casemate.SeverityLow: "Low", casemate.SeverityInformational: "Lowest",
}

func (w *writer) jira() (any, error) {
	f := jiraFields{
		Project: jiraKey{Key: w.in.Project}, IssueType: jiraName{Name: "Task"}, Summary: w.title(jiraSummary),
		Description: document(w.lines()), Labels: labels(w.tags()),
	}
	if w.in.Kind == KindCustomer {
		f.Labels = []string{"casemate"}
	}
	if name := priorities[w.out.Severity]; name != "" {
		f.Priority = &jiraName{Name: name}
	}
	return jiraIssue{Fields: f}, nil
}

// labels are tags as Jira takes them: without blanks.
func labels(tags []string) []string {
	var out []string
	for _, t := range tags {
		out = append(out, strings.Map(func(r rune) rune {
			if r == ' ' || r == '\t' {
				return '-'
			}
			return r
		}, t))
	}
	return out
}

// document lays lines out as headings, paragraphs and lists. What does not fit
// into a description is counted at its end.
func document(lines []line) adf {
	doc := adf{Type: "doc", Version: 1}
	size := 0
	for n, l := range lines {
		if size += len(quoted(l.text)) + jiraOverhead; size > jiraDescription-200 {
			doc.Content = append(doc.Content, paragraph(adf{Type: "text", Text: "And " + phrase.Count(len(lines)-n, "more line") + " for which Jira has no room; the whole note is in casemate's output.", Marks: []adfMark{{"em"}}}))
			break
		}
		switch {
		case l.text == "":
		case l.heading:
			doc.Content = append(doc.Content, adf{Type: "heading", Attrs: map[string]any{"level": 2}, Content: []adf{{Type: "text", Text: l.text}}})
		case l.note:
			doc.Content = append(doc.Content, paragraph(adf{Type: "text", Text: l.text, Marks: []adfMark{{"em"}}}))
		default:
			item := adf{Type: "listItem", Content: []adf{paragraph(adf{Type: "text", Text: l.text})}}
			if k := len(doc.Content); k > 0 && doc.Content[k-1].Type == "bulletList" {
				doc.Content[k-1].Content = append(doc.Content[k-1].Content, item)
			} else {
				doc.Content = append(doc.Content, adf{Type: "bulletList", Content: []adf{item}})
			}
		}
	}
	return doc
}

func paragraph(text adf) adf { return adf{Type: "paragraph", Content: []adf{text}} }

// quoted is a text as it stands in JSON: Jira's limit is taken to count that, too.
func quoted(text string) []byte {
	b, _ := json.Marshal(text) // a string always marshals
	return b
}
