package tune

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/activation"
	"github.com/casemate-ai/casemate/internal/model/probe"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// vectors are the hidden states of all rows that a head may be made on.
type vectors struct {
	info   engine.Info
	layers []int
	pools  []engine.Pool
	store  *activation.Store
	texts  []activation.Digest // of each row of the table
	short  []bool              // rows that the model could not read: too long for it

	// One matrix is in memory at a time: recipes are tried one after the other.
	lock        sync.Mutex
	layer, pool int // of now
	now         *probe.Matrix
}

const (
	textsTogether = 8 // texts that go to the model at once
	// shareRead is how much of the whole reading takes, where there is a model.
	shareRead = 0.6
)

// layersOf returns which layers of a model are tried: the middle, where meaning is
// most in the open, up to the last and what follows it.
func layersOf(layers int) []int {
	out := []int{max(1, layers/2), max(1, layers*2/3), max(1, layers*5/6), layers, 0}
	slices.Sort(out)
	return slices.Compact(out)
}

// readTexts lets the model read every row once, or takes what it read before.
// What is read is kept as it comes, so that a run that is broken off goes on.
func (j *job) readTexts() (v *vectors, err error) {
	info, err := j.baseInfo()
	if err != nil {
		return nil, err
	}
	v = &vectors{info: info, layers: layersOf(info.Layers), pools: []engine.Pool{engine.PoolText, engine.PoolLast}, short: make([]bool, len(j.table.Rows))}
	for i := range j.table.Rows {
		v.texts = append(v.texts, activation.TextDigest(j.table.Rows[i].Text))
	}
	if j.o.Cache == "" {
		return nil, errors.New("train on a model: no folder to keep what it reads")
	}
	// Room for these rows, whatever else is kept.
	const spare = 2
	need := v.bytes(len(j.table.Rows))
	o := activation.Options{Bytes: max(activation.DefaultBytes, spare*need), Room: need}
	if v.store, err = activation.Open(j.o.Cache, activation.Key{Model: info.Digest, Adapter: info.Adapter, Width: info.Width}, o); err != nil {
		return nil, err
	}
	if err = j.fillStore(v); err != nil {
		return nil, errors.Join(err, v.store.Close())
	}
	return v, nil
}

// fillStore reads what the store lacks, a few texts at a time.
func (j *job) fillStore(v *vectors) error {
	var open []int
	room := make([]uint16, v.info.Width)
	for i := range j.table.Rows {
		if !v.stored(v.texts[i], room) {
			open = append(open, i)
		}
	}
	known := len(j.table.Rows) - len(open)
	j.set("hidden states", fmt.Sprintf("layers %v (0 is after the output norm), the mean of the text's tokens and the last", v.layers), fmt.Sprintf("read once and kept; %d of %d rows were there", known, len(j.table.Rows)))
	if err := Room(j.o.Cache, v.bytes(len(open)), fmt.Sprintf("what the model reads of %d rows", len(open))); err != nil {
		return err
	}
	forecast := j.startReading(open, v.bytes(len(open)), j.o.Cache)
	for from := 0; from < len(open); from += textsTogether {
		rows := open[from:min(len(open), from+textsTogether)]
		if err := j.readBatch(v, rows); err != nil {
			return err
		}
		forecast.read(rows, len(open))
		j.tell.within(shareRead, "reading with the model", known+from+len(rows), len(j.table.Rows))
	}
	return nil
}

// bytes foresees what is kept of so many rows.
func (v *vectors) bytes(rows int) int64 {
	const each, beside = 2, 64 // of a number, and of a vector's entry
	return int64(rows) * int64(len(v.layers)*len(v.pools)) * int64(each*v.info.Width+beside)
}

// stored says whether all that is wanted of a text is in the store. It looks at the
// numbers, too: those that the disk has spoilt are read by the model once more.
func (v *vectors) stored(text activation.Digest, room []uint16) bool {
	whole := true
	for _, l := range v.layers {
		for _, p := range v.pools {
			_, ok, err := v.store.Halves(room, text, l, string(p))
			whole = whole && ok && err == nil
		}
	}
	return whole
}

// readBatch reads rows; one that is too long for the model stays open.
func (j *job) readBatch(v *vectors, rows []int) error {
	texts := make([]string, len(rows))
	for n, i := range rows {
		texts[n] = j.table.Rows[i].Text
	}
	states, err := j.o.Engine.Hidden(j.ctx, engine.HiddenRequest{Texts: texts, Layers: v.layers, Pools: v.pools})
	var fault *casemate.Error
	if errors.As(err, &fault) && fault.Code == casemate.CodeUsage {
		if len(rows) == 1 {
			v.short[rows[0]] = true
			return nil
		}
		for n := range rows {
			if err := j.readBatch(v, rows[n:n+1]); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	for n, i := range rows {
		for l, layer := range v.layers {
			for p, pool := range v.pools {
				if err := v.store.Put(v.texts[i], layer, string(pool), states[n].Pooled[l][p]); err != nil {
					return err
				}
			}
		}
	}
	return v.store.Sync()
}

// matrix returns the vectors of a layer and pooling, a row for each of the table.
func (v *vectors) matrix(layer, pool int) (*probe.Matrix, error) {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.now != nil && v.layer == layer && v.pool == pool {
		return v.now, nil
	}
	width := v.info.Width
	m := &probe.Matrix{Rows: len(v.texts), Width: width, Halves: make([]uint16, len(v.texts)*width), Scale: make([]float32, len(v.texts))}
	for i, text := range v.texts {
		if v.short[i] {
			continue // zeros: nothing is known of it
		}
		scale, ok, err := v.store.Halves(m.Halves[i*width:][:width], text, v.layers[layer], string(v.pools[pool]))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("what was read of row %d is damaged on disk; run it again", i+1)
		}
		m.Scale[i] = scale
	}
	v.layer, v.pool, v.now = layer, pool, m
	return m, nil
}

// denseRecipe trains a head on the vectors of a layer and pooling.
func (j *job) denseRecipe(v *vectors, layer, pool int, kind probe.Kind, l2 float64) recipe {
	name := fmt.Sprintf("layer %d, %s", v.layers[layer], v.pools[pool])
	about := "A linear head on the hidden states of the model."
	if kind == probe.Network {
		name, about = name+", network", "A head with one hidden layer on the hidden states of the model."
	}
	return recipe{fmt.Sprintf("%s, L2 %g", name, l2), about, func(rows []int, told func(float64)) (trained, error) {
		m, err := v.matrix(layer, pool)
		if err != nil {
			return nil, err
		}
		o := probe.Options{Task: probe.Task(j.task), Kind: kind, Labels: j.labels, Layer: v.layers[layer], Pool: string(v.pools[pool]),
			Rows: rows, L2: []float64{l2}, Seed: j.o.Seed, Threads: 1}
		t := probe.Targets{Class: j.classes, Sets: j.sets}
		if j.task == tuned.TaskRegression {
			t.Values = make([]float64, len(j.table.Rows))
			for i := range t.Values {
				t.Values[i] = j.table.Rows[i].Value
			}
		}
		h, err := probe.Train(j.ctx, *m, t, o)
		if err != nil {
			return nil, err
		}
		tellLoss(told, h.Trained().Loss)
		return &denseModel{j: j, v: v, m: m, h: h, room: sync.Pool{New: func() any { x := make([]float32, m.Width); return &x }}}, nil
	}}
}

type denseModel struct {
	j    *job
	v    *vectors
	m    *probe.Matrix
	h    *probe.Head
	room sync.Pool
}

func (x *denseModel) logits(row int) ([]float64, float64) {
	room := x.room.Get().(*[]float32)
	defer x.room.Put(room)
	x.m.Row(*room, row)
	return tuned.Logits(x.h, *room), 1
}

func (x *denseModel) finish(c *tuned.Card) (tuned.Weights, error) {
	r := x.h.Config().Reads
	c.Encoder = tuned.EncoderModel
	c.Base = &tuned.Base{Name: x.v.info.Name, Digest: x.v.info.Digest, Layer: r.Layer, Pool: r.Pool, Width: r.Width}
	return tuned.Weights{Dense: x.h}, nil
}

// Strengths of L2 that are tried: the middle one on every layer, the others where
// that was best.
var strengths = []float64{0.01, 0.1, 0.001}

// denseRecipes chooses a layer and a pooling, then how strongly the weights are held
// small and whether a network is better.
func (j *job) chooseDense(v *vectors) (recipes []recipe, best int, all []*held, err error) {
	type place struct{ layer, pool int }
	var places []place
	for l := range v.layers {
		for p := range v.pools {
			recipes = append(recipes, j.denseRecipe(v, l, p, probe.Linear, strengths[0]))
			places = append(places, place{l, p})
		}
	}
	best, all, err = j.choose(recipes)
	if err != nil {
		return nil, 0, nil, err
	}
	at := places[best]
	more := []recipe{recipes[best]}
	for _, s := range strengths[1:] {
		more = append(more, j.denseRecipe(v, at.layer, at.pool, probe.Linear, s))
	}
	const networkDecay = 0.05
	more = append(more, j.denseRecipe(v, at.layer, at.pool, probe.Network, networkDecay))
	next, held, err := j.choose(more)
	if err != nil {
		return nil, 0, nil, err
	}
	recipes, all = append(recipes, more[1:]...), append(all, held[1:]...)
	if next > 0 {
		best = len(places) + next - 1
	}
	return recipes, best, all, nil
}

// refuseShort says which rows the model could not read.
func (j *job) refuseShort(v *vectors) {
	n := 0
	for _, s := range v.short {
		if s {
			n++
		}
	}
	if n > 0 {
		j.limits = append(j.limits, fmt.Sprintf("%d rows are longer than the model reads; nothing was learnt from them.", n))
	}
}
