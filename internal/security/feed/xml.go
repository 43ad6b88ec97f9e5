package feed

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
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

// xml reads the official XML of CWE or CAPEC, entry by entry. Entities of a
// DTD are not expanded: a file that uses one is broken.
func (r *reader) xml(f *unpack.File) error {
	in := &rationed{r: f, left: maxObject}
	dec := xml.NewDecoder(in)
	dec.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		return input, nil // the text is UTF-8 by now, whatever it was declared to be
	}
	x := xmlFile{reader: r, dec: dec, in: in}
	err := x.document()
	if err == nil || r.stopped() {
		return err
	}
	if in.err != nil {
		err = in.err
	}
	return r.broken(err)
}

type xmlFile struct {
	*reader
	dec  *xml.Decoder
	in   *rationed
	pub  *edition
	root bool
	done bool
}

// document reads the root and what is in it.
func (x *xmlFile) document() error {
	for {
		x.in.left = maxObject
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
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
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
	case "Weakness_Catalog":
		x.pub = x.publication("cwe")
	case "Attack_Pattern_Catalog":
		x.pub = x.publication("capec")
	case "Weaknesses", "Categories", "Views", "Attack_Patterns":
		return nil
	default:
		return x.entryElement(t)
	}
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "Version":
			x.pub.version(a.Value)
		case "Date":
			x.pub.released(a.Value)
		}
	}
	return nil
}

// entryElement reads one weakness, pattern, category or view, and passes over
// anything else, such as the references of the catalogue.
func (x *xmlFile) entryElement(t xml.StartElement) error {
	x.at.Record++
	x.pos = x.dec.InputOffset()
	count := 0
	e, err := x.element(t, 0, &count)
	if err != nil {
		return err
	}
	if x.pub == nil {
		return nil
	}
	switch cwe := x.pub.Key == "cwe"; {
	case e.name == "Weakness" && cwe:
		return x.cwe(x.pub, KindWeakness, xmlWeakness(e))
	case (e.name == "Category" || e.name == "View") && cwe:
		return x.cwe(x.pub, KindCategory, xmlWeakness(e))
	case e.name == "Attack_Pattern" && !cwe:
		return x.pattern(x.pub, KindPattern, xmlPattern(e))
	case (e.name == "Category" || e.name == "View") && !cwe:
		return x.pattern(x.pub, KindCategory, xmlPattern(e))
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
func xmlWeakness(e *element) *weakness {
	w := &weakness{
		xml: true, ID: text(e.attr["ID"]), Name: e.attribute("Name"), Type: e.attribute("Type"),
		Abstraction: e.attribute("Abstraction"), Structure: e.attribute("Structure"), Status: e.attribute("Status"),
		Likelihood: e.one("Likelihood_Of_Exploit"), Description: e.one("Description"), Summary: e.one("Summary"),
		Objective: e.one("Objective"), Extended: e.one("Extended_Description"),
		Background: markups(e.all("Background_Details", "Background_Detail")),
		Areas:      markups(e.all("Functional_Areas", "Functional_Area")),
		Resources:  markups(e.all("Affected_Resources", "Affected_Resource")),
	}
	for _, k := range e.all("Related_Weaknesses", "Related_Weakness") {
		w.Related = append(w.Related, related{k.attribute("Nature"), k.attribute("CWE_ID"), k.attribute("View_ID"), k.attribute("Ordinal")})
	}
	for _, k := range append(e.all("Members", "Has_Member"), e.all("Relationships", "Has_Member")...) {
		w.Members = append(w.Members, related{"HasMember", k.attribute("CWE_ID"), k.attribute("View_ID"), ""})
	}
	for _, k := range e.all("Weakness_Ordinalities", "") {
		w.Ordinalities = append(w.Ordinalities, ordinality{k.one("Ordinality"), k.one("Description")})
	}
	for _, k := range e.all("Applicable_Platforms", "") {
		w.Platforms = append(w.Platforms, platform{text(k.name), k.attribute("Name"), k.attribute("Class"), k.attribute("Prevalence")})
	}
	for _, k := range e.all("Alternate_Terms", "") {
		w.Alternates = append(w.Alternates, alternate{k.one("Term"), k.one("Description")})
	}
	for _, k := range e.all("Modes_Of_Introduction", "") {
		w.Introduction = append(w.Introduction, introduction{k.one("Phase"), k.one("Note")})
	}
	for _, k := range e.all("Common_Consequences", "") {
		w.Consequences = append(w.Consequences, consequence{k.each("Scope"), k.each("Impact"), k.each("Likelihood"), k.one("Note")})
	}
	for _, k := range e.all("Detection_Methods", "") {
		w.Detection = append(w.Detection, detectionRow{k.one("Method"), k.one("Description"), k.one("Effectiveness"), k.one("Effectiveness_Notes")})
	}
	for _, k := range e.all("Potential_Mitigations", "") {
		w.Mitigations = append(w.Mitigations, mitigation{k.each("Phase"), k.one("Strategy"), k.one("Description"), k.one("Effectiveness"), k.one("Effectiveness_Notes")})
	}
	xmlCases(e, w)
	return w
}

// xmlCases adds examples, notes, mappings and history.
func xmlCases(e *element, w *weakness) {
	for _, k := range e.all("Demonstrative_Examples", "") {
		var d demonstration
		for _, part := range k.kids {
			if part.element == nil {
				continue
			}
			switch m := part.markup(); part.name {
			case "Title_Text", "Intro_Text":
				d.Entries = append(d.Entries, demonstrationPart{Intro: m})
			case "Body_Text":
				d.Entries = append(d.Entries, demonstrationPart{Body: m})
			case "Example_Code":
				d.Entries = append(d.Entries, demonstrationPart{Code: m, Nature: part.attribute("Nature"), Language: part.attribute("Language")})
			}
		}
		w.Examples = append(w.Examples, d)
	}
	for _, k := range e.all("Observed_Examples", "") {
		w.Observed = append(w.Observed, observed{k.one("Reference"), k.one("Description")})
	}
	for _, k := range e.all("Related_Attack_Patterns", "") {
		w.Patterns = append(w.Patterns, k.attribute("CAPEC_ID"))
	}
	for _, k := range e.all("Notes", "Note") {
		w.Notes = append(w.Notes, note{k.attribute("Type"), k.markup()})
	}
	for _, k := range e.all("Taxonomy_Mappings", "") {
		w.Taxonomies = append(w.Taxonomies, taxonomy{k.attribute("Taxonomy_Name"), k.one("Entry_ID"), k.one("Entry_Name"), k.one("Mapping_Fit")})
	}
	for _, k := range e.kids {
		if k.element != nil && k.name == "Mapping_Notes" {
			w.Mapping = mappingNotes{Usage: k.one("Usage"), Rationale: k.one("Rationale"), Comments: k.one("Comments")}
			for _, s := range k.all("Suggestions", "") {
				w.Mapping.Suggestions = append(w.Mapping.Suggestions, suggestion{s.attribute("CWE_ID"), s.attribute("Comment")})
			}
		}
	}
	for _, k := range e.all("Content_History", "") {
		w.History = append(w.History, weaknessChange{k.one("Submission_Date"), k.one("Submission_Version"), k.one("Modification_Date"), k.one("Modification_Version")})
	}
}

// xmlPattern makes a pattern of its element.
func xmlPattern(e *element) *pattern {
	p := &pattern{
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
		p.Related = append(p.Related, related{k.attribute("Nature"), k.attribute("CAPEC_ID"), "", ""})
	}
	for _, k := range append(e.all("Members", "Has_Member"), e.all("Relationships", "Has_Member")...) {
		p.Related = append(p.Related, related{"HasMember", k.attribute("CAPEC_ID"), "", ""})
	}
	for _, k := range e.all("Execution_Flow", "") {
		p.Steps = append(p.Steps, step{k.one("Step"), k.one("Phase"), k.one("Description"), k.each("Technique")})
	}
	for _, k := range e.all("Skills_Required", "") {
		p.Skills = append(p.Skills, alternate{k.attribute("Level"), k.markup()})
	}
	for _, k := range e.all("Consequences", "") {
		p.Consequences = append(p.Consequences, consequence{k.each("Scope"), k.each("Impact"), k.each("Likelihood"), k.one("Note")})
	}
	for _, k := range e.all("Related_Weaknesses", "") {
		p.Weaknesses = append(p.Weaknesses, k.attribute("CWE_ID"))
	}
	for _, k := range e.all("Taxonomy_Mappings", "") {
		p.Taxonomies = append(p.Taxonomies, taxonomy{k.attribute("Taxonomy_Name"), k.one("Entry_ID"), k.one("Entry_Name"), ""})
	}
	for _, k := range e.all("Content_History", "") {
		for _, name := range [...]string{"Submission_Date", "Modification_Date"} {
			p.Modified = max(p.Modified, day(string(k.one(name))))
		}
	}
	return p
}
