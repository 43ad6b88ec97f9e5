package pdf_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/pdf"
)

// builder writes a PDF object by object.
type builder struct {
	bytes.Buffer
	offsets []int
}

func newBuilder() *builder {
	b := &builder{}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	return b
}

// object adds an object and returns its number.
func (b *builder) object(body string) int {
	b.offsets = append(b.offsets, b.Len())
	fmt.Fprintf(b, "%d 0 obj\n%s\nendobj\n", len(b.offsets), body)
	return len(b.offsets)
}

// stream adds a stream, packed or not.
func (b *builder) stream(dict, data string, pack bool) int {
	if pack {
		data = deflate(data)
		dict += "/Filter/FlateDecode"
	}
	return b.object(fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data))
}

func deflate(data string) string {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write([]byte(data)) // a buffer takes every write
	w.Close()
	return z.String()
}

// finish writes the table and the trailer.
func (b *builder) finish(root int) []byte {
	at := b.Len()
	fmt.Fprintf(b, "xref\n0 %d\n0000000000 65535 f \n", len(b.offsets)+1)
	for _, o := range b.offsets {
		fmt.Fprintf(b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(b, "trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(b.offsets)+1, root, at)
	return b.Bytes()
}

// document makes a PDF whose pages draw the given contents with Helvetica as
// F1, Times as F2 and Courier as F3.
func document(pack bool, pages ...string) []byte {
	b := newBuilder()
	fonts := fmt.Sprintf("/Font<</F1 %d 0 R/F2 %d 0 R/F3 %d 0 R>>", b.object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"),
		b.object("<</Type/Font/Subtype/Type1/BaseFont/Times-Roman/Encoding/WinAnsiEncoding>>"), b.object("<</Type/Font/Subtype/Type1/BaseFont/Courier>>"))
	var kids []string
	tree := len(b.offsets) + 2*len(pages) + 1
	for _, p := range pages {
		content := b.stream("", p, pack)
		kids = append(kids, fmt.Sprintf("%d 0 R", b.object(fmt.Sprintf("<</Type/Page/Parent %d 0 R/Resources<<%s>>/Contents %d 0 R>>", tree, fonts, content))))
	}
	b.object(fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", strings.Join(kids, " "), len(kids)))
	return b.finish(b.object(fmt.Sprintf("<</Type/Catalog/Pages %d 0 R>>", tree)))
}

// at draws text at a place in a size.
func at(x, y, size float64, text string) string {
	text = strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text)
	return fmt.Sprintf("BT /F1 %g Tf 1 0 0 1 %g %g Tm (%s) Tj ET\n", size, x, y, text)
}

// lines draws lines one below the other.
func lines(x, y, size float64, text ...string) string {
	var s strings.Builder
	for i, l := range text {
		s.WriteString(at(x, y-float64(i)*size*1.2, size, l))
	}
	return s.String()
}

// read reads a PDF that must be readable.
func read(t testing.TB, data []byte) *pdf.Text {
	t.Helper()
	got, err := pdf.Read(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// texts returns the lines of a PDF.
func texts(t *pdf.Text) []string {
	var out []string
	for _, l := range t.Lines {
		out = append(out, l.Text)
	}
	return out
}
