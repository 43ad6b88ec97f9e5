package llama_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// digests are of the bits that TestDigest computes: written down on amd64, to be
// met by every processor and every set of instructions. A change of the
// arithmetic changes them; that of a single one, or of a single processor, is a
// mistake.
var digests = map[string]string{
	"F32":    "47fee899bdbd8753d3bcd386a80b7fdc",
	"F16":    "7fe2c6bc913e19ce0d9bda8b287ad1a0",
	"BF16":   "e26639136dca1d2a20a777e88818e647",
	"Q8_0":   "16be50273643d65d8b61b8571c2844ec",
	"Q4_0":   "026996379444f258b8c6a381902b2c9c",
	"Q5_1":   "e8d7518838558c814f43903b2a88d00c",
	"Q4_K":   "5be701b75a58b634276d58440f278aa9",
	"Q5_K":   "01621b0664626eeece4534932f60f9aa",
	"Q6_K":   "35ff618d8a70e435cdb5e63756f4b5ed",
	"linear": "26e50b46af9019bdaf0800c4828d923c",
	"llama3": "2b330ebdc11be136eafb6379f69f7141",
	"yarn":   "9ef9da42f7d54cd6fabe60e71d9e9fa1",
}

// TestDigest computes a text with a model of each format, made of whole numbers
// and powers of two only so that every processor makes the same, and compares a
// digest of all logits and hidden states with the one written down.
func TestDigest(t *testing.T) {
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q8_0, quant.Q4_0, quant.Q5_1, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
		t.Run(kind.String(), func(t *testing.T) {
			checkDigest(t, kind.String(), plainModel(modelfile.ScalingNone, kind))
		})
	}
	for _, scaling := range []modelfile.Scaling{modelfile.ScalingLinear, modelfile.ScalingLlama3, modelfile.ScalingYaRN} {
		t.Run(string(scaling), func(t *testing.T) {
			checkDigest(t, string(scaling), plainModel(scaling, quant.Q8_0))
		})
	}
}

// checkDigest computes 150 tokens in one pass and 3 one at a time, for each type
// of cache.
func checkDigest(t *testing.T, name string, file *modelfile.Model) {
	t.Helper()
	m := load(t, file, llama.Options{Threads: 1})
	r := rand.New(rand.NewPCG(9, 9))
	ids := make([]int, 153)
	for i := range ids {
		ids[i] = r.IntN(file.Config.Vocabulary)
	}
	h := sha256.New()
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		cache, err := m.NewCache(len(ids), kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, tokens := range [][]int{ids[:150], ids[150:151], ids[151:152], ids[152:]} {
			result, err := m.Forward(context.Background(), []llama.Sequence{everything(cache, tokens, file.Config.Layers)})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range flatten(result[0]) {
				for _, v := range row {
					if v != v {
						t.Fatal("computed a NaN, which may have any bits")
					}
				}
				binary.Write(h, binary.LittleEndian, row)
			}
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)[:16]); got != digests[name] {
		t.Errorf("the digest of %s is %q, want %q", name, got, digests[name])
	}
}

// plainModel makes a model of a shape that fills no vector and no block of
// positions, with matrices of a format.
func plainModel(scaling modelfile.Scaling, kind quant.Type) *modelfile.Model {
	c := modelfile.Config{
		Architecture: "qwen3", Layers: 2, Width: 256, Heads: 4, KVHeads: 2, HeadSize: 64,
		FeedForward: 512, Vocabulary: 75, Context: 512, NormEpsilon: 1e-5,
	}
	c.RoPE = modelfile.RoPE{Base: 10000, Scaling: scaling}
	if scaling != modelfile.ScalingNone {
		c.RoPE.Factor, c.RoPE.OriginalContext = 4, 128
		c.RoPE.LowFreq, c.RoPE.HighFreq = 1, 4
	}
	m := &modelfile.Model{Path: "plain", Config: c}
	r := rand.New(rand.NewPCG(4, 2))
	add := func(name string, kind quant.Type, shape ...int) {
		n := shape[0]
		if len(shape) > 1 {
			n *= shape[1]
		}
		m.Tensors = append(m.Tensors, &modelfile.Tensor{Name: name, Type: kind, Shape: shape, Data: plainBlocks(r, kind, n)})
	}
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	add("token_embd.weight", kind, c.Vocabulary, c.Width)
	add("output.weight", kind, c.Vocabulary, c.Width)
	add("output_norm.weight", quant.F32, c.Width)
	for l := range c.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", l, s) }
		add(name("attn_norm"), quant.F32, c.Width)
		add(name("ffn_norm"), quant.F32, c.Width)
		add(name("attn_q_norm"), quant.F32, c.HeadSize)
		add(name("attn_k_norm"), quant.F32, c.HeadSize)
		add(name("attn_q"), kind, q, c.Width)
		add(name("attn_k"), kind, kv, c.Width)
		add(name("attn_v"), kind, kv, c.Width)
		add(name("attn_output"), kind, c.Width, q)
		add(name("ffn_gate"), kind, c.FeedForward, c.Width)
		add(name("ffn_up"), kind, c.FeedForward, c.Width)
		add(name("ffn_down"), kind, c.Width, c.FeedForward)
	}
	return m
}

// plainBlocks returns n numbers of a format, of a magnitude of about 1/8: bytes
// drawn at random, and in block formats scales that keep the numbers so.
func plainBlocks(r *rand.Rand, kind quant.Type, n int) []byte {
	data := make([]byte, kind.Size(n))
	fill := func() float32 { return float32(int32(r.Uint32())>>8) * 0x1p-25 }
	elements, size := kind.Block()
	for at := 0; at < len(data); at += size {
		b := data[at : at+size]
		if elements > 1 {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			setScales(b, kind, 1+r.Float32()/2)
			continue
		}
		switch v := fill(); kind {
		case quant.F32:
			binary.LittleEndian.PutUint32(b, math.Float32bits(v))
		case quant.F16:
			binary.LittleEndian.PutUint16(b, quant.ToF16(v))
		case quant.BF16:
			binary.LittleEndian.PutUint16(b, quant.ToBF16(v))
		}
	}
	return data
}

// setScales writes the binary16 scales of a block, about 1/4 over the largest
// number that its integers make.
func setScales(b []byte, kind quant.Type, scale float32) {
	put := func(at int, v float32) { binary.LittleEndian.PutUint16(b[at:], quant.ToF16(v)) }
	switch kind {
	case quant.Q8_0:
		put(0, scale*0x1p-10)
	case quant.Q4_0:
		put(0, scale*0x1p-6)
	case quant.Q5_1:
		put(0, scale*0x1p-7)
		put(2, scale*-0x1p-3)
	case quant.Q4_K:
		put(0, scale*0x1p-11)
		put(2, scale*0x1p-9)
	case quant.Q5_K:
		put(0, scale*0x1p-12)
		put(2, scale*0x1p-9)
	case quant.Q6_K:
		put(208, scale*0x1p-13)
	}
}
