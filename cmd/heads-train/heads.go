package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// Labels need as many training texts to be learnt.
const (
	leastWeakness    = 4
	leastCombination = 15
)

// trainCWE trains the weakness head. A text with several weaknesses teaches the
// first one mostly, the second one too.
func trainCWE(j job) (*lexical.Model, error) {
	rows, err := readVulnerabilities(j, func(v *corpus.Vulnerability) bool { return len(v.Weaknesses) > 0 })
	if err != nil {
		return nil, err
	}
	labels := frequent(rows, leastWeakness, func(v *corpus.Vulnerability) string { return v.Weaknesses[0] })
	index := indexOf(labels)
	rows = slices.DeleteFunc(rows, func(v corpus.Vulnerability) bool { _, ok := index[v.Weaknesses[0]]; return !ok })
	const first, second = 0.7, 0.3
	l := &lesson{
		name: "cwe", rows: rows, precision: 0.9,
		config: lexical.Config{
			Name: "cwe", Styles: corpus.StyleNames,
			Groups:   []lexical.Group{{Name: "cwe", Labels: labels, Balance: 0.2}},
			Features: lexical.Features{Pairs: true, Skips: true, Triples: true, Pieces: true, MinDocs: 8},
			Dim:      96, Members: 4, MemberDim: 64, Bits: 4,
			Epochs: 5, Rate: 0.08, RowRate: 0.15, Dropout: 0.4,
		},
		style: func(v *corpus.Vulnerability) int { return v.Style },
		truth: func(v *corpus.Vulnerability) string { return v.Weaknesses[0] },
		target: func(v *corpus.Vulnerability) []lexical.Target {
			out := []lexical.Target{{Label: index[v.Weaknesses[0]], Share: first}}
			if len(v.Weaknesses) > 1 {
				if k, ok := index[v.Weaknesses[1]]; ok {
					out = append(out, lexical.Target{Label: k, Share: second})
				}
			}
			return out
		},
	}
	return l.learn(j)
}

// trainCVSS trains the vector head.
func trainCVSS(j job) (*lexical.Model, error) {
	rows, err := readVulnerabilities(j, func(v *corpus.Vulnerability) bool {
		base, err := head.BaseVector(v.Vector)
		v.Vector = base
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	var groups []lexical.Group
	names, values := head.Metrics()
	for i, name := range names {
		groups = append(groups, lexical.Group{Name: name, Labels: values[i], Weight: 0.1})
	}
	l := joint("cvss", rows, groups, func(v *corpus.Vulnerability) string { return v.Vector })
	l.precision = 0.75
	l.config.Styles = corpus.StyleNames
	l.style = func(v *corpus.Vulnerability) int { return v.VectorStyle }
	l.truth = func(v *corpus.Vulnerability) string { return "CVSS:3.1/" + v.Vector }
	l.config.Features = lexical.Features{Pairs: true, MinDocs: 6}
	l.config.Dim, l.config.Members, l.config.MemberDim = 64, 4, 32
	return l.learn(j)
}

// trainSSVC trains the head of CISA's decision points.
func trainSSVC(j job) (*lexical.Model, error) {
	points := []lexical.Group{
		{Name: "exploitation", Labels: []string{"none", "poc", "active"}},
		{Name: "automatable", Labels: []string{"no", "yes"}},
		{Name: "technical_impact", Labels: []string{"partial", "total"}},
	}
	of := func(v *corpus.Vulnerability) []string {
		return []string{v.Exploitation, v.Automatable, v.TechnicalImpact}
	}
	rows, err := readVulnerabilities(j, func(v *corpus.Vulnerability) bool {
		for i, value := range of(v) {
			if !slices.Contains(points[i].Labels, value) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	l := joint("ssvc", rows, points, func(v *corpus.Vulnerability) string {
		var parts []string
		for i, value := range of(v) {
			parts = append(parts, points[i].Name+":"+value)
		}
		return strings.Join(parts, "/")
	})
	l.precision = 0.8
	l.style = func(*corpus.Vulnerability) int { return 0 }
	l.config.Features = lexical.Features{Pairs: true, Skips: true, MinDocs: 4}
	l.config.Dim, l.config.Members, l.config.MemberDim = 48, 4, 32
	return l.learn(j)
}

// joint is the lesson of a head that decides several parts together: a group a
// part and one of their combinations, "part:label/part:label".
func joint(name string, rows []corpus.Vulnerability, parts []lexical.Group, combination func(v *corpus.Vulnerability) string) *lesson {
	labels := frequent(rows, leastCombination, combination)
	index := indexOf(labels)
	return &lesson{
		name: name, rows: rows, truth: combination,
		config: lexical.Config{
			Name: name, Bits: 4, Epochs: 5, Rate: 0.08, RowRate: 0.15, Dropout: 0.4,
			Groups: append(slices.Clone(parts), lexical.Group{Name: "together", Labels: labels}),
		},
		target: func(v *corpus.Vulnerability) []lexical.Target {
			whole := combination(v)
			var out []lexical.Target
			for i, field := range strings.Split(whole, "/") {
				_, value, _ := strings.Cut(field, ":")
				out = append(out, lexical.Target{Group: i, Label: slices.Index(parts[i].Labels, value)})
			}
			if k, ok := index[whole]; ok {
				out = append(out, lexical.Target{Group: len(parts), Label: k})
			}
			return out
		},
	}
}

// frequent returns the labels that at least so many rows have, the commonest
// first; of equals, in the order of their names.
func frequent(rows []corpus.Vulnerability, least int, label func(v *corpus.Vulnerability) string) []string {
	counts := map[string]int{}
	for i := range rows {
		counts[label(&rows[i])]++
	}
	var out []string
	for l, n := range counts {
		if n >= least {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	return out
}

func indexOf(labels []string) map[string]int {
	out := make(map[string]int, len(labels))
	for i, l := range labels {
		out[l] = i
	}
	return out
}
