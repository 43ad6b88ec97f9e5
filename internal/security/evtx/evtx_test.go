package evtx_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

// read returns every record of a file, with fields of its own, and the stats.
func read(t testing.TB, src io.Reader) ([]evtx.Record, evtx.Stats) {
	t.Helper()
	r, err := evtx.NewReader(src)
	if err != nil {
		t.Fatalf("NewReader: %v", err)
	}
	var records []evtx.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return records, r.Stats()
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		rec.Fields = append([]evtx.Field(nil), rec.Fields...)
		records = append(records, rec)
	}
}

// fields returns the fields of a file's only record.
func fields(t testing.TB, b []byte) []evtx.Field {
	t.Helper()
	records, stats := read(t, bytes.NewReader(b))
	if len(records) != 1 || stats.FaultCount != 0 {
		t.Fatalf("read %d records, faults %v; want 1 and none", len(records), stats.Faults)
	}
	return records[0].Fields
}

func xmlOf(t testing.TB, b []byte) string {
	t.Helper()
	r, err := evtx.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.Next()
	if err != nil {
		t.Fatalf("Next: %v, %v", err, r.Stats().Faults)
	}
	s, err := rec.XML()
	if err != nil {
		t.Fatalf("XML: %v", err)
	}
	return s
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The wanted texts were worked out by hand. The GUID and the SID are those of
// [MS-DTYP]'s notation; 131964981136083190 is 2019-03-08T05:55:13.608319Z.
func TestValueTypes(t *testing.T) {
	tests := []struct {
		name string
		typ  byte
		data string // hexadecimal
		want string
		kind evtx.Kind
	}{
		{"null", 0x00, "", "", evtx.Null},
		{"string", 0x01, "6800 6900", "hi", evtx.String},
		{"string of nine", 0x01, "310032003300340035003600370038003900", "123456789", evtx.String},
		{"empty string", 0x01, "", "", evtx.String},
		{"string with terminator", 0x01, "6800 6900 0000", "hi", evtx.String},
		{"string with a NUL inside", 0x01, "6800 0000 6900", "h\x00i", evtx.String},
		{"string beyond ASCII", 0x01, "e900 ac20 3dd8 00de", "é€😀", evtx.String},
		{"lone surrogates", 0x01, "3dd8 6100 00de", "\ufffda\ufffd", evtx.String},
		{"half a unit", 0x01, "6100 62", "a\ufffd", evtx.String},
		{"ANSI", 0x02, "6869 00", "hi", evtx.String},
		{"ANSI beyond ASCII", 0x02, "80e9", "€é", evtx.String},
		{"int8", 0x03, "80", "-128", evtx.Number},
		{"uint8", 0x04, "ff", "255", evtx.Number},
		{"int16", 0x05, "0080", "-32768", evtx.Number},
		{"uint16", 0x06, "ffff", "65535", evtx.Number},
		{"int32", 0x07, "00000080", "-2147483648", evtx.Number},
		{"uint32", 0x08, "ffffffff", "4294967295", evtx.Number},
		{"int64", 0x09, "0000000000000080", "-9223372036854775808", evtx.Number},
		{"uint64", 0x0a, "ffffffffffffffff", "18446744073709551615", evtx.Number},
		{"real32", 0x0b, "0000c03f", "1.5", evtx.Number},
		{"real32 shortest", 0x0b, "cdcccc3d", "0.1", evtx.Number},
		{"real64", 0x0c, "000000000000f8bf", "-1.5", evtx.Number},
		{"real64 NaN", 0x0c, "000000000000f87f", "NaN", evtx.String},
		{"real64 infinite", 0x0c, "000000000000f0ff", "-Inf", evtx.String},
		{"true", 0x0d, "01000000", "true", evtx.Bool},
		{"false", 0x0d, "00000000", "false", evtx.Bool},
		{"true of one byte", 0x0d, "01", "true", evtx.Bool},
		{"binary", 0x0e, "00deadbeef", "00DEADBEEF", evtx.String},
		{"GUID", 0x0f, "33221100 5544 7766 8899aabbccddeeff", "{00112233-4455-6677-8899-aabbccddeeff}", evtx.String},
		{"size of 32 bits", 0x10, "00100000", "0x1000", evtx.String},
		{"size of 64 bits", 0x10, "0000000001000000", "0x100000000", evtx.String},
		{"FILETIME", 0x11, "f648687f73d5d401", "2019-03-08T05:55:13.6083190Z", evtx.String},
		{"FILETIME 0", 0x11, "0000000000000000", "1601-01-01T00:00:00.0000000Z", evtx.String},
		{"FILETIME last", 0x11, "ffffffffffffffff", "60056-05-28T05:36:10.9551615Z", evtx.String},
		{"SYSTEMTIME", 0x12, "e307 0300 0500 0800 0500 3700 0d00 6002", "2019-03-08T05:55:13.608Z", evtx.String},
		{"SID", 0x13, "01 05 000000000005 15000000 01000000 02000000 03000000 f4010000", "S-1-5-21-1-2-3-500", evtx.String},
		{"SID with a large authority", 0x13, "01 00 010000000000", "S-1-0x010000000000", evtx.String},
		{"hex32", 0x14, "10000080", "0x80000010", evtx.String},
		{"hex64", 0x15, "0000000000002080", "0x8020000000000000", evtx.String},
		{"handle", 0x20, "0400000000000000", "0x4", evtx.String},
		{"XML text", 0x23, "3c00 6100 2f00 3e00", "<a/>", evtx.String},
		{"number without bytes", 0x08, "", "", evtx.Null},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := one(templated("t", el("v", hole(0)), value{typ: test.typ, data: unhex(t, test.data)}))
			want := []evtx.Field{{Name: "v", Value: test.want, Kind: test.kind}}
			if diff := cmp.Diff(want, fields(t, b)); diff != "" {
				t.Errorf("type 0x%02x of %q (-want +got):\n%s", test.typ, test.data, diff)
			}
		})
	}
}

// An array repeats the element that it fills; anywhere else its items are
// joined.
func TestArrays(t *testing.T) {
	tests := []struct {
		name string
		typ  byte
		data string
		want []string
		kind evtx.Kind
	}{
		{"string", 0x81, "6100 6200 0000 0000 6300 0000", []string{"ab", "", "c"}, evtx.String},
		{"string unfinished", 0x81, "6100 0000 6200", []string{"a", "b"}, evtx.String},
		{"ANSI", 0x82, "61 00 6263 00", []string{"a", "bc"}, evtx.String},
		{"int8", 0x83, "01ff", []string{"1", "-1"}, evtx.Number},
		{"uint8", 0x84, "01ff", []string{"1", "255"}, evtx.Number},
		{"int16", 0x85, "0100ffff", []string{"1", "-1"}, evtx.Number},
		{"uint16", 0x86, "0100ffff", []string{"1", "65535"}, evtx.Number},
		{"int32", 0x87, "01000000ffffffff", []string{"1", "-1"}, evtx.Number},
		{"uint32", 0x88, "0100000002000000", []string{"1", "2"}, evtx.Number},
		{"int64", 0x89, "0100000000000000ffffffffffffffff", []string{"1", "-1"}, evtx.Number},
		{"uint64", 0x8a, "01000000000000000200000000000000", []string{"1", "2"}, evtx.Number},
		{"real32", 0x8b, "0000c03f0000003f", []string{"1.5", "0.5"}, evtx.Number},
		{"real64", 0x8c, "000000000000f83f000000000000e03f", []string{"1.5", "0.5"}, evtx.Number},
		{"bool", 0x8d, "0100000000000000", []string{"true", "false"}, evtx.Bool},
		{"binary", 0x8e, "0102", []string{"0102"}, evtx.String},
		{"GUID", 0x8f, strings.Repeat("00", 32), []string{"{00000000-0000-0000-0000-000000000000}", "{00000000-0000-0000-0000-000000000000}"}, evtx.String},
		{"size", 0x90, "01000000000000000200000000000000", []string{"0x1", "0x2"}, evtx.String},
		{"size of 32 bits", 0x90, "010000000200000003000000", []string{"0x1", "0x2", "0x3"}, evtx.String},
		{"FILETIME", 0x91, strings.Repeat("00", 8), []string{"1601-01-01T00:00:00.0000000Z"}, evtx.String},
		{"SYSTEMTIME", 0x92, "e307 0300 0500 0800 0500 3700 0d00 6002", []string{"2019-03-08T05:55:13.608Z"}, evtx.String},
		{"SID", 0x93, "0101000000000005 12000000 0101000000000001 00000000", []string{"S-1-5-18", "S-1-1-0"}, evtx.String},
		{"hex32", 0x94, "0100000002000000", []string{"0x1", "0x2"}, evtx.String},
		{"hex64", 0x95, "01000000000000000200000000000000", []string{"0x1", "0x2"}, evtx.String},
		{"items that do not come out even", 0x88, "01000000ff", []string{"1", "FF"}, evtx.Number},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := value{typ: test.typ, data: unhex(t, test.data)}
			var want []evtx.Field
			for i, s := range test.want {
				kind := test.kind
				if test.name == "items that do not come out even" && i == 1 {
					kind = evtx.String
				}
				want = append(want, evtx.Field{Name: "v", Value: s, Kind: kind})
			}
			b := one(templated("t", el("v", hole(0)), v))
			if diff := cmp.Diff(want, fields(t, b)); diff != "" {
				t.Errorf("type 0x%02x of %q (-want +got):\n%s", test.typ, test.data, diff)
			}
			b = one(templated("t", el("v", text("="), hole(0)), v))
			want = []evtx.Field{{Name: "v", Value: "=" + strings.Join(test.want, ",")}}
			if diff := cmp.Diff(want, fields(t, b)); diff != "" {
				t.Errorf("joined (-want +got):\n%s", diff)
			}
		})
	}
}
