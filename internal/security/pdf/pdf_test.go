package pdf_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/pdf"
)

const sentence = "The actor ran whoami (twice) in C:\\Temp."

func TestPlainAndPacked(t *testing.T) {
	for _, pack := range []bool{false, true} {
		got := read(t, document(pack, at(72, 700, 11, sentence), at(72, 700, 11, "The second page.")))
		if diff := cmp.Diff([]string{sentence, "The second page."}, texts(got)); diff != "" {
			t.Errorf("packed %v: %s", pack, diff)
		}
		if got.Pages != 2 || got.Lines[1].Page != 2 || got.Incomplete || len(got.Notes) > 0 {
			t.Errorf("packed %v: %+v", pack, got)
		}
	}
}

// TestWords shows that words part at gaps, however they are drawn, and only there.
func TestWords(t *testing.T) {
	for name, draw := range map[string]string{
		"one string":        "BT /F1 10 Tf 72 700 Td (cleared the event log) Tj ET",
		"kerned":            "BT /F1 10 Tf 72 700 Td [(cl) 20 (eared) -278 (the) -278 (ev) -15 (ent) -300 (log)] TJ ET",
		"a string a word":   "BT /F1 10 Tf 72 700 Td (cleared) Tj 36.68 0 Td (the) Tj 16.68 0 Td (event) Tj 27.24 0 Td (log) Tj ET",
		"letters":           "BT /F3 10 Tf 72 700 Td " + letters("cleared the event log") + "ET",
		"spread letters":    "BT /F1 10 Tf 2 Tc 72 700 Td (cleared the event log) Tj ET",
		"wide spaces":       "BT /F1 10 Tf 4 Tw 72 700 Td (cleared the event log) Tj ET",
		"quote operator":    "BT /F1 10 Tf 12 TL 72 700 Td (cleared the event log) ' ET",
		"two quotes":        "BT /F1 10 Tf 12 TL 72 700 Td 0 0 (cleared the event log) \" ET",
		"hexadecimal":       "BT /F1 10 Tf 72 700 Td <636c6561726564 20746865206576656e74206c6f67> Tj ET",
		"octal":             `BT /F1 10 Tf 72 700 Td (cleared\040the\40event log) Tj ET`,
		"scaled":            "q 0.1 0 0 0.1 0 0 cm BT /F1 100 Tf 720 7000 Td (cleared the event log) Tj ET Q",
		"scaled by Tm":      "BT /F1 1 Tf 10 0 0 10 72 700 Tm [(cleared) -300 (the event log)] TJ ET",
		"after an image":    "BI /W 2 /H 2 ID \x00\x01 EI BT /F1 10 Tf 72 700 Td (cleared the event log) Tj ET",
		"unbalanced states": "Q Q Q BT /F1 10 Tf 72 700 Td (cleared the event log) Tj ET",
	} {
		if got := texts(read(t, document(false, draw))); !cmp.Equal(got, []string{"cleared the event log"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// letters draws each letter by itself in Courier.
func letters(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r != ' ' {
			fmt.Fprintf(&out, "(%c) Tj ", r)
		}
		out.WriteString("6 0 Td ")
	}
	return out.String()
}

func column(word string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s line %d of running text here", word, i))
	}
	return out
}

// TestColumns shows that columns are read one after the other under a title
// that spans both, whatever the order they were drawn in.
func TestColumns(t *testing.T) {
	left, right := column("left", 8), column("right", 8)
	var mixed strings.Builder
	for i := range left {
		mixed.WriteString(at(320, 600-float64(i)*12, 10, right[i]) + at(72, 600-float64(i)*12, 10, left[i]))
	}
	got := read(t, document(true, at(72, 700, 18, "A title that is as wide as both columns")+mixed.String()))
	want := append(append([]string{"A title that is as wide as both columns"}, left...), right...)
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Error(diff)
	}
	if !got.Lines[0].Heading || got.Lines[1].Heading {
		t.Error("the title is no heading, or the text is one")
	}
}

// TestTable shows that cells stand between tabs and that a cell of two lines is one.
func TestTable(t *testing.T) {
	page := at(72, 700, 10, "T1059") + at(150, 700, 10, "PowerShell") + at(250, 700, 10, "The actor used it to fetch") +
		at(250, 688, 10, "the next stage") + at(72, 660, 10, "T1003") + at(150, 660, 10, "Dumping") + at(250, 660, 10, "LSASS was read")
	want := []string{"T1059\tPowerShell\tThe actor used it to fetch the next stage", "T1003\tDumping\tLSASS was read"}
	if diff := cmp.Diff(want, texts(read(t, document(false, page)))); diff != "" {
		t.Error(diff)
	}
}

func TestFurnitureIsDroppedAndSaid(t *testing.T) {
	var pages []string
	for i := range 4 {
		pages = append(pages, at(72, 770, 9, "Example Ltd. confidential")+lines(72, 700, 11, column(fmt.Sprint("page ", i), 6)...)+at(290, 30, 9, fmt.Sprintf("Page %d of 4", i+1)))
	}
	got := read(t, document(true, pages...))
	for _, l := range got.Lines {
		if strings.Contains(l.Text, "confidential") || strings.HasPrefix(l.Text, "Page ") {
			t.Errorf("line %q stands", l.Text)
		}
	}
	if len(got.Lines) != 24 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "8 running headers") || got.Incomplete {
		t.Errorf("%d lines, notes %q", len(got.Lines), got.Notes)
	}
}

func TestGapsMarkParagraphs(t *testing.T) {
	page := lines(72, 700, 10, "First paragraph, line one of", "it and line two.") + lines(72, 660, 10, "Second paragraph begins", "and ends.")
	got := read(t, document(false, page))
	var gaps []bool
	for _, l := range got.Lines {
		gaps = append(gaps, l.Gap)
	}
	if !cmp.Equal(gaps, []bool{true, false, true, false}) {
		t.Errorf("gaps %v", gaps)
	}
}

// TestFonts reads text through each way that a font says what its codes mean.
func TestFonts(t *testing.T) {
	const cmap = "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n" +
		"2 beginbfchar <0001> <0041> <0002> <00660069> endbfchar 2 beginbfrange <0010> <0012> <0061> <0020> <0021> [<0078> <0079>] endbfrange endcmap"
	for name, c := range map[string]struct{ font, extra, draw, want string }{
		"composite":   {"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode %d 0 R/DescendantFonts[<</DW 500/W[16[600 600 600]]>>]>>", cmap, "<000100100011001200020020 0021>", "Aabcfixy"},
		"differences": {"<</Type/Font/Subtype/Type1/BaseFont/X/FirstChar 1/Widths[500 500 500 500 500]/Encoding<</Differences[1/A/eacute/quoteright/uni0416/fi]>>>>", "", "<0102030405>", "Aé’Жfi"},
		"mac roman":   {"<</Type/Font/Subtype/TrueType/BaseFont/X/Encoding/MacRomanEncoding>>", "", `(caf\216)`, "café"},
		"utf-16":      {"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/UniGB-UCS2-H/DescendantFonts[<<>>]>>", "", "<653B6483>", "攻撃"},
	} {
		b := newBuilder()
		font := c.font
		if c.extra != "" {
			font = fmt.Sprintf(font, b.stream("", c.extra, true))
		}
		f := b.object(font)
		content := b.stream("", "BT /F1 10 Tf 72 700 Td "+c.draw+" Tj ET", false)
		page := b.object(fmt.Sprintf("<</Type/Page/Resources<</Font<</F1 %d 0 R>>>>/Contents %d 0 R>>", f, content))
		data := b.finish(b.object(fmt.Sprintf("<</Type/Catalog/Pages %d 0 R>>", b.object(fmt.Sprintf("<</Kids[%d 0 R]>>", page)))))
		if got := texts(read(t, data)); !cmp.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestFilters reads a page's content behind each filter.
func TestFilters(t *testing.T) {
	draw := "BT /F1 10 Tf 72 700 Td (behind a filter) Tj ET"
	hexed := fmt.Sprintf("%x>", draw)
	run := string([]byte{byte(len(draw) - 1)}) + draw + "\x80"
	for name, c := range map[string]struct{ dict, data string }{
		"hexadecimal":     {"/Filter/ASCIIHexDecode", hexed},
		"run length":      {"/Filter/RunLengthDecode", run},
		"two filters":     {"/Filter[/ASCIIHexDecode/FlateDecode]", fmt.Sprintf("%x>", deflate(draw))},
		"cut off":         {"/Filter/FlateDecode", deflate(draw + "\n% " + manyWords())[:2000]},
		"wrong length":    {"/Filter/FlateDecode/Length 3", deflate(draw)},
		"base 85":         {"/Filter/ASCII85Decode", "6<#\\=EarcV@<3"},
		"lzw":             {"/Filter/LZWDecode", lzw(draw)},
		"lzw, many codes": {"/Filter/LZWDecode", lzw("% " + manyWords() + "\n" + draw)},
	} {
		b := newBuilder()
		content := b.object("<<" + c.dict + ">>\nstream\n" + c.data + "\nendstream")
		page := b.object(fmt.Sprintf("<</Type/Page/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Contents %d 0 R>>", content))
		data := b.finish(b.object(fmt.Sprintf("<</Type/Catalog/Pages<</Kids[%d 0 R]>>>>", page)))
		got := texts(read(t, data))
		if name == "base 85" {
			continue // its data is short; that it does not fail is enough
		}
		if !cmp.Equal(got, []string{"behind a filter"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func manyWords() string {
	var s strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&s, "w%d ", i*i)
	}
	return s.String()
}

// lzw packs with codes that grow one early, as PDF wants it.
func lzw(data string) string {
	table := map[string]int{}
	reset := func() {
		clear(table)
		for i := range 256 {
			table[string([]byte{byte(i)})] = i
		}
	}
	var out []byte
	bits, held, width, next := 0, 0, 9, 258
	put := func(code int) {
		bits, held = bits<<width|code, held+width
		for held >= 8 {
			out = append(out, byte(bits>>(held-8)))
			held -= 8
			bits &= 1<<held - 1
		}
	}
	reset()
	put(256)
	word := ""
	for i := range len(data) {
		grown := word + data[i:i+1]
		if _, ok := table[grown]; ok {
			word = grown
			continue
		}
		put(table[word])
		table[grown] = next
		next++
		if next+1 > 1<<width && width < 12 {
			width++
		}
		if next == 4094 {
			put(256)
			reset()
			width, next = 9, 258
		}
		word = data[i : i+1]
	}
	put(table[word])
	if next++; next+1 > 1<<width && width < 12 {
		width++
	}
	put(257)
	put(0)
	return string(out)
}

// TestObjectStream reads objects that are packed into a stream, and a
// cross-reference stream instead of a trailer.
func TestObjectStream(t *testing.T) {
	inner := []string{"<</Type/Catalog/Pages 11 0 R>>", "<</Type/Pages/Kids[12 0 R]/Count 1>>", "<</Type/Page/Contents 1 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>"}
	var index, body strings.Builder
	for i, o := range inner {
		fmt.Fprintf(&index, "%d %d ", 10+i, body.Len())
		body.WriteString(o + " ")
	}
	b := newBuilder()
	b.stream("", at(72, 700, 10, "From an object stream."), true)
	b.stream(fmt.Sprintf("/Type/ObjStm/N 3/First %d", index.Len()), index.String()+body.String(), true)
	b.stream("/Type/XRef/Root 10 0 R/W[1 2 1]/Size 13", "xxxx", true)
	b.WriteString("startxref\n0\n%%EOF\n")
	if got := texts(read(t, b.Bytes())); !cmp.Equal(got, []string{"From an object stream."}) {
		t.Errorf("%q", got)
	}
}

// TestLastDefinitionCounts reads a file to which a new version was appended.
func TestLastDefinitionCounts(t *testing.T) {
	data := document(false, at(72, 700, 10, "Old text."))
	data = append(data, "4 0 obj\n<</Length 60>>\nstream\n"+at(72, 700, 10, "New text.")+"\nendstream\nendobj\n%%EOF\n"...)
	if got := texts(read(t, data)); !cmp.Equal(got, []string{"New text."}) {
		t.Errorf("%q", got)
	}
}

// TestForms reads text in forms, and forms that draw themselves.
func TestForms(t *testing.T) {
	b := newBuilder()
	form := b.stream("/Type/XObject/Subtype/Form/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/XObject<</X 1 0 R>>>>", at(72, 500, 10, "In a form.")+"/X Do", false)
	content := b.stream("", "/X Do", false)
	page := b.object(fmt.Sprintf("<</Type/Page/Resources<</XObject<</X %d 0 R>>>>/Contents %d 0 R>>", form, content))
	data := b.finish(b.object(fmt.Sprintf("<</Type/Catalog/Pages<</Kids[%d 0 R]>>>>", page)))
	if got := texts(read(t, data)); len(got) == 0 || !strings.HasPrefix(got[0], "In a form.") {
		t.Errorf("%q", got)
	}
}

// TestHostile reads files that end or hold up other readers.
func TestHostile(t *testing.T) {
	good := string(document(false, at(72, 700, 10, "Still read.")))
	for name, data := range map[string]string{
		"table that leads to itself":    strings.Replace(good, "trailer\n<<", "trailer\n<</Prev "+fmt.Sprint(strings.Index(good, "xref\n0"))+" ", 1),
		"table of four billion entries": strings.Replace(good, "xref\n0", "xref\n4294967290", 1),
		"no table":                      good[:strings.Index(good, "xref\n")] + "%%EOF",
		"wrong offsets":                 strings.ReplaceAll(good, "00000 n", "99999 n"),
		"length of itself":              strings.Replace(good, "/Length ", "/Length 4 0 R/X ", 1),
		"page tree in a circle":         strings.Replace(good, "/Kids[", "/Kids[6 0 R 6 0 R ", 1),
		"parent in a circle":            strings.Replace(good, "/Parent ", "/Parent 5 0 R/X ", 1),
		"deep arrays":                   good[:len(good)-6] + "9 0 obj " + strings.Repeat("[", 100_000) + "\n%%EOF",
		"deep dictionaries":             good[:len(good)-6] + "9 0 obj " + strings.Repeat("<</A", 100_000) + "\n%%EOF",
		"many trailers":                 strings.Repeat("trailer<<", 20_000) + good,
		"binary before it":              "\x00\xff junk\n" + good,
		"many objects without an end":   good + strings.Repeat("1000 0 obj (", 20_000) + "%%EOF",
	} {
		got, err := pdf.Read(t.Context(), []byte(data))
		if err != nil || !cmp.Equal(texts(got), []string{"Still read."}) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	encrypted := strings.Replace(string(document(false, at(72, 700, 10, "x"))), "trailer\n<<", "trailer\n<</Encrypt<</Filter/Standard/V 5/R 6>>", 1)
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"nothing":    {"", pdf.ErrNoPages},
		"header":     {"%PDF-1.7\n", pdf.ErrNoPages},
		"no pages":   {"%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj trailer <</Root 1 0 R>> %%EOF", pdf.ErrNoPages},
		"encryption": {encrypted, pdf.ErrEncrypted},
	} {
		if _, err := pdf.Read(t.Context(), []byte(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestIncompleteIsSaid shows that what cannot be read is named.
func TestIncompleteIsSaid(t *testing.T) {
	whole := document(true, at(72, 700, 10, "First page."), "q Q")
	got := read(t, whole)
	if !got.Incomplete || !strings.Contains(strings.Join(got.Notes, ";"), "1 of 2 pages have no text") {
		t.Errorf("a page without text: %q", got.Notes)
	}
	cut := document(false, at(72, 700, 10, "First page."))
	if got := read(t, cut[:len(cut)-8]); !got.Incomplete {
		t.Errorf("a file cut off: %q", got.Notes)
	}
}

// TestBomb shows that a page that unpacks without end is cut and said.
func TestBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks 64 MiB")
	}
	got := read(t, document(true, at(72, 700, 10, "Before the bomb.")+strings.Repeat(" ", 65<<20)))
	if !got.Incomplete || len(got.Lines) == 0 || got.Lines[0].Text != "Before the bomb." {
		t.Errorf("%+v", got.Notes)
	}
}

// TestDamage flips, cuts and drops bytes of a file: no damage may panic or hang.
func TestDamage(t *testing.T) {
	base := document(true, at(72, 700, 11, sentence)+lines(72, 600, 10, column("some", 6)...), at(72, 700, 11, "More."))
	rnd := rand.New(rand.NewPCG(1, 2))
	readable := 0
	for range 600 {
		data := bytes.Clone(base)
		switch rnd.IntN(3) {
		case 0:
			for range 1 + rnd.IntN(8) {
				data[rnd.IntN(len(data))] = byte(rnd.Uint32())
			}
		case 1:
			data = data[:rnd.IntN(len(data))]
		default:
			from := rnd.IntN(len(data))
			data = append(data[:from:from], data[min(from+rnd.IntN(40), len(data)):]...)
		}
		if _, err := pdf.Read(t.Context(), data); err == nil {
			readable++
		}
	}
	if readable < 200 {
		t.Errorf("%d of 600 damaged files could be read", readable)
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	if _, err := pdf.Read(ctx, document(false, "BT ET")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(document(false, at(72, 700, 11, sentence)))
	f.Add(document(true, at(72, 700, 11, sentence)))
	f.Add([]byte("%PDF-1.4 1 0 obj<</Type/Page/Contents 2 0 R>>endobj 2 0 obj<</Length 9>>stream BT(x)Tj ET endstream"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := pdf.Read(context.Background(), data)
		if err == nil && got.Pages == 0 {
			t.Error("no error and no page")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var pages []string
	for i := range 50 {
		pages = append(pages, lines(72, 750, 10, column(fmt.Sprint("the page ", i), 55)...))
	}
	data := document(true, pages...)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		read(b, data)
	}
}

// TestItemsHang shows that the lines of a list item that are set in below its
// mark do not begin a paragraph.
func TestItemsHang(t *testing.T) {
	page := at(72, 700, 10, "- An item that is long") + at(84, 688, 10, "and goes on below") + at(72, 676, 10, "Text without a mark, then") + at(92, 664, 10, "A line that is set in.")
	var gaps []bool
	for _, l := range read(t, document(false, page)).Lines {
		gaps = append(gaps, l.Gap)
	}
	if !cmp.Equal(gaps, []bool{true, false, false, true}) {
		t.Errorf("gaps %v", gaps)
	}
}
