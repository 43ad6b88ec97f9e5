package dataset_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// columnar is a row of a Parquet file.
type columnar struct {
	Text   string   `parquet:"text,zstd,dict"`
	Labels []string `parquet:"labels,list"`
	Extra  struct {
		Host string  `parquet:"host"`
		Risk float64 `parquet:"risk"`
		Seen *int64  `parquet:"seen,optional"`
	} `parquet:"extra"`
}

func columns(tb testing.TB, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[columnar](&b)
	for i := range n {
		r := columnar{Text: "sentence of some words " + string(rune('a'+i%26)), Labels: []string{"x", "y"}[:1+i%2]}
		r.Extra.Host, r.Extra.Risk = "web", 0.5
		if _, err := w.Write([]columnar{r}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestParquet(t *testing.T) {
	got := parse(t, string(columns(t, 600)), dataset.Options{})
	if len(got.Rows) != 600 || got.Format != "parquet" || got.Kind != dataset.KindMulti || got.Text != "text" || got.Label != "labels" {
		t.Fatalf("%d rows, format %q, kind %q, text %q, label %q", len(got.Rows), got.Format, got.Kind, got.Text, got.Label)
	}
	want := dataset.Row{Number: 2, Text: "sentence of some words b", Labels: []string{"x", "y"}, Fields: map[string]string{"extra.host": "web", "extra.risk": "0.5"}}
	if diff := cmp.Diff(want, got.Rows[1]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

// TestParquetShapes reads conversations and spans, which are lists of groups.
func TestParquetShapes(t *testing.T) {
	type message struct {
		Role    string `parquet:"role"`
		Content string `parquet:"content"`
	}
	type talk struct {
		Messages []message `parquet:"messages,list"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []talk{{[]message{{"user", "Q"}, {"assistant", "A"}}}}); err != nil {
		t.Fatal(err)
	}
	got := parse(t, b.String(), dataset.Options{})
	if got.Kind != dataset.KindChat || len(got.Rows[0].Turns) != 2 {
		t.Errorf("kind %q, %+v", got.Kind, got.Rows)
	}
	type span struct {
		Start int32  `parquet:"start"`
		End   int32  `parquet:"end"`
		Label string `parquet:"label"`
	}
	type marked struct {
		Text  string `parquet:"text"`
		Spans []span `parquet:"spans,list"`
	}
	b.Reset()
	if err := parquet.Write(&b, []marked{{"the host web1 fell silent", []span{{9, 13, "host"}}}}); err != nil {
		t.Fatal(err)
	}
	got = parse(t, b.String(), dataset.Options{})
	if diff := cmp.Diff([]dataset.Span{{Start: 9, End: 13, Label: "host"}}, got.Rows[0].Spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

// TestParquetHostile sends files that claim more than they have. None may take
// memory by what it claims.
func TestParquetHostile(t *testing.T) {
	good := columns(t, 50)
	footer := func(description []byte) []byte {
		out := append([]byte("PAR1"), description...)
		return append(binary.LittleEndian.AppendUint32(out, uint32(len(description))), "PAR1"...)
	}
	long := bytes.Clone(good)
	binary.LittleEndian.PutUint32(long[len(long)-8:], 1<<31)
	for name, data := range map[string][]byte{
		"a footer beyond the file": long,
		"a list of 2^31 elements":  footer([]byte{0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 7}),
		"nested without end":       footer(bytes.Repeat([]byte{0x1c}, 1<<20)),
		"empty elements":           footer(append([]byte{0x15, 2, 0x19, 0xfc, 0xc0, 0x84, 0x3d}, make([]byte, 1_000_001)...)),
		"an empty description":     footer([]byte{0}),
		"cut":                      append(bytes.Clone(good[:len(good)/2]), "PAR1"...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := dataset.Parse(context.Background(), "rows", data, dataset.Options{})
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: it was read", name)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d MiB were taken", name, took>>20)
		}
	}
	// Any byte wrong: an error or other rows, and no panic.
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0xff
		_, _ = dataset.Parse(context.Background(), "rows", bad, dataset.Options{})
	}
}

// patched is a file with some of its bytes, which must be there, changed.
func patched(tb testing.TB, data, from, to []byte) []byte {
	tb.Helper()
	if !bytes.Contains(data, from) {
		tb.Fatalf("% x is not in the file", from)
	}
	return bytes.ReplaceAll(data, from, to)
}

// TestParquetUnfolds sends pages that unfold to more than their headers say, for
// which the library would make room without end, and those whose encoding could.
func TestParquetUnfolds(t *testing.T) {
	type row struct {
		Text  string `parquet:"text"`
		Label string `parquet:"label"`
	}
	write := func(o ...parquet.WriterOption) []byte {
		var b bytes.Buffer
		rows := make([]row, 1000)
		for i := range rows {
			rows[i] = row{string(bytes.Repeat([]byte("ab "), 1600)), []string{"x", "y"}[i%2]}
		}
		if err := parquet.Write(&b, rows, append(o, parquet.PageBufferSize(64<<20))...); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, codec := range map[string]parquet.WriterOption{
		"snappy": parquet.Compression(&parquet.Snappy), "gzip": parquet.Compression(&parquet.Gzip), "zstd": parquet.Compression(&parquet.Zstd),
	} {
		data := write(codec)
		if _, err := dataset.Parse(context.Background(), "rows", data, dataset.Options{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The page's size, a zigzag number of four bytes, is made 1 MiB.
		for size := uint64(4_800_000); size < 4_810_000; size++ {
			if claim := binary.AppendUvarint(nil, 2*size); bytes.Contains(data, claim) {
				data = patched(t, data, claim, binary.AppendUvarint(nil, 2<<20))
			}
		}
		if _, err := dataset.Parse(context.Background(), "rows", data, dataset.Options{}); err == nil {
			t.Errorf("%s: a page of more than it says was read", name)
		}
	}
	for name, codec := range map[string]parquet.WriterOption{"lz4": parquet.Compression(&parquet.Lz4Raw), "brotli": parquet.Compression(&parquet.Brotli)} {
		if _, err := dataset.Parse(context.Background(), "rows", write(codec), dataset.Options{}); err == nil || !strings.Contains(err.Error(), "snappy, gzip and zstd") {
			t.Errorf("%s: %v", name, err)
		}
	}
	type counted struct {
		Text  string `parquet:"text"`
		Label string `parquet:"label"`
		N     int64  `parquet:"n,delta"`
	}
	var b bytes.Buffer
	rows := make([]counted, 100)
	for i := range rows {
		rows[i] = counted{"some words of text", "x", 7}
	}
	if err := parquet.Write(&b, rows, parquet.Compression(&parquet.Uncompressed)); err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Parse(context.Background(), "rows", b.Bytes(), dataset.Options{}); err != nil {
		t.Error(err)
	}
	more := patched(t, b.Bytes(), []byte{0x80, 1, 4, 100}, []byte{0x80, 1, 4, 127})
	if _, err := dataset.Parse(context.Background(), "rows", more, dataset.Options{}); err == nil {
		t.Error("more numbers than said were read")
	}
	type shared struct {
		Text  string `parquet:"text,delta"`
		Label string `parquet:"label"`
	}
	b.Reset()
	if err := parquet.Write(&b, []shared{{"some words", "x"}, {"some words more", "y"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Parse(context.Background(), "rows", b.Bytes(), dataset.Options{}); err == nil || !strings.Contains(err.Error(), "DELTA_BYTE_ARRAY") {
		t.Errorf("texts that repeat the one before: %v", err)
	}
}
