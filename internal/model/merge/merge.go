// Package merge makes one model of a base and a low-rank adapter, and measures
// how far what it wrote is from the two used together.
package merge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

// Keys of the metadata by which a merged file says what it was made of.
const (
	BaseKey    = "casemate.merge.base_digest"
	AdapterKey = "casemate.merge.adapter_digest"
)

// Options say how to merge.
type Options struct {
	Mixture quantize.Mixture // number formats of the file
	Threads int              // 0 means one for each processor; they do not change the result
	// Progress, unless nil, is told how many of all numbers are done. It is called
	// by one thread at a time.
	Progress func(done, all int64)
}

// Write writes m with the adapter's changes to a GGUF file at path, as
// quantize.Quantize does: tensor by tensor, in little memory, refused before it
// begins where the disk has no room. Tensors that the adapter does not change and
// whose format stays are copied byte for byte; a base that is quantised already is
// taken as what it says.
//
// Each changed number is W + scale·B·A summed in float32, its row then stretched
// if the adapter is decomposed (DoRA). The same model and adapter give the same
// bytes.
func Write(ctx context.Context, m *modelfile.Model, a *adapter.Adapter, path string, o Options) (*quantize.Report, error) {
	deltas, err := a.For(m)
	if err != nil {
		return nil, fmt.Errorf("use adapter %q: %w", a.Path, err)
	}
	changes := map[string]quantize.Rows{}
	for _, d := range deltas {
		stretch, err := stretches(ctx, m, d, o.Threads)
		if err != nil {
			return nil, fmt.Errorf("change tensor %q: %w", d.Name, err)
		}
		changes[d.Name] = func(w []float32, row, column int) {
			d.Add(w, row, column)
			if stretch == nil {
				return
			}
			for i := range w {
				w[i] *= stretch[row]
			}
		}
	}
	return quantize.Quantize(ctx, m, path, quantize.Options{Mixture: o.Mixture, Threads: o.Threads, AllowRequantize: true,
		Change: changes, Properties: provenance(m, a), Progress: o.Progress})
}

// provenance says what the file was made of, as far as that is known.
func provenance(m *modelfile.Model, a *adapter.Adapter) []modelfile.Property {
	var p []modelfile.Property
	if m.Digest != "" {
		p = append(p, modelfile.Property{Key: BaseKey, Value: m.Digest})
	}
	if a.Digest != "" {
		p = append(p, modelfile.Property{Key: AdapterKey, Value: a.Digest})
	}
	return p
}

// errShape is the error of a tensor that is no matrix: Fits has seen to it.
var errShape = errors.New("its shape is not the change's")

// stretches returns what the rows of a decomposed change are multiplied by, or
// nil for another change. It reads the tensor once, some rows on each thread.
func stretches(ctx context.Context, m *modelfile.Model, d *adapter.Delta, threads int) ([]float32, error) {
	if d.Magnitude == nil {
		return nil, nil
	}
	t := m.Tensor(d.Name)
	if t == nil || len(t.Data) != t.Type.Size(d.In)*d.Out {
		return nil, errShape
	}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	out := make([]float32, d.Out)
	var next atomic.Int64
	var wait sync.WaitGroup
	faults := make([]error, min(threads, d.Out))
	for worker := range faults {
		wait.Go(func() {
			row := make([]float32, d.In)
			faults[worker] = m.Guard(func() error {
				for i := int(next.Add(1)) - 1; i < d.Out && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
					out[i] = stretchOf(t, d, row, i)
				}
				return ctx.Err()
			})
		})
	}
	wait.Wait()
	m.Release(t.Data)
	return out, errors.Join(faults...)
}

// stretchOf is one row's; row is scratch memory, [In].
func stretchOf(t *modelfile.Tensor, d *adapter.Delta, row []float32, i int) float32 {
	size := t.Type.Size(d.In)
	quant.Dequantize(row, t.Type, t.Data[i*size:(i+1)*size])
	d.Add(row, i, 0)
	return d.Stretch(row, i)
}
