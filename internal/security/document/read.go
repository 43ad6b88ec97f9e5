package document

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
)

// Stdin is the path that stands for the standard input.
const Stdin = "-"

// DefaultMaxBytes is how much of one file is read, unpacked, unless Options say
// otherwise. What lies beyond is left out and said.
const DefaultMaxBytes = 64 << 20

// maxHTML bounds a web page, whose tree takes far more memory than its text.
const maxHTML = 16 << 20

// Options say how to read. The zero value is ready.
type Options struct {
	// MaxBytes bounds what is read of one file, unpacked; 0 is DefaultMaxBytes.
	MaxBytes int64
	// Progress, if not nil, is called with the bytes read so far, as they are
	// stored.
	Progress func(bytesRead int64)
	// Alerts, if not nil, is asked first for files that may hold records of a
	// sensor: JSON that is no STIX, tables, event logs, XML. It returns nil
	// where they do not. It keeps this package free of every vendor's format.
	Alerts func(ctx context.Context, name string, data []byte) (*Document, error)
}

// Read reads the one document that a path holds: a file, plain or packed, or
// Stdin. A path that holds several is refused: see Walk.
func Read(ctx context.Context, path string, stdin io.Reader, opt Options) (*Document, error) {
	var first *Document
	sum, err := Walk(ctx, []string{path}, stdin, opt, func(d *Document) error {
		if first != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q: it holds more than one document", path), Hint: "name one of them"}
		}
		first = d
		return nil
	})
	if err != nil {
		return nil, err
	}
	if sum.FaultCount > 0 {
		first.Incomplete = true
		for _, f := range sum.Faults {
			first.Notes = append(first.Notes, f.String())
		}
	}
	return first, nil
}

// Parse reads a document from its bytes. name stands for it in errors.
func Parse(ctx context.Context, name string, data []byte, opt Options) (*Document, error) {
	limit := opt.MaxBytes
	if limit <= 0 {
		limit = DefaultMaxBytes
	}
	b := &builder{}
	if int64(len(data)) > limit {
		data = data[:limit]
		b.note(fmt.Sprintf("only the first %s were read", sizeOf(limit)))
		b.cut = true
	}
	d, err := parse(ctx, b, name, data, opt)
	if err != nil {
		return nil, err
	}
	d.Path = name
	d.Title = strings.TrimSpace(cutBytes(strings.Join(strings.Fields(d.Title), " "), maxContext))
	return d, nil
}

// parse decides by its content what a document is, and reads it.
func parse(ctx context.Context, b *builder, name string, data []byte, opt Options) (*Document, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, refuse(name, "it is empty", "give a file with text in it")
	}
	if bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
		title, err := pdfText(ctx, b, data)
		return finish(b, name, "pdf", title, err)
	}
	if d, err := askAlerts(ctx, b, name, data, opt); d != nil || err != nil {
		return d, err
	}
	if what := binaryKind(data); what != "" {
		return nil, refuse(name, "it is "+what+" and holds no text that can be read", "give the report as PDF, HTML, Markdown or plain text")
	}
	text, note := decode(data)
	if note != "" {
		b.note(note)
	}
	if isBinary(text) {
		return nil, refuse(name, "it is not text: its bytes are those of an unknown binary format", "give the report as PDF, HTML, Markdown or plain text")
	}
	kind, title, err := parseText(b, text)
	return finish(b, name, kind, title, err)
}

// parseText reads what is text, with or without marks.
func parseText(b *builder, text string) (kind, title string, err error) {
	switch {
	case isJSON(text):
		return jsonText(b, text)
	case isHTML(text), strings.HasPrefix(strings.TrimSpace(cutBytes(text, 512)), "<?xml"):
		if len(text) > maxHTML {
			text = cutBytes(text, maxHTML)
			b.note("only the first " + sizeOf(maxHTML) + " of the page were read")
			b.cut = true
		}
		title, err = webPage(b, text)
		return "html", title, err
	case isSigma(text) || isYAML(text):
		kind, title = yamlText(b, text)
		return kind, title, nil
	case isMarkdown(text):
		return "markdown", markdown(b, text), nil
	}
	plainText(b, text)
	for i := range b.blocks {
		if b.blocks[i].kind == KindHeading && i < 3 {
			title = string(b.text[b.blocks[i].start:b.blocks[i].end])
			break
		}
	}
	return "text", title, nil
}

// finish makes the document of what was read, or an error if that is nothing.
func finish(b *builder, name, kind, title string, err error) (*Document, error) {
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q", name), Err: err, Hint: "open it in its own program and save it again, or give its text"}
	}
	d := b.document(kind)
	d.Title = title
	if len(d.Sentences) == 0 {
		hint := "give a file with text in it"
		if kind == "pdf" {
			hint = "its pages may be pictures: recognise their text (OCR) first"
		}
		return nil, refuse(name, "no text was found in this "+kind+" file", hint)
	}
	return d, nil
}

// askAlerts gives what may be alerts to those who know them.
func askAlerts(ctx context.Context, b *builder, name string, data []byte, opt Options) (*Document, error) {
	if opt.Alerts == nil || !mayBeAlerts(data) {
		return nil, nil
	}
	d, err := opt.Alerts(ctx, name, data)
	if d != nil {
		d.Notes = append(d.Notes, b.notes...)
		d.Incomplete = d.Incomplete || b.cut
	}
	return d, err
}

// mayBeAlerts says whether a file has the form of records rather than of prose.
func mayBeAlerts(data []byte) bool {
	if bytes.HasPrefix(data, []byte("ElfFile\x00")) {
		return true
	}
	head, _ := decode(data[:min(len(data), 16<<10)&^1])
	trimmed := strings.TrimSpace(head)
	switch {
	case isJSON(head):
		return !strings.Contains(cutBytes(trimmed, 4096), `"bundle"`)
	case strings.HasPrefix(trimmed, "<Event"), strings.HasPrefix(trimmed, "#separator"), strings.HasPrefix(trimmed, "#fields"):
		return true
	case isRecord(trimmed):
		return true
	case isHTML(head), isSigma(head), strings.HasPrefix(trimmed, "---"):
		return false
	}
	return isTable(trimmed)
}

// isRecord says whether a text begins with an event in CEF or LEEF, or of auditd.
func isRecord(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	return strings.Contains(line, "CEF:0|") || strings.Contains(line, "LEEF:1.0|") || strings.Contains(line, "LEEF:2.0|") || strings.Contains(line, " msg=audit(")
}

// isTable says whether a text is lines of cells with one separator: the first
// two lines have the same count of it, and the first no spaces around words.
func isTable(text string) bool {
	lines := strings.SplitN(text, "\n", 3)
	if len(lines) < 2 {
		return false
	}
	for _, sep := range []string{",", ";", "\t"} {
		n := strings.Count(lines[0], sep)
		if n >= 2 && strings.Count(lines[1], sep) >= n && !strings.Contains(lines[0], sep+" ") && !strings.HasSuffix(strings.TrimSpace(lines[0]), ".") {
			return true
		}
	}
	return false
}

// Document makes a document of records that someone else has read.
func (r *Records) Document(kind string) *Document {
	return r.b.document(kind)
}

// Records gathers what alerts say, one sentence or more each. The zero value is
// ready.
type Records struct{ b builder }

// Add adds a sentence that an alert gives in a line of a file, 0 for none, with
// the techniques that its sensor names.
func (r *Records) Add(kind, context, text string, line int, claims []string) {
	before := len(r.b.blocks)
	r.b.join(kind, context, []piece{{text, 0, line}})
	if len(r.b.blocks) > before {
		r.b.claim(claims)
	}
}

// Note says what was left out of the records; incomplete says that it was not
// on purpose.
func (r *Records) Note(text string, incomplete bool) {
	r.b.note(text)
	r.b.cut = r.b.cut || incomplete
}

// refuse makes the error of a file that holds nothing to read.
func refuse(name, reason, hint string) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: %s", name, reason), Hint: hint}
}

// sizeOf writes a number of bytes for people.
func sizeOf(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// binaryKind names the formats that people try and that hold no plain text.
func binaryKind(data []byte) string {
	for _, f := range []struct{ magic, name string }{
		{"\x89PNG\r\n", "a PNG image"}, {"\xff\xd8\xff", "a JPEG image"}, {"GIF8", "a GIF image"}, {"RIFF", "a media file"}, {"MZ", "a Windows program"},
		{"\x7fELF", "a Linux program"}, {"\xd0\xcf\x11\xe0", "an old Office file"}, {"Rar!", "a RAR archive"}, {"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
		{"ElfFile\x00", "a Windows event log"}, {"SQLite format 3\x00", "an SQLite database"}, {"{\\rtf", "an RTF document"}, {"\xfd7zXZ\x00", "an xz archive"},
		{"(\xb5/\xfd", "a zstd archive"}, {"\xca\xfe\xba\xbe", "a Java class or macOS program"}, {"%!PS", "a PostScript document"}, {"\xd4\xc3\xb2\xa1", "a packet capture"}, {"\x0a\x0d\x0d\x0a", "a packet capture"},
	} {
		if bytes.HasPrefix(data, []byte(f.magic)) && (f.magic != "MZ" || bytes.IndexByte(data[:min(len(data), 256)], 0) >= 0) {
			return f.name
		}
	}
	return ""
}

// isBinary says whether a text has more controls than text has.
func isBinary(text string) bool {
	head := cutBytes(text, 64<<10)
	bad := 0
	for i := range len(head) {
		if c := head[i]; c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b || c == 0x7f {
			bad++
		}
	}
	return bad*20 > len(head) || strings.Count(head, "\ufffd")*10 > len(head)
}
