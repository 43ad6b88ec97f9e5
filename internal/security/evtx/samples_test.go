package evtx_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

// samples opens the archive of recorded logs, which is not part of the
// repository, or skips.
func samples(t testing.TB) []*zip.File {
	t.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	z, err := zip.OpenReader(filepath.Join(shared, "data", "alerts", "evtx-samples-dev.zip"))
	if err != nil {
		t.Skipf("the recorded logs are not here: %v", err)
	}
	t.Cleanup(func() { z.Close() })
	var files []*zip.File
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, ".evtx") {
			files = append(files, f)
		}
	}
	return files
}

// The numbers of records and fields are those that evtx_dump 0.15.1 and libevtx
// 20260705 give; conformance/evtx/compare.py compares every field with them.
func TestSamples(t *testing.T) {
	const wantFiles, wantRecords, wantFields = 156, 3412, 96982
	files := samples(t)
	var records, fields int
	ids := map[string]int{}
	for _, f := range files {
		src, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		r, err := evtx.NewReader(src)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			records++
			fields += len(rec.Fields)
			for _, field := range rec.Fields {
				if field.Name == "Event.System.EventID" {
					ids[field.Value]++
				}
			}
		}
		if s := r.Stats(); s.FaultCount != 0 || s.Chunks != s.HeaderChunks && !s.Dirty {
			t.Errorf("%s: %+v", f.Name, s)
		}
		src.Close()
	}
	if len(files) != wantFiles || records != wantRecords || fields != wantFields {
		t.Errorf("%d files, %d records, %d fields; want %d, %d, %d", len(files), records, fields, wantFiles, wantRecords, wantFields)
	}
	some := map[string]int{"1": ids["1"], "4624": ids["4624"], "4104": ids["4104"], "1102": ids["1102"]}
	if diff := cmp.Diff(map[string]int{"1": 504, "4624": 33, "4104": 3, "1102": 13}, some); diff != "" {
		t.Errorf("records by event id (-want +got):\n%s", diff)
	}
}

// BenchmarkSamples reads all recorded logs. MB/s counts whole files; most of
// them are half free space, so the second figure counts the bytes of records.
func BenchmarkSamples(b *testing.B) {
	var logs [][]byte
	var size int64
	for _, f := range samples(b) {
		src, err := f.Open()
		if err != nil {
			b.Fatal(err)
		}
		log, err := io.ReadAll(src)
		if err != nil {
			b.Fatal(err)
		}
		logs, size = append(logs, log), size+int64(len(log))
	}
	benchmark(b, logs, size)
}

// BenchmarkFull reads a log whose chunks are full of usual events.
func BenchmarkFull(b *testing.B) {
	var chunks [][]byte
	for i := range uint64(64) {
		chunks = append(chunks, numbered(1+430*i, 430+430*i).bytes())
	}
	log := file(0, len(chunks), chunks...)
	benchmark(b, [][]byte{log}, int64(len(log)))
}

func benchmark(b *testing.B, logs [][]byte, size int64) {
	b.SetBytes(size)
	b.ReportAllocs()
	var bytesOfRecords, records int64
	for b.Loop() {
		for _, log := range logs {
			r, err := evtx.NewReader(bytes.NewReader(log))
			if err != nil {
				b.Fatal(err)
			}
			for {
				rec, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					b.Fatal(err)
				}
				bytesOfRecords += int64(len(rec.Raw))
				records++
			}
		}
	}
	b.ReportMetric(float64(bytesOfRecords)/b.Elapsed().Seconds()/1e6, "recordMB/s")
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkHostile reads chunks that cause as much work as the limits allow.
func BenchmarkHostile(b *testing.B) {
	wide := el("a")
	for range 3000 {
		wide.content = append(wide.content, hole(0), el("b"))
	}
	c := newChunk()
	c.record(1, 0, templated("w", wide, str(strings.Repeat("x", 10))))
	for i := uint64(2); len(c.b) < 65000; i++ {
		c.record(i, 0, templated("w", wide, str(strings.Repeat("x", 10))))
	}
	log := file(0, 1, c.bytes())
	benchmark(b, [][]byte{log}, int64(len(log)))
}
