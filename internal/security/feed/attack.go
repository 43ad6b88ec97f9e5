package feed

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
)

// attackMembers are those that ATT&CK adds to STIX, from its first bundles to
// those with detection strategies.
type attackMembers struct {
	Domains       texts       `json:"x_mitre_domains"`
	Version       text        `json:"x_mitre_version"`
	Shortname     text        `json:"x_mitre_shortname"`
	Phases        []killPhase `json:"kill_chain_phases"`
	Platforms     texts       `json:"x_mitre_platforms"`
	DataSources   texts       `json:"x_mitre_data_sources"`
	Detection     text        `json:"x_mitre_detection"`
	Permissions   texts       `json:"x_mitre_permissions_required"`
	Effective     texts       `json:"x_mitre_effective_permissions"`
	Bypassed      texts       `json:"x_mitre_defense_bypassed"`
	System        texts       `json:"x_mitre_system_requirements"`
	Network       text        `json:"x_mitre_network_requirements"`
	Remote        text        `json:"x_mitre_remote_support"`
	Impact        texts       `json:"x_mitre_impact_type"`
	TacticType    texts       `json:"x_mitre_tactic_type"`
	MitreAliases  texts       `json:"x_mitre_aliases"`
	FirstSeen     text        `json:"first_seen"`
	LastSeen      text        `json:"last_seen"`
	Layers        texts       `json:"x_mitre_collection_layers"`
	Sectors       texts       `json:"x_mitre_sectors"`
	RelatedAssets []asset     `json:"x_mitre_related_assets"`
	DataSource    text        `json:"x_mitre_data_source_ref"`
	LogSources    []logSource `json:"x_mitre_log_sources"`
	LogReferences []logSource `json:"x_mitre_log_source_references"`
	Mutable       []mutable   `json:"x_mitre_mutable_elements"`
	Analytics     texts       `json:"x_mitre_analytic_refs"`
}

type killPhase struct {
	Chain text `json:"kill_chain_name"`
	Phase text `json:"phase_name"`
}

type asset struct {
	Name        text  `json:"name"`
	Description text  `json:"description"`
	Sectors     texts `json:"related_asset_sectors"`
}

type logSource struct {
	Component text `json:"x_mitre_data_component_ref"`
	Name      text `json:"name"`
	Channel   text `json:"channel"`
}

type mutable struct {
	Field       text `json:"field"`
	Description text `json:"description"`
}

// attackKinds are ATT&CK's types of object.
var attackKinds = map[string]string{
	"attack-pattern":             KindTechnique,
	"x-mitre-tactic":             KindTactic,
	"intrusion-set":              KindGroup,
	"malware":                    KindSoftware,
	"tool":                       KindSoftware,
	"campaign":                   KindCampaign,
	"course-of-action":           KindMitigation,
	"x-mitre-data-source":        KindDataSource,
	"x-mitre-data-component":     KindDataComponent,
	"x-mitre-detection-strategy": KindDetection,
	"x-mitre-analytic":           KindAnalytic,
	"x-mitre-asset":              KindAsset,
}

// attackSources are the names under which ATT&CK gives ids.
var attackSources = []string{"mitre-attack", "mitre-mobile-attack", "mitre-ics-attack", "mitre-pre-attack"}

// attackState is what a STIX file has told of the edition it is.
type attackState struct {
	whole  bool   // it is an edition, not an extract among other things
	sole   string // the domain that it names, or an object that is in one only
	some   string // the first domain of an object that is in several
	states *stixObject
	early  []*stixObject // before that was known
	domain string        // once it is decided
	matrix *edition      // the domain's
}

// An ATT&CK file among others that has no tactic and at most so many objects
// is an extract, such as the test data of D3FEND: it is passed over, for it
// would take the place of the edition.
const maxExtract = 200

// attack reads one object of ATT&CK. Objects of other makers are passed over.
func (s *stixFile) attack(o *stixObject) error {
	kind := attackKinds[o.Type]
	switch id, _ := o.reference(attackSources...); {
	case o.Type == "x-mitre-collection":
		s.collection(o)
		return s.decide()
	case kind == "", id == "" && !strings.HasPrefix(o.Type, "x-mitre-"):
		return nil
	case s.domain != "":
		return s.attackEntry(kind, o)
	}
	s.early = append(s.early, o)
	if d := o.domains(); s.sole == "" && len(d) == 1 && domains[d[0]] != "" {
		s.sole = d[0]
	} else if s.some == "" && len(d) > 0 && domains[d[0]] != "" {
		s.some = d[0]
	}
	if s.file.Alone || kind == KindTactic || len(s.early) > maxExtract {
		s.whole = true
	}
	if err := s.hold(len(o.Description) + len(o.Detection) + 100*len(o.References)); err != nil {
		return err
	}
	return s.decide()
}

// collection reads the object that names the edition.
func (s *stixFile) collection(o *stixObject) {
	s.states = o
	for _, word := range strings.Fields(strings.ToLower(o.Name.Line())) {
		if domains[word] != "" && s.sole == "" {
			s.sole = word
		}
	}
	if s.matrix != nil {
		s.matrix.version(string(o.Version))
		s.matrix.released(string(o.Modified))
	}
}

// decide begins the edition once its domain is known, and reads what came before.
func (s *stixFile) decide() error {
	if s.domain != "" || s.sole == "" || !s.whole {
		return nil
	}
	pub, err := s.only(domains[s.sole])
	if err != nil {
		return err
	}
	s.domain, s.matrix, s.pub = s.sole, pub, pub
	if s.states != nil {
		s.collection(s.states)
	}
	early := s.early
	s.early = nil
	for _, o := range early {
		if err := s.attackEntry(attackKinds[o.Type], o); err != nil {
			return err
		}
	}
	return nil
}

// settle decides at the end of the file. It reports whether the file waits for
// the end of the read, as an extract.
func (s *stixFile) settle() (bool, error) {
	if s.domain != "" || len(s.early) == 0 {
		return false, nil
	}
	if !s.whole {
		s.extracts = append(s.extracts, s)
		return true, nil
	}
	if s.sole == "" {
		if s.sole = s.some; s.sole == "" {
			s.sole = "enterprise"
		}
	}
	return false, s.decide()
}

// adopt reads the extracts of ATT&CK after all, if the path holds nothing else.
func (r *reader) adopt() error {
	if len(r.pubs) > 0 {
		return nil
	}
	for _, s := range r.extracts {
		r.file, r.nth, r.used = s.extract, r.nth+1, false
		s.whole = true
		if err := s.finish(); err != nil {
			return r.broken(err)
		}
		r.rep.Unknown = slices.DeleteFunc(r.rep.Unknown, func(name string) bool { return name == s.extract.Name })
		r.rep.UnknownCount--
	}
	return nil
}

// domains returns the domains that an object says it is in.
func (o *stixObject) domains() []string {
	var out []string
	for _, d := range o.Domains {
		if d, ok := strings.CutSuffix(string(d), "-attack"); ok && d != "" {
			out = append(out, d)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, p := range o.Phases { // bundles before 2021 have no domains
		switch p.Chain {
		case "mitre-attack", "mitre-pre-attack":
			return []string{"enterprise"}
		case "mitre-mobile-attack":
			return []string{"mobile"}
		case "mitre-ics-attack":
			return []string{"ics"}
		}
	}
	return nil
}

var domains = map[string]string{"enterprise": "attack-enterprise", "mobile": "attack-mobile", "ics": "attack-ics"}

// attackEntry makes an entry of an object.
func (s *stixFile) attackEntry(kind string, o *stixObject) error {
	id, url := o.reference(attackSources...)
	if id == "" { // data components had no id of their own before version 18
		id = string(o.ID)
	}
	if err := checkID(kind, id); err != nil {
		s.fault(err.Error())
		return nil
	}
	e := &Entry{Kind: kind, ID: id, Name: o.Name.Line(), Status: o.status(), Domain: s.domain}
	if own := o.domains(); len(own) > 0 && !slices.Contains(own, s.domain) {
		e.Domain = cut(prose.Line(own[0]), MaxID)
	}
	e.Modified = day(string(o.Modified))
	if m := replaced.FindStringSubmatch(string(o.Description)); m != nil && e.Status == StatusDeprecated {
		e.Successor = strings.ReplaceAll(m[1], "/", ".")
	}
	if parent, _, sub := strings.Cut(id, "."); sub && kind == KindTechnique {
		e.Parent = parent
	}
	for _, a := range append(o.Aliases.Lines(), o.MitreAliases.Lines()...) {
		e.alias(a)
	}
	o.facts(e)
	e.field("url", url)
	if kind == KindTechnique { // so that exports name the same object as ATT&CK does
		e.field("stix-id", cut(prose.Line(string(o.ID)), MaxID))
	}
	o.prose(e)
	if s.ids[string(o.ID)] == "" {
		s.ids[string(o.ID)] = id
	}
	if kind == KindTactic {
		s.ids[tacticRef+string(o.Shortname)] = id
	}
	if e.Status == StatusRevoked {
		if err := s.wait(s.matrix, e, string(o.ID)); err != nil {
			return err
		}
	} else if taken, err := s.entry(s.matrix, e); !taken {
		return err
	}
	return s.attackLinks(o, e)
}

// replaced is how the description of a deprecated technique names another.
var replaced = regexp.MustCompile(`[Pp]lease (?:use|see) \[[^\]]{1,200}\]\(https://attack\.mitre\.org/techniques/(T[0-9]{4}(?:/[0-9]{3})?)\)`)

// facts adds the facts of an object to its entry.
func (o *stixObject) facts(e *Entry) {
	if e.Kind == KindSoftware {
		e.field("type", o.Type)
	}
	e.field("shortname", o.Shortname.Line())
	for _, p := range o.Phases {
		e.field("tactic", p.Phase.Line())
	}
	e.fields("platform", o.Platforms.Lines())
	e.fields("permission", o.Permissions.Lines())
	e.fields("effective-permission", o.Effective.Lines())
	e.fields("defence-bypassed", o.Bypassed.Lines())
	e.fields("data-source", o.DataSources.Lines())
	e.fields("impact-type", o.Impact.Lines())
	e.fields("tactic-type", o.TacticType.Lines())
	e.fields("system-requirement", o.System.Lines())
	e.field("network-requirement", o.Network.Line())
	e.field("remote-support", o.Remote.Line())
	e.fields("collection-layer", o.Layers.Lines())
	e.fields("sector", o.Sectors.Lines())
	e.field("first-seen", day(string(o.FirstSeen)))
	e.field("last-seen", day(string(o.LastSeen)))
	for _, l := range append(o.LogSources, o.LogReferences...) {
		e.field("log-source", joinNonEmpty(": ", l.Name.Line(), l.Channel.Line()))
	}
	e.field("created", day(string(o.Created)))
	e.field("version", o.Version.Line())
}

// prose adds the texts of an object to its entry.
func (o *stixObject) prose(e *Entry) {
	e.section("description", o.Description.Prose())
	e.section("detection", o.Detection.Prose())
	for _, m := range o.Mutable {
		e.section("mutable-element", joinNonEmpty(": ", m.Field.Line(), m.Description.Prose()))
	}
	for _, a := range o.RelatedAssets {
		name := a.Name.Line()
		if sectors := strings.Join(a.Sectors.Lines(), ", "); sectors != "" {
			name += " (" + sectors + ")"
		}
		e.section("related-asset", joinNonEmpty(": ", name, a.Description.Prose()))
	}
}

const tacticRef = "tactic/" // before a tactic's short name, by which techniques name it

// attackLinks passes on the relations that an object states itself.
func (s *stixFile) attackLinks(o *stixObject, e *Entry) error {
	id := string(o.ID)
	for _, p := range o.Phases {
		if err := s.link(link{s.matrix, id, "has-tactic", tacticRef + string(p.Phase), ""}); err != nil {
			return err
		}
	}
	for _, a := range o.Analytics {
		if err := s.link(link{s.matrix, id, "has-analytic", string(a), ""}); err != nil {
			return err
		}
	}
	if o.DataSource != "" {
		if err := s.link(link{s.matrix, id, "part-of", string(o.DataSource), ""}); err != nil {
			return err
		}
	}
	return s.logLinks(o)
}

// logLinks relates an analytic to the data components it needs, each once.
func (s *stixFile) logLinks(o *stixObject) error {
	var order []string
	from := map[string][]string{}
	for _, l := range o.LogReferences {
		c := string(l.Component)
		if c == "" {
			continue
		}
		if _, known := from[c]; !known {
			order = append(order, c)
		}
		from[c] = append(from[c], joinNonEmpty(": ", l.Name.Line(), l.Channel.Line()))
	}
	for _, c := range order {
		if err := s.link(link{s.matrix, string(o.ID), "uses-data", c, strings.Join(from[c], "; ")}); err != nil {
			return err
		}
	}
	return nil
}

// joinNonEmpty joins those of its parts that hold something.
func joinNonEmpty(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), sep)
}
