package flat_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

func parse(t testing.TB, text string) []casemate.Field {
	t.Helper()
	var p flat.Parser
	fields, err := p.Parse(nil, text)
	if err != nil {
		t.Fatalf("Parse(%.80q): %v", text, err)
	}
	return fields
}

func TestParse(t *testing.T) {
	got := parse(t, ` {"a":{"b.c":[1,{"d":"x"},{"d":"y\u00e9\ud83d\ude00\ud800\n\/"}]}, "e":-1.50e+3,"f":true,"g":null,"h":{},"i":[],"":false,"a":"twice"} `)
	want := []casemate.Field{
		{Name: "a.b.c", Value: "1", Kind: casemate.Number},
		{Name: "a.b.c.d", Value: "x"},
		{Name: "a.b.c.d", Value: "yé😀\uFFFD\n/"},
		{Name: "e", Value: "-1.50e+3", Kind: casemate.Number},
		{Name: "f", Value: "true", Kind: casemate.Bool},
		{Name: "g", Kind: casemate.Null},
		{Name: "h", Kind: casemate.EmptyObject},
		{Name: "i", Kind: casemate.EmptyArray},
		{Name: "", Value: "false", Kind: casemate.Bool},
		{Name: "a", Value: "twice"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseFaults(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	for _, tt := range []struct {
		text   string
		offset int
	}{
		{``, 0}, {`1`, 0}, {`[]`, 0}, {`{`, 1}, {`{"a"`, 4}, {`{"a":`, 5}, {`{"a":1`, 6}, {`{"a":1,}`, 7},
		{`{"a":01}`, 5}, {`{"a":-}`, 6}, {`{"a":1.}`, 7}, {`{"a":1e}`, 7}, {`{"a":tru}`, 5}, {`{"a":"\x"}`, 6},
		{`{"a":"\u12"}`, 6}, {"{\"a\":\"\n\"}", 6}, {"{\"a\":\"\x00\"}", 6}, {`{"a":"x}`, 8}, {`{"a":1} x`, 8}, {`{a:1}`, 1},
		{`{"a":1 "b":2}`, 7}, {`{"a":[1 2]}`, 8}, {deep, 5 * flat.MaxDepth},
		{`{"` + strings.Repeat("n", flat.MaxName+1) + `":1}`, flat.MaxName + 4},
		{`{"a":[` + strings.Repeat("0,", flat.MaxFields) + `0]}`, 7 + 2*flat.MaxFields},
	} {
		var p flat.Parser
		_, err := p.Parse(nil, tt.text)
		var syntax *flat.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%.40q) = %v, want a SyntaxError", tt.text, err)
		} else if syntax.Offset != tt.offset {
			t.Errorf("Parse(%.40q) fails at %d (%s), want %d", tt.text, syntax.Offset, syntax.Reason, tt.offset)
		}
	}
}

// TestNamesAreBounded sends long names that are new each time: a parser that
// kept or built them all would need gigabytes.
func TestNamesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"` + strings.Repeat("p", 900) + `":{"0":0`)
	for i := range 60_000 {
		b.WriteString(`,"` + strconv.Itoa(i) + `":0`)
	}
	b.WriteString("}}")
	var p flat.Parser
	if _, err := p.Parse(nil, b.String()); err == nil {
		t.Error("Parse took 54 MB of names from a text of 0.5 MB")
	}
}

func TestRecord(t *testing.T) {
	var r flat.Record
	if r.Has("a") || r.Get("a") != "" {
		t.Error("an empty record has a field")
	}
	r.Reset(parse(t, `{"Host":{"Name":" web-1 "},"ip":["-","10.0.0.1",null,"10.0.0.2"],"user":"N/A","USER":"bob","`+strings.Repeat("l", 200)+`":"long"}`))
	for name, want := range map[string]string{"host.name": "web-1", "IP": "10.0.0.1", "user": "bob", "absent": "", "hostxname": "", strings.Repeat("l", 200): ""} {
		if got := r.Get(name); got != want {
			t.Errorf("Get(%q) = %q, want %q", name, got, want)
		}
	}
	var all []string
	for v := range r.All("ip") {
		all = append(all, v)
	}
	if diff := cmp.Diff([]string{"10.0.0.1", "10.0.0.2"}, all); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	r.Reset(parse(t, `{"x":1}`))
	if r.Has("ip") || !r.Has("X") || r.First("ip", "x") != "1" {
		t.Error("Reset leaves fields of the record before")
	}
}

// leaves is the oracle: it flattens with another implementation.
func leaves(text []byte) ([]casemate.Field, error) {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var out []casemate.Field
	var walk func(path string, has bool) error
	walk = func(path string, has bool) error {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		switch token.Kind() {
		case '{', '[':
			isObject, n := token.Kind() == '{', 0
			for ; d.PeekKind() != '}' && d.PeekKind() != ']'; n++ {
				inner, innerHas := path, has
				if isObject {
					name, err := d.ReadToken()
					if err != nil {
						return err
					}
					if inner, innerHas = name.String(), true; has && path != "" {
						inner = path + "." + inner
					}
				}
				if err := walk(inner, innerHas); err != nil {
					return err
				}
			}
			if _, err := d.ReadToken(); err != nil {
				return err
			}
			if n == 0 {
				kind := casemate.EmptyArray
				if isObject {
					kind = casemate.EmptyObject
				}
				out = append(out, casemate.Field{Name: path, Kind: kind})
			}
			return nil
		case '"':
			out = append(out, casemate.Field{Name: path, Value: token.String()})
		case '0':
			out = append(out, casemate.Field{Name: path, Value: token.String(), Kind: casemate.Number})
		case 'n':
			out = append(out, casemate.Field{Name: path, Kind: casemate.Null})
		default:
			out = append(out, casemate.Field{Name: path, Value: token.String(), Kind: casemate.Bool})
		}
		return nil
	}
	if d.PeekKind() != '{' {
		return nil, errors.New("no object")
	}
	if err := walk("", false); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, errors.New("more text")
	}
	return out, nil
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":{"b":[1,2,{"c":null}]},"d":"\u00e9\ud800"}`, `{"a":[[],{},[[1]]]}`, `{"":{"":1}}`,
		`{"a":-0.0e-1}`, `{"a":00}`, "{\"a\":\"\x7f\xff\"}", `{"a":"\\\"\b"}`, `{"a":1}{"b":2}`, strings.Repeat(`{"a":[`, 80),
	} {
		f.Add([]byte(seed))
	}
	var p flat.Parser
	var r flat.Record
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := p.Parse(nil, string(text))
		var syntax *flat.SyntaxError
		if err != nil && (!errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text)) {
			t.Fatalf("Parse: %v, an error with no place in %d bytes", err, len(text))
		}
		r.Reset(got)
		for i := range got {
			if len(got[i].Name) <= 128 && !r.Has(got[i].Name) {
				t.Fatalf("%q is lost", got[i].Name)
			}
		}
		if !utf8.Valid(text) {
			return
		}
		want, wantErr := leaves(text)
		if limit := err != nil && wantErr == nil; limit && len(text) > flat.MaxDepth {
			return // our limits may refuse what is valid
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("Parse(%q): %v, the oracle says %v", text, err, wantErr)
		}
		if err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("Parse(%q) (-want +got):\n%s", text, diff)
			}
		}
	})
}

const event = `{"timestamp":"2024-08-07T13:30:12.123456+0000","flow_id":1234567890,"in_iface":"eth0","event_type":"alert","src_ip":"10.0.0.5","src_port":51234,"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":2024792,"rev":4,"signature":"ET MALWARE Something \"quoted\"","category":"A Network Trojan was detected","severity":1,"metadata":{"signature_severity":["Major"],"mitre_technique_id":["T1071"]}},"flow":{"pkts_toserver":12,"bytes_toserver":3456}}`

func BenchmarkParse(b *testing.B) {
	var p flat.Parser
	var dst []casemate.Field
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = p.Parse(dst[:0], event); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	fields := parse(b, event)
	var r flat.Record
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(fields)
	}
}

func ExampleParser() {
	var p flat.Parser
	fields, _ := p.Parse(nil, `{"process":{"name":"sh","args":["-c","id"]}}`)
	var r flat.Record
	r.Reset(fields)
	fmt.Println(r.Get("Process.Name"), slices.Collect(r.All("process.args")))
	// Output: sh [-c id]
}
