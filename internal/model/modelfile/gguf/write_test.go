package gguf_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestLayout: whoever follows a layout writes what Write writes.
func TestLayout(t *testing.T) {
	l, err := gguf.NewLayout(properties(), tensors())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, l.Size)
	copy(b, l.Header)
	for i, tensor := range tensors() {
		if int64(len(tensor.Data)) != l.Sizes[i] {
			t.Errorf("tensor %d has %d bytes, planned %d", i, len(tensor.Data), l.Sizes[i])
		}
		copy(b[l.Offsets[i]:], tensor.Data)
	}
	if !bytes.Equal(b, sample(t)) {
		t.Error("a file by layout differs from a file by Write")
	}
}

func TestWriteRefuses(t *testing.T) {
	w := func(shape ...int) []gguf.Tensor { return []gguf.Tensor{{Name: "w", Shape: shape}} }
	tests := []struct {
		name       string
		properties []gguf.Property
		tensors    []gguf.Tensor
		want       string
	}{
		{"a value of type int", []gguf.Property{{Key: "k", Value: 1}}, nil, "type int"},
		{"no value", []gguf.Property{{Key: "k"}}, nil, "type <nil>"},
		{"a key twice", []gguf.Property{{Key: "k", Value: true}, {Key: "k", Value: true}}, nil, "twice"},
		{"an empty key", []gguf.Property{{Value: true}}, nil, "empty"},
		{"alignment 3", []gguf.Property{{Key: gguf.AlignmentKey, Value: uint32(3)}}, nil, "is 3"},
		{"alignment of another type", []gguf.Property{{Key: gguf.AlignmentKey, Value: int32(32)}}, nil, "int32"},
		{"no dimension", nil, w(), "0 dimensions"},
		{"5 dimensions", nil, w(1, 1, 1, 1, 1), "5 dimensions"},
		{"a negative dimension", nil, w(-1), "dimension of"},
		{"a wrapping shape", nil, w(math.MaxInt/2, 3), "wraps"},
		{"sizes whose sum wraps", nil, []gguf.Tensor{{Name: "v", Shape: []int{math.MaxInt / 8}}, {Name: "w", Shape: []int{math.MaxInt / 8}}}, "sum wraps"},
		{"a tensor twice", nil, append(w(1), w(1)...), "twice"},
		{"an unknown type", nil, []gguf.Tensor{{Name: "w", Type: 9, Shape: []int{32}}}, "Q8_1"},
		{"half a block", nil, []gguf.Tensor{{Name: "w", Type: quant.Q4_0, Shape: []int{33}}}, "whole blocks"},
		{"data of another size", nil, w(2), "0 bytes of data"},
	}
	for _, test := range tests {
		err := gguf.Write(io.Discard, test.properties, test.tensors)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q in it", test.name, err, test.want)
		}
	}
}

// full is a disk that has room for n bytes.
type full struct{ n int }

var errFull = errors.New("disk full")

func (f *full) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteError(t *testing.T) {
	for n := range len(sample(t)) {
		if err := gguf.Write(&full{n}, properties(), tensors()); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes: %v", n, err)
		}
	}
}

// TestAnyRoundTrip: what is written is read, whatever it is.
func TestAnyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p []gguf.Property
		for _, key := range rapid.SliceOfNDistinct(rapid.StringN(1, 20, 60), 0, 6, rapid.ID).Draw(t, "keys") {
			if key != gguf.AlignmentKey {
				p = append(p, gguf.Property{Key: key, Value: anyValue().Draw(t, "value")})
			}
		}
		var ts []gguf.Tensor
		for _, name := range rapid.SliceOfNDistinct(rapid.StringN(1, 20, 60), 0, 5, rapid.ID).Draw(t, "names") {
			ts = append(ts, anyTensor(t, name))
		}
		var b bytes.Buffer
		if err := gguf.Write(&b, p, ts); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Properties) != len(p) || len(p) > 0 && !cmp.Equal(p, f.Properties) {
			t.Errorf("properties %v, want %v", f.Properties, p)
		}
		if len(f.Tensors) != len(ts) || len(ts) > 0 && !cmp.Equal(ts, f.Tensors) {
			t.Errorf("tensors %v, want %v", f.Tensors, ts)
		}
	})
}

func anyValue() *rapid.Generator[any] {
	return rapid.OneOf(rapid.Uint8().AsAny(), rapid.Int64().AsAny(), rapid.String().AsAny(),
		rapid.Bool().AsAny(), rapid.SliceOfN(rapid.String(), 1, 9).AsAny(),
		rapid.SliceOfN(rapid.Int32(), 1, 9).AsAny(), rapid.SliceOfN(rapid.Float64Range(-1, 1), 1, 9).AsAny())
}

func anyTensor(t *rapid.T, name string) gguf.Tensor {
	kind := rapid.SampledFrom(quant.Types()).Draw(t, "type")
	block, _ := kind.Block()
	shape := []int{block * rapid.IntRange(1, 3).Draw(t, "blocks")}
	for range rapid.IntRange(0, 3).Draw(t, "dimensions") {
		shape = append([]int{rapid.IntRange(1, 3).Draw(t, "size")}, shape...)
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]byte, kind.Size(n))
	for i := range data {
		data[i] = byte(i)
	}
	return gguf.Tensor{Name: name, Type: kind, Shape: shape, Data: data}
}

// FuzzParse: no bytes make Parse fail in another way than with an error, and
// what it reads can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add(sample(f))
	f.Add(start(3, 0, 1e9).b)
	f.Add(start(2, 2, 0).tensor("v", 0, 32, 4).tensor("w", 0, 0, 9).data(32, 64).b)
	f.Add(start(3, 0, 1).text("k").u32(9, 8).u64(2).text("a").text("b").b)
	f.Add(nested(10).b)
	f.Add(aligned(64).b)
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := gguf.Parse(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := gguf.Write(&again, file.Properties, file.Tensors); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		second, err := gguf.Parse(again.Bytes())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if len(second.Properties) != len(file.Properties) || len(second.Tensors) != len(file.Tensors) {
			t.Fatalf("%d properties and %d tensors became %d and %d", len(file.Properties), len(file.Tensors), len(second.Properties), len(second.Tensors))
		}
		for i, a := range file.Tensors {
			if b := second.Tensors[i]; a.Name != b.Name || !bytes.Equal(a.Data, b.Data) {
				t.Fatalf("tensor %q became %q", a.Name, b.Name)
			}
		}
	})
}
