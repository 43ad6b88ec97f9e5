package weakness

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
)

const (
	maxXMLDepth = 100
	maxXMLNodes = 200_000 // elements of one weakness or pattern
)

// element is an XML element. Names are without their prefixes.
type element struct {
	name string
	attr map[string]string
	kids []node
}

// node is a child: an element, or text.
type node struct {
	*element
	text string
}

// Taker takes what a file holds, in its order. An error from Weakness or
// Pattern ends the read and comes back from it.
type Taker interface {
	Catalogue(patterns bool, version, date string) // the root, before anything in it
	At(record, line int, offset int64)             // where the next entry stands
	Weakness(category bool, w *Weakness) error     // of CWE; a view counts as a category
	Pattern(category bool, p *Pattern) error       // of CAPEC
	Fault(reason string)                           // a row that is none; the rest goes on
}

// ReadXML reads the official XML of CWE or CAPEC. Entities of a DTD are not
// expanded: a file that uses one is broken.
func ReadXML(r io.Reader, take Taker) error {
	in := &loose.Rationed{R: r, Left: loose.MaxObject}
	dec := xml.NewDecoder(in)
	dec.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		return input, nil // the text is UTF-8 by now, whatever it was declared to be
	}
	x := xmlFile{take: take, dec: dec, in: in}
	err := x.document()
	if err != nil && in.Err != nil {
		return in.Err
	}
	return err
}

type xmlFile struct {
	take     Taker
	dec      *xml.Decoder
	in       *loose.Rationed
	root     bool
	patterns bool // the root is CAPEC's
	done     bool
	n        int
}

// document reads the root and what is in it.
func (x *xmlFile) document() error {
	for {
		x.in.Left = loose.MaxObject
		t, err := x.dec.Token()
		if err == io.EOF && x.done {
			return nil
		}
		if err != nil {
			return xmlError(err, x.dec.InputOffset())
		}
		switch t := t.(type) {
		case xml.StartElement:
			err = x.start(t)
		case xml.EndElement:
			x.done = x.done || t.Name.Local == "Weakness_Catalog" || t.Name.Local == "Attack_Pattern_Catalog"
		}
		if err != nil {
			return err
		}
	}
}

func xmlError(err error, at int64) error {
	var syntax *xml.SyntaxError
	if err == io.EOF || errors.As(err, &syntax) && syntax.Msg == "unexpected EOF" {
		return fmt.Errorf("the XML ends too early, at byte %d", at)
	}
	return fmt.Errorf("the XML is broken: %w", err)
}

// start reads an element that an entry may be; the lists of entries are entered.
func (x *xmlFile) start(t xml.StartElement) error {
	if x.done {
		return errors.New("a second XML text follows the first: two files glued together?")
	}
	name := t.Name.Local
	switch name {
	case "Weakness_Catalog", "Attack_Pattern_Catalog":
		x.catalogue(t)
		return nil
	case "Weaknesses", "Categories", "Views", "Attack_Patterns":
		return nil
	}
	return x.entry(t)
}

func (x *xmlFile) catalogue(t xml.StartElement) {
	x.root, x.patterns = true, t.Name.Local == "Attack_Pattern_Catalog"
	version, date := "", ""
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "Version":
			version = a.Value
		case "Date":
			date = a.Value
		}
	}
	x.take.Catalogue(x.patterns, version, date)
}

// entry reads one weakness, pattern, category or view, and passes over anything
// else, such as the references of the catalogue.
func (x *xmlFile) entry(t xml.StartElement) error {
	x.n++
	x.take.At(x.n, 0, x.dec.InputOffset())
	count := 0
	e, err := x.element(t, 0, &count)
	if err != nil || !x.root {
		return err
	}
	category := e.name == "Category" || e.name == "View"
	switch {
	case !x.patterns && (category || e.name == "Weakness"):
		return x.take.Weakness(category, xmlWeakness(e))
	case x.patterns && (category || e.name == "Attack_Pattern"):
		return x.take.Pattern(category, xmlPattern(e))
	}
	return nil
}

// element reads the rest of an element.
func (x *xmlFile) element(start xml.StartElement, depth int, count *int) (*element, error) {
	if *count++; depth > maxXMLDepth || *count > maxXMLNodes {
		return nil, fmt.Errorf("an entry with elements deeper than %d or more than %d of them", maxXMLDepth, maxXMLNodes)
	}
	e := &element{name: start.Name.Local}
	for _, a := range start.Attr {
		if e.attr == nil {
			e.attr = map[string]string{}
		}
		e.attr[a.Name.Local] = a.Value
	}
	for {
		t, err := x.dec.Token()
		if err != nil {
			return nil, xmlError(err, x.dec.InputOffset())
		}
		switch t := t.(type) {
		case xml.StartElement:
			kid, err := x.element(t, depth+1, count)
			if err != nil {
				return nil, err
			}
			e.kids = append(e.kids, node{element: kid})
		case xml.EndElement:
			return e, nil
		case xml.CharData:
			e.kids = append(e.kids, node{text: string(t)})
		}
	}
}

// all returns the elements of a name in the elements of another name.
func (e *element) all(list, name string) []*element {
	var out []*element
	for _, k := range e.kids {
		if k.element == nil || k.name != list {
			continue
		}
		for _, kk := range k.kids {
			if kk.element != nil && (name == "" || kk.name == name) {
				out = append(out, kk.element)
			}
		}
	}
	return out
}

// each returns the texts of the children of a name.
func (e *element) each(name string) texts {
	var out texts
	for _, k := range e.kids {
		if k.element != nil && k.name == name {
			out = append(out, k.markup())
		}
	}
	return out
}

// one returns the text of the first child of a name.
func (e *element) one(name string) text {
	for _, k := range e.kids {
		if k.element != nil && k.name == name {
			return k.markup()
		}
	}
	return ""
}

// attribute returns the value of an attribute as a text.
func (e *element) attribute(name string) text { return text(html.EscapeString(e.attr[name])) }

// markup returns what is inside an element, with bare tags, for prose to clean.
func (e *element) markup() text {
	var b strings.Builder
	e.write(&b)
	return text(b.String())
}

func (e *element) write(b *strings.Builder) {
	for _, k := range e.kids {
		if k.element == nil {
			b.WriteString(html.EscapeString(k.text))
			continue
		}
		b.WriteString("<" + k.name + ">")
		k.write(b)
		b.WriteString("</" + k.name + ">")
	}
}

// texts returns the markup of elements.
func markups(list []*element) texts {
	var out texts
	for _, e := range list {
		out = append(out, e.markup())
	}
	return out
}

// xmlWeakness makes a weakness of its element.
func xmlWeakness(e *element) *Weakness {
	w := &Weakness{
		XHTML: true, ID: text(e.attr["ID"]), Name: e.attribute("Name"), Type: e.attribute("Type"),
		Abstraction: e.attribute("Abstraction"), Structure: e.attribute("Structure"), Status: e.attribute("Status"),
		Likelihood: e.one("Likelihood_Of_Exploit"), Description: e.one("Description"), Summary: e.one("Summary"),
		Objective: e.one("Objective"), Extended: e.one("Extended_Description"),
		Background: markups(e.all("Background_Details", "Background_Detail")),
		Areas:      markups(e.all("Functional_Areas", "Functional_Area")),
		Resources:  markups(e.all("Affected_Resources", "Affected_Resource")),
	}
	for _, k := range e.all("Related_Weaknesses", "Related_Weakness") {
		w.Related = append(w.Related, Related{k.attribute("Nature"), k.attribute("CWE_ID"), k.attribute("View_ID"), k.attribute("Ordinal")})
	}
	for _, k := range append(e.all("Members", "Has_Member"), e.all("Relationships", "Has_Member")...) {
		w.Members = append(w.Members, Related{"HasMember", k.attribute("CWE_ID"), k.attribute("View_ID"), ""})
	}
	for _, k := range e.all("Weakness_Ordinalities", "") {
		w.Ordinalities = append(w.Ordinalities, Ordinality{k.one("Ordinality"), k.one("Description")})
	}
	for _, k := range e.all("Applicable_Platforms", "") {
		w.Platforms = append(w.Platforms, Platform{text(k.name), k.attribute("Name"), k.attribute("Class"), k.attribute("Prevalence")})
	}
	for _, k := range e.all("Alternate_Terms", "") {
		w.Alternates = append(w.Alternates, Alternate{k.one("Term"), k.one("Description")})
	}
	for _, k := range e.all("Modes_Of_Introduction", "") {
		w.Introduction = append(w.Introduction, Introduction{k.one("Phase"), k.one("Note")})
	}
	for _, k := range e.all("Common_Consequences", "") {
		w.Consequences = append(w.Consequences, Consequence{k.each("Scope"), k.each("Impact"), k.each("Likelihood"), k.one("Note")})
	}
	for _, k := range e.all("Detection_Methods", "") {
		w.Detection = append(w.Detection, Detection{k.one("Method"), k.one("Description"), k.one("Effectiveness"), k.one("Effectiveness_Notes")})
	}
	for _, k := range e.all("Potential_Mitigations", "") {
		w.Mitigations = append(w.Mitigations, Mitigation{k.each("Phase"), k.one("Strategy"), k.one("Description"), k.one("Effectiveness"), k.one("Effectiveness_Notes")})
	}
	xmlCases(e, w)
	return w
}

// xmlCases adds examples, notes, mappings and history.
func xmlCases(e *element, w *Weakness) {
	for _, k := range e.all("Demonstrative_Examples", "") {
		var d Demonstration
		for _, part := range k.kids {
			if part.element == nil {
				continue
			}
			switch m := part.markup(); part.name {
			case "Title_Text", "Intro_Text":
				d.Entries = append(d.Entries, Part{Intro: m})
			case "Body_Text":
				d.Entries = append(d.Entries, Part{Body: m})
			case "Example_Code":
				d.Entries = append(d.Entries, Part{Code: m, Nature: part.attribute("Nature"), Language: part.attribute("Language")})
			}
		}
		w.Examples = append(w.Examples, d)
	}
	for _, k := range e.all("Observed_Examples", "") {
		w.Observed = append(w.Observed, Observed{k.one("Reference"), k.one("Description")})
	}
	for _, k := range e.all("Related_Attack_Patterns", "") {
		w.Patterns = append(w.Patterns, k.attribute("CAPEC_ID"))
	}
	for _, k := range e.all("Notes", "Note") {
		w.Notes = append(w.Notes, Note{k.attribute("Type"), k.markup()})
	}
	for _, k := range e.all("Taxonomy_Mappings", "") {
		w.Taxonomies = append(w.Taxonomies, Taxonomy{k.attribute("Taxonomy_Name"), k.one("Entry_ID"), k.one("Entry_Name"), k.one("Mapping_Fit")})
	}
	for _, k := range e.kids {
		if k.element != nil && k.name == "Mapping_Notes" {
			w.Mapping = Mapping{Usage: k.one("Usage"), Rationale: k.one("Rationale"), Comments: k.one("Comments")}
			for _, s := range k.all("Suggestions", "") {
				w.Mapping.Suggestions = append(w.Mapping.Suggestions, Suggestion{s.attribute("CWE_ID"), s.attribute("Comment")})
			}
		}
	}
	for _, k := range e.all("Content_History", "") {
		w.History = append(w.History, Change{k.one("Submission_Date"), k.one("Submission_Version"), k.one("Modification_Date"), k.one("Modification_Version")})
	}
}

// xmlPattern makes a pattern of its element.
func xmlPattern(e *element) *Pattern {
	p := &Pattern{
		ID: text(e.attr["ID"]), Name: e.attribute("Name"), Abstraction: e.attribute("Abstraction"), Status: e.attribute("Status"), Type: e.attribute("Type"),
		Description: []text{e.one("Description"), e.one("Summary"), e.one("Objective")}, Extended: e.one("Extended_Description"),
		Likelihood: e.one("Likelihood_Of_Attack"), Severity: e.one("Typical_Severity"),
		Prerequisites: markups(e.all("Prerequisites", "")), Resources: markups(e.all("Resources_Required", "")),
		Indicators: markups(e.all("Indicators", "")), Mitigations: markups(e.all("Mitigations", "")), Examples: markups(e.all("Example_Instances", "")),
	}
	for _, k := range e.all("Alternate_Terms", "") {
		p.Terms = append(p.Terms, k.one("Term"))
	}
	for _, k := range e.all("Related_Attack_Patterns", "") {
		p.Related = append(p.Related, Related{k.attribute("Nature"), k.attribute("CAPEC_ID"), "", ""})
	}
	for _, k := range append(e.all("Members", "Has_Member"), e.all("Relationships", "Has_Member")...) {
		p.Related = append(p.Related, Related{"HasMember", k.attribute("CAPEC_ID"), "", ""})
	}
	for _, k := range e.all("Execution_Flow", "") {
		p.Steps = append(p.Steps, Step{k.one("Step"), k.one("Phase"), k.one("Description"), k.each("Technique")})
	}
	for _, k := range e.all("Skills_Required", "") {
		p.Skills = append(p.Skills, Alternate{k.attribute("Level"), k.markup()})
	}
	for _, k := range e.all("Consequences", "") {
		p.Consequences = append(p.Consequences, Consequence{k.each("Scope"), k.each("Impact"), k.each("Likelihood"), k.one("Note")})
	}
	for _, k := range e.all("Related_Weaknesses", "") {
		p.Weaknesses = append(p.Weaknesses, k.attribute("CWE_ID"))
	}
	for _, k := range e.all("Taxonomy_Mappings", "") {
		p.Taxonomies = append(p.Taxonomies, Taxonomy{k.attribute("Taxonomy_Name"), k.one("Entry_ID"), k.one("Entry_Name"), ""})
	}
	for _, k := range e.all("Content_History", "") {
		p.History = append(p.History, Change{Submitted: k.one("Submission_Date"), Modified: k.one("Modification_Date")})
	}
	return p
}
