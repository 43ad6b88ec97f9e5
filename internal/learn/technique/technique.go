// Package technique trains the head that reads techniques off sentences, whole
// or with documents and actors held out, so that what is shipped and what is
// measured come from one recipe.
package technique

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/model/linear"
)

// Domains are the groups of the model, in its order.
var Domains = []string{"enterprise", "mobile", "ics"}

// weights say how much a kind of sentence counts. What reports and procedures
// are to show comes first; the rest helps where they are few.
var weights = map[string]float32{
	corpus.KindProcedure: 1, corpus.KindReport: 1, corpus.KindDetection: 0.4,
	corpus.KindDescription: 0.3, corpus.KindName: 0.3, corpus.KindPattern: 0.3, corpus.KindMitigation: 0.3,
}

// Names of what Info.Note holds: the probability of a technique is the logistic
// function of the log-odds that the model states, times slope, plus offset.
const (
	NoteSlope  = "slope"
	NoteOffset = "offset"
)

// Vectors learns word vectors from all that may be read, labels aside, but the
// sentences that hold says are held out.
func Vectors(a *corpus.Attack, held func(*corpus.Technical) bool) *linear.Vectors {
	var texts []string
	for i := range a.Sentences {
		if s := &a.Sentences[i]; s.Domain == Domains[0] && s.Kind != corpus.KindReport && (held == nil || !held(s)) {
			texts = append(texts, s.Text)
		}
	}
	return linear.LearnVectors(append(texts, a.Prose...), linear.VectorConfig{})
}

// Train trains on the sentences that are not held out.
func Train(a *corpus.Attack, v *linear.Vectors, held func(*corpus.Technical) bool, progress func(string)) (*linear.Model, error) {
	groups, index := labels(a)
	var examples []linear.Example
	for i := range a.Sentences {
		s := &a.Sentences[i]
		if held != nil && held(s) {
			continue
		}
		g := slices.Index(Domains, s.Domain)
		examples = append(examples, linear.Example{Text: s.Text, Group: g, Labels: []int{index[g][s.Technique]}, Weight: weights[s.Kind]})
	}
	config := linear.Config{Name: "attack", Groups: groups}
	return linear.Train(examples, v, config, func(epoch int, loss float64) {
		if progress != nil {
			progress(fmt.Sprintf("pass %d, loss %.4f", epoch, loss))
		}
	})
}

// labels returns the techniques of each domain in order, and their indices.
func labels(a *corpus.Attack) ([]linear.Group, []map[string]int) {
	var groups []linear.Group
	var index []map[string]int
	for _, domain := range Domains {
		g, at := linear.Group{Name: domain}, map[string]int{}
		for i := range a.Sentences {
			if s := &a.Sentences[i]; s.Domain == domain {
				g.Labels = append(g.Labels, s.Technique)
			}
		}
		slices.Sort(g.Labels)
		g.Labels = slices.Compact(g.Labels)
		for i, l := range g.Labels {
			at[l] = i
		}
		groups, index = append(groups, g), append(index, at)
	}
	return groups, index
}

// HeldActors holds about one actor in eight out of training: their procedures,
// what cites the same reports, and what is nearly the same.
func HeldActors(a *corpus.Attack) (test []corpus.Technical, held func(*corpus.Technical) bool) {
	const parts = 8
	actors, citations, texts := map[string]bool{}, map[string]bool{}, []string(nil)
	for i := range a.Sentences {
		s := &a.Sentences[i]
		if s.Kind != corpus.KindProcedure || s.Domain != Domains[0] || hash(s.Entity)%parts != 0 {
			continue
		}
		actors[s.Entity] = true
		test = append(test, *s)
		texts = append(texts, s.Text)
		for _, c := range s.Citations {
			citations[c] = true
		}
	}
	var procedures []string
	at := map[string]int{}
	for i := range a.Sentences {
		if s := &a.Sentences[i]; s.Kind == corpus.KindProcedure {
			if _, ok := at[s.Text]; !ok {
				at[s.Text] = len(procedures)
				procedures = append(procedures, s.Text)
			}
		}
	}
	near := corpus.NearDuplicates(procedures, texts)
	return test, func(s *corpus.Technical) bool {
		if s.Kind != corpus.KindProcedure {
			return false
		}
		if actors[s.Entity] || near[at[s.Text]] {
			return true
		}
		return slices.ContainsFunc(s.Citations, func(c string) bool { return citations[c] })
	}
}

// Fold returns which of n parts a report belongs to.
func Fold(title string, n int) int { return int(hash(title) % uint32(n)) }

func hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s)) // a hash never fails to write
	return h.Sum32()
}

// Odds returns, for each sentence, the log-odds of the parent technique that the
// model finds likeliest, and whether it is right.
func Odds(m *linear.Model, sentences []corpus.Technical) (odds []float64, right []bool) {
	s := m.NewScores()
	for i := range sentences {
		t := &sentences[i]
		g := slices.Index(Domains, t.Domain)
		m.Read(s, t.Text, g)
		parents := map[string]float64{}
		best := ""
		for k, l := range m.Config().Groups[g].Labels {
			p := corpus.Parent(l)
			parents[p] += float64(s.P()[k])
			if best == "" || parents[p] > parents[best] || parents[p] == parents[best] && p < best {
				best = p
			}
		}
		const least = 1e-6
		p := min(1-least, max(least, parents[best]))
		odds = append(odds, math.Log(p/(1-p)))
		right = append(right, best == corpus.Parent(t.Technique))
	}
	return odds, right
}

// FitLogistic returns the slope and offset with the least cross entropy, by
// Newton's method.
func FitLogistic(odds []float64, right []bool) (slope, offset float64) {
	slope = 1
	for range 30 {
		var ga, gb float64
		haa, hab, hbb := 1e-6, 0.0, 1e-6
		for i, x := range odds {
			p := 1 / (1 + math.Exp(-float64(slope*x)-offset))
			e, w := p, float64(p*(1-p))
			if right[i] {
				e--
			}
			ga, gb = ga+float64(e*x), gb+e
			haa, hab, hbb = haa+float64(w*x)*x, hab+float64(w*x), hbb+w
		}
		det := float64(haa*hbb) - float64(hab*hab)
		if det <= 0 {
			break
		}
		slope -= (float64(hbb*ga) - float64(hab*gb)) / det
		offset -= (float64(haa*gb) - float64(hab*ga)) / det
	}
	return slope, offset
}

// SetCalibration writes slope and offset into what a model says of itself.
func SetCalibration(m *linear.Model, slope, offset float64) {
	info := m.Info()
	if info.Note == nil {
		info.Note = map[string]string{}
	}
	info.Note[NoteSlope] = strconv.FormatFloat(slope, 'f', 4, 64)
	info.Note[NoteOffset] = strconv.FormatFloat(offset, 'f', 4, 64)
	m.SetInfo(info)
}
