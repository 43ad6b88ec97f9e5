package evtx_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

// types are the types of value that have bytes, but for binary XML.
var types = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 32, 35}

// sample returns the bytes of a value of a type.
func sample(typ byte) []byte {
	switch typ {
	case 0x01, 0x23:
		return utf16le("hé\x00")
	case 0x02:
		return []byte("hi\x00")
	case 0x03, 0x04:
		return []byte{0x81}
	case 0x05, 0x06:
		return []byte{0x81, 0x92}
	case 0x07, 0x08, 0x14:
		return []byte{0x81, 0x92, 0xa3, 0xb4}
	case 0x0b:
		return []byte{0, 0, 0xc0, 0x3f}
	case 0x0c:
		return []byte{0, 0, 0, 0, 0, 0, 0xf8, 0xbf}
	case 0x0d:
		return []byte{1, 0, 0, 0}
	case 0x0e:
		return []byte{0xde, 0xad, 0xbe}
	case 0x0f:
		return []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	case 0x11:
		return le.AppendUint64(nil, 131964981136083190)
	case 0x12:
		return []byte{0xe3, 7, 3, 0, 5, 0, 8, 0, 5, 0, 55, 0, 13, 0, 0x60, 2}
	case 0x13:
		return []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0}
	}
	return []byte{0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8}
}

// every is a template with a hole of every kind and values of every type.
func every() func(c *chunkWriter) {
	body := el("E",
		pi{"p", "q"}, text("x"), cdata("<y>"), charRef('z'), entity("amp"),
		el("D").with("a", text("b"), optional(0)).with("c", hole(1)),
	)
	var values []value
	for _, typ := range types {
		for _, flag := range []byte{0, 0x80} {
			body.content = append(body.content, el("v", hole(len(values))))
			values = append(values, value{typ: typ | flag, data: sample(typ)})
		}
	}
	body.content = append(body.content, hole(len(values)))
	values = append(values, fragment(templated("data", data, str("x"), u32v(1), strs("y", "z"), str("n"))))
	return templated("every", body, values...)
}

// FuzzReader checks that no file panics, that texts are valid UTF-8, that the
// limits hold, that XML is well-formed, and that what is counted adds up.
func FuzzReader(f *testing.F) {
	// The unused parts of the header block and of the chunks are left out of the
	// input: see expand.
	seed := func(b []byte) { f.Add(bytes.TrimRight(append(b[:128:128], b[4096:]...), "\x00")) }
	seed(one(every()))
	seed(one(usual(1, str("x"), u32v(1), strs("y"), str("z"))))
	seed(file(1, 0, numbered(1, 3).bytes()))
	seed(one(plain(el("a", text("x"), el("b").with("c", text("d"))))))
	damaged := file(0, 1, numbered(1, 4).bytes())
	damaged[4096+512+900]++
	seed(damaged)
	f.Add([]byte("ElfFile\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 3*evtx.ChunkSize {
			return
		}
		check(t, expand(b))
	})
}

// expand puts the unused part of the header block back and repairs the
// checksums, so that the fuzzer gets to what lies behind them.
func expand(b []byte) []byte {
	if len(b) < 128+512 {
		return b
	}
	b = append(append(bytes.Clone(b[:128]), make([]byte, 4096-128)...), b[128:]...)
	sealFile(b)
	for c := b[4096:]; len(c) >= 512; c = c[min(len(c), 65536):] {
		sealChunk(c)
	}
	return b
}

func check(t *testing.T, b []byte) {
	r, err := evtx.NewReader(bytes.NewReader(b))
	if err != nil {
		return
	}
	records := 0
	last := int64(-1)
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		records++
		if rec.Offset <= last || rec.Offset+int64(len(rec.Raw)) > int64(len(b)) || !bytes.Equal(rec.Raw, b[rec.Offset:][:len(rec.Raw)]) {
			t.Fatalf("record %d at %d, behind %d: not its bytes", rec.Number, rec.Offset, last)
		}
		last = rec.Offset
		if len(rec.Fields) > evtx.MaxFields {
			t.Fatalf("%d fields", len(rec.Fields))
		}
		for _, field := range rec.Fields {
			if len(field.Name) > evtx.MaxPath || !utf8.ValidString(field.Name) || !utf8.ValidString(field.Value) {
				t.Fatalf("field %.100q is %.100q", field.Name, field.Value)
			}
			if field.Kind == evtx.Null && field.Value != "" {
				t.Fatalf("null field %.100q is %.100q", field.Name, field.Value)
			}
		}
		s, err := rec.XML()
		if err != nil {
			continue // XML has a cap of its own
		}
		wellFormed(t, s)
	}
	s := r.Stats()
	if s.Records != records || s.FaultCount < s.DamagedRecords+s.DamagedChunks+s.BadChecksums || len(s.Faults) != min(s.FaultCount, evtx.MaxFaults) || s.Bytes != int64(len(b)) {
		t.Fatalf("%d records of %d bytes, stats %+v", records, len(b), s)
	}
}

// wellFormed parses XML. Names may have the same attribute twice, and colons
// where the parser of encoding/xml wants none; both are the file's own.
func wellFormed(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.ReplaceAll(s, ":", "_")))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("XML %.300q: %v", s, err)
		}
	}
}

var write = flag.String("write", "", "write a log of all types that evtx_dump reads to this `folder`, for conformance/evtx/compare.py")

func TestWrite(t *testing.T) {
	if *write == "" {
		t.Skip("no -write folder")
	}
	c := numbered(1, 3)
	number := uint64(3)
	for _, typ := range types {
		for items, flag := range []byte{0, 0x80} {
			switch typ | flag {
			case 0x8e, 0x90, 0x20, 0xa0, 0x23, 0xa3:
				continue // evtx_dump 0.15.1 does not read these
			}
			number++
			v := value{typ: typ | flag, data: bytes.Repeat(sample(typ), 1+items)}
			c.record(number, 131964981136083190, templated("single", el("Event", el("V", hole(0))), v))
		}
	}
	if err := os.WriteFile(filepath.Join(*write, "every.evtx"), file(0, 1, c.bytes()), 0o644); err != nil {
		t.Fatal(err)
	}
}
