package openbook

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/library"
)

// magic begins a stored book. Its number changes with the format, the way texts
// are cut into words, and the sections that are written.
const magic = "casemate openbook 6\n"

// ErrFormat says that data is no book of this version.
var ErrFormat = errors.New("not a book of this version")

// Encode returns the book as bytes that Decode reads. All numbers are unsigned
// varints; a string is its length and its bytes.
func (b *Book) Encode() []byte {
	w := make(writer, 0, len(b.text)+len(b.postings)+len(b.terms)+32*len(b.sections)+8*len(b.sentences))
	w = append(w, magic...)
	w.number(len(b.labels))
	for _, l := range b.labels {
		w.text(l)
	}
	w.number(len(b.entities))
	for _, e := range b.entities {
		w.text(e.id)
		w.text(e.name)
		w.text(e.kind)
		w.text(e.status)
		w.number(len(e.aliases))
		for _, a := range e.aliases {
			w.text(a)
		}
		w.number(int(e.last - e.first))
	}
	w.number(len(b.sections))
	for _, s := range b.sections {
		w.number(int(s.other + 1))
		w.number(int(s.label))
		w.number(int(s.last - s.first))
	}
	w.number(len(b.sentences))
	for _, s := range b.sentences {
		w.number(int(s.to - s.from))
		w.number(int(s.words))
	}
	w.number(len(b.edges))
	for _, e := range b.edges {
		w.number(int(e.from))
		w.number(int(e.to))
		w.number(int(e.label))
	}
	w.number(len(b.df))
	for i := range b.df {
		w.number(int(b.df[i]))
		w.number(int(b.termAt[i+1] - b.termAt[i]))
		w.number(int(b.postAt[i+1] - b.postAt[i]))
	}
	w.text(b.terms)
	w.text(string(b.postings))
	w.text(b.text)
	return w
}

type writer []byte

func (w *writer) number(n int) { *w = binary.AppendUvarint(*w, uint64(n)) }

func (w *writer) text(s string) {
	w.number(len(s))
	*w = append(*w, s...)
}

// Decode reads what Encode wrote. The book keeps data.
func Decode(data []byte) (*Book, error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, ErrFormat
	}
	r := &reader{left: data[len(magic):]}
	b := &Book{}
	for range r.count(1) {
		b.labels = append(b.labels, r.text())
	}
	r.entities(b)
	r.sections(b)
	r.sentences(b)
	r.edges(b)
	r.terms(b)
	if r.err == nil && len(r.left) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.left))
	}
	if r.err != nil {
		return nil, fmt.Errorf("read a stored book: %w", r.err)
	}
	b.settle()
	return b, nil
}

// reader takes a stored book apart. After an error all it returns is zero.
type reader struct {
	left []byte
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrFormat, what)
	}
	r.left = nil
}

// number returns the next number, at most limit.
func (r *reader) number(limit int) int {
	v, n := binary.Uvarint(r.left)
	if n <= 0 || v > uint64(limit) {
		r.fail("a number out of range")
		return 0
	}
	r.left = r.left[n:]
	return int(v)
}

// count returns the length of a list whose items take at least size bytes each.
func (r *reader) count(size int) int { return r.number(len(r.left) / size) }

func (r *reader) text() string {
	n := r.count(1)
	if n > len(r.left) {
		r.fail("a text is cut off")
		return ""
	}
	s := string(r.left[:n])
	r.left = r.left[n:]
	return s
}

func (r *reader) entities(b *Book) {
	n := r.count(6)
	b.entities = make([]entity, 0, n)
	at := int32(0)
	for range n {
		e := entity{id: r.text(), name: r.text(), kind: r.text(), status: r.text(), first: at}
		for range r.count(1) {
			e.aliases = append(e.aliases, r.text())
		}
		at += int32(r.number(len(r.left)))
		e.last = at
		b.entities = append(b.entities, e)
		if int(at) > len(r.left) { // a section takes some bytes, too
			r.fail("too many sections")
		}
		if r.err != nil {
			return
		}
	}
}

func (r *reader) sections(b *Book) {
	n := r.count(3)
	if len(b.entities) > 0 && int(b.entities[len(b.entities)-1].last) != n || len(b.entities) == 0 && n > 0 {
		r.fail("sections do not belong to the entries")
		return
	}
	b.sections = make([]section, n)
	e, at := int32(0), int32(0)
	for i := range b.sections {
		for b.entities[e].last <= int32(i) {
			e++
		}
		s := section{entity: e, first: at}
		s.other = int32(r.number(len(b.entities))) - 1
		s.label = uint16(r.number(max(len(b.labels)-1, 0)))
		at += int32(r.number(len(r.left)))
		s.last = at
		b.sections[i] = s
		if int(at) > len(r.left) {
			r.fail("too many sentences")
			return
		}
	}
}

func (r *reader) sentences(b *Book) {
	n := r.count(2)
	if r.err != nil || len(b.sections) > 0 && int(b.sections[len(b.sections)-1].last) != n || len(b.sections) == 0 && n > 0 || len(b.labels) == 0 && n > 0 {
		r.fail("sentences do not belong to the sections")
		return
	}
	b.sentences = make([]sentence, n)
	s, at := int32(0), uint32(0)
	for i := range b.sentences {
		for b.sections[s].last <= int32(i) {
			s++
		}
		x := sentence{from: at, section: s}
		at += uint32(r.number(len(r.left)))
		x.to = at
		if int(at) > len(r.left) {
			r.fail("more text than there is")
			return
		}
		at++ // the line end between two
		x.words = uint16(r.number(65535))
		b.sentences[i] = x
		b.sections[s].words += float32(x.words)
	}
	for i := range b.sections {
		b.entities[b.sections[i].entity].words += b.sections[i].words
	}
}

func (r *reader) edges(b *Book) {
	n := r.count(3)
	b.edges = make([]edge, n)
	for i := range b.edges {
		last := max(len(b.entities)-1, 0)
		b.edges[i] = edge{int32(r.number(last)), int32(r.number(last)), uint16(r.number(max(len(b.labels)-1, 0)))}
		if i > 0 && b.edges[i].from < b.edges[i-1].from || len(b.entities) == 0 {
			r.fail("edges are not in order")
			return
		}
	}
}

func (r *reader) terms(b *Book) {
	n := r.count(3)
	b.df, b.termAt, b.postAt = make([]uint32, n), make([]uint32, n+1), make([]uint32, n+1)
	for i := range n {
		b.df[i] = uint32(r.number(max(len(b.sentences), 1)))
		b.termAt[i+1] = b.termAt[i] + uint32(r.number(len(r.left)))
		b.postAt[i+1] = b.postAt[i] + uint32(r.number(len(r.left)))
	}
	b.terms = r.text()
	posts := r.count(1)
	if r.err != nil || posts > len(r.left) {
		r.fail("the postings are cut off")
		return
	}
	b.postings = r.left[:posts:posts]
	r.left = r.left[posts:]
	b.text = r.text()
	end := uint32(0)
	if len(b.sentences) > 0 {
		end = b.sentences[len(b.sentences)-1].to
	}
	if int(b.termAt[n]) != len(b.terms) || int(b.postAt[n]) != len(b.postings) || int(end) > len(b.text) {
		r.fail("the words do not fit")
	}
	for i := range n {
		if b.termAt[i+1] < b.termAt[i] || b.postAt[i+1] < b.postAt[i] {
			r.fail("the words do not fit")
		}
	}
}

// attachment is the name under which a library keeps its book.
const attachment = "openbook"

// Open returns the book of a library: the one that the library keeps or, where
// there is none for this edition, a new one, which built reports. A new one is
// kept for the next time if the library can be written to.
func Open(ctx context.Context, lib *library.Library) (book *Book, built bool, err error) {
	data, err := lib.Attachment(ctx, attachment)
	if err == nil {
		if book, err = Decode(data); err == nil {
			return book, false, nil
		}
	}
	if !errors.Is(err, library.ErrNotFound) && !errors.Is(err, ErrFormat) {
		return nil, false, fmt.Errorf("read the passages of the knowledge base: %w", err)
	}
	if book, err = Build(ctx, lib); err != nil {
		return nil, false, err
	}
	// Not keeping it costs the next call a few seconds, and is no fault of this one.
	_ = lib.SetAttachment(ctx, attachment, book.Encode())
	return book, true, nil
}

// Attach sees to it that a library keeps its book, after an import, and returns
// how much that holds. It builds none where the right one is there.
func Attach(ctx context.Context, lib *library.Library) (Size, error) {
	if data, err := lib.Attachment(ctx, attachment); err == nil {
		if book, err := Decode(data); err == nil {
			return book.Size(), nil
		}
	}
	book, err := Build(ctx, lib)
	if err != nil {
		return Size{}, err
	}
	if err := lib.SetAttachment(ctx, attachment, book.Encode()); err != nil {
		return Size{}, fmt.Errorf("keep the passages of the knowledge base: %w", err)
	}
	return book.Size(), nil
}
