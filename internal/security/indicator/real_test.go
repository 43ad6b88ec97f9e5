package indicator_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// leaf is a text field of a recorded event.
type leaf struct{ name, text string }

// recorded returns the text fields of the recorded events in the shared data.
func recorded(b *testing.B) []leaf {
	b.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	outer, err := zip.OpenReader(filepath.Join(shared, "data", "alerts", "otrf-atomic.zip"))
	if err != nil {
		b.Skipf("no recorded events (set CASEMATE_SHARED): %v", err)
	}
	defer outer.Close()
	var leaves []leaf
	for _, f := range outer.File {
		if !strings.HasSuffix(f.Name, ".zip") {
			continue
		}
		data := readAll(b, f)
		inner, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			continue
		}
		for _, g := range inner.File {
			if strings.HasSuffix(g.Name, ".json") {
				leaves = append(leaves, jsonLines(readAll(b, g))...)
			}
		}
	}
	return leaves
}

func readAll(b *testing.B, f *zip.File) []byte {
	b.Helper()
	r, err := f.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// jsonLines returns the strings at the top of each line's object.
func jsonLines(data []byte) []leaf {
	var leaves []leaf
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var event map[string]any
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		for name, v := range event {
			if text, ok := v.(string); ok {
				leaves = append(leaves, leaf{name, text})
			}
		}
	}
	return leaves
}

// BenchmarkExtractRecorded runs over every text field of the recorded events.
func BenchmarkExtractRecorded(b *testing.B) {
	leaves := recorded(b)
	size := 0
	for _, l := range leaves {
		size += len(l.text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var dst []casemate.Indicator
	for b.Loop() {
		for _, l := range leaves {
			dst = indicator.Extract(dst[:0], l.name, l.text)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(leaves)), "ns/field")
}
