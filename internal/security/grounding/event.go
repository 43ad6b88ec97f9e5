package grounding

import (
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/deed"
	"github.com/casemate-ai/casemate/internal/security/grounding/harm"
	"github.com/casemate-ai/casemate/internal/security/grounding/sequence"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// events checks what a sentence says happened: its harm, and its order.
func (r *reading) events() {
	if low := r.unquoted(); r.needs && !r.copied {
		r.alien(low)
		r.harms(low)
		r.sequences(low)
		r.deeds(low)
	}
}

// alien reports what is no sentence: it has no word in common with what it cites, and
// none of the small words of English either.
func (r *reading) alien(low string) {
	if r.cites == 0 || len(r.problems) > 0 || slices.Contains(r.used, true) || slices.ContainsFunc(wordOf.FindAllString(low, 64), stem.Empty) {
		return
	}
	stems := stem.All(low)
	for _, x := range r.pool {
		if x.ready(); slices.ContainsFunc(stems, func(s string) bool { return stem.Alike(x.low, s) }) {
			return
		}
	}
	if r.found == 0 {
		r.report(Citation, short(r.text), "it has no word in common with the evidence cited")
	}
}

// deeds reports what one person did and another is said to have done, what is only
// planned, and what is true of a part.
func (r *reading) deeds(low string) {
	if r.cites == 0 || r.cites > maxPairs {
		return
	}
	var said []deed.Words
	var own []string
	for _, x := range r.pool {
		x.ready()
		own = append(own, x.own)
		said = append(said, deed.Words{Author: strings.ToLower(x.e.Author), Text: x.own, Mail: x.e.Kind == casemate.EvidenceMail || x.e.Kind == casemate.EvidenceChat})
	}
	if who, ok := deed.Taken(r.text, said, r.c.writes); ok {
		r.report(Subject, short(r.text), "the evidence has this of "+who)
	}
	if v := deed.Planned(low, own); v != "" {
		r.report(Version, v, "the evidence has it as one to come")
	}
	if w := deed.Pending(low, own); w != "" {
		r.report(Outcome, w, "the evidence has it as something to come")
	}
	if w := deed.Other(low, own); w != "" {
		r.report(Version, w, "the evidence says it of another version")
	}
	if w := deed.Part(low, own); w != "" {
		r.report(Number, w, "the evidence says it of some of them")
	}
}

// writes reports whether a word is part of the name of somebody who wrote evidence,
// or of an account.
func (c *Checker) writes(name string) bool {
	for account := range c.accounts() {
		if len(name) > 2 && strings.HasSuffix(account, "."+name) {
			return true
		}
	}
	return slices.ContainsFunc(c.all[:min(len(c.all), maxTies)], func(x *index) bool {
		return slices.Contains(strings.Fields(strings.ToLower(x.e.Author)), name)
	})
}

// harms reports what a sentence says was done to data, machines or people, and the
// kinds of data it names, that no evidence cited speaks of.
func (r *reading) harms(low string) {
	e := harm.Evidence{Begins: func(s string) bool {
		for _, x := range r.pool {
			if x.ready(); stem.Begins(x.low, s) {
				return true
			}
		}
		return false
	}}
	for _, x := range r.pool {
		e.Techniques = append(e.Techniques, x.e.Techniques...)
	}
	for _, c := range harm.Claims(low, e) {
		r.report(Outcome, c.Text, "nothing in the evidence says "+c.Kind)
	}
}

// sequences reports two happenings of two pieces of evidence that are told in the
// wrong order.
func (r *reading) sequences(low string) {
	if r.cites < 2 || r.cites > maxPairs {
		return
	}
	pieces := make([]sequence.Piece, len(r.pool))
	for i, x := range r.pool {
		x.ready()
		from, to := x.span()
		pieces[i] = sequence.Piece{Text: x.low, From: from, To: to}
	}
	if said := sequence.Same(low, pieces); said != "" {
		r.report(Time, said, "the times of the evidence are of different days")
	}
	if sequence.Wrong(low, pieces) {
		r.report(Time, short(r.text), "the evidence has the two in the other order")
	}
}

// span returns when what a piece of evidence tells happened. What people wrote is
// later than what it is about: there the clock times in it count, if it has any.
func (x *index) span() (from, to time.Time) {
	if !written(x.e.Kind) {
		return x.e.First, x.e.Last
	}
	times, _ := x.when()
	for i, m := range times {
		if i < 2 && m.From == 0 && m.To == 0 || m.Hour < 0 {
			continue
		}
		if m.Day < 0 && !x.e.First.IsZero() {
			y, mo, d := x.e.First.UTC().Date()
			m.Year, m.Month, m.Day = y, int(mo), d
		}
		t, ok := m.Time()
		if !ok {
			continue
		}
		if from.IsZero() || t.Before(from) {
			from = t
		}
		if t.After(to) {
			to = t
		}
	}
	return from, to
}
