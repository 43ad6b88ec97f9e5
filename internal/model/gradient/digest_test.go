package gradient_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestDigest holds the bits of losses and gradients against those written down on
// amd64, which every processor and every set of instructions has to meet. A change
// of the arithmetic changes them, and makes a training that was begun end
// elsewhere; that of a single processor is a mistake.
func TestDigest(t *testing.T) {
	for _, c := range []struct {
		name, want string
		model      modeltest.Options
		o          gradient.Options
	}{
		{"full", "c19cdff41b5288a9", small("qwen3"), gradient.Options{Full: true}},
		{"bf16", "0d7024c70d99c177", small("qwen2"), gradient.Options{Full: true, BF16: true}},
		{"lora", "9de9d70b82d20e95", modeltest.Options{Type: quant.Q4_K, Layers: 1}, gradient.Options{LoRA: &gradient.LoRA{Seed: 1, Dropout: 0.1, Targets: everything, Decomposed: true}}},
	} {
		f := open(t, c.model)
		m := load(t, f, c.o)
		disturb(m, 0.05)
		loss := step(t, m, batchOf(f.Config.Vocabulary))
		h := sha256.New()
		number := func(v uint64) { h.Write(binary.LittleEndian.AppendUint64(nil, v)) }
		number(math.Float64bits(loss.Sum))
		for _, p := range m.Parameters() {
			for _, g := range p.Grad {
				number(uint64(math.Float32bits(g)))
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%s: digest %s, want %s", c.name, got, c.want)
		}
	}
}
