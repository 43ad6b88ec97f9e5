// Package letter reads one mail as evidence: its headers, its text, its links and
// its attachments, and the signs of fraud that show when they are compared.
package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/casemate-ai/casemate"
)

// The limits of one mail. What lies beyond is told as a fault.
const (
	maxParts      = 100
	maxPartDepth  = 8
	maxLinks      = 200
	maxHidden     = 20
	maxHiddenText = 16 << 10
	maxShown      = 4 << 10 // of the text of a link
	maxPartBytes  = 32 << 20
	maxBodyText   = 1 << 20
)

// Letter is one mail and the evidence that was made of it.
type Letter struct {
	file     string
	head     string // id of the evidence of its headers
	subject  string
	from     address
	replyTo  address
	returnTo address
	results  []string // Authentication-Results, our own server's first
	links    []link
	attached []attachment
	to       []address
	hidden   []string // ids of text that a reader does not see
	body     []string // ids
}

// address is a mail address and the name that people see instead.
type address struct{ name, mailbox, domain string }

// link is a link of the body.
type link struct{ shown, target, id string }

type attachment struct{ name, kind, id string }

// Sink takes what reading makes: evidence, which it gives an id, and faults.
type Sink struct {
	Add   func(casemate.Evidence) string
	Fault func(line int, text string)
}

// Receives says whether a domain or a mail address is of one who received the
// mail, and not of its sender.
func (l *Letter) Receives(name string) bool {
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		name = name[i+1:]
	}
	for _, a := range l.to {
		if a.domain == name && a.domain != l.from.domain {
			return true
		}
	}
	return false
}

// maxInner is how deep mails in mails are read.
const maxInner = 4

// headers are those of which every mail has at least one.
var headers = []string{"From", "To", "Subject", "Date", "Message-Id", "Received", "Reply-To", "Return-Path"}

// Read reads a message as mail programs save it, and the messages that are
// attached to it, as those are that somebody reports.
func Read(name string, data []byte, to Sink) ([]*Letter, error) { return read(name, data, to, 0) }

func read(name string, data []byte, to Sink, depth int) ([]*Letter, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("is no mail: %w", err)
	}
	if !slices.ContainsFunc(headers, func(name string) bool { return msg.Header.Get(name) != "" }) {
		return nil, errors.New("is no mail: it has none of a mail's headers")
	}
	r := &mailReader{to: to, l: &Letter{file: name}}
	r.headers(msg.Header)
	r.part(msg.Header, msg.Body, 0)
	r.finish()
	all := []*Letter{r.l}
	for _, inner := range r.inner {
		if depth == maxInner {
			to.Fault(0, "holds mails within mails deeper than are read")
			break
		}
		more, err := read(name, inner, to, depth+1)
		if err != nil {
			to.Fault(0, "holds a message that "+err.Error())
		}
		all = append(all, more...)
	}
	return all, nil
}

// mailReader reads one message.
type mailReader struct {
	to    Sink
	l     *Letter
	base  casemate.Evidence // what all of its evidence has
	parts int
	plain strings.Builder
	rich  strings.Builder // the text of HTML parts
	inner [][]byte        // attached messages
	full  bool            // text was left out
	many  bool            // links were left out
}

var words = mime.WordDecoder{}

func decoded(s string) string {
	if out, err := words.DecodeHeader(s); err == nil {
		s = out
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
}

func addressOf(value string) address {
	value = decoded(value)
	a, err := mail.ParseAddress(value)
	if err != nil {
		value = strings.Trim(value, "<> ")
		if !strings.Contains(value, "@") {
			return address{name: value}
		}
		a = &mail.Address{Address: value}
	}
	_, domain, _ := strings.Cut(a.Address, "@")
	return address{a.Name, strings.ToLower(a.Address), strings.ToLower(domain)}
}

// told are the headers that tell where a mail comes from.
var told = []string{"From", "Reply-To", "Return-Path", "To", "Cc", "Date", "Subject", "X-Mailer", "Received", "Authentication-Results"}

// headers makes evidence of the headers.
func (r *mailReader) headers(h mail.Header) {
	l := r.l
	l.subject = decoded(h.Get("Subject"))
	l.from, l.replyTo, l.returnTo = addressOf(h.Get("From")), addressOf(h.Get("Reply-To")), addressOf(h.Get("Return-Path"))
	l.results = h["Authentication-Results"]
	for _, field := range []string{"To", "Cc"} {
		list, err := h.AddressList(field)
		if err != nil {
			continue // absent, or no addresses
		}
		for _, a := range list {
			l.to = append(l.to, addressOf(a.String()))
		}
	}
	var b strings.Builder
	for _, name := range told {
		for i, v := range h[name] {
			if i == 5 {
				fmt.Fprintf(&b, "%s: and %d more\n", name, len(h[name])-i)
				break
			}
			fmt.Fprintf(&b, "%s: %s\n", name, decoded(v))
		}
	}
	r.base = casemate.Evidence{Kind: casemate.EvidenceMail, At: casemate.Location{File: l.file}, Name: l.subject, Author: l.from.name}
	if r.base.Author == "" {
		r.base.Author = l.from.mailbox
	}
	if at, err := h.Date(); err == nil {
		r.base.First, r.base.Last = at.UTC(), at.UTC()
	}
	e := r.base
	e.At.Line, e.Text = 1, strings.TrimSpace(b.String())
	for _, a := range []address{l.from, l.replyTo, l.returnTo} {
		if a.mailbox != "" {
			e.Entities = append(e.Entities, casemate.Entity{Type: casemate.EntityMail, Value: a.mailbox, Role: casemate.RoleSource})
		}
	}
	l.head = r.to.Add(e)
}

// part reads a part and those in it.
func (r *mailReader) part(h header, body io.Reader, depth int) {
	if r.parts++; r.parts > maxParts || depth > maxPartDepth {
		if r.parts == maxParts+1 || depth > maxPartDepth {
			r.to.Fault(0, "has more parts than are read")
		}
		return
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind, params = "text/plain", map[string]string{}
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return // the end, or a message that is cut: what was read counts
			}
			r.part(p.Header, p, depth+1)
		}
	}
	data, err := io.ReadAll(io.LimitReader(transferred(h, body), maxPartBytes))
	if err != nil && len(data) == 0 {
		r.to.Fault(0, "has a part that cannot be decoded")
	}
	disposition, more, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := decoded(more["filename"])
	if name == "" {
		name = decoded(params["name"])
	}
	switch {
	case kind == "message/rfc822":
		r.inner = append(r.inner, data)
	case disposition == "attachment" || name != "" || !strings.HasPrefix(kind, "text/"):
		r.attach(name, kind, data, err == nil && len(data) < maxPartBytes)
	case kind == "text/html":
		r.page(data)
	default:
		r.text(&r.plain, strings.ToValidUTF8(string(data), "\uFFFD"))
	}
}

// text keeps text of the body, up to a limit.
func (r *mailReader) text(to *strings.Builder, s string) {
	if room := maxBodyText - to.Len(); len(s) > room {
		if !r.full {
			r.to.Fault(0, fmt.Sprintf("has over %d KiB of text: the rest was left out", maxBodyText>>10))
		}
		r.full = true
		s = strings.ToValidUTF8(s[:max(0, room)], "")
	}
	to.WriteString(s)
}

// attach tells an attachment. One that is cut off or badly encoded has no digest:
// that of a part of it would be nobody's.
func (r *mailReader) attach(name, kind string, data []byte, whole bool) {
	if name == "" {
		name = "unnamed " + kind
	}
	a := attachment{name: name, kind: kind}
	e := r.base
	e.Text = fmt.Sprintf("Attachment %q, %s, not whole", name, kind)
	e.Entities = []casemate.Entity{{Type: casemate.EntityFile, Value: name}}
	if whole {
		sum := sha256.Sum256(data)
		digest := hex.EncodeToString(sum[:])
		e.Text = fmt.Sprintf("Attachment %q, %s, %d bytes, SHA-256 %s", name, kind, len(data), digest)
		e.Entities = append(e.Entities, casemate.Entity{Type: casemate.EntityHash, Value: digest})
	}
	a.id = r.to.Add(e)
	r.l.attached = append(r.l.attached, a)
}

// header are the headers of a message or of a part.
type header interface{ Get(string) string }

func transferred(h header, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body) // it passes over the ends of lines
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

// unseen matches styles of text that nobody is meant to see.
var unseen = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](px|pt|em)?\s*(;|$)|opacity\s*:\s*0\s*(;|$)|color\s*:\s*(#fff(fff)?|white)\b`)

// webPage is the state of reading an HTML part.
type webPage struct {
	target string // of the link that is open
	shown  strings.Builder
	silent int    // elements whose text is no text
	unseen string // the element that hides its text
	depth  int    // of elements of that name in it
	hidden strings.Builder
}

// page reads the text of an HTML part, its links, and what it hides.
func (r *mailReader) page(data []byte) {
	z := html.NewTokenizer(bytes.NewReader(data))
	var p webPage
	for {
		switch z.Next() {
		case html.ErrorToken:
			r.hide(&p)
			return
		case html.TextToken:
			if t := strings.Join(strings.Fields(string(z.Text())), " "); t != "" && p.silent == 0 {
				r.text(&r.rich, t+" ")
				if p.shown.Len() < maxShown {
					p.shown.WriteString(t + " ")
				}
				if p.unseen != "" && p.hidden.Len() < maxHiddenText {
					p.hidden.WriteString(t + " ")
				}
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			r.open(&p, z.Token())
		case html.EndTagToken:
			r.close(&p, z.Token().Data)
		}
	}
}

func (r *mailReader) open(p *webPage, t html.Token) {
	if p.unseen == "" && t.Type == html.StartTagToken && unseen.MatchString(attribute(t, "style")) {
		p.unseen = t.Data
	}
	if t.Data == p.unseen {
		p.depth++
	}
	switch t.Data {
	case "a":
		p.shown.Reset()
		p.target = attribute(t, "href")
	case "style", "script", "title":
		p.silent++
	case "p", "br", "div", "tr", "li", "h1", "h2", "h3", "table":
		r.text(&r.rich, "\n")
	case "form":
		r.link("a form", attribute(t, "action"))
	}
}

func (r *mailReader) close(p *webPage, name string) {
	switch name {
	case "a":
		r.link(strings.TrimSpace(p.shown.String()), p.target)
		p.target = ""
	case "style", "script", "title":
		p.silent = max(0, p.silent-1)
	}
	if name == p.unseen {
		if p.depth--; p.depth == 0 {
			r.hide(p)
		}
	}
}

// hide makes evidence of text that was hidden.
func (r *mailReader) hide(p *webPage) {
	if t := strings.TrimSpace(p.hidden.String()); t != "" && len(r.l.hidden) < maxHidden {
		e := r.base
		e.Text = "Hidden text: " + t
		r.l.hidden = append(r.l.hidden, r.to.Add(e))
	}
	p.unseen, p.depth = "", 0
	p.hidden.Reset()
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// link makes evidence of a link that leads to another machine.
func (r *mailReader) link(shown, target string) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return
	}
	for _, l := range r.l.links {
		if l.target == target && l.shown == shown {
			return
		}
	}
	if len(r.l.links) == maxLinks {
		if !r.many {
			r.to.Fault(0, fmt.Sprintf("has more than %d links: the rest was left out", maxLinks))
		}
		r.many = true
		return
	}
	e := r.base
	e.Text = fmt.Sprintf("Link shown as %q leads to %s", shown, target)
	e.Entities = []casemate.Entity{{Type: casemate.EntityURL, Value: target}, {Type: casemate.EntityDomain, Value: strings.ToLower(u.Hostname())}}
	r.l.links = append(r.l.links, link{shown, target, r.to.Add(e)})
}

// finish makes evidence of the text, paragraph by paragraph.
func (r *mailReader) finish() {
	text := r.plain.String()
	if strings.TrimSpace(text) == "" {
		text = strings.ReplaceAll(r.rich.String(), "\n", "\n\n")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			e := r.base
			e.Text = p
			r.l.body = append(r.l.body, r.to.Add(e))
		}
	}
}

// hostOf returns the host that a text names as if it were an address of the web.
func hostOf(text string) string {
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, " \t") || !strings.Contains(text, ".") {
		return ""
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || !strings.Contains(u.Hostname(), ".") {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// related says whether two hosts are of one registered name, as far as the last
// two labels tell.
func related(a, b string) bool {
	return a == b || base(a) == base(b)
}

func base(host string) string {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(labels) <= 2 {
		return host
	}
	n := 2
	// Second-level suffixes of countries, such as co.uk: short names before one
	// of two letters.
	if len(labels[len(labels)-1]) == 2 && len(labels[len(labels)-2]) <= 3 {
		n = 3
	}
	return strings.Join(labels[len(labels)-n:], ".")
}

func extension(name string) string { return strings.ToLower(path.Ext(name)) }
