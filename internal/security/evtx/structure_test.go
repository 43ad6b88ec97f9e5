package evtx_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

// event is the template of a usual event: the values are the provider's id, the
// activity, the qualifiers, the event id and the provider's own part.
var event = el("Event",
	el("System",
		el("Provider").with("Name", text("Test")).with("Guid", hole(0)),
		el("EventID", hole(3)).with("Qualifiers", optional(2)),
		el("Correlation").with("ActivityID", optional(1)),
	),
	element{name: "Extra", dependency: 1 + 1, content: []node{text("there")}},
	hole(4),
).with("xmlns", text("urn:x"))

// data is the template of a usual EventData.
var data = el("EventData",
	el("Data", hole(0)).with("Name", text("CommandLine")),
	el("Data", hole(1)).with("Name", text("Pid")).with("Type", text("n")),
	el("Data", hole(2)),
	el("Data", hole(0)).with("Name", hole(3)),
)

func usual(number uint64, values ...value) func(c *chunkWriter) {
	return templated("event", event,
		value{typ: 0x0f, data: make([]byte, 16)}, null(), value{typ: 0x06, data: []byte{0, 64}}, u32v(uint32(number)),
		fragment(templated("data", data, values...)))
}

func TestEvent(t *testing.T) {
	c := newChunk()
	for i := range uint64(3) {
		// The second and third record share the templates of the first.
		c.record(7+i, 131964981136083190, usual(i, str(`cmd "a" & <b>`), u32v(4), strs("x", "y"), str("Dyn")))
	}
	b := file(0, 1, c.bytes())
	records, stats := read(t, bytes.NewReader(b))
	if len(records) != 3 || stats.FaultCount != 0 {
		t.Fatalf("read %d records, faults %v; want 3 and none", len(records), stats.Faults)
	}
	want := []evtx.Field{
		{Name: "Event.#attributes.xmlns", Value: "urn:x"},
		{Name: "Event.System.Provider.#attributes.Name", Value: "Test"},
		{Name: "Event.System.Provider.#attributes.Guid", Value: "{00000000-0000-0000-0000-000000000000}"},
		{Name: "Event.System.EventID.#attributes.Qualifiers", Value: "16384", Kind: evtx.Number},
		{Name: "Event.System.EventID", Value: "2", Kind: evtx.Number},
		{Name: "Event.System.Correlation", Kind: evtx.Null},
		{Name: "Event.EventData.CommandLine", Value: `cmd "a" & <b>`},
		{Name: "Event.EventData.Pid.#attributes.Type", Value: "n"},
		{Name: "Event.EventData.Pid", Value: "4", Kind: evtx.Number},
		{Name: "Event.EventData.Data", Value: "x"},
		{Name: "Event.EventData.Data", Value: "y"},
		{Name: "Event.EventData.Dyn", Value: `cmd "a" & <b>`},
	}
	if diff := cmp.Diff(want, records[2].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	last := records[2]
	if want := time.Date(2019, 3, 8, 5, 55, 13, 608319000, time.UTC); last.Number != 9 || !last.Written.Equal(want) || last.Chunk != 0 {
		t.Errorf("record %d of %v in chunk %d, want 9 of %v in 0", last.Number, last.Written, last.Chunk, want)
	}
	if at := b[last.Offset:]; !bytes.HasPrefix(at, []byte("**\x00\x00")) || at[8] != 9 {
		t.Errorf("offset %d is not that of record 9", last.Offset)
	}
	wantXML := `<Event xmlns="urn:x"><System><Provider Name="Test" Guid="{00000000-0000-0000-0000-000000000000}"/>` +
		`<EventID Qualifiers="16384">0</EventID><Correlation/></System><EventData>` +
		`<Data Name="CommandLine">cmd "a" &amp; &lt;b&gt;</Data><Data Name="Pid" Type="n">4</Data>` +
		`<Data>x</Data><Data>y</Data><Data Name="Dyn">cmd "a" &amp; &lt;b&gt;</Data></EventData></Event>`
	if diff := cmp.Diff(wantXML, xmlOf(t, b)); diff != "" {
		t.Errorf("XML (-want +got):\n%s", diff)
	}
}

func TestContent(t *testing.T) {
	tests := []struct {
		name    string
		body    func(c *chunkWriter)
		want    []evtx.Field
		wantXML string
	}{
		{
			"an element without a template",
			plain(el("a", text("x"), el("b").with("c", text("d")))),
			[]evtx.Field{{Name: "a", Value: "x"}, {Name: "a.b.#attributes.c", Value: "d"}},
			`<a>x<b c="d"/></a>`,
		},
		{
			"an element without a template, with a dependency",
			func(c *chunkWriter) { el("a", text("x")).write(c) },
			[]evtx.Field{{Name: "a", Value: "x"}},
			`<a>x</a>`,
		},
		{
			"text, CDATA and references are one text",
			plain(el("a", text("x"), cdata("<y>"), charRef('z'), entity("amp"), entity("lt"), entity("gt"), entity("quot"), entity("apos"), entity("nbsp"))),
			[]evtx.Field{{Name: "a", Value: `x<y>z&<>"'&nbsp;`}},
			`<a>x&lt;y&gt;z&amp;&lt;&gt;"'&amp;nbsp;</a>`,
		},
		{
			"white space between elements is no field",
			plain(el("a", text("\r\n\t"), el("b", text(" ")), text("\n"))),
			[]evtx.Field{{Name: "a.b", Value: " "}},
			"<a>&#xD;\n\t<b> </b>\n</a>",
		},
		{
			"text around elements is one field for each run",
			plain(el("a", text("1"), el("b", text("2")), text("3"))),
			[]evtx.Field{{Name: "a", Value: "1"}, {Name: "a.b", Value: "2"}, {Name: "a", Value: "3"}},
			`<a>1<b>2</b>3</a>`,
		},
		{
			"processing instructions are passed over",
			plain(el("a", pi{"p", "q"}, text("x"))),
			[]evtx.Field{{Name: "a", Value: "x"}},
			`<a>x</a>`,
		},
		{
			"text and values make a string",
			templated("t", el("a", text("n="), hole(0)), u32v(5)),
			[]evtx.Field{{Name: "a", Value: "n=5"}},
			`<a>n=5</a>`,
		},
		{
			"a null value is a null field",
			templated("t", el("a", el("b", hole(0)), el("c", hole(9))), null()),
			[]evtx.Field{{Name: "a.b", Kind: evtx.Null}, {Name: "a.c", Kind: evtx.Null}},
			`<a><b/><c/></a>`,
		},
		{
			"an optional null leaves the element out",
			templated("t", el("a", el("b", optional(0)).with("c", text("d")), el("e", optional(1))), null(), str("")),
			[]evtx.Field{{Name: "a.e"}},
			`<a><e/></a>`,
		},
		{
			"an optional null leaves the attribute out, another one does not",
			templated("t", el("a").with("b", optional(0)).with("c", hole(0)), null()),
			[]evtx.Field{{Name: "a.#attributes.c", Kind: evtx.Null}},
			`<a c=""/>`,
		},
		{
			"an array in an attribute is joined",
			templated("t", el("a").with("b", hole(0)), strs("x", "y")),
			[]evtx.Field{{Name: "a.#attributes.b", Value: "x,y"}},
			`<a b="x,y"/>`,
		},
		{
			"an empty array is one empty element",
			templated("t", el("a", el("b", hole(0))), strs()),
			[]evtx.Field{{Name: "a.b", Kind: evtx.Null}},
			`<a><b/></a>`,
		},
		{
			"an empty fragment is nothing",
			templated("t", el("a", hole(0)), fragment(func(c *chunkWriter) {})),
			[]evtx.Field{{Name: "a", Kind: evtx.Null}},
			`<a/>`,
		},
		{
			"a fragment of plain elements",
			templated("t", el("a", text("x"), hole(0), text("y")), fragment(func(c *chunkWriter) {
				naked(el("b", text("1"))).write(c)
				naked(el("b", text("2"))).write(c)
			})),
			[]evtx.Field{{Name: "a", Value: "x"}, {Name: "a.b", Value: "1"}, {Name: "a.b", Value: "2"}, {Name: "a", Value: "y"}},
			`<a>x<b>1</b><b>2</b>y</a>`,
		},
		{
			"one template under two parents",
			templated("t", el("a", el("b", hole(0)), el("c", hole(1))),
				fragment(templated("u", el("d", hole(0)), str("1"))), fragment(templated("u", el("d", hole(0)), str("2")))),
			[]evtx.Field{{Name: "a.b.d", Value: "1"}, {Name: "a.c.d", Value: "2"}},
			`<a><b><d>1</d></b><c><d>2</d></c></a>`,
		},
		{
			"a Data with an empty name has none",
			plain(el("a", el("Data", text("x")).with("Name", text("")))),
			[]evtx.Field{{Name: "a.Data.#attributes.Name"}, {Name: "a.Data", Value: "x"}},
			`<a><Data Name="">x</Data></a>`,
		},
		{
			"what XML cannot hold",
			plain(el("a b<", text("\x01\uffff")).with(`1"`, text("\"\n<\t"))),
			[]evtx.Field{{Name: `a b<.#attributes.1"`, Value: "\"\n<\t"}, {Name: "a b<", Value: "\x01\uffff"}},
			"<a_b_ __=\"&quot;&#xA;&lt;&#x9;\">\ufffd\ufffd</a_b_>",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := one(test.body)
			if diff := cmp.Diff(test.want, fields(t, b)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantXML, xmlOf(t, b)); diff != "" {
				t.Errorf("XML (-want +got):\n%s", diff)
			}
		})
	}
}

func TestXMLOfAnEarlierRecord(t *testing.T) {
	c := newChunk()
	c.record(1, 0, plain(el("a")))
	c.record(2, 0, plain(el("b")))
	r, err := evtx.NewReader(bytes.NewReader(file(0, 1, c.bytes())))
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if s, err := first.XML(); err == nil {
		t.Errorf("XML of a record that is gone = %q, want an error", s)
	}
	if s, err := new(evtx.Record).XML(); err == nil {
		t.Errorf("XML of no record = %q, want an error", s)
	}
}

// Fields are used again, strings are not: a caller may keep them.
func TestStringsStay(t *testing.T) {
	c := newChunk()
	for i := range uint64(50) {
		c.record(1+i, 0, templated("t", el("a", hole(0)), str(strings.Repeat(string(rune('a'+i%26)), 20))))
	}
	records, _ := read(t, bytes.NewReader(file(0, 1, c.bytes())))
	for i, rec := range records {
		if want := strings.Repeat(string(rune('a'+i%26)), 20); rec.Fields[0].Value != want {
			t.Errorf("record %d: %q, want %q", i, rec.Fields[0].Value, want)
		}
	}
}
