package lexical

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
)

// lesson is what all members learn from.
type lesson struct {
	model *Model
	texts []trainText
	prior [][]float32 // of each group's labels, in logarithms, times Group.Balance
}

// trainText is an example as features.
type trainText struct {
	active []active // the values are of unit length
	from   *Example
}

// Train learns a model from examples. Progress, if not nil, is called after
// each pass of the first member with its number from 1 and the mean loss an
// example.
func Train(examples []Example, config Config, progress func(epoch int, loss float64)) (*Model, error) {
	config = config.withDefaults()
	if err := checkConfig(&config); err != nil {
		return nil, err
	}
	if err := checkExamples(examples, &config); err != nil {
		return nil, err
	}
	l := &lesson{model: newModel(config)}
	l.model.info.Examples = len(examples)
	if err := l.collect(examples); err != nil {
		return nil, err
	}
	for i := range l.model.groups {
		l.prior = append(l.prior, l.priorOf(i))
	}
	members := make([]*trainer, config.Members)
	var running sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range members {
		running.Go(func() {
			turn <- struct{}{}
			report := progress
			if i > 0 {
				report = nil
			}
			members[i] = l.train(config.Seed+uint64(i), report)
			<-turn
		})
	}
	running.Wait()
	l.merge(members)
	return l.model, nil
}

func checkConfig(c *Config) error {
	switch {
	case len(c.Groups) == 0 || len(c.Groups) > MaxGroups:
		return fmt.Errorf("train %q: %d groups, 1 to %d can be", c.Name, len(c.Groups), MaxGroups)
	case c.Dim < 1 || c.Dim > MaxDim || c.Dim%4 != 0:
		return fmt.Errorf("train %q: dimension %d is not a multiple of 4 up to %d", c.Name, c.Dim, MaxDim)
	case c.Members < 1 || c.Members > MaxMembers || c.MemberDim < 4 || c.MemberDim > MaxDim || c.MemberDim%4 != 0 || c.Dim > c.Members*c.MemberDim:
		return fmt.Errorf("train %q: %d members of dimension %d for dimension %d", c.Name, c.Members, c.MemberDim, c.Dim)
	case len(c.Styles) > MaxStyles:
		return fmt.Errorf("train %q: %d styles, at most %d can be", c.Name, len(c.Styles), MaxStyles)
	case c.Features.Bits < 8 || c.Features.Bits > 26:
		return fmt.Errorf("train %q: 1<<%d buckets, 1<<8 to 1<<26 can be", c.Name, c.Features.Bits)
	case c.Bits != 4 && c.Bits != 8:
		return fmt.Errorf("train %q: %d bits a number, 4 or 8 can be", c.Name, c.Bits)
	case c.Features.MinDocs < 1 || c.Features.MaxRows < 0 || c.Features.MaxRows > MaxRows:
		return fmt.Errorf("train %q: features of at least %d texts, %d rows", c.Name, c.Features.MinDocs, c.Features.MaxRows)
	case c.Epochs < 1 || c.Dropout >= 1 || c.Rate < 0 || c.RowRate < 0:
		return fmt.Errorf("train %q: epochs, dropout or rates out of range", c.Name)
	}
	for _, g := range c.Groups {
		if len(g.Labels) == 0 || len(g.Labels) > MaxLabels {
			return fmt.Errorf("train %q: group %q has %d labels, 1 to %d can be", c.Name, g.Name, len(g.Labels), MaxLabels)
		}
	}
	return nil
}

func checkExamples(examples []Example, c *Config) error {
	if len(examples) == 0 {
		return errors.New("train: no examples")
	}
	for i := range examples {
		e := &examples[i]
		if e.Style < 0 || e.Style >= c.styles() {
			return fmt.Errorf("train %q: example %d has style %d of %d", c.Name, i, e.Style, c.styles())
		}
		for _, t := range e.Targets {
			if t.Group < 0 || t.Group >= len(c.Groups) || t.Label >= len(c.Groups[t.Group].Labels) || t.Label < 0 && !c.Groups[t.Group].Multi {
				return fmt.Errorf("train %q: example %d has no such target: group %d, label %d", c.Name, i, t.Group, t.Label)
			}
		}
	}
	return nil
}

// newModel makes room for the outputs.
func newModel(c Config) *Model {
	m := &Model{config: c, dim: c.Dim}
	from := 0
	for _, spec := range c.Groups {
		n := len(spec.Labels)
		g := group{
			from: from, labels: n, multi: spec.Multi,
			weight: make([]float32, c.styles()*n*c.Dim), bias: make([]float32, n*c.styles()),
			temper: make([]float32, c.styles()), shift: make([]float32, c.styles()),
		}
		for s := range g.temper {
			g.temper[s] = 1
		}
		m.groups = append(m.groups, g)
		from += n
	}
	return m
}

// collect decides which features have a row and turns the texts into rows.
func (l *lesson) collect(examples []Example) error {
	f := &l.model.config.Features
	docs := make([]uint32, 1<<f.Bits)
	last := make([]uint32, 1<<f.Bits)
	shift := uint(32 - f.Bits)
	var words []word
	var features []feature
	for i := range examples {
		text := examples[i].Text[:min(len(examples[i].Text), MaxText)]
		words = splitWords(words[:0], text)
		features = f.appendFeatures(features[:0], text, words)
		for _, x := range features {
			if b := x.hash >> shift; last[b] != uint32(i+1) {
				last[b] = uint32(i + 1)
				docs[b]++
			}
		}
	}
	l.model.chooseRows(docs, len(examples))
	if len(l.model.idf) == 0 {
		return fmt.Errorf("train %q: no feature is in %d texts", l.model.config.Name, f.MinDocs)
	}
	l.texts = make([]trainText, len(examples))
	s := &Scores{table: make([]int32, 1<<10)}
	for i := range examples {
		text := examples[i].Text[:min(len(examples[i].Text), MaxText)]
		s.words = splitWords(s.words[:0], text)
		s.features = f.appendFeatures(s.features[:0], text, s.words)
		l.model.activate(s)
		norm := float32(0)
		for j := range s.active {
			l.model.value(&s.active[j])
			norm += float32(s.active[j].value * s.active[j].value)
		}
		kept := make([]active, len(s.active))
		copy(kept, s.active)
		for j := range kept {
			kept[j].value *= float32(1 / math.Sqrt(float64(norm)))
		}
		l.texts[i] = trainText{kept, &examples[i]}
	}
	return nil
}

// chooseRows gives a row to the buckets of enough texts; if they are too many,
// to those of the most texts.
func (m *Model) chooseRows(docs []uint32, texts int) {
	f := &m.config.Features
	least := uint32(f.MinDocs)
	if f.MaxRows > 0 {
		least = max(least, leastDocs(docs, f.MaxRows))
	}
	set := make([]uint64, max(1, len(docs)/64))
	for b, n := range docs {
		if n >= least {
			set[b/64] |= 1 << (b % 64)
			m.idf = append(m.idf, quantiseIDF(texts, int(n)))
		}
	}
	m.index = newBucketIndex(f.Bits, set)
}

// leastDocs returns the smallest count that at most limit buckets reach.
func leastDocs(docs []uint32, limit int) uint32 {
	const most = 1 << 16
	var have [most + 1]int
	for _, n := range docs {
		have[min(n, most)]++
	}
	total := 0
	for n := most; n > 0; n-- {
		if total += have[n]; total > limit {
			return uint32(n + 1)
		}
	}
	return 1
}

// priorOf returns the logarithms of the weighted frequencies of a group's
// labels, times Group.Balance; nil where that is 0.
func (l *lesson) priorOf(i int) []float32 {
	g := &l.model.groups[i]
	balance := l.model.config.Groups[i].Balance
	if balance == 0 || g.multi {
		return nil
	}
	prior, total := make([]float32, g.labels), float32(0)
	for n := range l.texts {
		e := l.texts[n].from
		for _, x := range e.Targets {
			if x.Group == i {
				prior[x.Label] += e.weight()
				total += e.weight()
			}
		}
	}
	for k, n := range prior {
		prior[k] = balance * float32(math.Log(float64(n/total)+1e-6))
	}
	return prior
}

func (e *Example) weight() float32 {
	if e.Weight == 0 {
		return 1
	}
	return e.Weight
}
