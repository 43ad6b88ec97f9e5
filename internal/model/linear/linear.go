// Package linear trains and runs classifiers of sentences that must hold up on
// texts of another kind than they were trained on: a linear layer of full rank
// on words, stems, pairs of words and pieces of words, and beside it on the mean
// of word vectors, which are learnt from running text without labels. The words
// say exactly what training showed, the vectors carry it to words that training
// saw little of. The package knows nothing of what the texts are about.
//
// # The model
//
// A text becomes its features, each hashed and weighted by how often it is there
// and how rare it is, scaled to unit length; and the mean of the vectors of its
// stems, common stems weighing less, less the mean of all texts, scaled to unit
// length. Both are multiplied by the weights of each label. The labels come in
// groups; within a group they exclude one another, and a text is read for one
// group at a time. Weights that matter little are dropped: what is left is
// stored in a byte each.
//
// # Use
//
//	vectors := linear.LearnVectors(texts, linear.VectorConfig{})
//	model, err := linear.Train(examples, vectors, linear.Config{Groups: groups})
//	s := model.Borrow()
//	model.Read(s, text, 0)
//	p := s.P()
//	model.Return(s)
//
// Training is deterministic and runs on one goroutine.
//
// Sources: the mean of vectors weighted by frequency, Arora, Liang and Ma 2017,
// ICLR; vectors as factors of positive pointwise mutual information, Levy and
// Goldberg 2014, NIPS; the factors by a randomised range finder, Halko,
// Martinsson and Tropp 2011, SIAM Review 53.
package linear

import "sync"

// Limits on what is read of a text, and on a model, which Train and Decode hold
// to before they allocate.
const (
	MaxText     = 64 << 10
	MaxWords    = 4096
	MaxLabels   = 4096 // of all groups
	MaxGroups   = 16
	MaxDim      = 256
	MaxRows     = 1 << 20
	MaxVectors  = 1 << 18
	maxFeatures = 8 * MaxWords
)

// Group is one question: its labels exclude one another.
type Group struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels"`
}

// Config says what to train. Zero values take the defaults in parentheses.
type Config struct {
	Name    string  `json:"name"`
	Groups  []Group `json:"groups"`
	Epochs  int     `json:"epochs"`   // passes over the examples (10)
	Rate    float32 `json:"rate"`     // learning rate at the start, falling to 0 (2)
	MinDocs int     `json:"min_docs"` // training texts that must have a feature (2)
	Share   float32 `json:"share"`    // length of the mean vector, the features having length 1 (0.3)
	Prior   float32 `json:"prior"`    // of the logarithm of how frequent a label is, what is added to its logit after training (0.4)
	Keep    int     `json:"keep"`     // weights that are kept (800,000)
	Seed    uint64  `json:"seed"`     // (1)
}

func (c Config) withDefaults() Config {
	set := func(p *float32, v float32) {
		if *p == 0 {
			*p = v
		}
	}
	setInt := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	setInt(&c.Epochs, 10)
	setInt(&c.MinDocs, 2)
	setInt(&c.Keep, 800_000)
	set(&c.Rate, 2)
	set(&c.Share, 0.3)
	set(&c.Prior, 0.4)
	if c.Seed == 0 {
		c.Seed = 1
	}
	return c
}

// Example is a text and what it is. Labels are indices within the group; where
// there are several, each has an equal share.
type Example struct {
	Text   string
	Group  int
	Labels []int
	Weight float32 // 0 counts as 1
}

// Source is a file that a model was trained from.
type Source struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Info is what a model says of itself. Its maker fills it in.
type Info struct {
	Version   string            `json:"version"`
	Sources   []Source          `json:"sources,omitempty"`
	Examples  int               `json:"examples"`
	Threshold float64           `json:"threshold"` // probability under which to abstain
	Note      map[string]string `json:"note,omitempty"`
}

// Model is a trained classifier. It is read-only and safe for concurrent use,
// apart from the Set methods.
type Model struct {
	config  Config
	info    Info
	labels  int
	from    []int  // of each group, its first label among all, and their number
	table   lookup // hash of a feature to its row
	rarity  []uint8
	scale   []float32 // of a row's weights
	start   []uint32  // of a row among the weights, and one more
	weight  []uint32  // the label shifted by 8, and the weight as a signed byte
	spans   []span    // [rows][groups]: see index
	bytes   []uint8   // wide rows: a weight for each label of a group
	vectors *Vectors
	dense   []float32 // [labels][D]
	bias    []float32 // [labels]
	temper  []float32 // of each group, what logits are multiplied by
	pool    sync.Pool
}

// Config returns how the model was trained. Its slices are not to be changed.
func (m *Model) Config() Config { return m.config }

// Info returns what the model says of itself.
func (m *Model) Info() Info { return m.info }

// SetInfo replaces what the model says of itself, before it is written.
func (m *Model) SetInfo(i Info) { m.info = i }

// Temper returns what the logits of a group are multiplied by.
func (m *Model) Temper(group int) float32 { return m.temper[group] }

// SetTemper sets what the logits of a group are multiplied by.
func (m *Model) SetTemper(group int, t float32) { m.temper[group] = t }

// Rows returns the number of features that the model knows, and Weights that of
// their weights.
func (m *Model) Rows() int { return len(m.rarity) }

// Vectors returns the word vectors that the model reads with, for another model
// to be trained on.
func (m *Model) Vectors() *Vectors { return m.vectors }

// Weights returns the number of weights of features.
func (m *Model) Weights() int { return len(m.weight) }

// packed puts a label and its weight into one number; labelOf and weightOf take
// them out.
func packed(label int, weight int8) uint32 { return uint32(label)<<8 | uint32(uint8(weight)) }

func labelOf(w uint32) int { return int(w >> 8) }

func weightOf(w uint32) int8 { return int8(uint8(w)) }

// groupsFrom returns where the labels of each group begin, and their number.
func groupsFrom(groups []Group) []int {
	from := []int{0}
	for _, g := range groups {
		from = append(from, from[len(from)-1]+len(g.Labels))
	}
	return from
}

// lookup is an open-addressing table from hashes to positions.
type lookup struct {
	slots []slot
	mask  uint32
}

type slot struct {
	key uint32
	at  int32 // position plus one; 0 is empty
}

// newLookup takes keys that differ from one another.
func newLookup(keys []uint32) lookup {
	size := 16
	for size < 2*len(keys) {
		size *= 2
	}
	t := lookup{make([]slot, size), uint32(size - 1)}
	for i, k := range keys {
		n := k & t.mask
		for t.slots[n].at != 0 {
			n = (n + 1) & t.mask
		}
		t.slots[n] = slot{k, int32(i + 1)}
	}
	return t
}

// find returns the position of a key, or -1.
func (t *lookup) find(key uint32) int32 {
	for n := key & t.mask; ; n = (n + 1) & t.mask {
		s := t.slots[n]
		if s.key == key || s.at == 0 {
			return s.at - 1
		}
	}
}
