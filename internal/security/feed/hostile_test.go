package feed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// utf16LE returns a text in UTF-16 with its mark.
func utf16LE(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// pattern returns a technique as a STIX object.
func pattern(n int, more string) string {
	return fmt.Sprintf(`{"type":"attack-pattern","id":"attack-pattern--%d","name":"Technique %d","x_mitre_domains":["enterprise-attack"],"external_references":[{"source_name":"mitre-attack","external_id":"T%04d"}]%s}`, n, n, n, more)
}

func bundle(objects ...string) string {
	return `{"type":"bundle","id":"bundle--1","objects":[` + strings.Join(objects, ",\n") + `]}`
}

// TestStructure wants an error for what is no sound publication: nothing of it
// may be kept.
func TestStructure(t *testing.T) {
	whole := bundle(pattern(1, ""), pattern(2, ""))
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	tests := []struct{ name, content, want string }{
		{"empty", "", "is empty"},
		{"blank", " \n\t\n", "is empty"},
		{"unknown text", "hello, world\n", "nothing in it is known"},
		{"unknown JSON", `{"a": 1}`, "nothing in it is known"},
		{"a bundle of others", `{"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern":"[x]"}]}`, "nothing in it is known"},
		{"cut in half", whole[:len(whole)/2], "the JSON ends too early"},
		{"cut at the end", whole[:len(whole)-2], "the JSON ends too early"},
		{"glued", whole + whole, "two files glued together"},
		{"glued with rubbish", whole + "x", "the JSON is broken"},
		{"glued lists", "[" + string(sample(t, "cve-5.json")) + "][]", "two files glued together"},
		{"glued catalogues", string(sample(t, "oscal-catalog.json")) + string(sample(t, "oscal-catalog.json")), "two files glued together"},
		{"glued XML", string(sample(t, "cwe.xml")) + "<Weakness_Catalog/>", "two files glued together"},
		{"lines cut off", string(sample(t, "capec.jsonl")[:900]), "the JSON ends too early"},
		{"a NUL byte", strings.Replace(whole, "Technique 1", "Tech\x00nique 1", 1), "the JSON is broken"},
		{"nested 100,000 deep", bundle(pattern(1, `,"x":`+deep)), "the JSON is broken"},
		{"nested 100,000 deep alone", deep, "the JSON is broken"},
		{"brackets alone", strings.Repeat("[", 100_000), "the JSON is broken"},
		{"a huge object", bundle(pattern(1, `,"x":"`+strings.Repeat("a", 17<<20)+`"`)), "larger than 16 MiB"},
		{"XML cut in half", string(sample(t, "cwe.xml")[:2000]), "the XML ends too early"},
		{"XML of entities", "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<Weakness_Catalog><Weaknesses><Weakness ID=\"1\" Name=\"x\"><Description>&b;</Description></Weakness></Weaknesses></Weakness_Catalog>", "the XML is broken"},
		{"XML with a broken name", "<Weakness_Catalog><\x1b[31m\xffx/></Weakness_Catalog>", "the XML is broken"},
		{"XML nested deep", "<Weakness_Catalog><Weaknesses><Weakness ID=\"1\">" + strings.Repeat("<a>", 100_000), "elements deeper than"},
		{"XML of many elements", "<Weakness_Catalog><Weaknesses><Weakness ID=\"1\">" + strings.Repeat("<a/>", 300_000), "elements deeper than"},
		{"a huge cell", "CWE-ID,Name,Weakness Abstraction,Status\n1,\"" + strings.Repeat("a", 17<<20), "larger than 16 MiB"},
		{"a huge line", "cve,epss,percentile\n" + strings.Repeat("a", 1<<20), "a line of more than 64 KiB"},
		{"a broken ontology", string(sample(t, "d3fend.ttl")) + ":x :y", "parse turtle"},
		{"a broken rule", "title: x\ndetection:\n  a: [\n", "parse YAML"},
		{"YAML with an alias", "title: &a x\ndetection:\n  a: *a\n", "alias"},
		{"YAML nested deep", "title: x\ndetection:\n a: " + strings.Repeat("[", 2000), "nested deeper"},
		{"YAML nested by dashes", "title: x\ndetection:\n " + strings.Repeat("- ", 2000), "nested deeper"},
		{"YAML that is huge", "title: x\ndetection:\n  a: " + strings.Repeat("x\n", 1<<20), "more than 512 KiB"},
		{"a YARA rule cut off", "rule a { condition: true and", "the file ends within a rule"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := readString(t, tt.content)
			wantError(t, err, "import -", tt.want)
			if strings.ContainsAny(err.Error(), "\x00\x1b\n") || strings.Contains(err.Error(), "\xff") {
				t.Errorf("error %q holds what the file holds", err)
			}
		})
	}
}

// TestUnknownIsNamed lets callers tell a file that is nothing from a broken one.
func TestUnknownIsNamed(t *testing.T) {
	if _, _, err := readString(t, "hello"); !errors.Is(err, feed.ErrUnknown) {
		t.Errorf("error is %v, want ErrUnknown", err)
	}
	if _, _, err := readString(t, bundle(pattern(1, ""))[:90]); err == nil || errors.Is(err, feed.ErrUnknown) {
		t.Errorf("error is %v, want one that is not ErrUnknown", err)
	}
}

// TestObjects wants a fault for a single bad object, and the rest read.
func TestObjects(t *testing.T) {
	long := strings.Repeat("x", 1_000_000)
	tests := []struct{ name, bad, want string }{
		{"a name that is an object", `{"type":"attack-pattern","id":"a","name":{"a":1},"external_references":[{"source_name":"mitre-attack","external_id":"T1"}]}`, `"/name": want text, found an object`},
		{"references that are a text", `{"type":"attack-pattern","id":"a","external_references":"x"}`, `"/external_references"`},
		{"a list of lists", `{"type":"malware","id":"a","x_mitre_platforms":[["x"]],"external_references":[{"source_name":"mitre-attack","external_id":"S1"}]}`, "want text, found an array"},
		{"a member twice", `{"type":"malware","id":"a","name":"x","name":"y"}`, "duplicate"},
		{"an id of 1,000,000 characters", `{"type":"tool","id":"a","external_references":[{"source_name":"mitre-attack","external_id":"` + long + `"}]}`, "id of 1000000 bytes"},
		{"a STIX id of 1,000,000 characters", `{"type":"tool","id":"` + long + `"}`, "a STIX id of more than 200 bytes"},
		{"an id of two words", `{"type":"tool","id":"a","external_references":[{"source_name":"mitre-attack","external_id":"S 1"}]}`, "no single word"},
		{"an id in broken UTF-8", "{\"type\":\"tool\",\"id\":\"a\",\"external_references\":[{\"source_name\":\"mitre-attack\",\"external_id\":\"S\xff1\"}]}", "no single word"},
		{"an id with a NUL", `{"type":"x-mitre-data-component","id":"x-mitre-\u0000"}`, "no single word"},
		{"an element that is a number", `7`, "want an object, found"},
		{"an id twice", pattern(1, ""), "T0001 appears twice; the first stands"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, rep, err := readString(t, bundle(pattern(1, ""), tt.bad, pattern(2, "")))
			if err != nil {
				t.Fatal(err)
			}
			wantFault(t, rep, tt.want)
			if rep.FaultCount != 1 || len(c.entries) != 2 {
				t.Errorf("%d faults and %d entries, want 1 and 2: %v", rep.FaultCount, len(c.entries), rep.Faults)
			}
			if f := rep.Faults[0]; f.At.File != "-" || f.At.Record != 2 || len(f.Reason) > 310 {
				t.Errorf("the fault is %+v", f)
			}
		})
	}
}

// TestCount says where a list holds another number than it states.
func TestCount(t *testing.T) {
	_, rep, err := readString(t, strings.Replace(string(sample(t, "kev.json")), `"count": 2`, `"count": 3`, 1))
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, rep, `the list states "3" vulnerabilities and holds 2`)
}

// TestFaultsAreCapped names the first faults and counts all.
func TestFaultsAreCapped(t *testing.T) {
	var b strings.Builder
	b.WriteString("cve,epss\n")
	for range 1000 {
		b.WriteString("CVE-2031-99001,nonsense\n")
	}
	c := &counted{}
	rep, err := feed.Read(context.Background(), "-", strings.NewReader(b.String()+"CVE-2031-99001,1\n"), c, feed.Options{MaxNamed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if rep.FaultCount != 1000 || len(rep.Faults) != 3 || c.entries != 1 {
		t.Errorf("%d faults, %d named, %d entries", rep.FaultCount, len(rep.Faults), c.entries)
	}
	if f := rep.Faults[2]; f.At.Line != 4 {
		t.Errorf("the third fault is at %v, want line 4", f.At)
	}
}

// TestMissingAndCycles passes on what relations say even where ends are missing
// or successors go round in a circle.
func TestMissingAndCycles(t *testing.T) {
	rel := func(kind string, from, to int) string {
		return fmt.Sprintf(`{"type":"relationship","id":"relationship--%d-%d","relationship_type":%q,"source_ref":"attack-pattern--%d","target_ref":"attack-pattern--%d"}`, from, to, kind, from, to)
	}
	c, rep, err := readString(t, bundle(
		pattern(1, `,"revoked":true`), pattern(2, `,"revoked":true`), pattern(3, `,"revoked":true`),
		rel("revoked-by", 1, 2), rel("revoked-by", 2, 1), rel("revoked-by", 3, 404), rel("subtechnique-of", 1, 404), rel("subtechnique-of", 405, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := c.find(t, "T0001"), c.find(t, "T0002"); a.Successor != "T0002" || b.Successor != "T0001" || a.Status != feed.StatusRevoked {
		t.Errorf("the circle reads %+v and %+v", a, b)
	}
	if e := c.find(t, "T0003"); e.Successor != "" {
		t.Errorf("the successor of T0003 is %q, want none", e.Successor)
	}
	if rep.MissingCount != 2 || !strings.Contains(rep.Missing[0], "attack-pattern--404, named 3 times") {
		t.Errorf("missing are %q", rep.Missing)
	}
	if rep.FaultCount != 1 || !strings.HasSuffix(rep.Faults[0].Reason, "in a circle, so that nothing stands for them: T0001, T0002") {
		t.Errorf("faults are %v, want one that names the circle", rep.Faults)
	}
	if len(c.relations) != 5 || c.relations[3].To != "attack-pattern--404" {
		t.Errorf("relations are %v", c.relations)
	}
}

// endless gives an array of objects without holding it.
type endless struct {
	head, tail string
	object     func(n int) string
	n, of      int
	left       string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == "" {
		switch {
		case e.n == 0:
			e.left = e.head + e.object(0)
		case e.n < e.of:
			e.left = "," + e.object(e.n)
		case e.n == e.of:
			e.left = e.tail
		default:
			return 0, io.EOF
		}
		e.n++
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

// TestMillion reads an array of 1,000,000 elements as it comes.
func TestMillion(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	c := &counted{}
	in := &endless{of: n, head: `{"vulnerabilities":[`, tail: `],"catalogVersion":"1"}`, object: func(n int) string { return fmt.Sprintf(`{"cveID":"CVE-2031-%d"}`, 10000+n) }}
	rep, err := feed.Read(context.Background(), "-", in, c, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.entries != n || rep.Entries[feed.KindVulnerability] != n || rep.Publications[0].Version != "1" {
		t.Errorf("%d entries of %d, report %v", c.entries, n, rep.Entries)
	}
}

// TestText keeps hostile text as plain text.
func TestText(t *testing.T) {
	description := `A <b>bold</b> claim &amp; a <script>alert(\"x\")</script> with <img src=x onerror=alert(1)>, \u0000\u001b[31mred\u001b[0m \u202etxt, <a href='javascript:x'>link</a>(Citation: A (B) 2030). Run <code>net use <name></code>.\n\n* one\n* two`
	c, _, err := readString(t, bundle(pattern(1, `,"description":"`+description+`"`)))
	if err != nil {
		t.Fatal(err)
	}
	want := "A bold claim & a <script>alert(\"x\")</script> with <img src=x onerror=alert(1)>, [31mred[0m \u202etxt, link. Run net use <name>.\n* one\n* two"
	if got := c.find(t, "T0001").Sections[0].Text; got != want {
		t.Errorf("text is\n%q, want\n%q", got, want)
	}
}

// TestBrokenUTF8 marks what is no UTF-8 and reads on.
func TestBrokenUTF8(t *testing.T) {
	c, _, err := readString(t, bundle(pattern(1, ",\"description\":\"caf\xe9 open\"")))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.find(t, "T0001").Sections[0].Text, "caf\uFFFD open"; got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
}

// TestLimits trims what is too long and says so with a mark.
func TestLimits(t *testing.T) {
	c, _, err := readString(t, bundle(pattern(1, `,"description":"`+strings.Repeat("é", 1<<20)+`","aliases":["`+strings.Repeat("a", 5000)+`"]`)))
	if err != nil {
		t.Fatal(err)
	}
	e := c.find(t, "T0001")
	if n := len(e.Sections[0].Text); n > feed.MaxText+3 || !strings.HasSuffix(e.Sections[0].Text, "é…") {
		t.Errorf("the text has %d bytes and ends in %q", n, e.Sections[0].Text[n-5:])
	}
	if n := len(e.Aliases[0]); n != feed.MaxName+3 {
		t.Errorf("the alias has %d bytes", n)
	}
}

// TestLongLists names an entry whose lists are cut.
func TestLongLists(t *testing.T) {
	list := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"v%d"`, i)
		}
		return "[" + b.String()[1:] + "]"
	}
	c, rep, err := readString(t, bundle(pattern(1, `,"x_mitre_platforms":`+list(1_000_000)), pattern(2, `,"aliases":`+list(2000)), pattern(3, `,"x_mitre_platforms":`+list(100))))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.find(t, "T0001").Fields); n != feed.MaxFields {
		t.Errorf("T0001 has %d facts, want %d", n, feed.MaxFields)
	}
	if rep.FaultCount != 2 || !strings.Contains(rep.Faults[0].Reason, "T0001 has too many facts: the first 20000 were kept") || !strings.Contains(rep.Faults[1].Reason, "T0002 has too many names") {
		t.Errorf("faults are %v, want the long lists named", rep.Faults)
	}
}

// TestPackingFaults tells damage of the packing from damage of the content.
func TestPackingFaults(t *testing.T) {
	whole := []byte(bundle(pattern(1, ""), pattern(2, "")))
	gz := packed(t, whole)
	zipped := archive(t, member{"a.json", whole})
	flipped := bytes.Clone(zipped)
	flipped[len("PK\x03\x04")+40] ^= 0xff
	blanks := bytes.Repeat([]byte(`{"type":"`+strings.Repeat("x", 1<<20)+`"}`), 80)
	bomb := packed(t, blanks)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"truncated gzip", gz[:len(gz)-12], "unexpected EOF"},
		{"gzip with a wrong sum", append(gz[:len(gz)-8:len(gz)-8], 1, 2, 3, 4, 5, 6, 7, 8), "checksum"},
		{"gzip with rubbish behind", append(gz[:len(gz):len(gz)], "rubbish!!!"...), "invalid header"},
		{"glued gzip", append(gz[:len(gz):len(gz)], gz...), "glued"},
		{"gzip twice", packed(t, gz), "is packed twice"},
		{"zip in gzip", packed(t, zipped), "is packed twice"},
		{"truncated zip", zipped[:len(zipped)-30], "unpack zip"},
		{"a bomb", bomb, "may be a bomb"},
		{"a bomb in a zip", archive(t, member{"a", blanks}), "may be a bomb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := store(t, "x", tt.data)
			_, _, err := readPath(t, path)
			wantError(t, err, tt.want)
			_, _, err = readBytes(t, tt.data)
			wantError(t, err, tt.want)
		})
	}
}

// TestArchiveMembers makes a fault of one bad member, and reads the rest; half
// a catalogue is an error in an archive, too.
func TestArchiveMembers(t *testing.T) {
	record := sample(t, "cve-5.json")
	data := archive(t,
		member{"cves/1.json", record}, member{"cves/2.json", record[:200]}, member{"../../etc/passwd", sample(t, "sigma.yml")},
		member{"C:\\evil\x00\x1b[31m.yml", []byte("title: x\ndetection:\n  a: [\n")}, member{"inner.zip", archive(t, member{"x", record})},
		member{"rules.yar", []byte("rule a { condition: true }\nrule b { condition: tr")}, member{"dir/", nil})
	c, rep, err := readPath(t, store(t, "x.zip", data))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the JSON ends too early", "parse YAML", "an archive inside an archive", "the rest of the file is not read"} {
		wantFault(t, rep, want)
	}
	if len(c.entries) != 4 { // the record, two rules of Sigma, one of YARA; the third of Sigma has no id
		t.Errorf("%d entries: %v", len(c.entries), rep)
	}
	for _, f := range rep.Faults {
		if strings.ContainsAny(f.At.File, "\x00\x1b") {
			t.Errorf("the fault's place is %q", f.At.File)
		}
	}
	half := []byte(bundle(pattern(1, ""), pattern(2, "")))
	_, _, err = readPath(t, store(t, "y.zip", archive(t, member{"a.yar", sample(t, "rules.yar")}, member{"b.json", half[:len(half)/2]})))
	wantError(t, err, "!b.json", "ends too early")
}

// TestAbsent says which path is not there.
func TestAbsent(t *testing.T) {
	_, _, err := readPath(t, "testdata/absent.json")
	wantError(t, err, "absent.json", "no such file")
}
