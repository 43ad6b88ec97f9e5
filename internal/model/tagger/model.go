package tagger

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Config is what a model is.
type Config struct {
	Labels []string `json:"labels"`
	// Width and Layer say what vectors the model reads: of tokens, of so many
	// numbers; a width of 0 reads none.
	Width int `json:"width,omitempty"`
	Layer int `json:"layer,omitempty"`
	// Features is how many features of words the model knows.
	Features int `json:"features"`
}

// Model finds spans. Its methods may be called from several goroutines at once.
type Model struct {
	config  Config
	trained Trained
	layout
	hashes   []uint64
	index    map[uint64]int32
	x        []float32
	standard standard
}

// Config returns what the model is. Its slices are not to be changed.
func (m *Model) Config() Config { return m.config }

// Trained returns how the model came about.
func (m *Model) Trained() Trained { return m.trained }

// NeedsTokens says whether the model reads vectors of tokens.
func (m *Model) NeedsTokens() bool { return m.width > 0 }

// leastWeight is what one weight of a feature must have for it to be kept.
const leastWeight = 1e-2

// model makes a model of a fit. Features that say little are left out, and the
// weights of the others are rounded to float16, as its file has them.
func (f *fit) model(t *trainer, l2 float64, r minimize.Result, tried []Tried) *Model {
	K := f.tags
	m := &Model{standard: f.standard, index: map[uint64]int32{}}
	for id, h := range f.hashes {
		row := f.x[id*K : (id+1)*K]
		keep := false
		for _, v := range row {
			keep = keep || v > leastWeight || v < -leastWeight
		}
		if !keep {
			continue
		}
		m.index[h] = int32(len(m.hashes))
		m.hashes = append(m.hashes, h)
		for _, v := range row {
			m.x = append(m.x, quant.FromF16(quant.ToF16(max(-mostHalf, min(v, mostHalf)))))
		}
	}
	m.x = append(m.x, f.x[f.vectors():]...)
	m.layout = layout{features: len(m.hashes), width: f.width, tags: K}
	m.config = Config{Labels: append([]string(nil), t.o.Labels...), Width: f.width, Layer: t.o.Layer, Features: len(m.hashes)}
	m.trained = Trained{Rows: len(f.data.offset) - 1, Words: len(f.data.tags), L2: l2, Loss: r.Value, Iterations: r.Iterations, Converged: r.Converged, Tried: tried}
	return m
}

// Check refuses tokens that the model cannot read: their vectors must be as wide
// as Config().Width says and finite, and follow the text.
func (m *Model) Check(tokens []Token) error {
	if m.width == 0 {
		return nil
	}
	_, err := wordVectors(nil, tokens, m.width)
	return err
}

// Tag returns the spans of the most probable tags of a text's words, in their
// order. tokens are those of the text with their vectors, and not read by a model
// that reads words alone. It panics if a vector is not as wide as Config().Width or
// not finite: see Check. Of a text over MaxText or MaxWords the rest has no spans.
func (m *Model) Tag(text string, tokens []Token) []Found {
	words, chunks := split(text)
	if len(words) == 0 {
		return nil
	}
	c := newChain(m.tags)
	c.use(m.x[m.start():m.between()], m.x[m.between():m.all()])
	scores := m.scores(words, chunks, tokens)
	tags := c.best(scores)
	c.forwardBackward(scores)
	var out []Found
	for i := 0; i < len(tags); i++ {
		if tags[i] == outside {
			continue
		}
		label, last := (tags[i]-1)/2, i
		for last+1 < len(tags) && tags[last+1] == inside(label) {
			last++
		}
		out = append(out, Found{Start: words[i].start, End: words[last].end, Label: label, P: c.spanP(i, last, label)})
		i = last
	}
	return out
}

// scores returns those of all tags of words, [words,K].
func (m *Model) scores(words []word, chunks []chunk, tokens []Token) []float32 {
	K := m.tags
	scores := make([]float32, len(words)*K)
	if m.width > 0 {
		vectors, err := wordVectors(words, tokens, m.width)
		if err != nil {
			panic(fmt.Sprintf("tagger: Tag: %v", err))
		}
		for i := range words {
			v := vectors[i*m.width : (i+1)*m.width]
			m.standard.apply(v)
			for k := range K {
				scores[i*K+k] = kernel.Dot(v, m.x[m.vectors()+k*m.width:m.vectors()+(k+1)*m.width])
			}
		}
	}
	if m.features == 0 {
		return scores
	}
	var hashes []uint64
	for i := range words {
		hashes = features(hashes[:0], words, chunks, i)
		row := scores[i*K : (i+1)*K]
		for _, h := range hashes {
			if id, ok := m.index[h]; ok {
				for k, v := range m.x[int(id)*K : (int(id)+1)*K] {
					row[k] += v
				}
			}
		}
	}
	return scores
}
