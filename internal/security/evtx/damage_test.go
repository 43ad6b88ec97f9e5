package evtx_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

// numbered returns a chunk with the records from to to, each a usual event.
func numbered(from, to uint64) *chunkWriter {
	c := newChunk()
	for i := from; i <= to; i++ {
		c.record(i, i, usual(i, str("x"), u32v(1), strs("y"), str("z")))
	}
	return c
}

// starts returns the offsets of the records of a chunk.
func starts(b []byte) []int {
	var at []int
	for i := 512; i+28 <= len(b) && bytes.HasPrefix(b[i:], []byte("**\x00\x00")); i += int(le.Uint32(b[i+4:])) {
		at = append(at, i)
	}
	return at
}

func numbers(records []evtx.Record) []uint64 {
	n := []uint64{}
	for _, r := range records {
		n = append(n, r.Number)
	}
	return n
}

func upTo(n uint64, without ...uint64) []uint64 {
	list := []uint64{}
next:
	for i := uint64(1); i <= n; i++ {
		for _, w := range without {
			if w == i {
				continue next
			}
		}
		list = append(list, i)
	}
	return list
}

// A file of three chunks, of the records 1 to 5, 6 to 10 and 11 to 15, is
// damaged in its second chunk.
func TestDamage(t *testing.T) {
	const second = 4096 + 65536
	at := starts(numbered(6, 10).bytes())
	tests := []struct {
		name   string
		damage func(b []byte) []byte
		want   []uint64
		stats  evtx.Stats // of it the counts are compared
		reason string     // what the first fault says
	}{
		{
			"none",
			func(b []byte) []byte { return b },
			upTo(15), evtx.Stats{}, "",
		},
		{
			"checksum of the file header",
			func(b []byte) []byte { b[24]++; return b },
			upTo(15), evtx.Stats{BadChecksums: 1, FaultCount: 1}, "offset 0: the checksum of the file header",
		},
		{
			"checksum of a chunk header",
			func(b []byte) []byte { b[second+60]++; return b },
			upTo(15), evtx.Stats{BadChecksums: 1, FaultCount: 1}, "offset 69632, chunk 1: the checksum of the chunk header",
		},
		{
			"checksum of the strings in a chunk header",
			func(b []byte) []byte { b[second+200]++; return b },
			upTo(15), evtx.Stats{BadChecksums: 1, FaultCount: 1}, "the checksum of the chunk header",
		},
		{
			"checksum of a chunk's records",
			func(b []byte) []byte { b[second+at[1]+16]++; return b },
			upTo(15), evtx.Stats{BadChecksums: 1, FaultCount: 1}, "the checksum of the chunk's records",
		},
		{
			"signature of a chunk",
			func(b []byte) []byte { b[second] = 'X'; return b },
			upTo(15, 6, 7, 8, 9, 10), evtx.Stats{DamagedChunks: 1, FaultCount: 1}, "no signature",
		},
		{
			"a chunk of zeros",
			func(b []byte) []byte { clear(b[second : second+65536]); return b },
			upTo(15, 6, 7, 8, 9, 10), evtx.Stats{EmptyChunks: 1}, "",
		},
		{
			"signature of a record",
			func(b []byte) []byte { b[second+at[2]] = 0x2b; return b },
			upTo(15, 8), evtx.Stats{BadChecksums: 1, DamagedRecords: 1, FaultCount: 2}, "",
		},
		{
			"size of a record",
			func(b []byte) []byte { b[second+at[2]+4]++; return b },
			upTo(15, 8), evtx.Stats{BadChecksums: 1, DamagedRecords: 1, FaultCount: 2}, "",
		},
		{
			"second size of a record",
			func(b []byte) []byte { b[second+at[3]-4]++; return b },
			upTo(15, 8), evtx.Stats{BadChecksums: 1, DamagedRecords: 1, FaultCount: 2}, "",
		},
		{
			"size of a record beyond the chunk",
			func(b []byte) []byte { le.PutUint32(b[second+at[2]+4:], 0xfffffff0); return b },
			upTo(15, 8), evtx.Stats{BadChecksums: 1, DamagedRecords: 1, FaultCount: 2}, "",
		},
		{
			"binary XML of a record",
			func(b []byte) []byte { b[second+at[2]+28] = 0x1f; return b },
			upTo(15, 8), evtx.Stats{BadChecksums: 1, DamagedRecords: 1, FaultCount: 2}, "",
		},
		{
			"zeros over two records",
			func(b []byte) []byte { clear(b[second+at[1] : second+at[3]]); return b },
			upTo(15, 7, 8), evtx.Stats{BadChecksums: 1, DamagedRecords: 1, FaultCount: 2}, "",
		},
		{
			"free space before the records",
			func(b []byte) []byte {
				le.PutUint32(b[second+48:], 100)
				sealChunk(b[second : second+65536])
				return b
			},
			upTo(15), evtx.Stats{FaultCount: 1}, "free space outside the chunk",
		},
		{
			"end inside the last chunk's free space",
			func(b []byte) []byte { return b[:len(b)-1] },
			upTo(15), evtx.Stats{Truncated: true, FaultCount: 1}, "the file ends at offset 200703",
		},
		{
			"end inside a record",
			func(b []byte) []byte { return b[:second+at[2]+50] },
			upTo(7), evtx.Stats{Truncated: true, DamagedRecords: 1, FaultCount: 2}, "the file ends at offset",
		},
		{
			"end inside a chunk header",
			func(b []byte) []byte { return b[:second+100] },
			upTo(5), evtx.Stats{Truncated: true, FaultCount: 1}, "the file ends at offset 69732",
		},
		{
			"end inside the file header's block",
			func(b []byte) []byte { return b[:300] },
			upTo(0), evtx.Stats{Truncated: true, FaultCount: 1}, "offset 0: the file ends at offset 300",
		},
		{
			"chunks that the header does not count",
			func(b []byte) []byte {
				c := file(1, 1)
				copy(b, c[:128])
				return b
			},
			upTo(15), evtx.Stats{Dirty: true}, "",
		},
		{
			"zeros behind the last chunk",
			func(b []byte) []byte { return append(b, make([]byte, 1000)...) },
			upTo(15), evtx.Stats{EmptyChunks: 1}, "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := file(0, 3, numbered(1, 5).bytes(), numbered(6, 10).bytes(), numbered(11, 15).bytes())
			records, s := read(t, bytes.NewReader(test.damage(b)))
			if diff := cmp.Diff(test.want, numbers(records)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			got := evtx.Stats{Dirty: s.Dirty, EmptyChunks: s.EmptyChunks, DamagedChunks: s.DamagedChunks, BadChecksums: s.BadChecksums, DamagedRecords: s.DamagedRecords, Truncated: s.Truncated, FaultCount: s.FaultCount}
			if diff := cmp.Diff(test.stats, got); diff != "" {
				t.Errorf("stats (-want +got):\n%s%v", diff, s.Faults)
			}
			if len(s.Faults) != s.FaultCount || s.FaultCount > 0 && !strings.Contains(s.Faults[0].String(), test.reason) {
				t.Errorf("faults %v, want %d, the first with %q", s.Faults, s.FaultCount, test.reason)
			}
		})
	}
}

// Old records behind the free space, and bytes inside a damaged record that
// look like one, are not records.
func TestSlackIsNotRead(t *testing.T) {
	forged := numbered(3, 3).bytes()[512:]
	forged = forged[:le.Uint32(forged[4:])]
	t.Run("behind the free space", func(t *testing.T) {
		c := numbered(10, 12)
		c.free = len(c.b)
		c.b = append(c.b, forged...)
		records, s := read(t, bytes.NewReader(file(0, 1, c.bytes())))
		if diff := cmp.Diff([]uint64{10, 11, 12}, numbers(records)); diff != "" || s.FaultCount != 0 {
			t.Errorf("records (-want +got):\n%sfaults %v", diff, s.Faults)
		}
	})
	t.Run("behind the last record of a header that cannot be trusted", func(t *testing.T) {
		c := numbered(10, 12)
		c.free = len(c.b)
		c.b = append(c.b, forged...)
		b := c.bytes()
		b[48]++ // the free space, but not the checksum
		records, s := read(t, bytes.NewReader(file(0, 1, b)))
		if diff := cmp.Diff([]uint64{10, 11, 12}, numbers(records)); diff != "" || s.FaultCount != 1 {
			t.Errorf("records (-want +got):\n%sfaults %v", diff, s.Faults)
		}
	})
	for _, number := range []uint64{3, 11, 1000} {
		t.Run("inside a damaged record", func(t *testing.T) {
			inner := bytes.Clone(forged)
			le.PutUint64(inner[8:], number)
			c := numbered(10, 11)
			c.record(12, 0, templated("raw", el("a", hole(0)), value{typ: 0x0e, data: inner}))
			c.record(13, 0, plain(el("b")))
			b := c.bytes()
			b[starts(b)[2]+4]++
			records, s := read(t, bytes.NewReader(file(0, 1, b)))
			if diff := cmp.Diff([]uint64{10, 11, 13}, numbers(records)); diff != "" || s.DamagedRecords != 1 {
				t.Errorf("number %d: records (-want +got):\n%sfaults %v", number, diff, s.Faults)
			}
		})
	}
}

func TestNotALog(t *testing.T) {
	version := file(0, 0)
	version[38] = 4
	copy(version[124:], file(0, 0)[124:128])
	v4 := file(0, 0)
	v4[38] = 4
	sealFile(v4)
	for _, b := range [][]byte{nil, []byte("ElfFile"), []byte("ElfFile\x00"), []byte("LfLe" + strings.Repeat("x", 5000)), v4} {
		if _, err := evtx.NewReader(bytes.NewReader(b)); !errors.Is(err, evtx.ErrFormat) {
			t.Errorf("NewReader of %.8q: %v, want ErrFormat", b, err)
		}
	}
	// With a wrong checksum the version is as doubtful as the rest.
	if _, err := evtx.NewReader(bytes.NewReader(version)); err != nil {
		t.Errorf("NewReader of a damaged header: %v", err)
	}
}

func TestSourceFails(t *testing.T) {
	fault := errors.New("the disk is gone")
	b := file(0, 2, numbered(1, 5).bytes())
	if _, err := evtx.NewReader(iotest.ErrReader(fault)); !errors.Is(err, fault) {
		t.Errorf("NewReader: %v, want %v", err, fault)
	}
	r, err := evtx.NewReader(io.MultiReader(bytes.NewReader(b), strings.NewReader("ElfChnk"), iotest.ErrReader(fault)))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, fault) {
			t.Errorf("Next: %v, want %v", err, fault)
		}
	}
}

func TestSmallReads(t *testing.T) {
	b := file(0, 2, numbered(1, 5).bytes(), numbered(6, 9).bytes())
	records, s := read(t, iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(b))))
	if len(records) != 9 || s.FaultCount != 0 || s.Bytes != int64(len(b)) {
		t.Errorf("%d records, %d bytes, faults %v; want 9, %d and none", len(records), s.Bytes, s.Faults, len(b))
	}
}

func TestFaultsAreCapped(t *testing.T) {
	c := newChunk()
	for i := range uint64(evtx.MaxFaults + 50) {
		c.record(1+i, 0, func(c *chunkWriter) { c.u8(0x1f) })
	}
	_, s := read(t, bytes.NewReader(file(0, 1, c.bytes())))
	if s.FaultCount != evtx.MaxFaults+50 || s.DamagedRecords != s.FaultCount || len(s.Faults) != evtx.MaxFaults {
		t.Errorf("%d faults, %d described, %d records", s.FaultCount, len(s.Faults), s.DamagedRecords)
	}
}

// Whatever is cut off or changed, the records before it are the same.
func TestPrefixIsKept(t *testing.T) {
	whole := file(0, 2, numbered(1, 20).bytes(), numbered(21, 40).bytes())
	all, _ := read(t, bytes.NewReader(whole))
	rapid.Check(t, func(rt *rapid.T) {
		b := bytes.Clone(whole)
		// Only where records are: the rest is free space.
		at := 4096 + 65536*rapid.IntRange(0, 1).Draw(rt, "chunk") + rapid.IntRange(512, len(numbered(1, 20).b)-1).Draw(rt, "at")
		if rapid.Bool().Draw(rt, "cut") {
			b = b[:at]
		} else {
			b[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "flip"))
		}
		got, s := read(t, bytes.NewReader(b))
		if s.FaultCount == 0 {
			rt.Fatalf("damage at %d is not reported", at)
		}
		for i, rec := range all {
			if rec.Offset+int64(le.Uint32(whole[rec.Offset+4:])) > int64(at) {
				break
			}
			if i >= len(got) || !cmp.Equal(got[i].Fields, rec.Fields) {
				rt.Fatalf("record %d stands before the damage at %d and is not the same", rec.Number, at)
			}
		}
	})
}

// Each of these would cost a naive reader its memory, its stack or its evening.
func TestHostile(t *testing.T) {
	deep := el("a")
	for range evtx.MaxDepth {
		deep = el("a", deep)
	}
	nested := plain(el("x"))
	for range 200 {
		inner := nested
		nested = templated("n", el("a", hole(0)), fragment(inner))
	}
	// Ten holes with the same fragment, which has ten holes, and so on.
	ten := el("a", hole(0), hole(0), hole(0), hole(0), hole(0), hole(0), hole(0), hole(0), hole(0), hole(0))
	laughs := plain(el("lol", text("lol")))
	for range 20 {
		inner := laughs
		laughs = templated("l", ten, fragment(inner))
	}
	wide := el("a")
	for range 3000 {
		wide.content = append(wide.content, hole(0))
	}
	tests := []struct {
		name   string
		body   func(c *chunkWriter)
		reason string
	}{
		{"elements too deep", templated("d", deep), "elements deep"},
		{"plain elements too deep", plain(deep), "elements deep"},
		{"fragments too deep", nested, "elements deep"},
		{"fragments that multiply", laughs, "fields"},
		{"one large value in many holes", templated("w", wide, str(strings.Repeat("x", 10000))), "expands to more"},
		{"2^32-1 values", func(c *chunkWriter) {
			c.u8(0x0c, 1)
			c.u32(0)
			c.u32(len(c.b) + 4)
			c.u32(0)
			c.b = append(c.b, make([]byte, 16)...)
			c.u32(40)
			at := len(c.b)
			el("a").write(c)
			c.b = append(c.b, make([]byte, at+40-len(c.b))...)
			c.u32(-1)
		}, "ends too early"},
		{"a value longer than the record", func(c *chunkWriter) {
			c.instance("v", el("a", hole(0)), value{typ: 0x01})
			le.PutUint16(c.b[len(c.b)-4:], 0xffff)
		}, "ends too early"},
		{"a template outside the chunk", func(c *chunkWriter) { c.u8(0x0c, 1); c.u32(0); c.u32(-16); c.u32(0) }, "outside the chunk"},
		{"a template in the chunk header", func(c *chunkWriter) { c.u8(0x0c, 1); c.u32(0); c.u32(16); c.u32(0) }, "outside the chunk"},
		{"a template that is its own instance", func(c *chunkWriter) {
			c.u8(0x0c, 1)
			c.u32(0)
			at := len(c.b) + 4
			c.u32(at)
			c.u32(0)
			c.b = append(c.b, make([]byte, 16)...)
			c.u32(18)
			c.u8(0x0f, 1, 1, 0, 0x0c, 1)
			c.u32(0)
			c.u32(at)
			c.u32(0)
			c.u32(0)
		}, "unexpected token 0x0c"},
		{"a name outside the chunk", func(c *chunkWriter) { c.u8(0x01, 0xff, 0xff); c.u32(5); c.u32(0x7fffffff); c.u8(3) }, "outside the chunk"},
		{"a name of 65,535 characters", func(c *chunkWriter) {
			c.u8(0x01)
			c.u32(5)
			c.u32(len(c.b) + 4)
			c.u32(0)
			c.u16(0)
			c.u16(0xffff)
		}, "65535 characters"},
		{"a name without characters", func(c *chunkWriter) { c.names[""] = 0; delete(c.names, ""); naked(el("")).write(c) }, "0 characters"},
		{"a hole outside a template", plain(el("a", hole(0))), "outside a template"},
		{"text of another type", func(c *chunkWriter) {
			naked(el("a", text("x"))).write(c)
			c.b[bytes.LastIndex(c.b, []byte{0x05, 0x01})+1] = 0x02
		}, "unexpected type"},
		{"an element that does not end", func(c *chunkWriter) { naked(el("a")).write(c); c.b[len(c.b)-1] = 0x02 }, ""},
		{"a value of a wrong size", templated("s", el("a", hole(0)), value{typ: 0x08, data: []byte{1}}), "1 bytes, want 4"},
		{"a value of an unknown type", templated("s", el("a", hole(0)), value{typ: 0x77, data: []byte{1}}), "unknown type"},
		{"a SID of a wrong size", templated("s", el("a", hole(0)), value{typ: 0x13, data: []byte{1, 200, 0, 0, 0, 0, 0, 0}}), "SID"},
		{"a bool of a wrong size", templated("s", el("a", hole(0)), value{typ: 0x0d, data: []byte{1, 2}}), "bool"},
		{"a pointer of a wrong size", templated("s", el("a", hole(0)), value{typ: 0x10, data: []byte{1, 2}}), "pointer"},
		{"more fields than a record may have", templated("f", el("a", hole(0)), value{typ: 0x84, data: make([]byte, evtx.MaxFields+1)}), "fields"},
		{"a path longer than it may be", plain(func() element {
			e := el(strings.Repeat("n", 1000))
			for range 9 {
				e = el(strings.Repeat("n", 1000), e)
			}
			return e
		}()), "a path of more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newChunk()
			c.record(1, 0, test.body)
			c.record(2, 0, plain(el("ok")))
			b := file(0, 1, c.bytes())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			records, s := read(t, bytes.NewReader(b))
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 32<<20 {
				t.Errorf("allocated %d MiB", got>>20)
			}
			if s.DamagedRecords < 1 || !strings.Contains(s.Faults[0].Reason, test.reason) {
				t.Errorf("faults %v, want one with %q", s.Faults, test.reason)
			}
			// What is spent on one record is not there for the next, unless it was the work.
			if test.reason != "expands to more" && (len(records) != 1 || records[0].Number != 2) {
				t.Errorf("records %v, want 2", numbers(records))
			}
		})
	}
}
