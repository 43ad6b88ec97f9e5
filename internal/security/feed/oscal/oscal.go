// Package oscal reads catalogues of controls and baselines in NIST's OSCAL,
// and puts their parameters into their prose.
package oscal

import (
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
	"github.com/casemate-ai/casemate/internal/security/feed/prose"
)

type (
	text  = loose.Text
	texts = loose.Texts
)

// Meta heads a catalogue or a profile.
type Meta struct {
	Title    text `json:"title"`
	Modified text `json:"last-modified"`
	Version  text `json:"version"`
}

// Catalogue is a catalogue of controls, or what a profile resolves to.
type Catalogue struct {
	Metadata Meta `json:"metadata"`
	Group
}

// Group is a family of controls.
type Group struct {
	ID       text      `json:"id"`
	Title    text      `json:"title"`
	Params   []param   `json:"params"`
	Controls []control `json:"controls"`
	Groups   []Group   `json:"groups"`
}

type control struct {
	ID       text      `json:"id"`
	Class    text      `json:"class"`
	Title    text      `json:"title"`
	Params   []param   `json:"params"`
	Props    []prop    `json:"props"`
	Links    []link    `json:"links"`
	Parts    []part    `json:"parts"`
	Controls []control `json:"controls"`
}

type param struct {
	ID     text  `json:"id"`
	Label  text  `json:"label"`
	Values texts `json:"values"`
	Select struct {
		HowMany text  `json:"how-many"`
		Choice  texts `json:"choice"`
	} `json:"select"`
}

type prop struct {
	Name  text `json:"name"`
	Value text `json:"value"`
	Class text `json:"class"`
}

type link struct {
	Href text `json:"href"`
	Rel  text `json:"rel"`
}

type part struct {
	Name  text   `json:"name"`
	Title text   `json:"title"`
	Props []prop `json:"props"`
	Prose text   `json:"prose"`
	Parts []part `json:"parts"`
}

// Profile is a baseline: a choice of controls.
type Profile struct {
	UUID     text `json:"uuid"`
	Metadata Meta `json:"metadata"`
	Imports  []struct {
		Include []Choice  `json:"include-controls"`
		Exclude []Choice  `json:"exclude-controls"`
		All     *struct{} `json:"include-all"`
	} `json:"imports"`
}

// Choice is a list of controls.
type Choice struct {
	IDs texts `json:"with-ids"`
}

// Control is a control, or an enhancement of one.
type Control struct {
	ID        string // as people write it: AC-2(1)
	Title     string
	Parent    string // of an enhancement
	Family    string
	Class     string
	Levels    []string // where it is implemented
	Withdrawn bool
	Successor string // of one that moved
	Parts     []Prose
	Links     []Link
}

// Prose is a part of a control in one text: its statement, its guidance.
type Prose struct{ Name, Text string }

// Link is a relation to another control.
type Link struct{ Type, To string }

const (
	maxDepth = 32      // of groups, of controls and of parts, each in each other
	maxText  = 1 << 20 // bytes of a part
)

// Walk calls take for every control of a catalogue, enhancements behind their
// control, and fault for what is nested too deep to be one.
func (c *Catalogue) Walk(take func(*Control) error, fault func(string)) error {
	w := walker{take: take, fault: fault, params: map[string]*param{}}
	return w.group(&c.Group, 0)
}

// walker is the state of Walk.
type walker struct {
	take   func(*Control) error
	fault  func(string)
	params map[string]*param
	spent  int // bytes that parameters put into the control at hand …
	total  int // … and into all of them
}

func (w *walker) group(g *Group, depth int) error {
	if depth > maxDepth {
		w.fault("groups of controls are nested deeper than 32")
		return nil
	}
	w.define(g.Params)
	for i := range g.Controls {
		if err := w.control(&g.Controls[i], g.Title.Line(), "", 0); err != nil {
			return err
		}
	}
	for i := range g.Groups {
		if err := w.group(&g.Groups[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) define(params []param) {
	for i := range params {
		w.params[string(params[i].ID)] = &params[i]
	}
}

// said are the parts that hold what people ask; objectives and methods of
// assessment say the statement again.
var said = map[text]bool{"statement": true, "guidance": true, "overview": true, "example": true}

// followed are the types of link between controls.
var followed = map[text]bool{"related": true, "required": true, "moved-to": true, "incorporated-into": true}

func (w *walker) control(c *control, family, parent string, depth int) error {
	if depth > maxDepth {
		w.fault("controls are nested deeper than 32")
		return nil
	}
	w.define(c.Params)
	w.spent = 0
	out := &Control{ID: c.label(), Title: c.Title.Line(), Parent: parent, Family: family, Class: c.Class.Line()}
	for _, p := range c.Props {
		switch {
		case p.Name == "status" && strings.EqualFold(string(p.Value), "withdrawn"):
			out.Withdrawn = true
		case p.Name == "implementation-level":
			out.Levels = append(out.Levels, p.Value.Line())
		}
	}
	for i := range c.Parts {
		if p := &c.Parts[i]; said[p.Name] {
			var b strings.Builder
			w.part(&b, p, 0)
			out.Parts = append(out.Parts, Prose{string(p.Name), strings.TrimSpace(b.String())})
		}
	}
	for _, l := range c.Links {
		to := target(l)
		if to == "" || !followed[l.Rel] {
			continue
		}
		if out.Successor == "" && (l.Rel == "moved-to" || l.Rel == "incorporated-into") {
			out.Successor = to
		}
		out.Links = append(out.Links, Link{string(l.Rel), to})
	}
	if err := w.take(out); err != nil {
		return err
	}
	for i := range c.Controls {
		if err := w.control(&c.Controls[i], family, out.ID, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// target returns the control that a link within the catalogue leads tw.
func target(l link) string {
	id, local := strings.CutPrefix(string(l.Href), "#")
	if !local {
		return ""
	}
	id, _, _ = strings.Cut(id, "_") // a statement of a control: its control
	return ID(id)
}

// label returns the id under which people know a control: AC-2(1).
func (c *control) label() string {
	for _, p := range c.Props {
		if p.Name == "label" && p.Class == "" {
			if l := strings.ReplaceAll(p.Value.Line(), " ", ""); l != "" {
				return l
			}
		}
	}
	return ID(c.ID.Line())
}

var nistID = regexp.MustCompile(`^([a-zA-Z]{2})-0?([0-9]{1,3})(?:\.0?([0-9]{1,3}))?$`)

// ID turns ac-2.1 into AC-2(1); ids of other makers stay, in capitals.
func ID(id string) string {
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
func (w *walker) part(b *strings.Builder, p *part, depth int) {
	if depth > maxDepth || b.Len() > maxText {
		return
	}
	label := ""
	for _, prop := range p.Props {
		if prop.Name == "label" && prop.Class == "" {
			label = prop.Value.Line()
		}
	}
	wrote := false
	for _, piece := range [...]string{label, p.Title.Line(), prose.Text(w.insert(string(p.Prose), 0))} {
		if piece == "" {
			continue
		}
		if wrote {
			b.WriteByte(' ')
		}
		b.WriteString(piece)
		wrote = true
	}
	if wrote {
		b.WriteByte('\n')
	}
	for i := range p.Parts {
		w.part(b, &p.Parts[i], depth+1)
	}
}

var insertion = regexp.MustCompile(`\{\{ *(?:insert: *)?param, *([^ }]{1,200}) *\}\}`)

const (
	maxInsertDepth = 4         // of parameters within the choices of parameters
	maxInserted    = 128 << 20 // bytes that the parameters of one catalogue may become
)

// insert puts what parameters stand for into prose.
func (w *walker) insert(s string, depth int) string {
	if !strings.Contains(s, "{{") {
		return s
	}
	return insertion.ReplaceAllStringFunc(s, func(m string) string {
		p := w.params[insertion.FindStringSubmatch(m)[1]]
		if p == nil || depth > maxInsertDepth || w.spent > maxText || w.total > maxInserted {
			return "[organization-defined value]"
		}
		out := w.value(p, depth)
		w.spent += len(out)
		w.total += len(out)
		return out
	})
}

// value returns what a parameter stands for.
func (w *walker) value(p *param, depth int) string {
	switch {
	case len(p.Values) > 0:
		return strings.Join(p.Values.Lines(), ", ")
	case len(p.Select.Choice) > 0:
		choices := make([]string, 0, len(p.Select.Choice))
		for _, c := range p.Select.Choice.Lines() {
			choices = append(choices, w.insert(c, depth+1))
		}
		how := ""
		if p.Select.HowMany == "one-or-more" {
			how = " (one or more)"
		}
		return "[Selection" + how + ": " + strings.Join(choices, "; ") + "]"
	}
	label := p.Label.Line()
	if label == "" {
		label = "organization-defined value"
	}
	return "[Assignment: " + label + "]"
}
