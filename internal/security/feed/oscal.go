package feed

import (
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
)

// oscalMeta heads a catalogue or a profile.
type oscalMeta struct {
	Title    text `json:"title"`
	Modified text `json:"last-modified"`
	Version  text `json:"version"`
}

// oscalCatalogue is a catalogue of controls, or what a profile resolves to.
type oscalCatalogue struct {
	Metadata oscalMeta `json:"metadata"`
	oscalGroup
}

type oscalGroup struct {
	ID       text           `json:"id"`
	Title    text           `json:"title"`
	Params   []oscalParam   `json:"params"`
	Controls []oscalControl `json:"controls"`
	Groups   []oscalGroup   `json:"groups"`
}

type oscalControl struct {
	ID       text           `json:"id"`
	Class    text           `json:"class"`
	Title    text           `json:"title"`
	Params   []oscalParam   `json:"params"`
	Props    []oscalProp    `json:"props"`
	Links    []oscalLink    `json:"links"`
	Parts    []oscalPart    `json:"parts"`
	Controls []oscalControl `json:"controls"`
}

type oscalParam struct {
	ID     text  `json:"id"`
	Label  text  `json:"label"`
	Values texts `json:"values"`
	Select struct {
		HowMany text  `json:"how-many"`
		Choice  texts `json:"choice"`
	} `json:"select"`
}

type oscalProp struct {
	Name  text `json:"name"`
	Value text `json:"value"`
	Class text `json:"class"`
}

type oscalLink struct {
	Href text `json:"href"`
	Rel  text `json:"rel"`
}

type oscalPart struct {
	Name  text        `json:"name"`
	Title text        `json:"title"`
	Props []oscalProp `json:"props"`
	Prose text        `json:"prose"`
	Parts []oscalPart `json:"parts"`
}

// oscalProfile is a baseline: a choice of controls.
type oscalProfile struct {
	UUID     text      `json:"uuid"`
	Metadata oscalMeta `json:"metadata"`
	Imports  []struct {
		Include []oscalChoice `json:"include-controls"`
		Exclude []oscalChoice `json:"exclude-controls"`
		All     *struct{}     `json:"include-all"`
	} `json:"imports"`
}

type oscalChoice struct {
	IDs texts `json:"with-ids"`
}

// document reads the one object that an OSCAL file is.
func (j *jsonFile) document(member string) error {
	v, err := j.value(maxDocument)
	if err != nil {
		return err
	}
	if member == "profile" {
		var p oscalProfile
		if err := decode(v, &p); err != nil {
			return err
		}
		return j.profile(&p)
	}
	var c oscalCatalogue
	if err := decode(v, &c); err != nil {
		return err
	}
	if len(c.Groups)+len(c.Controls) == 0 {
		return nil
	}
	o := oscalFile{jsonFile: j, params: map[string]*oscalParam{}, modified: day(string(c.Metadata.Modified))}
	o.edition(&c.Metadata)
	return o.group(&c.oscalGroup, 0)
}

func (j *jsonFile) edition(m *oscalMeta) {
	j.pub = j.publication("oscal")
	j.pub.version(string(m.Version))
	j.pub.released(string(m.Modified))
	switch title := cut(m.Title.line(), MaxName); {
	case j.pub.first == j.file.Name && title != "":
		j.pub.Name = title
	case title != j.pub.Name:
		j.pub.Name = names["oscal"]
	}
}

// profile passes on a baseline and what it includes.
func (j *jsonFile) profile(p *oscalProfile) error {
	if p.UUID == "" && len(p.Imports) == 0 {
		return nil
	}
	j.edition(&p.Metadata)
	e := &Entry{Kind: KindProfile, ID: p.UUID.line(), Name: p.Metadata.Title.line(), Modified: day(string(p.Metadata.Modified))}
	e.field("version", p.Metadata.Version.line())
	for _, i := range p.Imports {
		if i.All != nil {
			e.field("includes", "all controls")
		}
		for _, x := range i.Exclude {
			for _, id := range x.IDs.lines() {
				e.field("excludes", controlID(id))
			}
		}
	}
	if taken, err := j.entry(j.pub, e); !taken {
		return err
	}
	for _, i := range p.Imports {
		for _, c := range i.Include {
			for _, id := range c.IDs.lines() {
				if err := j.relation(j.pub, e.ID, "includes", controlID(id), ""); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// oscalFile is the state of a catalogue.
type oscalFile struct {
	*jsonFile
	params   map[string]*oscalParam
	modified string
	spent    int // bytes that parameters put into the control at hand …
	total    int // … and into all of them
}

const maxOSCALDepth = 32 // groups in groups, controls in controls, parts in parts

func (o *oscalFile) group(g *oscalGroup, depth int) error {
	if depth > maxOSCALDepth {
		o.faultf("groups within each other deeper than %d", maxOSCALDepth)
		return nil
	}
	o.define(g.Params)
	for i := range g.Controls {
		if err := o.control(&g.Controls[i], g.Title.line(), "", 0); err != nil {
			return err
		}
	}
	for i := range g.Groups {
		if err := o.group(&g.Groups[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (o *oscalFile) define(params []oscalParam) {
	for i := range params {
		o.params[string(params[i].ID)] = &params[i]
	}
}

// control passes on a control and its enhancements.
func (o *oscalFile) control(c *oscalControl, family, parent string, depth int) error {
	if depth > maxOSCALDepth {
		o.faultf("controls within each other deeper than %d", maxOSCALDepth)
		return nil
	}
	o.define(c.Params)
	o.n++
	o.at.Record = o.n
	o.spent = 0
	e := &Entry{Kind: KindControl, ID: c.label(), Name: c.Title.line(), Parent: parent, Modified: o.modified}
	e.field("family", family)
	e.field("class", c.Class.line())
	for _, p := range c.Props {
		if p.Name == "status" && strings.EqualFold(string(p.Value), "withdrawn") {
			e.Status = StatusDeprecated
		}
		if p.Name == "implementation-level" {
			e.field("implementation-level", p.Value.line())
		}
	}
	for i := range c.Parts {
		if p := &c.Parts[i]; p.Name == "statement" || p.Name == "guidance" || p.Name == "overview" || p.Name == "example" {
			var b strings.Builder
			o.part(&b, p, 0)
			e.section(string(p.Name), strings.TrimSpace(b.String()))
		}
	}
	for _, l := range c.Links {
		if rel := string(l.Rel); e.Successor == "" && (rel == "moved-to" || rel == "incorporated-into") {
			e.Successor = target(l)
		}
	}
	taken, err := o.entry(o.pub, e)
	if err != nil {
		return err
	}
	if taken {
		if err := o.links(c, e); err != nil {
			return err
		}
	}
	for i := range c.Controls {
		if err := o.control(&c.Controls[i], family, e.ID, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// links passes on what a control says of other controls.
func (o *oscalFile) links(c *oscalControl, e *Entry) error {
	if e.Parent != "" {
		if err := o.relation(o.pub, e.ID, "enhances", e.Parent, ""); err != nil {
			return err
		}
	}
	for _, l := range c.Links {
		switch l.Rel {
		case "related", "required", "moved-to", "incorporated-into":
			to := target(l)
			if to == "" {
				continue
			}
			if err := o.relation(o.pub, e.ID, string(l.Rel), to, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// target returns the control that a link within the catalogue leads to.
func target(l oscalLink) string {
	id, local := strings.CutPrefix(string(l.Href), "#")
	if !local {
		return ""
	}
	id, _, _ = strings.Cut(prose.Line(id), "_") // a statement of a control: its control
	return controlID(id)
}

// label returns the id under which people know a control: AC-2(1).
func (c *oscalControl) label() string {
	for _, p := range c.Props {
		if p.Name == "label" && p.Class == "" {
			if l := strings.ReplaceAll(p.Value.line(), " ", ""); l != "" {
				return l
			}
		}
	}
	return controlID(c.ID.line())
}

var nistID = regexp.MustCompile(`^([a-zA-Z]{2})-0?([0-9]{1,3})(?:\.0?([0-9]{1,3}))?$`)

// controlID turns ac-2.1 into AC-2(1); ids of other makers stay, in capitals.
func controlID(id string) string {
	m := nistID.FindStringSubmatch(id)
	if m == nil {
		return strings.ToUpper(id)
	}
	id = strings.ToUpper(m[1]) + "-" + m[2]
	if m[3] != "" {
		id += "(" + m[3] + ")"
	}
	return id
}

// part writes the prose of a part and of those in it, one a line.
func (o *oscalFile) part(b *strings.Builder, p *oscalPart, depth int) {
	if depth > maxOSCALDepth || b.Len() > MaxText {
		return
	}
	label := ""
	for _, prop := range p.Props {
		if prop.Name == "label" && prop.Class == "" {
			label = prop.Value.line()
		}
	}
	if text := joinNonEmpty(" ", label, p.Title.line(), prose.Text(o.insert(string(p.Prose), 0))); text != "" {
		b.WriteString(text)
		b.WriteByte('\n')
	}
	for i := range p.Parts {
		o.part(b, &p.Parts[i], depth+1)
	}
}

var insertion = regexp.MustCompile(`\{\{ *(?:insert: *)?param, *([^ }]{1,200}) *\}\}`)

const (
	maxInsertDepth = 4         // of parameters within the choices of parameters
	maxInserted    = 128 << 20 // bytes that the parameters of one catalogue may become
)

// insert puts what parameters stand for into prose.
func (o *oscalFile) insert(s string, depth int) string {
	if !strings.Contains(s, "{{") {
		return s
	}
	return insertion.ReplaceAllStringFunc(s, func(m string) string {
		p := o.params[insertion.FindStringSubmatch(m)[1]]
		if p == nil || depth > maxInsertDepth || o.spent > MaxText || o.total > maxInserted {
			return "[organization-defined value]"
		}
		out := o.value(p, depth)
		o.spent += len(out)
		o.total += len(out)
		return out
	})
}

// value returns what a parameter stands for.
func (o *oscalFile) value(p *oscalParam, depth int) string {
	switch {
	case len(p.Values) > 0:
		return strings.Join(p.Values.lines(), ", ")
	case len(p.Select.Choice) > 0:
		choices := make([]string, 0, len(p.Select.Choice))
		for _, c := range p.Select.Choice.lines() {
			choices = append(choices, o.insert(c, depth+1))
		}
		how := ""
		if p.Select.HowMany == "one-or-more" {
			how = " (one or more)"
		}
		return "[Selection" + how + ": " + strings.Join(choices, "; ") + "]"
	}
	return "[Assignment: " + first(p.Label.line(), "organization-defined value") + "]"
}
