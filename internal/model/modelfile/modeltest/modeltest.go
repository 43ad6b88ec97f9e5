// Package modeltest makes tiny models for tests: GGUF files of every supported
// architecture with random weights and a small but real vocabulary. The same
// Options give the same bytes.
package modeltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Options says what the model is like. The zero value is a model of the llama
// architecture with two layers, all F32, of about 600 kB.
type Options struct {
	Architecture string // "llama" (or "", also "mistral"), "qwen2", "qwen3"

	Layers      int // 0: 2
	Width       int // 0: 64, or 256 for types with blocks of 256
	Heads       int // 0: 4
	KVHeads     int // 0: 2, or Heads where 2 does not divide them
	HeadSize    int // 0: Width / Heads
	FeedForward int // 0: twice the Width
	// Vocabulary is the rows of the embedding; 0: as many as there are tokens.
	// More are rows without a token.
	Vocabulary int
	Context    int // 0: 512
	// Type is the matrices' number format, one that quant can write; vectors are
	// always F32.
	Type quant.Type
	// Tied leaves the output matrix out: the embedding serves.
	Tied          bool
	SlidingWindow int     // 0: none
	RopeBase      float64 // 0: 10,000
	// RopeFreqs adds the tensor by which GGUF files scale positions as Llama 3.1
	// does: factor 8 over a quarter of the Context.
	RopeFreqs bool
	// Scaling is "", "linear" or "yarn", with factor 4 over a quarter of the
	// Context.
	Scaling string
	// SentencePiece takes the other kind of vocabulary.
	SentencePiece bool
	ChatTemplate  string
	Name          string // "": "tiny"
	Seed          uint64
	// Shards, where more than 1, splits the model into so many files. The path of
	// the first is the model's.
	Shards int
	// Properties replace those of the same key, or are added. A nil value takes
	// the key away.
	Properties []gguf.Property
	// Edit, where not nil, may change the tensors before they are written.
	Edit func([]gguf.Tensor) []gguf.Tensor
}

// TB is what GGUF needs of a testing.TB.
type TB interface {
	Helper()
	TempDir() string
	Fatal(args ...any)
}

// GGUF writes a model to a folder of the test's own and returns its path.
func GGUF(tb TB, o Options) string {
	tb.Helper()
	path, err := Write(tb.TempDir(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// Write writes a model to dir and returns its path, that of the first shard if
// there are several: "tiny.gguf", "tiny-00001-of-00003.gguf".
func Write(dir string, o Options) (string, error) {
	properties, tensors, err := Build(o)
	if err != nil {
		return "", err
	}
	if o.Shards > 1 {
		return writeShards(dir, o.Shards, properties, tensors)
	}
	path := filepath.Join(dir, "tiny.gguf")
	return path, writeFile(path, properties, tensors)
}

// Build returns what Write writes, as one file.
func Build(o Options) ([]gguf.Property, []gguf.Tensor, error) {
	if err := o.complete(); err != nil {
		return nil, nil, err
	}
	tensors, err := o.tensors()
	if err != nil {
		return nil, nil, err
	}
	if o.Edit != nil {
		tensors = o.Edit(tensors)
	}
	return o.properties(), tensors, nil
}

// complete puts defaults where nothing is said.
func (o *Options) complete() error {
	set := func(v *int, otherwise int) {
		if *v == 0 {
			*v = otherwise
		}
	}
	if o.Architecture == "" || o.Architecture == "mistral" {
		o.Architecture = "llama"
	}
	if o.Name == "" {
		o.Name = "tiny"
	}
	if o.RopeBase == 0 {
		o.RopeBase = 10000
	}
	block, _ := o.Type.Block()
	set(&o.Layers, 2)
	set(&o.Width, max(64, block))
	set(&o.Heads, 4)
	if o.KVHeads == 0 && o.Heads%2 == 0 {
		o.KVHeads = 2
	}
	set(&o.KVHeads, o.Heads)
	set(&o.HeadSize, o.Width/o.Heads)
	set(&o.FeedForward, 2*o.Width)
	set(&o.Vocabulary, len(Vocabulary(*o).Tokens))
	set(&o.Context, 512)
	if !o.Type.Writable() {
		return fmt.Errorf("number format %v cannot be written", o.Type)
	}
	for _, columns := range []int{o.Width, o.FeedForward, o.Heads * o.HeadSize} {
		if columns%block != 0 {
			return fmt.Errorf("rows of %d numbers are no whole blocks of %v", columns, o.Type)
		}
	}
	return nil
}

func writeFile(path string, properties []gguf.Property, tensors []gguf.Tensor) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return gguf.Write(f, properties, tensors)
}

// writeShards gives the first file all properties and each file its part of the
// tensors, as llama.cpp's splitter does.
func writeShards(dir string, n int, properties []gguf.Property, tensors []gguf.Tensor) (string, error) {
	for i := range n {
		own := []gguf.Property{
			{Key: "split.no", Value: uint16(i)},
			{Key: "split.count", Value: uint16(n)},
			{Key: "split.tensors.count", Value: int32(len(tensors))},
		}
		if i == 0 {
			own = append(properties[:len(properties):len(properties)], own...)
		}
		part := tensors[i*len(tensors)/n : (i+1)*len(tensors)/n]
		if err := writeFile(shardPath(dir, i, n), own, part); err != nil {
			return "", err
		}
	}
	return shardPath(dir, 0, n), nil
}

func shardPath(dir string, i, n int) string {
	return filepath.Join(dir, fmt.Sprintf("tiny-%05d-of-%05d.gguf", i+1, n))
}

// properties returns the metadata of a model whose Options are complete.
func (o *Options) properties() []gguf.Property {
	a := o.Architecture + "."
	p := []gguf.Property{
		{Key: "general.architecture", Value: o.Architecture},
		{Key: "general.type", Value: "model"},
		{Key: "general.name", Value: o.Name},
		{Key: "general.license", Value: "apache-2.0"},
		{Key: a + "context_length", Value: uint32(o.Context)},
		{Key: a + "embedding_length", Value: uint32(o.Width)},
		{Key: a + "block_count", Value: uint32(o.Layers)},
		{Key: a + "feed_forward_length", Value: uint32(o.FeedForward)},
		{Key: a + "attention.head_count", Value: uint32(o.Heads)},
		{Key: a + "attention.head_count_kv", Value: uint32(o.KVHeads)},
		{Key: a + "attention.key_length", Value: uint32(o.HeadSize)},
		{Key: a + "attention.value_length", Value: uint32(o.HeadSize)},
		{Key: a + "attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
		{Key: a + "rope.dimension_count", Value: uint32(o.HeadSize)},
		{Key: a + "rope.freq_base", Value: float32(o.RopeBase)},
		{Key: a + "vocab_size", Value: uint32(o.Vocabulary)},
	}
	if o.SlidingWindow > 0 {
		p = append(p, gguf.Property{Key: a + "attention.sliding_window", Value: uint32(o.SlidingWindow)})
	}
	if o.Scaling != "" {
		p = append(p, gguf.Property{Key: a + "rope.scaling.type", Value: o.Scaling},
			gguf.Property{Key: a + "rope.scaling.factor", Value: float32(4)},
			gguf.Property{Key: a + "rope.scaling.original_context_length", Value: uint32(o.Context / 4)})
	}
	p = append(p, tokenizerProperties(Vocabulary(*o))...)
	if o.ChatTemplate != "" {
		p = append(p, gguf.Property{Key: "tokenizer.chat_template", Value: o.ChatTemplate})
	}
	return replace(p, o.Properties)
}

// replace puts each of with in the place of the property with its key.
func replace(p, with []gguf.Property) []gguf.Property {
	for _, w := range with {
		at := len(p)
		for i := range p {
			if p[i].Key == w.Key {
				at = i
			}
		}
		switch {
		case w.Value == nil && at < len(p):
			p = append(p[:at], p[at+1:]...)
		case at < len(p):
			p[at] = w
		case w.Value != nil:
			p = append(p, w)
		}
	}
	return p
}

// ChatTemplate is a chat template for the markers of the byte-level vocabulary,
// in the manner of Llama 3.
const ChatTemplate = "{{ bos_token }}{% for message in messages %}" +
	"{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}" +
	"{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
