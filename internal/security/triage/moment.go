package triage

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// Caps on what one moment and one queue keep, so that hostile input cannot
// fill the memory.
const (
	maxMomentEntities   = 24
	maxMomentIndicators = 24
	maxMomentTechniques = 16
	maxDetail           = 240 // bytes of the line shown for a moment
	maxAddresses        = 100_000
	maxProcesses        = 500_000
)

// momentKey is what makes two alerts repeats of each other: the same name on
// the same host by the same user in the same clock hour.
type momentKey struct {
	name, host, user int32
	hour             int64
}

// moment is a run of repeats.
type moment struct {
	momentKey
	first, last time.Time
	count       int
	timeless    bool // its alerts have no time

	severity  casemate.Severity // the gravest that a sensor says
	rule      casemate.Severity // the gravest of our own rules that matched
	ruleTitle string
	claimed   []string // technique ids that the sensor names
	ruled     []string // technique ids of our own rules
	behaviour []*behaviour

	platform   string // windows, linux, macos, cloud, or "" where the record does not tell
	detail     string
	evidence   string // id of its first alert
	at         casemate.Location
	entities   []casemate.Entity
	indicators []casemate.Indicator
	process    string // the sensor's unique id of its first alert's process
	stock      bool   // that process is a program of the system: its hash is on every machine

	novelty float64 // bits: how unusual it is here
	rate    float64 // bits: how far the count exceeds what is usual
	others  float64 // how often its name occurs at other times
	lone    bool    // its name occurs on one occasion only, on whatever hosts
	steady  bool    // part of a steady, machine-like stream of traffic
	fresh   bool    // its name had not been seen on its host before, in a period long enough to tell
	weight  float64 // points it would have alone
}

// sensorRelays are alerts whose only content is that another sensor alerted.
// They count as repeats where that other alert is there, too.
// Source: the titles of Wazuh's own rules on IDS alerts, as AIT-ADS has them.
var sensorRelays = []string{
	"ids event.",
	"first time this ids alert is generated.",
	"multiple ids alerts for same id.",
	"multiple ids alerts for same id (ignoring now this id).",
	"multiple ids events from same source ip.",
	"multiple ids events from same source ip (ignoring now this srcip and id).",
}

// isRelay reports whether an alert of this name only repeats another sensor.
func isRelay(name string) bool {
	name = strings.TrimPrefix(strings.ToLower(name), "wazuh: ")
	return slices.Contains(sensorRelays, name)
}

// momentOf finds or makes the moment of an alert and counts it there.
func (q *Queue) momentOf(a *casemate.Alert, found []casemate.Detection) int32 {
	name := a.Name
	if a.Kind == casemate.KindEvent || name == "" {
		if len(found) > 0 {
			name = gravest(found).Title
		}
		if name == "" {
			name = a.Format + " record"
		}
	}
	key := momentKey{name: q.names.id(name), host: q.hosts.id(place(a)), user: q.users.id(strings.ToLower(a.User))}
	if !a.Time.IsZero() {
		key.hour = a.Time.Unix() / 3600
	}
	i, known := q.byKey[key]
	if !known {
		i = int32(len(q.moments))
		q.byKey[key] = i
		q.moments = append(q.moments, &moment{
			momentKey: key, first: a.Time, last: a.Time, timeless: a.Time.IsZero(),
			platform: platform(a), evidence: a.ID, at: cloneLocation(a.At),
			detail:  clip(detail(a)),
			process: processID(a), stock: a.Process != nil && isStock(a.Process.Image),
		})
	}
	q.moments[i].count++
	q.moments[i].add(a, found)
	return i
}

// Marks of places that are no host: see place.
const (
	userPlace    = "\x00user:"
	addressPlace = "\x00address:"
)

// place returns where an alert happened: on its host or, where it names none,
// with its user or its source, as cloud services and some sensors do.
func place(a *casemate.Alert) string {
	if host := strings.TrimLeft(a.Host, "\x00"); host != "" { // a mark is ours to give
		return shortHost(host)
	}
	if a.User != "" {
		return userPlace + strings.ToLower(a.User)
	}
	for _, e := range a.Entities {
		if e.Type == casemate.EntityAddress && e.Role == casemate.RoleSource {
			return addressPlace + e.Value
		}
	}
	return ""
}

// add merges one alert into the moment. The first few carry all that repeats
// can add, so a flood costs no more than a comparison each.
func (m *moment) add(a *casemate.Alert, found []casemate.Detection) {
	if a.Time.Before(m.first) {
		m.first = a.Time
	}
	if a.Time.After(m.last) {
		m.last = a.Time
	}
	m.severity = max(m.severity, a.Severity)
	for _, t := range a.Techniques {
		m.claimed = addString(m.claimed, t, maxMomentTechniques)
	}
	for i := range found {
		d := &found[i]
		if d.Level > m.rule || m.ruleTitle == "" {
			m.rule, m.ruleTitle = max(m.rule, d.Level), strings.Clone(d.Title)
		}
		for _, t := range d.Techniques {
			m.ruled = addString(m.ruled, t, maxMomentTechniques)
		}
	}
	for _, e := range a.Entities {
		if len(m.entities) >= maxMomentEntities {
			break
		}
		if !slices.Contains(m.entities, e) {
			e.Value = strings.Clone(e.Value)
			m.entities = append(m.entities, e)
		}
	}
	for _, in := range a.Indicators {
		if len(m.indicators) >= maxMomentIndicators {
			break
		}
		if !slices.ContainsFunc(m.indicators, func(o casemate.Indicator) bool { return o.Type == in.Type && o.Value == in.Value }) {
			in.Value = strings.Clone(in.Value)
			m.indicators = append(m.indicators, in)
		}
	}
}

// cloudProducts are the log source products that are no operating system.
var cloudProducts = []string{"aws", "azure", "gcp", "m365", "okta", "github", "google_workspace", "onelogin"}

// platform returns what kind of machine or service a record is about.
func platform(a *casemate.Alert) string {
	product := strings.ToLower(a.Log.Product)
	switch {
	case product == "windows" || product == "linux" || product == "macos":
		return product
	case slices.Contains(cloudProducts, product) || strings.HasPrefix(a.Format, "aws-"):
		return "cloud"
	case a.Process != nil && strings.Contains(a.Process.Image, `\`):
		return "windows"
	case a.Process != nil && strings.HasPrefix(a.Process.Image, "/"):
		return "linux"
	}
	return ""
}

// gravest returns the detection of the highest level, the first of equals.
func gravest(found []casemate.Detection) *casemate.Detection {
	best := &found[0]
	for i := range found {
		if found[i].Level > best.Level {
			best = &found[i]
		}
	}
	return best
}

// detail picks the one text of an alert that tells an analyst most.
func detail(a *casemate.Alert) string {
	if p := a.Process; p != nil {
		if p.CommandLine != "" {
			return p.CommandLine
		}
		if p.Image != "" {
			return p.Image
		}
	}
	for _, want := range []casemate.EntityType{casemate.EntityURL, casemate.EntityFile, casemate.EntityDomain} {
		for _, e := range a.Entities {
			if e.Type == want {
				return e.Value
			}
		}
	}
	if a.Message != "" && a.Message != a.Name {
		return a.Message
	}
	return traffic(a)
}

// traffic says who talks to whom, where an alert knows both.
func traffic(a *casemate.Alert) string {
	var from, to string
	for _, e := range a.Entities {
		switch {
		case e.Type != casemate.EntityAddress:
		case e.Role == casemate.RoleSource && from == "":
			from = e.Value
		case e.Role == casemate.RoleDestination && to == "":
			to = e.Value
		}
	}
	if from != "" && to != "" {
		return from + " -> " + to
	}
	return from + to
}

// clip returns a copy of s of at most maxDetail bytes, cut at a rune's border
// and marked where it is cut.
func clip(s string) string {
	if len(s) <= maxDetail {
		return strings.Clone(s)
	}
	cut := maxDetail
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

func cloneLocation(l casemate.Location) casemate.Location {
	l.File = strings.Clone(l.File)
	return l
}

// addString adds a copy of s to list, unless it is there or the list is full.
func addString(list []string, s string, limit int) []string {
	if len(list) >= limit || slices.Contains(list, s) {
		return list
	}
	return append(list, strings.Clone(s))
}

// internal reports whether s is an address of a private network.
func internal(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Unmap().IsPrivate()
}

// interner gives each distinct string a small number, from 0 on.
type interner struct {
	ids  map[string]int32
	text []string
}

func (in *interner) id(s string) int32 {
	if id, ok := in.ids[s]; ok {
		return id
	}
	if in.ids == nil {
		in.ids = map[string]int32{}
	}
	s = strings.Clone(s)
	id := int32(len(in.text))
	in.ids[s] = id
	in.text = append(in.text, s)
	return id
}
