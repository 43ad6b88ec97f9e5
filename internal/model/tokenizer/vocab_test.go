package tokenizer_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// reference is the folder of the reference vectors; the test is skipped where
// they are not.
func reference(t testing.TB) string {
	t.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	folder := filepath.Join(shared, "ref", "tokenizer")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no reference vectors")
	}
	return folder
}

var readLlama3 = sync.OnceValues(func() (tokenizer.Spec, error) {
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	return readSpec(filepath.Join(shared, "ref", "tokenizer", "llama3-vocab.gguf.gz"))
})

// llama3Spec is the vocabulary of the reference.
func llama3Spec(t testing.TB) tokenizer.Spec {
	t.Helper()
	reference(t)
	spec, err := readLlama3()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// llama3 is the tokenizer of the reference.
func llama3(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	return build(t, llama3Spec(t))
}

func build(t testing.TB, spec tokenizer.Spec) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// vector is a text and its ids.
type vector struct {
	Text string `json:"text"`
	IDs  []int  `json:"ids"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(reference(t), "llama3-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// readSpec reads the vocabulary of a GGUF file that is known to be sound.
func readSpec(path string) (tokenizer.Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return tokenizer.Spec{}, err
	}
	defer f.Close()
	var in io.Reader = f
	if filepath.Ext(path) == ".gz" {
		if in, err = gzip.NewReader(f); err != nil {
			return tokenizer.Spec{}, err
		}
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return tokenizer.Spec{}, err
	}
	keys, err := readKeys(raw)
	if err != nil {
		return tokenizer.Spec{}, err
	}
	return specOf(keys), nil
}

func specOf(keys map[string]any) tokenizer.Spec {
	id := func(key string) int {
		if v, ok := keys["tokenizer.ggml."+key]; ok {
			return int(v.(float64))
		}
		return tokenizer.None
	}
	texts := func(key string) []string {
		list, _ := keys["tokenizer.ggml."+key].([]any)
		all := make([]string, len(list))
		for i, v := range list {
			all[i] = v.(string)
		}
		return all
	}
	spec := tokenizer.Spec{
		Kind: tokenizer.ByteLevel, Tokens: texts("tokens"), Merges: texts("merges"),
		BOS: id("bos_token_id"), EOS: id("eos_token_id"), EOT: tokenizer.None,
		Unknown: id("unknown_token_id"), Pad: id("padding_token_id"),
	}
	if keys["tokenizer.ggml.model"] == "llama" {
		spec.Kind, spec.AddSpacePrefix = tokenizer.SentencePiece, true
		if v, ok := keys["tokenizer.ggml.add_space_prefix"]; ok {
			spec.AddSpacePrefix = v.(float64) != 0
		}
	} else {
		spec.Pre, _ = keys["tokenizer.ggml.pre"].(string)
		c, _ := tokenizer.Lookup(spec.Pre)
		spec.IgnoreMerges = c.IgnoreMerges
	}
	if list, ok := keys["tokenizer.ggml.token_type"].([]any); ok {
		for _, v := range list {
			spec.Types = append(spec.Types, tokenizer.TokenType(v.(float64)))
		}
	}
	if list, ok := keys["tokenizer.ggml.scores"].([]any); ok {
		for _, v := range list {
			spec.Scores = append(spec.Scores, float32(v.(float64)))
		}
	}
	return spec
}

// ggufReader reads the keys of a GGUF file: numbers as float64.
type ggufReader struct {
	b   *bytes.Reader
	err error
}

func readKeys(raw []byte) (map[string]any, error) {
	r := &ggufReader{b: bytes.NewReader(raw)}
	if magic := r.number(4, 4); magic != 0x46554747 {
		return nil, fmt.Errorf("magic %x", magic)
	}
	r.number(4, 4)
	r.number(10, 8)
	keys := map[string]any{}
	for n := r.number(10, 8); n > 0 && r.err == nil; n-- {
		key, _ := r.value(8).(string)
		keys[key] = r.value(int(r.number(4, 4)))
	}
	return keys, r.err
}

func (r *ggufReader) number(kind, size int) float64 {
	var b [8]byte
	if _, err := io.ReadFull(r.b, b[:size]); err != nil && r.err == nil {
		r.err = err
	}
	bits := binary.LittleEndian.Uint64(b[:])
	switch kind {
	case 5:
		return float64(int32(bits))
	case 6:
		return float64(math.Float32frombits(uint32(bits)))
	case 12:
		return math.Float64frombits(bits)
	}
	return float64(bits)
}

func (r *ggufReader) value(kind int) any {
	switch kind {
	case 8:
		b := make([]byte, int(r.number(10, 8)))
		if _, err := io.ReadFull(r.b, b); err != nil {
			r.err = err
		}
		return string(b)
	case 9:
		of := int(r.number(4, 4))
		list := make([]any, int(r.number(10, 8)))
		for i := range list {
			list[i] = r.value(of)
		}
		return list
	}
	size := map[int]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[kind]
	return r.number(kind, size)
}
