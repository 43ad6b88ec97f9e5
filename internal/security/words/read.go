// Package words reads what people write while they work on an incident: notes,
// chats, tickets, mails, reports. It cuts them into pieces, each by one author at
// one time, says what their sentences are about, and knows such files from those
// of sensors by their content.
package words

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
)

const (
	// MaxPiece is how many bytes of text one piece holds; what is longer is cut
	// into several.
	MaxPiece    = 2048
	maxLine     = 1 << 20  // bytes of a line; the rest of a longer one is left out
	sniffBytes  = 64 << 10 // that decide what a file is
	maxDocument = 16 << 20 // of a document, which is held in memory
)

// Piece is what one person wrote at one time: a message, an entry, a paragraph.
type Piece struct {
	Kind     casemate.EvidenceKind
	At       casemate.Location
	Time     time.Time // zero where nothing tells it
	Author   string
	Name     string // subject, title, channel
	Heading  string // it stands under
	Text     string
	Code     bool              // a block of code or log, or a header: evidence, no sentences
	Quoted   bool              // its author passes on what somebody else wrote
	Entities []casemate.Entity // of a mail's header
}

// Sink takes what is read. Piece may be called very often; Fault names a line, or
// 0, and what could not be used.
type Sink struct {
	Piece func(Piece)
	Fault func(line int, reason string)
}

// Read reads a file of a kind that Sniff found, and returns how many bytes it
// had. The error is the context's or the reader's.
func Read(ctx context.Context, b *bufio.Reader, name string, k Kind, sink Sink) (int64, error) {
	r := &reader{ctx: ctx, sink: sink}
	c := &contextReader{ctx: ctx, r: b}
	b = bufio.NewReaderSize(c, sniffBytes)
	day, _ := dateIn(filepath.Base(name))
	switch k {
	case KindChatText:
		r.chatText(b, name, day)
	case KindChat:
		r.exported(b, name, day, r.chatMessage)
	case KindTicket:
		r.exported(b, name, day, r.ticket)
	case KindMail:
		r.mail(b, name)
	case KindMailbox:
		r.mailbox(b, name)
	case KindDocument:
		r.document(b, name)
	default:
		r.note(b, name, day)
	}
	if err := ctx.Err(); err != nil {
		return c.n, err
	}
	return c.n, c.err
}

// reader is one file while it is read.
type reader struct {
	ctx  context.Context
	sink Sink
}

func (r *reader) fault(_ string, line int, reason string) { r.sink.Fault(line, reason) }

// piece is a Piece while it is put together.
type piece struct {
	kind     casemate.EvidenceKind
	at       casemate.Location
	time     time.Time
	author   string
	name     string
	heading  string
	text     string
	code     bool
	quoted   bool
	entities []casemate.Entity
}

// add hands a piece on, cut where it is long.
func (r *reader) add(p piece) {
	for _, text := range cutText(strings.TrimSpace(p.text), MaxPiece) {
		r.sink.Piece(Piece{Kind: p.kind, At: p.at, Time: p.time, Author: p.author, Name: p.name, Heading: p.heading, Text: text, Code: p.code, Quoted: p.quoted, Entities: p.entities})
	}
}

// cutText cuts a long text where a paragraph, a line, a sentence or a word ends.
func cutText(text string, limit int) []string {
	if text == "" {
		return nil
	}
	var out []string
	for len(text) > limit {
		cut := 0
		for _, end := range []string{"\n\n", "\n", ". ", " "} {
			if cut = strings.LastIndex(text[:limit], end); cut > limit/3 {
				cut += len(end)
				break
			}
		}
		if cut <= 0 {
			cut = limit
			for cut > 1 && text[cut]&0xC0 == 0x80 {
				cut--
			}
		}
		if part := strings.TrimSpace(text[:cut]); part != "" {
			out = append(out, part)
		}
		text = strings.TrimSpace(text[cut:])
	}
	if text != "" {
		out = append(out, text)
	}
	return out
}

// contextReader ends when its context does, counts, and remembers what went wrong.
type contextReader struct {
	ctx context.Context
	r   io.Reader
	n   int64
	err error
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// lines reads lines of bounded length.
type lines struct {
	b      *bufio.Reader
	text   string
	number int
	long   int // lines that were cut
}

func newLines(b *bufio.Reader) *lines { return &lines{b: b} }

func (l *lines) next() bool {
	var line []byte
	cut := false
	for {
		part, err := l.b.ReadSlice('\n')
		if room := maxLine - len(line); len(part) > room {
			part, cut = part[:room], true
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(line) == 0 && err != nil {
			return false
		}
		break
	}
	l.number++
	if cut {
		l.long++
	}
	l.text = strings.TrimRight(strings.ToValidUTF8(string(line), "\uFFFD"), "\r\n")
	return true
}

// lineFaults says which lines were too long.
func (r *reader) lineFaults(l *lines, name string) {
	if l.long > 0 {
		r.fault(name, 0, fmt.Sprintf("%d lines are longer than %d KiB: the rest of each was left out", l.long, maxLine>>10))
	}
}

// document reads a PDF or a page of HTML, sentence by sentence.
func (r *reader) document(b *bufio.Reader, name string) {
	data, err := io.ReadAll(io.LimitReader(b, maxDocument+1))
	if err != nil {
		return // the reader below remembers why
	}
	if len(data) > maxDocument {
		r.fault(name, 0, fmt.Sprintf("is larger than %d MiB: the rest was left out", maxDocument>>20))
		data = data[:maxDocument]
	}
	d, err := document.Parse(r.ctx, name, data, document.Options{MaxBytes: maxDocument})
	if err != nil {
		r.fault(name, 0, err.Error())
		return
	}
	for _, note := range d.Notes {
		if d.Incomplete {
			r.fault(name, 0, note)
		}
	}
	for _, s := range d.Sentences {
		if s.Kind == document.KindHeading {
			continue
		}
		at := casemate.Location{File: name, Line: s.Line, Record: uint64(max(s.Page, 0))}
		r.add(piece{kind: casemate.EvidenceReport, at: at, name: d.Title, heading: s.Context, text: d.Of(s), code: s.Kind == document.KindCode})
	}
}
