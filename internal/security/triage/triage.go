// Package triage turns a stream of alerts into ranked incidents, without a
// language model: it removes repeats, groups what belongs together, scores each
// group from what sensors and rules say, how unusual it is here, what it touches
// and what it links to, and says why in plain sentences that cite evidence.
//
// Two rules hold throughout. Wording can only raise a score: no text in an alert
// lowers one, hides the alert or touches its neighbours. And nothing is dropped:
// every alert stands in exactly one incident, or in the count of an analyst's
// suppression that names it.
package triage

import (
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/label"
)

// Options configures a Queue. The zero value is ready for use.
type Options struct {
	Assets   []Asset       // the inventory; see ReadAssets
	Suppress []Suppression // the analyst's known-benign list; see ReadSuppressions

	Catalogue *knowledge.Catalogue // names techniques; nil: the embedded one
}

// Queue collects alerts and makes incidents of them. It keeps one small record
// an alert and one moment for each name, host, user and hour, so its memory
// grows with the number of alerts by 24 bytes each.
type Queue struct {
	opt      Options
	suppress *suppressor
	assets   map[string]Asset

	names   interner // what alerts are called
	hosts   interner
	users   interner
	files   interner
	records []record
	moments []*moment
	byKey   map[momentKey]int32
	process ancestry
	// original holds where and when there is an alert that relays no other.
	original  map[hostHour]bool
	address   map[string]string // private address -> the host it was seen to be, "" where that is unclear
	inventory map[string]bool   // addresses that the inventory names, which nothing overrules

	alerts, events int
	first, last    time.Time
}

// record says where one alert stands and to which moment it belongs.
type record struct {
	file   int32
	moment int32
	line   uint32 // 0 where the format has records instead
	number uint64 // the format's record number, where it has no lines
}

// New returns an empty Queue.
func New(opt Options) *Queue {
	if opt.Catalogue == nil {
		opt.Catalogue = knowledge.Embedded()
	}
	q := &Queue{
		opt:       opt,
		suppress:  newSuppressor(opt.Suppress),
		assets:    map[string]Asset{},
		byKey:     map[momentKey]int32{},
		address:   map[string]string{},
		inventory: map[string]bool{},
		process:   newAncestry(),
	}
	for _, a := range opt.Assets {
		q.assets[shortHost(a.Host)] = a
		for _, addr := range a.Addresses {
			q.address[addr] = shortHost(a.Host)
			q.inventory[addr] = true
		}
	}
	return q
}

// Add takes one alert or event and what our own rules found in it. An event
// that no rule matched makes no incident: it only tells which process started
// which. The alert is not kept, and may be changed afterwards.
//
// What it returns names the alert to AddCorrelation.
func (q *Queue) Add(a *casemate.Alert, found []casemate.Detection) Ref {
	q.process.learn(a)
	q.learnAddress(a)
	if a.Kind == casemate.KindEvent && len(found) == 0 {
		q.events++
		return noAlert
	}
	q.alerts++
	if q.suppress.hides(a, found) {
		return noAlert
	}
	q.cover(a.Time)
	m := q.momentOf(a, found)
	q.record(a, m)
	return Ref(m + 1)
}

// cover widens the period by a time.
func (q *Queue) cover(t time.Time) {
	if t.IsZero() {
		return
	}
	if q.first.IsZero() || t.Before(q.first) {
		q.first = t
	}
	if t.After(q.last) {
		q.last = t
	}
}

// Ref names where an alert was counted; the zero value is nowhere.
type Ref int32

const noAlert Ref = 0

// AddCorrelation takes what a correlation of several events showed. Those of its
// events that are no alerts yet become its alerts; if all are, their last one,
// whose Ref at is, is what the correlation is told of.
func (q *Queue) AddCorrelation(last *casemate.Alert, at Ref, members []*casemate.Alert, found casemate.Detection) {
	list := []casemate.Detection{found}
	if len(members) == 0 {
		if at != noAlert {
			q.moments[at-1].add(last, list)
		}
		return
	}
	q.alerts += len(members)
	q.events -= len(members)
	if q.suppress.hidesAll(members, list) {
		return
	}
	a := *last
	a.Kind = casemate.KindEvent // so that it is called what the correlation is called
	i := q.momentOf(&a, list)
	q.moments[i].count += len(members) - 1
	for _, m := range members {
		q.cover(m.Time)
		q.moments[i].add(m, nil)
		q.record(m, i)
	}
}

func (q *Queue) record(a *casemate.Alert, moment int32) {
	q.records = append(q.records, record{
		file: q.files.id(a.At.File), moment: moment, line: uint32(max(a.At.Line, 0)), number: a.At.Record,
	})
}

// learnAddress remembers which internal address is which host, from records
// that name both for the same machine.
func (q *Queue) learnAddress(a *casemate.Alert) {
	if a.Host == "" || len(q.address) >= maxAddresses {
		return
	}
	// A host's own sensor that sees it connect knows its address.
	own := a.Process != nil && a.Log.Category == "network_connection"
	for _, e := range a.Entities {
		if e.Type == casemate.EntityAddress && (e.Role == casemate.RoleNone || own && e.Role == casemate.RoleSource) && internal(e.Value) {
			host, known := q.address[e.Value]
			switch {
			case !known:
				q.address[strings.Clone(e.Value)] = shortHost(a.Host)
			case host != shortHost(a.Host) && !q.inventory[e.Value]:
				q.address[e.Value] = "" // claimed by two: it is either's, or a mention
			}
		}
	}
}

// resolveHosts gives moments of sensors that know a host by its address alone
// the host's name, where the inventory or another record tells it.
func (q *Queue) resolveHosts() {
	for _, m := range q.moments {
		if name := q.address[q.hosts.text[m.host]]; name != "" {
			m.host = q.hosts.id(name)
		}
	}
}

// hostHour is a clock hour on a host.
type hostHour struct {
	host int32
	hour int64
}

// findOriginals notes where there are alerts that a relay may repeat.
func (q *Queue) findOriginals() {
	q.original = map[hostHour]bool{}
	for _, m := range q.moments {
		if !isRelay(q.names.text[m.name]) {
			q.original[hostHour{m.host, m.hour}] = true
		}
	}
}

// Result is what a Queue makes of everything added to it.
type Result struct {
	Incidents  []casemate.Incident // ranked, most urgent first
	Suppressed []SuppressedGroup
	Alerts     int // alerts added, suppressed ones too
	Events     int // events added that no rule matched
	Repeats    int // alerts beyond the first of their moment
	First      time.Time
	Last       time.Time
}

// Rank makes the incidents. It is deterministic: the same alerts in the same
// order give the same incidents.
func (q *Queue) Rank() Result {
	res := Result{
		Suppressed: q.suppress.groups(),
		Alerts:     q.alerts, Events: q.events,
		First: q.first, Last: q.last,
		Repeats: max(len(q.records)-len(q.moments), 0),
	}
	if len(q.moments) == 0 {
		return res
	}
	q.resolveHosts()
	q.findOriginals()
	st := newStatistics(q)
	groups := q.correlate(st)
	for _, g := range groups {
		g.score(q)
	}
	chain(groups, st)
	slices.SortStableFunc(groups, compareGroups)
	groups = q.capGroups(groups)
	res.Incidents = q.incidents(groups)
	return res
}

// shortHost returns a host's name up to the first dot, in lower case, unless
// it is an address: sensors disagree on whether they name the domain.
func shortHost(name string) string { return label.Host(name) }
