// Package lexical trains and runs classifiers of short texts: linear models of
// words and word pairs with a narrow middle layer, which learn in minutes on
// one processor core and read tens of thousands of texts a second. It knows
// nothing of what the texts are about.
//
// # The model
//
// A text becomes the set of its words, word pairs and, if asked for, word
// triples and pairs with one word between, each hashed to a bucket. A bucket
// that enough training texts have keeps a row of D numbers; the others are
// dropped. A text is the sum of its rows, each weighted by how often the feature
// is there and how rare it is, the weights scaled to unit length. Each output
// group is a linear layer on that sum: a softmax over labels that exclude one
// another, or, for a multi-label group, a sigmoid a label. Several groups share
// the rows. Everything up to the softmax is linear, so what a word adds to a
// label can be stated exactly.
//
// A model may have styles: habits of those who label. Each style has a row of
// its own, a bias a label, and a correction of the output layer, so that what
// texts mean is learnt from all styles and how they are labelled from one. Texts
// are then read in the style that is asked for.
//
// # Use
//
//	model, err := lexical.Train(examples, lexical.Config{
//		Name:   "colour",
//		Groups: []lexical.Group{{Name: "colour", Labels: []string{"red", "blue"}}},
//	}, nil)
//	scores := model.NewScores()
//	model.Read(scores, text, 0)        // no allocation, scores is used again
//	best, p := scores.Best(0)
//	why := model.Because(scores, []lexical.Output{{Group: 0, Label: best}}, 3, nil)
//	data, err := model.Encode()        // and lexical.Decode(data)
//
// Several members, which differ in their random choices alone, are together
// better than one. They are linear, so the mean of their outputs is again one
// linear model, only with a wider middle layer; Train narrows that to the Dim
// directions that matter most to the outputs.
//
// Training is deterministic: the same examples in the same order and the same
// Config give the same bytes on the same processor architecture, however many
// cores there are. Each member keeps one core busy.
// Model.Calibrate fits temperatures on examples that training did not see.
package lexical

import "sync"

// Limits on what is read. Texts are cut at MaxText bytes and MaxWords words.
const (
	MaxText  = 64 << 10
	MaxWords = 4096
)

// Limits on a model, which Train and Decode hold to before they allocate.
const (
	MaxGroups  = 64
	MaxLabels  = 4096 // of one group
	MaxDim     = 512
	MaxStyles  = 16
	MaxMembers = 8
	MaxRows    = 4 << 20
)

// Config says what to train. Zero values take the defaults in parentheses.
type Config struct {
	Name     string   `json:"name"`
	Groups   []Group  `json:"groups"`
	Styles   []string `json:"styles,omitempty"` // none: one nameless style, index 0
	Features Features `json:"features"`

	Dim       int     `json:"dim"`        // D, numbers a row (64)
	Members   int     `json:"members"`    // models that are trained and then made one (1)
	MemberDim int     `json:"member_dim"` // numbers a row of a member (Dim)
	Epochs    int     `json:"epochs"`     // passes over the examples (8)
	Rate      float32 `json:"rate"`       // learning rate of the output layers (0.05)
	RowRate   float32 `json:"row_rate"`   // learning rate of the rows (0.1)
	Dropout   float32 `json:"dropout"`    // share of features left out of each training step (0.5); negative: none
	Smooth    float32 `json:"smooth"`     // label smoothing of softmax groups (0)
	Seed      uint64  `json:"seed"`       // (1)
	Bits      int     `json:"bits"`       // of a stored number of a row: 8 or 4 (8)
}

// Features says what of a text is looked at.
type Features struct {
	Pairs   bool `json:"pairs"`    // pairs of words side by side
	Triples bool `json:"triples"`  // three words in a row
	Skips   bool `json:"skips"`    // pairs with one word between them
	Affixes bool `json:"affixes"`  // first five and last four bytes of longer words
	Pieces  bool `json:"pieces"`   // runs of four bytes within a word
	Shapes  bool `json:"shapes"`   // calls(), file.ext, name=, camelCase, snake_case
	Bits    int  `json:"bits"`     // logarithm of the number of hash buckets (22)
	MinDocs int  `json:"min_docs"` // training texts that must have a feature for it to get a row (3)
	MaxRows int  `json:"max_rows"` // rows kept, those of the commonest features (no limit)
}

// Group is one question that a model answers.
type Group struct {
	Name    string   `json:"name"`
	Labels  []string `json:"labels"`
	Multi   bool     `json:"multi,omitempty"`   // any number of labels hold, each for itself
	Weight  float32  `json:"weight,omitempty"`  // of its loss (1)
	Balance float32  `json:"balance,omitempty"` // share of the log prior of a label that training leaves to the prior alone: 0 learns frequencies, 1 learns as if all labels were equally frequent
}

// Example is a text with what is known of it.
type Example struct {
	Text    string
	Style   int
	Weight  float32 // 0 counts as 1
	Targets []Target
}

// Target is a label that holds for an example. A softmax group takes the shares
// of its targets as a distribution (they are scaled to sum to 1); a multi-label
// group learns that the label holds. A group without a target is not learnt from
// an example, unless Group is multi-label and the target's Label is negative:
// then none holds.
type Target struct {
	Group int
	Label int
	Share float32 // 0 counts as 1
}

// Model is a trained classifier. It is read-only and safe for concurrent use,
// apart from Calibrate and the Set methods.
type Model struct {
	config Config
	info   Info
	dim    int
	index  bucketIndex
	idf    []uint8 // [F] in units of idfUnit
	scale  []uint8 // [F] the scale of a row: see rowScale
	rows   []byte  // [F][D] int8, or two 4-bit numbers a byte
	groups []group
	known  sync.Pool
}

// group is an output layer.
type group struct {
	from   int // of its labels among the outputs
	labels int
	multi  bool
	weight []float32 // [S][labels][D]
	bias   []float32 // [S][labels]
	temper []float32 // [S] what logits are multiplied by
	shift  []float32 // [S] what is added to the logits of a multi-label group
}

// Info is what a model says of itself.
type Info struct {
	Version   string            `json:"version"`
	Sources   []Source          `json:"sources,omitempty"` // what it was trained from
	Examples  int               `json:"examples"`
	Threshold float64           `json:"threshold"`      // probability under which to abstain
	Note      map[string]string `json:"note,omitempty"` // for whoever uses the model
}

// Source is a file that a model was trained from.
type Source struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Config returns how the model was trained. Its slices are not to be changed.
func (m *Model) Config() Config { return m.config }

// Info returns what the model says of itself.
func (m *Model) Info() Info { return m.info }

// SetInfo replaces what the model says of itself, before it is written.
func (m *Model) SetInfo(i Info) { m.info = i }

// Rows returns the number of features that the model knows.
func (m *Model) Rows() int { return len(m.idf) }

// withDefaults fills in the zero values.
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
	setInt(&c.Dim, 64)
	setInt(&c.Members, 1)
	setInt(&c.MemberDim, c.Dim)
	setInt(&c.Epochs, 8)
	setInt(&c.Bits, 8)
	setInt(&c.Features.Bits, 22)
	setInt(&c.Features.MinDocs, 3)
	set(&c.Rate, 0.05)
	set(&c.RowRate, 0.1)
	set(&c.Dropout, 0.5)
	if c.Dropout < 0 {
		c.Dropout = 0
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	return c
}

// styles returns the number of styles, at least one.
func (c *Config) styles() int { return max(1, len(c.Styles)) }
