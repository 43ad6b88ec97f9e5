package evidence

import (
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/sensor"
)

// text returns the record as valid UTF-8 in memory of its own.
func (r *room) text(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	r.summary().InvalidUTF8++
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

// alert returns a new alert for a record that begins at a line of the file.
func (r *room) alert(format, raw string, line int) *casemate.Alert {
	r.record++
	return &casemate.Alert{At: casemate.Location{File: r.name, Line: line, Record: r.record}, Format: format, Raw: raw}
}

// emit completes an alert whose schema has been found, and gives it away.
func (r *room) emit(a *casemate.Alert, original []byte, offset int64, warning string) bool {
	a.ID = casemate.AlertID(a.Format, original)
	if warning != "" {
		r.summary().BadTimes++
		r.fault(a.At.Line, a.At.Record, offset, warning)
	}
	if !r.opt.NoIndicators {
		r.indicators(a)
	}
	r.texts.detach(a)
	s := r.summary()
	s.Records++
	r.sum.Records++
	if a.Kind == casemate.KindAlert {
		s.Alerts++
		r.sum.Alerts++
	}
	if r.abort = r.yield(a); r.abort == nil {
		r.abort = r.ctx.Err()
	}
	return r.abort == nil
}

// maxIndicators bounds the indicators of one record: a list of a feed that
// found its way into a log must not become a million of them.
const (
	maxIndicators    = 512
	maxIndicatorText = 1 << 20 // bytes of one field that are searched
)

func (r *room) indicators(a *casemate.Alert) {
	for i := range a.Fields {
		f := &a.Fields[i]
		if f.Kind != casemate.String || len(f.Value) < 3 || len(a.Indicators) >= maxIndicators {
			continue
		}
		text, before := f.Value[:min(len(f.Value), maxIndicatorText)], len(a.Indicators)
		a.Indicators = indicator.Extract(a.Indicators, f.Name, text)
		a.Indicators = observables(a.Indicators, before, text)
	}
	if len(a.Indicators) > maxIndicators {
		a.Indicators = a.Indicators[:maxIndicators]
	}
	a.Indicators = unique(a.Indicators)
}

// observables drops what the indicators from a place on only name or explain.
func observables(list []casemate.Indicator, from int, text string) []casemate.Indicator {
	kept := list[:from]
	for i := from; i < len(list); i++ {
		if sensor.Observable(&list[i], text) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// unique keeps the first of each type and value. Few are the rule; many are
// compared through a map.
func unique(list []casemate.Indicator) []casemate.Indicator {
	type key struct {
		kind  casemate.IndicatorType
		value string
	}
	out := list[:0]
	var seen map[key]bool
	if len(list) > 16 {
		seen = make(map[key]bool, len(list))
	}
next:
	for _, it := range list {
		if seen != nil {
			k := key{it.Type, it.Value}
			if seen[k] {
				continue
			}
			seen[k] = true
		} else {
			for i := range out {
				if out[i].Type == it.Type && out[i].Value == it.Value {
					continue next
				}
			}
		}
		out = append(out, it)
	}
	return out
}

// texts holds the texts that records have in common, such as names of machines
// and rules, so that a million alerts share them and keep no record alive. It
// is emptied when full.
type texts map[string]string

const (
	maxTexts   = 1 << 15
	maxTextLen = 256
)

// own returns s in memory that is not the record's.
func (t *texts) own(s string) string {
	if s == "" {
		return ""
	}
	if have, ok := (*t)[s]; ok {
		return have
	}
	s = strings.Clone(s)
	if len(s) <= maxTextLen {
		if *t == nil || len(*t) >= maxTexts {
			*t = make(texts)
		}
		(*t)[s] = s
	}
	return s
}

// detach takes the texts that a reader may want to keep out of the record: all
// but Message, Fields, Event and Raw.
func (t *texts) detach(a *casemate.Alert) {
	for _, s := range [...]*string{&a.Name, &a.Rule, &a.Action, &a.Host, &a.User} {
		*s = t.own(*s)
	}
	if p := a.Process; p != nil {
		for _, s := range [...]*string{&p.Image, &p.CommandLine, &p.PID, &p.GUID, &p.ParentImage, &p.ParentCommandLine, &p.ParentPID, &p.ParentGUID} {
			*s = t.own(*s)
		}
	}
	for i := range a.Entities {
		a.Entities[i].Value = t.own(a.Entities[i].Value)
	}
	for i := range a.Indicators {
		a.Indicators[i].Value = t.own(a.Indicators[i].Value)
	}
}
