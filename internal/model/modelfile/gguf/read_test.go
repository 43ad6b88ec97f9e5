package gguf_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// raw builds files by hand, good or bad.
type raw struct{ b []byte }

func start(version uint32, tensors, keys uint64) *raw {
	r := &raw{b: []byte("GGUF")}
	return r.u32(version).u64(tensors).u64(keys)
}

func (r *raw) u8(v ...uint8) *raw { r.b = append(r.b, v...); return r }

func (r *raw) u32(v ...uint32) *raw {
	for _, v := range v {
		r.b = binary.LittleEndian.AppendUint32(r.b, v)
	}
	return r
}

func (r *raw) u64(v ...uint64) *raw {
	for _, v := range v {
		r.b = binary.LittleEndian.AppendUint64(r.b, v)
	}
	return r
}

func (r *raw) text(s string) *raw {
	r.u64(uint64(len(s)))
	r.b = append(r.b, s...)
	return r
}

// tensor appends a description; dims have the fastest first, as files do.
func (r *raw) tensor(name string, kind uint32, offset uint64, dims ...uint64) *raw {
	return r.text(name).u32(uint32(len(dims))).u64(dims...).u32(kind).u64(offset)
}

// data pads to the alignment and appends n bytes.
func (r *raw) data(alignment, n int) *raw {
	for len(r.b)%alignment != 0 {
		r.b = append(r.b, 0)
	}
	r.b = append(r.b, make([]byte, n)...)
	return r
}

func sample(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, properties(), tensors()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func properties() []gguf.Property {
	return []gguf.Property{
		{Key: "a.uint8", Value: uint8(200)}, {Key: "a.int8", Value: int8(-100)},
		{Key: "a.uint16", Value: uint16(60000)}, {Key: "a.int16", Value: int16(-30000)},
		{Key: "a.uint32", Value: uint32(4e9)}, {Key: "a.int32", Value: int32(-2e9)},
		{Key: "a.uint64", Value: uint64(1 << 63)}, {Key: "a.int64", Value: int64(-1 << 62)},
		{Key: "a.float32", Value: float32(1.5)}, {Key: "a.float64", Value: -math.Pi},
		{Key: "a.bool", Value: true}, {Key: "a.string", Value: "grüß\x00 dich"},
		{Key: "l.uint8", Value: []uint8{1, 2, 255}}, {Key: "l.int8", Value: []int8{-1, 2}},
		{Key: "l.uint16", Value: []uint16{1, 65535}}, {Key: "l.int16", Value: []int16{-1}},
		{Key: "l.uint32", Value: []uint32{1, 1 << 31}}, {Key: "l.int32", Value: []int32{-5, 5}},
		{Key: "l.uint64", Value: []uint64{1 << 63}}, {Key: "l.int64", Value: []int64{math.MinInt64}},
		{Key: "l.float32", Value: []float32{0.25, -1}}, {Key: "l.float64", Value: []float64{1e300}},
		{Key: "l.bool", Value: []bool{true, false, true}},
		{Key: "l.string", Value: []string{"", "a", "Ġthe", strings.Repeat("x", 300)}},
		{Key: "l.empty", Value: []string{}}, {Key: "general.alignment", Value: uint32(64)},
	}
}

func tensors() []gguf.Tensor {
	return []gguf.Tensor{
		{Name: "one", Type: quant.F32, Shape: []int{3}, Data: []byte("abcdefghijkl")},
		{Name: "two", Type: quant.Q8_0, Shape: []int{2, 32}, Data: bytes.Repeat([]byte{7}, 68)},
		{Name: "four", Type: quant.F16, Shape: []int{1, 2, 3, 4}, Data: bytes.Repeat([]byte{9}, 48)},
	}
}

func TestRoundTrip(t *testing.T) {
	f, err := gguf.Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if f.Version != 3 || f.Alignment != 64 {
		t.Errorf("version %d, alignment %d; want 3, 64", f.Version, f.Alignment)
	}
	if d := cmp.Diff(properties(), f.Properties); d != "" {
		t.Errorf("properties (-want +got):\n%s", d)
	}
	if d := cmp.Diff(tensors(), f.Tensors); d != "" {
		t.Errorf("tensors (-want +got):\n%s", d)
	}
	if v, ok := f.Value("a.bool"); v != true || !ok {
		t.Errorf("Value(a.bool) = %v, %v", v, ok)
	}
	if v, ok := f.Value("a.none"); v != nil || ok {
		t.Errorf("Value(a.none) = %v, %v", v, ok)
	}
}

// TestVersion2 reads the version before, which differs in nothing else.
func TestVersion2(t *testing.T) {
	b := sample(t)
	b[4] = 2
	f, err := gguf.Parse(b)
	if err != nil || f.Version != 2 || len(f.Tensors) != 3 {
		t.Errorf("version %v, error %v", f, err)
	}
}

// TestHandMade reads a file whose every byte is written out here.
func TestHandMade(t *testing.T) {
	b := []byte("GGUF\x03\x00\x00\x00" +
		"\x01\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00" +
		"\x03\x00\x00\x00\x00\x00\x00\x00key" + "\x05\x00\x00\x00" + "\xff\xff\xff\xff" +
		"\x01\x00\x00\x00\x00\x00\x00\x00w" + "\x02\x00\x00\x00" +
		"\x02\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00" + // 1 row of 2
		"\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00")
	b = append(b, make([]byte, 96-len(b))...)
	b = append(b, "\x00\x00\x80\x3f\x00\x00\x00\x40"...)
	f, err := gguf.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []gguf.Tensor{{Name: "w", Shape: []int{1, 2}, Data: b[96:104]}}
	if d := cmp.Diff(want, f.Tensors); d != "" {
		t.Error(d)
	}
	if v, _ := f.Value("key"); v != int32(-1) {
		t.Errorf("key is %v", v)
	}
}

// TestReference reads the files that another program wrote, and writes one
// anew: its bytes are the same.
func TestReference(t *testing.T) {
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	paths, err := filepath.Glob(filepath.Join(shared, "ref", "model", "*.gguf"))
	if err != nil || len(paths) == 0 {
		t.Skip("the reference models are not there; set CASEMATE_SHARED")
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Parse(b)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var again bytes.Buffer
		if err := gguf.Write(&again, f.Properties, f.Tensors); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if got := again.Bytes(); !bytes.Equal(b, got) {
			t.Errorf("%s: written again it has %d bytes that differ from the %d read", path, len(got), len(b))
		}
	}
	vocabulary(t, filepath.Join(shared, "ref", "tokenizer", "llama3-vocab.gguf.gz"))
}

func vocabulary(t *testing.T, path string) {
	t.Helper()
	b := gunzip(t, path)
	f, err := gguf.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	tokens, _ := f.Value("tokenizer.ggml.tokens")
	merges, _ := f.Value("tokenizer.ggml.merges")
	if len(tokens.([]string)) != 128256 || len(merges.([]string)) != 280147 || len(f.Tensors) != 0 {
		t.Errorf("%d tokens, %d merges, %d tensors", len(tokens.([]string)), len(merges.([]string)), len(f.Tensors))
	}
}

func gunzip(t testing.TB, path string) []byte {
	t.Helper()
	z, err := os.Open(path)
	if err != nil {
		t.Skip(err)
	}
	defer z.Close()
	r, err := gzip.NewReader(z)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHostile(t *testing.T) {
	const wrap = 1<<64 - 1
	key := func() *raw { return start(3, 0, 1).text("k") }
	tests := []struct {
		name string
		file *raw
		want string // in the error
		is   error
	}{
		{"empty", &raw{}, "begins with", gguf.ErrMagic},
		{"ELF", (&raw{}).u8([]byte("\x7fELF\x02\x01\x01\x00")...), `"\x7fELF"`, gguf.ErrMagic},
		{"magic's end", (&raw{}).u8([]byte("GGUf\x03\x00\x00\x00")...), `"GGUf"`, gguf.ErrMagic},
		{"magic alone", (&raw{}).u8([]byte("GGUF")...), "read version", gguf.ErrFormat},
		{"version 0", start(0, 0, 0), "version 0", gguf.ErrVersion},
		{"version 1", start(1, 0, 0), "version 1, of 2023", gguf.ErrVersion},
		{"version 4", start(4, 0, 0), "version 4", gguf.ErrVersion},
		{"big-endian", start(3<<24, 0, 0), "big-endian", gguf.ErrVersion},
		{"no counts", &raw{b: start(3, 0, 0).b[:20]}, "key count", gguf.ErrFormat},
		{"1e9 keys in 24 bytes", start(3, 0, 1e9), "claims 1000000000 keys", gguf.ErrFormat},
		{"1e9 tensors in 24 bytes", start(3, 1e9, 0), "1000000000 tensors", gguf.ErrFormat},
		{"2^32 tensors", start(3, 1<<32, 0), "4294967296 tensors", gguf.ErrFormat},
		{"one tensor too many", start(3, 1<<16+1, 0).data(1, 34<<16), "at most 65536 and 65536", gguf.ErrFormat},
		{"one key too many", start(3, 0, 1<<16+1).data(1, 34<<16), "at most 65536 and 65536", gguf.ErrFormat},
		{"counts wrap", start(3, wrap, wrap), "claims", gguf.ErrFormat},
		{"more keys than bytes", start(3, 0, 2).data(1, 2*14-1), "claims 2 keys", gguf.ErrFormat},
		{"more tensors than bytes", start(3, 2, 0).data(1, 2*33-1), "2 tensors", gguf.ErrFormat},

		{"key of 0 bytes", start(3, 0, 1).u64(0).data(1, 16), "empty name", gguf.ErrFormat},
		{"key of 2^31 bytes", start(3, 0, 1).u64(1<<31).data(1, 16), "2147483648 bytes", gguf.ErrFormat},
		{"key of 2^63 bytes", start(3, 0, 1).u64(1<<63).data(1, 16), "bytes", gguf.ErrFormat},
		{"key of 2^64-1 bytes", start(3, 0, 1).u64(wrap).data(1, 16), "18446744073709551615 bytes", gguf.ErrFormat},
		{"key beyond the end", start(3, 0, 1).u64(100).data(1, 16), "short", gguf.ErrFormat},
		{"string of 2^64-1 bytes", key().u32(8).u64(wrap).data(1, 8), `key "k"`, gguf.ErrFormat},
		{"string one byte short", key().u32(8).u64(9).data(1, 8), "1 bytes short", gguf.ErrFormat},
		{"unknown value type", key().u32(13).u64(1), "value type 13", gguf.ErrFormat},
		{"value type -1", key().u32(math.MaxUint32).u64(1), "value type", gguf.ErrFormat},
		{"truth of 2", key().u32(7).u8(2), "truth value of 2", gguf.ErrFormat},
		{"list with a truth of 2", key().u32(9, 7).u64(2).u8(1, 2), "truth value of 2", gguf.ErrFormat},
		{"value cut", key().u32(10).u32(1), "short", gguf.ErrFormat},

		{"arrays of arrays", nested(100_000), "array of arrays", gguf.ErrFormat},
		{"array of unknown type", key().u32(9, 13).u64(0), "unknown value type 13", gguf.ErrFormat},
		{"2^40 strings", key().u32(9, 8).u64(1 << 40), "1099511627776 strings", gguf.ErrFormat},
		{"2^64-1 numbers", key().u32(9, 4).u64(wrap), "18446744073709551615 values", gguf.ErrFormat},
		{"2^62 numbers", key().u32(9, 4).u64(1 << 62).u64(1), "values in 8 bytes", gguf.ErrFormat},
		{"one number too many", key().u32(9, 4).u64(3).u64(1), "3 values in 8 bytes", gguf.ErrFormat},
		{"string in array too long", key().u32(9, 8).u64(1).u64(wrap), "bytes", gguf.ErrFormat},
		{"token of 2 GiB", key().u32(9, 8).u64(1).u64(2 << 30), "2147483648 bytes", gguf.ErrFormat},
		{"array one string short", key().u32(9, 8).u64(2).text("12345678"), "short", gguf.ErrFormat},
		{"same key twice", start(3, 0, 2).text("k").u32(0).u8(1).text("k").u32(0).u8(1), `key "k" stands twice`, gguf.ErrFormat},

		{"alignment 0", aligned(0), "general.alignment is 0", gguf.ErrFormat},
		{"alignment 3", aligned(3), "general.alignment is 3", gguf.ErrFormat},
		{"alignment 2^31", aligned(1 << 31), "general.alignment is 2147483648", gguf.ErrFormat},
		{"alignment as text", start(3, 0, 1).text("general.alignment").u32(8).text("32"), "not a uint32", gguf.ErrFormat},

		{"0 dimensions", start(3, 1, 0).tensor("w", 0, 0).data(32, 64), "0 dimensions", gguf.ErrFormat},
		{"5 dimensions", start(3, 1, 0).tensor("w", 0, 0, 1, 1, 1, 1, 1).data(32, 64), "5 dimensions", gguf.ErrFormat},
		{"2^32-1 dimensions", start(3, 1, 0).text("w").u32(math.MaxUint32).data(32, 64), "4294967295 dimensions", gguf.ErrFormat},
		{"a dimension of 0", start(3, 1, 0).tensor("w", 0, 0, 4, 0).data(32, 64), "dimension of 0", gguf.ErrFormat},
		{"a negative dimension", start(3, 1, 0).tensor("w", 0, 0, 4, 1<<63).data(32, 64), "dimension of 9223372036854775808", gguf.ErrFormat},
		{"product wraps", start(3, 1, 0).tensor("w", 0, 0, 1<<32, 1<<32).data(32, 64), "wraps", gguf.ErrFormat},
		{"product wraps to 0", start(3, 1, 0).tensor("w", 0, 0, 1<<62, 4).data(32, 64), "wraps", gguf.ErrFormat},
		{"size in bytes wraps", start(3, 1, 0).tensor("w", 0, 0, 1<<62).data(32, 64), "wraps", gguf.ErrFormat},
		{"type -1", start(3, 1, 0).tensor("w", math.MaxUint32, 0, 4).data(32, 64), "4294967295, which is not known", gguf.ErrFormat},
		{"type 255", start(3, 1, 0).tensor("w", 255, 0, 4).data(32, 64), "255, which is not known", gguf.ErrFormat},
		{"removed type", start(3, 1, 0).tensor("w", 4, 0, 32).data(32, 64), "Q4_2 (removed)", gguf.ErrFormat},
		{"type without reader", start(3, 1, 0).tensor("w", 16, 0, 256).data(32, 64), "IQ2_XXS", gguf.ErrFormat},
		{"half a block", start(3, 1, 0).tensor("w", 8, 0, 48, 2).data(32, 102), "whole blocks", gguf.ErrFormat},
		{"tensor twice", start(3, 2, 0).tensor("w", 0, 0, 4).tensor("w", 0, 32, 4).data(32, 64), "stands twice", gguf.ErrFormat},
		{"tensor without name", start(3, 1, 0).tensor("", 0, 0, 4).data(32, 64), "empty name", gguf.ErrFormat},
		{"two on one region", start(3, 2, 0).tensor("v", 0, 0, 4).tensor("w", 0, 0, 4).data(32, 64), `"v" and "w" overlap`, gguf.ErrFormat},
		{"two that overlap by 4 bytes", start(3, 2, 0).tensor("v", 0, 32, 4).tensor("w", 0, 0, 9).data(32, 64), `"w" and "v" overlap`, gguf.ErrFormat},
		{"offset off the alignment", start(3, 1, 0).tensor("w", 0, 4, 4).data(32, 64), "no multiple of 32", gguf.ErrFormat},
		{"offset wraps", start(3, 1, 0).tensor("w", 0, 1<<64-32, 8).data(32, 64), "bytes at", gguf.ErrFormat},
		{"sum of sizes wraps", start(3, 2, 0).tensor("v", 0, 0, 1<<60).tensor("w", 0, 1<<62, 1<<60).data(32, 64), "bytes at", gguf.ErrFormat},
		{"one byte beyond the end", start(3, 1, 0).tensor("w", 0, 0, 4).data(32, 15), "16 bytes at 0, but the file has 15", gguf.ErrFormat},
		{"no data at all", start(3, 1, 0).tensor("w", 0, 0, 4), "ends before", gguf.ErrFormat},
		{"offset at the end", start(3, 1, 0).tensor("w", 0, 32, 4).data(32, 32), "16 bytes at 32", gguf.ErrFormat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := gguf.Parse(test.file.b)
			if err == nil {
				t.Fatalf("no error, but %v", f)
			}
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q and %q in it", err, test.is, test.want)
			}
		})
	}
}

// nested claims arrays within arrays, depth deep.
func nested(depth int) *raw {
	r := start(3, 0, 1).text("k")
	for range depth {
		r.u32(9)
		r.u32(9).u64(1)
	}
	return r.u32(0).u64(0)
}

func aligned(v uint32) *raw { return start(3, 0, 1).text("general.alignment").u32(4).u32(v) }

// TestNeighbours: what is just right is read.
func TestNeighbours(t *testing.T) {
	for name, r := range map[string]*raw{
		"last byte":         start(3, 1, 0).tensor("w", 0, 0, 4).data(32, 16),
		"tensors in a swap": start(3, 2, 0).tensor("v", 0, 32, 4).tensor("w", 0, 0, 8).data(32, 64),
		"string to the end": start(3, 0, 1).text("k").u32(8).text("12345678"),
		"alignment 8":       aligned(8),
		"nothing":           start(3, 0, 0),
	} {
		if _, err := gguf.Parse(r.b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTruncated: no beginning of a good file is one.
func TestTruncated(t *testing.T) {
	b := sample(t)
	f, err := gguf.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	last := f.Tensors[len(f.Tensors)-1]
	end := len(b) - 64 + len(last.Data)%64 // the last tensor's padding is not needed
	if len(last.Data) != 48 {
		t.Fatalf("the last tensor has %d bytes", len(last.Data))
	}
	for n := range end {
		if _, err := gguf.Parse(b[:n:n]); err == nil {
			t.Fatalf("%d of %d bytes are read without an error", n, len(b))
		}
	}
	if _, err := gguf.Parse(b[:end:end]); err != nil {
		t.Errorf("without the last padding: %v", err)
	}
}

// TestClaimsCostNothing: a file that claims much has little allocated for it.
func TestClaimsCostNothing(t *testing.T) {
	files := [][]byte{start(3, 0, 1e9).b, start(3, 1e9, 0).b, start(3, 60000, 60000).b,
		start(3, 0, 1).text("k").u32(9, 8).u64(1 << 24).b}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, b := range files {
		if _, err := gguf.Parse(b); err == nil {
			t.Errorf("no error of a file of %d bytes", len(b))
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

func BenchmarkParseVocabulary(b *testing.B) {
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	data := gunzip(b, filepath.Join(shared, "ref", "tokenizer", "llama3-vocab.gguf.gz"))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := gguf.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
