package triage

import (
	"math"

	"github.com/casemate-ai/casemate"
)

// The points behind a score. They add up to a sum that has no upper end; the
// score is 100·(1 − e^(−sum/scale)), and each reason's points are scaled alike,
// so that they add up to the score.
const (
	scoreScale = 50.0

	pointsPerBit    = 3.0 // of novelty
	burstPerBit     = 2.0
	beaconPoints    = 45.0
	claimedPoints   = 3.0 // the sensor names a technique
	behaviourPoints = 2.0 // for each unit of a behaviour's weight
	stagePoints     = 6.0 // for each tactic beyond the first
	maxStages       = 6
	chainShare      = 0.6 // of what separates an incident from the graver one it links to, at most
	contextPoints   = 20.0

	routineFactor = 0.25 // how fast a severity that recurs loses weight
	routineFloor  = 0.4  // and what it never falls below

	anchorWeight = 7.0  // a moment this weighty begins an incident
	coreWeight   = 23.0 // an incident this weighty draws in what surrounds it

	sumPower = 4.0 // the norm by which points of one kind add up: the gravest counts most
)

var severityPoints = [...]float64{
	casemate.SeverityUnknown: 0, casemate.SeverityInformational: 0, casemate.SeverityLow: 2,
	casemate.SeverityMedium: 8, casemate.SeverityHigh: 20, casemate.SeverityCritical: 30,
}

// recurring is the factor by which a severity loses weight because its name
// comes back again and again. The name's own words have no part in it.
func (m *moment) recurring() float64 { return max(routineFloor, 1/(1+routineFactor*m.others)) }

func (m *moment) severityPoints() float64 { return severityPoints[m.severity] * m.recurring() }

func (m *moment) rulePoints() float64 { return severityPoints[m.rule] * m.recurring() }

// behaviourPoints are for what is said to have happened: by the sensor's or our
// rule's technique, or else by the name.
func (m *moment) behaviourPoints() float64 {
	p := 0.0
	if len(m.claimed)+len(m.ruled) > 0 {
		p = claimedPoints
	}
	for _, b := range m.behaviour {
		p = max(p, behaviourPoints*b.weight)
	}
	return p
}

// weigh sets the points that a moment would have alone.
func (st *statistics) weigh(m *moment) {
	if st.q.isEcho(m) {
		m.novelty, m.rate = 0, 0
	}
	said := m.behaviourPoints()
	if m.novelty == 0 && m.rate == 0 {
		said *= m.recurring()
	} else {
		said *= st.warm(m.hour)
	}
	m.weight = pointsPerBit*m.novelty + burstPerBit*m.rate + m.severityPoints() + m.rulePoints() + said
}

// powerSum adds up points of one kind so that the gravest counts most and many
// small ones do not outweigh one grave one.
type powerSum struct{ sum float64 }

func (p *powerSum) add(x float64) { p.sum += math.Pow(x, sumPower) }

func (p *powerSum) value() float64 { return math.Pow(p.sum, 1/sumPower) }
