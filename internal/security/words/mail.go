package words

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
)

const (
	maxMail       = 16 << 20 // bytes of one message
	maxParts      = 100
	maxDepth      = 6
	maxAttachment = 64 // names that are told
)

// mail reads one message.
func (r *reader) mail(b *bufio.Reader, name string) {
	data, err := io.ReadAll(io.LimitReader(b, maxMail+1))
	if err != nil {
		return // told by the reader below
	}
	if len(data) > maxMail {
		r.fault(name, 0, fmt.Sprintf("is larger than %d MiB: the rest was left out", maxMail>>20))
		data = data[:maxMail]
	}
	if err := r.message(data, name, 1, false, 0); err != nil {
		r.fault(name, 1, "is a mail that cannot be read: "+err.Error())
	}
}

var mboxFrom = regexp.MustCompile(`^From \S+ .*\d{4}\s*$`)

// mailbox reads the messages of an mbox file.
func (r *reader) mailbox(b *bufio.Reader, name string) {
	lines := newLines(b)
	var open bytes.Buffer
	start, cut := 0, 0
	flush := func() {
		if open.Len() > 0 {
			if err := r.message(open.Bytes(), name, start, false, 0); err != nil {
				r.fault(name, start, "is a mail that cannot be read: "+err.Error())
			}
		}
		open.Reset()
	}
	blank := true
	for lines.next() {
		if blank && mboxFrom.MatchString(lines.text) {
			flush()
			start = lines.number + 1
			blank = false
			continue
		}
		blank = lines.text == ""
		if open.Len() > maxMail {
			cut++
			continue
		}
		if strings.HasPrefix(lines.text, ">From ") { // escaped, so that it begins no message
			lines.text = lines.text[1:]
		}
		open.WriteString(lines.text + "\n")
	}
	flush()
	if cut > 0 {
		r.fault(name, 0, fmt.Sprintf("%d lines of messages longer than %d MiB were left out", cut, maxMail>>20))
	}
	r.lineFaults(lines, name)
}

// letter is what is gathered of a message.
type letter struct {
	text     []string
	html     []string
	attached []string
	entities []casemate.Entity
	inner    [][]byte // messages in it
	parts    int
	left     int // parts and attachments beyond the limits
}

var decoder = mime.WordDecoder{}

func decodeHeader(s string) string {
	if out, err := decoder.DecodeHeader(s); err == nil {
		s = out
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
}

// message makes pieces of a message and of those in it.
func (r *reader) message(data []byte, name string, line int, quoted bool, depth int) error {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	var l letter
	l.read(m.Header, m.Body, 0)
	if l.left > 0 {
		r.fault(name, line, fmt.Sprintf("holds a mail with more than is read: %d parts or attachments were left out", l.left))
	}
	p := piece{kind: casemate.EvidenceMail, at: casemate.Location{File: name, Line: line}, name: decodeHeader(m.Header.Get("Subject")), quoted: quoted}
	if t, err := m.Header.Date(); err == nil {
		p.time = t.UTC()
	}
	from := decodeHeader(m.Header.Get("From"))
	p.author = from
	if a, err := mail.ParseAddress(m.Header.Get("From")); err == nil {
		p.author = strings.TrimSpace(a.Name)
		if p.author == "" {
			p.author = a.Address
		}
		p.entities = append(p.entities, casemate.Entity{Type: casemate.EntityMail, Value: strings.ToLower(a.Address), Role: casemate.RoleSource})
	}
	for _, field := range []string{"To", "Cc"} {
		list, err := m.Header.AddressList(field)
		if err != nil {
			continue // absent, or not addresses: the text tells it
		}
		for _, a := range list {
			p.entities = append(p.entities, casemate.Entity{Type: casemate.EntityMail, Value: strings.ToLower(a.Address), Role: casemate.RoleDestination})
		}
	}
	p.entities = append(p.entities, l.entities...)
	head := "From: " + from + "\nTo: " + decodeHeader(m.Header.Get("To"))
	for _, a := range l.attached {
		head += "\nAttachment: " + a
	}
	body, passed := l.body(r, name)
	first := p
	first.text, first.code = head, true
	r.add(first)
	p.entities = nil
	p.text = body
	r.add(p)
	p.text, p.quoted, p.author, p.time = passed, true, "", time.Time{}
	r.add(p)
	for _, inner := range l.inner {
		if depth >= maxDepth {
			r.fault(name, line, "holds mails within mails deeper than are read")
			break
		}
		if err := r.message(inner, name, line, true, depth+1); err != nil {
			r.fault(name, line, "holds a mail that cannot be read: "+err.Error())
		}
	}
	return nil
}

// header is that of a message or of a part of one.
type header interface{ Get(string) string }

// read gathers a part and those in it.
func (l *letter) read(h header, body io.Reader, depth int) {
	if l.parts++; l.parts > maxParts || depth > maxDepth {
		l.left++
		return
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, params = "text/plain", map[string]string{}
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		m := multipart.NewReader(body, params["boundary"])
		for {
			part, err := m.NextRawPart()
			if err != nil {
				return // the end, or a message that is cut: what was read counts
			}
			l.read(part.Header, part, depth+1)
		}
	}
	data, err := io.ReadAll(io.LimitReader(decoded(h, body), maxMail)) // a broken encoding ends it: what was read counts
	disposition, dparams, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	file := decodeHeader(dparams["filename"])
	if file == "" {
		file = decodeHeader(params["name"])
	}
	switch {
	case kind == "message/rfc822":
		l.inner = append(l.inner, data)
	case disposition == "attachment" || file != "" || !strings.HasPrefix(kind, "text/"):
		l.attach(file, kind, data, err == nil)
	case kind == "text/html":
		l.html = append(l.html, charset(params["charset"], data))
	default:
		l.text = append(l.text, charset(params["charset"], data))
	}
}

// attach tells an attachment. One that is cut off or badly encoded has no digest:
// that of a part of it would be nobody's.
func (l *letter) attach(file, kind string, data []byte, whole bool) {
	if len(l.attached) >= maxAttachment {
		l.left++
		return
	}
	if file == "" {
		file = "unnamed " + kind
	}
	if !whole {
		l.attached = append(l.attached, fmt.Sprintf("%s (%s, not whole)", file, kind))
		l.entities = append(l.entities, casemate.Entity{Type: casemate.EntityFile, Value: file})
		return
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	l.attached = append(l.attached, fmt.Sprintf("%s (%s, %d bytes, SHA-256 %s)", file, kind, len(data), digest))
	l.entities = append(l.entities, casemate.Entity{Type: casemate.EntityFile, Value: file}, casemate.Entity{Type: casemate.EntityHash, Value: digest})
}

func decoded(h header, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, &unspaced{body})
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

// unspaced leaves out white space, which base64 in mails is full of.
type unspaced struct{ r io.Reader }

func (u *unspaced) Read(p []byte) (int, error) {
	for {
		n, err := u.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

// charset reads the character sets that mails mostly have.
func charset(name string, data []byte) string {
	switch strings.ToLower(name) {
	case "iso-8859-1", "iso-8859-15", "windows-1252", "latin1":
		runes := make([]rune, len(data))
		for i, c := range data {
			runes[i] = rune(c)
		}
		return string(runes)
	}
	return strings.ToValidUTF8(string(data), "\uFFFD")
}

// forwarded is a line behind which another's words stand.
var forwarded = regexp.MustCompile(`(?m)^-{2,} ?(?:Original Message|Forwarded message|Forwarded by .*|Weitergeleitete Nachricht) ?-{0,}[^\n]*$|^_{20,}\s*$|^On .{5,120} wrote:\s*$`)

// body returns the sender's own words and those that they pass on.
func (l *letter) body(r *reader, name string) (own, passed string) {
	text := strings.Join(l.text, "\n\n")
	if strings.TrimSpace(text) == "" {
		for _, page := range l.html {
			if d, err := document.Parse(r.ctx, name, []byte("<html>"+page), document.Options{}); err == nil {
				text += d.Text + "\n\n"
			}
		}
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if at := forwarded.FindStringIndex(text); at != nil {
		text, passed = text[:at[0]], text[at[1]:]
	}
	var mine, theirs []string
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, ">"); ok {
			theirs = append(theirs, strings.TrimSpace(strings.TrimLeft(rest, "> ")))
			continue
		}
		mine = append(mine, line)
		theirs = append(theirs, "")
	}
	own = strings.Join(mine, "\n")
	for _, mark := range []string{"\n-- \n", "\n--\n"} { // quoted-printable loses the space
		own, _, _ = strings.Cut(own, mark) // what follows is the signature
	}
	return own, strings.TrimSpace(strings.Join(theirs, "\n") + "\n\n" + passed)
}
