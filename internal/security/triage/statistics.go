package triage

import (
	"cmp"
	"math"
	"slices"
)

// The shape of "usual", in hours and shares of the period. They were set on
// five scenarios of AIT-ADS; `casemate eval ait-ads` measures them.
const (
	warmUpHours  = 24.0 // novelty means nothing before this much has been seen
	unusualShare = 0.06 // of the period's hours; a name there more often on a host is routine
	maxRarity    = 7.0  // bits that rarity is worth at most, however long the period
	loneHours    = 3    // an episode this long at most is one occasion
	unusualHours = 2    // that many hours are never routine, in a period of half a day or more
	contextShare = 0.30 // the same for behaviour that only supports an intrusion beside it
	episodeGap   = 2    // hours of silence that end an episode of a name
	burstFree    = 3.0  // bits by which a count may exceed the usual one without meaning
	burstMax     = 4.0  // bits that a burst is worth at most

	steadyHours  = 6    // a steady stream lasts at least this long
	steadyRate   = 12   // has at least this many alerts an hour
	steadySpread = 0.25 // within this share of its median
	steadyShare  = 0.75 // in at least this share of its hours
	steadyFill   = 0.70 // and leaves few of the hours between first and last out
	trimmed      = 1000 // one moment in so many, and one more, does not stretch the period at either end: clocks lie
	trimFrom     = 100  // moments, of which one is not much
)

// stream is everything of one name on one host.
type stream struct {
	hours  []int64 // distinct, in order
	counts []int   // alerts in each
	usual  float64 // median of counts
	steady bool
}

// statistics says what is usual in all that was added.
type statistics struct {
	q        *Queue
	begin    int64   // first hour
	period   float64 // hours
	streams  map[[2]int32]*stream
	episodes map[int32][][2]int64 // of each name, over all hosts: first and last hour
	known    map[int32]float64    // of each name, the sum of its episodes, each as warm as it was

	behaviours map[int32][]*behaviour // of each name that has been judged
}

// newStatistics counts, then gives every moment its novelty.
func newStatistics(q *Queue) *statistics {
	st := &statistics{q: q, streams: map[[2]int32]*stream{}, behaviours: map[int32][]*behaviour{}}
	st.measurePeriod()
	st.countStreams()
	st.findEpisodes()
	for _, m := range q.moments {
		st.judge(m)
	}
	return st
}

func (st *statistics) measurePeriod() {
	var hours []int64
	for _, m := range st.q.moments {
		if !m.timeless {
			hours = append(hours, m.hour)
		}
	}
	if len(hours) == 0 {
		st.period = 1
		return
	}
	slices.Sort(hours)
	cut := 0
	if len(hours) >= trimFrom {
		cut = 1 + len(hours)/trimmed
	}
	// A wrong clock stands apart: what is within a day of the rest belongs to it,
	// or a flood at one end would trim what others did at the other.
	from, to := cut, len(hours)-1-cut
	for from > 0 && hours[from]-hours[from-1] <= warmUpHours {
		from--
	}
	for to < len(hours)-1 && hours[to+1]-hours[to] <= warmUpHours {
		to++
	}
	st.begin = hours[from]
	st.period = float64(hours[to] - st.begin + 1)
}

func (st *statistics) countStreams() {
	perHour := map[[3]int64]int{}
	for _, m := range st.q.moments {
		if m.timeless {
			continue
		}
		perHour[[3]int64{int64(m.name), int64(m.host), m.hour}] += m.count
	}
	for key := range perHour {
		id := [2]int32{int32(key[0]), int32(key[1])}
		s := st.streams[id]
		if s == nil {
			s = &stream{}
			st.streams[id] = s
		}
		s.hours = append(s.hours, key[2])
	}
	for id, s := range st.streams {
		slices.Sort(s.hours)
		s.counts = make([]int, len(s.hours))
		for i, h := range s.hours {
			s.counts[i] = perHour[[3]int64{int64(id[0]), int64(id[1]), h}]
		}
		sorted := slices.Sorted(slices.Values(s.counts))
		s.usual = float64(sorted[len(sorted)/2])
		s.steady = s.isSteady() && aboutTraffic(st.q.names.text[id[0]]) && !isRelay(st.q.names.text[id[0]])
	}
}

// isSteady reports whether the stream runs at one rate, hour after hour, as
// programs do and people do not.
func (s *stream) isSteady() bool {
	if len(s.hours) < steadyHours || s.usual < steadyRate {
		return false
	}
	if span := s.hours[len(s.hours)-1] - s.hours[0] + 1; float64(len(s.hours)) < steadyFill*float64(span) {
		return false
	}
	near := 0
	for _, c := range s.counts {
		if math.Abs(float64(c)-s.usual) <= steadySpread*s.usual {
			near++
		}
	}
	return float64(near) >= steadyShare*float64(len(s.counts))
}

func (st *statistics) findEpisodes() {
	byName := map[int32][]int64{}
	for id, s := range st.streams {
		byName[id[0]] = append(byName[id[0]], s.hours...)
	}
	st.episodes = make(map[int32][][2]int64, len(byName))
	st.known = make(map[int32]float64, len(byName))
	for name, hours := range byName {
		slices.Sort(hours)
		var eps [][2]int64
		for _, h := range hours {
			if n := len(eps); n > 0 && h-eps[n-1][1] <= episodeGap {
				eps[n-1][1] = h
				continue
			}
			eps = append(eps, [2]int64{h, h})
		}
		st.episodes[name] = eps
		for _, ep := range eps {
			st.known[name] += st.warm(ep[1])
		}
	}
}

// warm is how much a first sighting in an hour means, from 0 to 1: at the
// beginning everything is new. Short periods warm up sooner.
func (st *statistics) warm(hour int64) float64 {
	w := min(warmUpHours, st.period/4)
	if w < 1 {
		return 1
	}
	age := max(0, float64(hour-st.begin)) / w
	return min(1, age*age)
}

// judge sets how unusual a moment is here, in bits: the rarer its hours are on
// its host, the more, divided by how often its name occurs at other times.
func (st *statistics) judge(m *moment) {
	said, known := st.behaviours[m.name]
	if !known {
		said = behavioursOf(st.q.names.text[m.name])
		st.behaviours[m.name] = said
	}
	m.behaviour = said
	if m.timeless {
		return
	}
	s := st.streams[[2]int32{m.name, m.host}]
	m.steady = s.steady
	m.fresh = s.hours[0] == m.hour && st.period >= 2*warmUpHours && st.warm(m.hour) == 1
	eps := st.episodes[m.name]
	own, _ := slices.BinarySearchFunc(eps, m.hour, func(ep [2]int64, h int64) int { return cmp.Compare(ep[1], h) })
	m.others = max(0, st.known[m.name]-st.warm(eps[own][1]))
	m.lone = len(eps) == 1 && eps[0][1]-eps[0][0] <= loneHours
	rarity := math.Log2((st.period + 1) / (float64(len(s.hours)) + 1))
	m.novelty = min(maxRarity, max(0, rarity)) * st.warm(m.hour) / (1 + m.others)
	i, _ := slices.BinarySearch(s.hours, m.hour)
	over := math.Log2(float64(s.counts[i])/max(s.usual, 1)) - burstFree
	if len(s.hours) > 1 {
		m.rate = min(burstMax, max(0, over)) * st.warm(m.hour)
	}
	if float64(len(s.hours)) > st.usualLimit(unusualShare) {
		m.novelty = 0
	}
}

// usualLimit returns how many hours a name may be there before it is routine.
func (st *statistics) usualLimit(share float64) float64 {
	if st.period < 12 {
		return st.period
	}
	return max(unusualHours, share*st.period)
}

// hoursOf returns in how many hours a moment's name was on its host.
func (st *statistics) hoursOf(m *moment) float64 {
	return float64(len(st.streams[[2]int32{m.name, m.host}].hours))
}
