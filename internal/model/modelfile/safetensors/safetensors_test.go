package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// file returns a file with a header as it is given, and n bytes after it.
func file(header string, n int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, n)...)
}

const two = `{"b":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[3],"data_offsets":[8,20]}}`

func TestParseReadsTensorsInTheOrderOfTheirBytes(t *testing.T) {
	header := `{"a":{"data_offsets":[8,20],"shape":[3],"dtype":"F32"},"__metadata__":{"format":"pt","x":""},` +
		`"b":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"c":{"dtype":"BF16","shape":[],"data_offsets":[20,22]},` +
		`"none":{"dtype":"F32","shape":[4,0],"data_offsets":[8,8]}}   `
	data := file(header, 22)
	for i := range 22 {
		data[len(data)-22+i] = byte(i)
	}
	got, err := safetensors.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	body := data[len(data)-22:]
	want := &safetensors.File{
		Tensors: []safetensors.Tensor{
			{Name: "b", Type: quant.F16, Shape: []int{2, 2}, Data: body[:8]},
			{Name: "none", Type: quant.F32, Shape: []int{4, 0}, Data: []byte{}},
			{Name: "a", Type: quant.F32, Shape: []int{3}, Data: body[8:20]},
			{Name: "c", Type: quant.BF16, Data: body[20:]},
		},
		Metadata: map[string]string{"format": "pt", "x": ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

// hostile are files that Parse refuses, and a part of what it says of each.
func hostile() map[string]struct {
	data []byte
	want string
} {
	type bad = struct {
		data []byte
		want string
	}
	entry := func(members string, n int) []byte { return file(`{"t":{`+members+`}}`, n) }
	huge := binary.LittleEndian.AppendUint64(nil, 1<<63)
	long := binary.LittleEndian.AppendUint64(nil, safetensors.MaxHeader+1)
	return map[string]bad{
		"empty":                    {nil, "0 bytes"},
		"seven bytes":              {make([]byte, 7), "7 bytes"},
		"header of no bytes":       {file("", 0), "too few"},
		"header beyond the file":   {file(two, 20)[:40], "has 32 left"},
		"header off by one":        {append(binary.LittleEndian.AppendUint64(nil, 3), "{}"...), "has 2 left"},
		"header of 2^63":           {append(huge, "{}"...), "limit"},
		"header of all ones":       {append(bytes.Repeat([]byte{0xff}, 8), "{}"...), "limit"},
		"header over 100 MB":       {append(long, make([]byte, 100)...), "limit 100000000"},
		"header begins with space": {file(" {}", 0), "brace"},
		"header is a list":         {file("[]", 0), "brace"},
		"header ends early":        {file(two[:len(two)-1], 20), "ends within"},
		"two objects":              {file("{}{}", 0), "follows"},
		"no UTF-8":                 {file("{\"\xff\":{}}", 0), "UTF-8"},
		"half a surrogate":         {file(`{"\ud800":{}}`, 0), "UTF-8"},
		"trailing bytes":           {file(two, 21), "1 bytes after"},
		"trailing bytes alone":     {file("{}", 1), "1 bytes after"},
		"one byte short":           {file(two, 19), "has 19 after"},
		"same tensor twice":        {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "one name"},
		"same tensor escaped":      {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "one name"},
		"same key twice":           {entry(`"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]`, 4), "one name"},
		"same metadata twice":      {file(`{"__metadata__":{"a":"1","a":"2"}}`, 0), "one name"},
		"metadata is a number":     {file(`{"__metadata__":{"a":1}}`, 0), "string was expected"},
		"metadata is a list":       {file(`{"__metadata__":[]}`, 0), "was expected"},
		"metadata nested":          {file(`{"__metadata__":{"a":{"b":"c"}}}`, 0), "string was expected"},
		"overlap": {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
			"within"},
		"same bytes": {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8),
			"within"},
		"gap": {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12),
			"are no tensor's"},
		"gap at the start":     {entry(`"dtype":"F32","shape":[1],"data_offsets":[4,8]`, 8), "are no tensor's"},
		"offsets swapped":      {entry(`"dtype":"F32","shape":[1],"data_offsets":[4,0]`, 4), "before they begin"},
		"offset negative":      {entry(`"dtype":"F32","shape":[1],"data_offsets":[-4,0]`, 4), "whole number"},
		"offset a fraction":    {entry(`"dtype":"F32","shape":[1],"data_offsets":[0,4.0]`, 4), "whole number"},
		"offset with exponent": {entry(`"dtype":"F32","shape":[1],"data_offsets":[0,4e0]`, 4), "whole number"},
		"offset of 2^64":       {entry(`"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616]`, 4), "whole number"},
		"offset of 2^64-1":     {entry(`"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]`, 4), "whole number"},
		"three offsets":        {entry(`"dtype":"F32","shape":[1],"data_offsets":[0,4,8]`, 8), "was expected"},
		"one offset":           {entry(`"dtype":"F32","shape":[1],"data_offsets":[0]`, 4), "no number"},
		"offset a string":      {entry(`"dtype":"F32","shape":[1],"data_offsets":["0",4]`, 4), "no number"},
		"size unequal":         {entry(`"dtype":"F32","shape":[2],"data_offsets":[0,4]`, 4), "takes 8"},
		"size off by one":      {entry(`"dtype":"BF16","shape":[2],"data_offsets":[0,3]`, 3), "takes 4"},
		"shape wraps":          {entry(`"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]`, 0), "too large"},
		"shape wraps to size":  {entry(`"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]`, 16), "too large"},
		"shape negative":       {entry(`"dtype":"F32","shape":[-1],"data_offsets":[0,4]`, 4), "whole number"},
		"nine dimensions":      {entry(`"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]`, 4), "more than 8"},
		"dtype F64":            {entry(`"dtype":"F64","shape":[1],"data_offsets":[0,8]`, 8), `"F64"`},
		"dtype FP8":            {entry(`"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]`, 1), `"F8_E4M3"`},
		"dtype I64":            {entry(`"dtype":"I64","shape":[1],"data_offsets":[0,8]`, 8), `"I64"`},
		"dtype a number":       {entry(`"dtype":1,"shape":[1],"data_offsets":[0,8]`, 8), "string was expected"},
		"dtype missing":        {entry(`"shape":[1],"data_offsets":[0,4]`, 4), "missing"},
		"unknown key":          {entry(`"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1`, 4), "not known"},
		"entry a list":         {file(`{"t":[]}`, 0), "was expected"},
		"name empty":           {file(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "name of 0 bytes"},
		"name long":            {file(`{"`+strings.Repeat("x", safetensors.MaxName+1)+`":{}}`, 4), "name of 1025 bytes"},
		"nested deep":          {file(`{"t":{"shape":`+strings.Repeat("[", 100_000)+`}}`, 0), "was expected"},
		"metadata deep":        {file(`{"__metadata__":{"a":`+strings.Repeat(`{"a":`, 100_000)+`}}}`, 0), "was expected"},
		"pickle":               {[]byte("\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c"), "pickle"},
		"pickle in a zip":      {append([]byte("PK\x03\x04"), make([]byte, 40)...), "pickle"},
		"million tensors":      {file("{"+strings.TrimSuffix(many(1_000_000), ",")+"}", 0), "more than 65536"},
		"million metadata":     {file(`{"__metadata__":{`+strings.TrimSuffix(manyPairs(1_000_000), ",")+`}}`, 0), "more than 4096"},
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},`, i)
	}
	return b.String()
}

func manyPairs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":"",`, i)
	}
	return b.String()
}

func TestParseRefuses(t *testing.T) {
	for name, bad := range hostile() {
		f, err := safetensors.Parse(bad.data)
		if err == nil {
			t.Errorf("%s: Parse = %d tensors, want an error", name, len(f.Tensors))
			continue
		}
		if !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: Parse: %v, want %q in it", name, err, bad.want)
		}
		if len(err.Error()) > 500+safetensors.MaxName {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

func TestParseNamesPickles(t *testing.T) {
	if _, err := safetensors.Parse([]byte("\x80\x02}q\x00.")); !errors.Is(err, safetensors.ErrPickle) {
		t.Errorf("Parse of a pickle: %v, want ErrPickle", err)
	}
	// A header of 640 bytes begins as a pickle of protocol 2 does.
	header := two + strings.Repeat(" ", 640-len(two))
	if _, err := safetensors.Parse(file(header, 20)); err != nil {
		t.Errorf("Parse of a header of 640 bytes: %v", err)
	}
}

// A small file that claims much is refused before anything is allocated for it.
func TestParseAllocatesLittle(t *testing.T) {
	claims := [][]byte{
		append(binary.LittleEndian.AppendUint64(nil, safetensors.MaxHeader), "{}"...),
		file(`{"t":{"dtype":"F32","shape":[1000000000,1000000000],"data_offsets":[0,4000000000000000000]}}`, 4),
	}
	for _, data := range claims {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := safetensors.Parse(data); err == nil {
			t.Errorf("Parse(%.40q) = nil error", data)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("Parse(%.40q) allocated %d bytes", data, n)
		}
	}
}

// drawFile draws tensors and metadata that Write takes.
func drawFile(t *rapid.T) ([]safetensors.Tensor, map[string]string) {
	types := []quant.Type{quant.F32, quant.F16, quant.BF16}
	names := rapid.SliceOfNDistinct(rapid.StringN(1, 20, 80), 0, 6, func(s string) string { return s }).Draw(t, "names")
	var tensors []safetensors.Tensor
	for _, name := range names {
		if name == "__metadata__" {
			continue
		}
		kind := rapid.SampledFrom(types).Draw(t, "type")
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := rapid.SliceOfN(rapid.Byte(), kind.Size(n), kind.Size(n)).Draw(t, "data")
		tensors = append(tensors, safetensors.Tensor{Name: name, Type: kind, Shape: shape, Data: data})
	}
	if rapid.Bool().Draw(t, "plain") {
		return tensors, nil
	}
	return tensors, rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "metadata")
}

// byName maps names to tensors: those without bytes may change places.
func byName(tensors []safetensors.Tensor) map[string]safetensors.Tensor {
	m := map[string]safetensors.Tensor{}
	for _, t := range tensors {
		t.Shape = append([]int{}, t.Shape...)
		t.Data = append([]byte{}, t.Data...)
		m[t.Name] = t
	}
	return m
}

func TestParseReadsWhatWriteWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tensors, metadata := drawFile(t)
		var out, again bytes.Buffer
		if err := safetensors.Write(&out, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if err := safetensors.Write(&again, tensors, metadata); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Fatalf("Write gave other bytes the second time (%v)", err)
		}
		if n := binary.LittleEndian.Uint64(out.Bytes()); n%8 != 0 {
			t.Fatalf("the header has %d bytes, want a multiple of 8", n)
		}
		got, err := safetensors.Parse(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(byName(tensors), byName(got.Tensors)); diff != "" {
			t.Errorf("tensors (-written +read):\n%s", diff)
		}
		if diff := cmp.Diff(metadata, got.Metadata); diff != "" {
			t.Errorf("metadata (-written +read):\n%s", diff)
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	one := safetensors.Tensor{Name: "a", Type: quant.F32, Shape: []int{1}, Data: make([]byte, 4)}
	with := func(change func(*safetensors.Tensor)) []safetensors.Tensor {
		c := one
		change(&c)
		return []safetensors.Tensor{c}
	}
	bad := map[string][]safetensors.Tensor{
		"two of one name": {one, one},
		"reserved name":   with(func(t *safetensors.Tensor) { t.Name = "__metadata__" }),
		"no name":         with(func(t *safetensors.Tensor) { t.Name = "" }),
		"long name":       with(func(t *safetensors.Tensor) { t.Name = strings.Repeat("x", safetensors.MaxName+1) }),
		"name no UTF-8":   with(func(t *safetensors.Tensor) { t.Name = "\xff" }),
		"quantised":       with(func(t *safetensors.Tensor) { t.Type = quant.Q8_0 }),
		"short":           with(func(t *safetensors.Tensor) { t.Data = t.Data[:3] }),
		"negative":        with(func(t *safetensors.Tensor) { t.Shape = []int{-1, -1} }),
		"many dimensions": with(func(t *safetensors.Tensor) { t.Shape = slices.Repeat([]int{1}, 9) }),
	}
	for name, tensors := range bad {
		var out bytes.Buffer
		if err := safetensors.Write(&out, tensors, nil); err == nil || out.Len() > 0 {
			t.Errorf("%s: Write wrote %d bytes, error %v; want an error and nothing written", name, out.Len(), err)
		}
	}
	if err := safetensors.Write(io.Discard, nil, map[string]string{"a": "\xff"}); err == nil {
		t.Error("Write took metadata that is no UTF-8")
	}
}

func TestWriteSaysWhatItCouldNotWrite(t *testing.T) {
	w := limited{left: 200}
	err := safetensors.Write(&w, []safetensors.Tensor{{Name: "a", Type: quant.F32, Shape: []int{100}, Data: make([]byte, 400)}}, nil)
	if !errors.Is(err, io.ErrShortWrite) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("Write to a full disk: %v", err)
	}
}

// limited is a writer that takes so many bytes and no more.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, io.ErrShortWrite
	}
	l.left -= len(p)
	return len(p), nil
}

func FuzzParse(f *testing.F) {
	for _, bad := range hostile() {
		if len(bad.data) < 10_000 {
			f.Add(bad.data)
		}
	}
	f.Add(file(two, 20))
	f.Add(file(`{"__metadata__":{"format":"pt"},"t":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}  `, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := safetensors.Parse(data)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := safetensors.Write(&out, got.Tensors, got.Metadata); err != nil {
			t.Fatalf("Write of what was read: %v", err)
		}
		again, err := safetensors.Parse(out.Bytes())
		if err != nil {
			t.Fatalf("Parse of what was written: %v", err)
		}
		if diff := cmp.Diff(byName(got.Tensors), byName(again.Tensors)); diff != "" {
			t.Errorf("tensors (-read +written):\n%s", diff)
		}
	})
}

// TestBytesAreForThoseWhoAskForThem: a model has no tensors of bytes.
func TestBytesAreForThoseWhoAskForThem(t *testing.T) {
	var b bytes.Buffer
	if err := safetensors.Write(&b, []safetensors.Tensor{{Name: "model", Type: safetensors.U8, Shape: []int{3}, Data: []byte("abc")}}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.ParseBytes(b.Bytes())
	if err != nil || string(f.Tensors[0].Data) != "abc" || f.Tensors[0].Type != safetensors.U8 {
		t.Errorf("ParseBytes = %+v, %v; want the bytes back", f, err)
	}
	if _, err := safetensors.Parse(b.Bytes()); err == nil || !strings.Contains(err.Error(), `"U8"`) {
		t.Errorf("Parse = %v, want that it names the type", err)
	}
	if err := safetensors.Write(&b, []safetensors.Tensor{{Name: "model", Type: safetensors.U8, Shape: []int{4}, Data: []byte("abc")}}, nil); err == nil {
		t.Error("three bytes were written as four")
	}
}
