package words

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
)

const maxObject = 16 << 20 // bytes of one object of an export

// export is one JSON file while it is read.
type export struct {
	r     *reader
	name  string
	day   time.Time
	title string
	users map[string]string // Slack's ids and names
	raw   []byte            // of the object that is read, from its line on
}

// lineOf returns the line on which a text of the present object stands, whose
// first line is given: the object's own where the text is not found.
func (x *export) lineOf(first int, text string) int {
	quoted, err := json.Marshal(text[:min(len(text), 60)])
	if err != nil {
		return first
	}
	want := strings.TrimSuffix(strings.Trim(string(quoted), `"`), `\ufffd`)
	at := bytes.Index(x.raw, []byte(want))
	if at < 0 || want == "" {
		return first
	}
	return first + bytes.Count(x.raw[:at], []byte("\n"))
}

// lineCounter tells on which line a byte stands, for offsets that only grow.
type lineCounter struct {
	r     io.Reader
	base  int64
	ends  []int64 // offsets of line ends that were read and not yet passed
	lines int
	kept  []byte // the first bytes of all
}

// maxKept is how much of a file is kept to find lines in one object.
const maxKept = 1 << 20

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.kept = append(c.kept, p[:min(n, max(0, maxKept-len(c.kept)))]...)
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.base+int64(i))
		}
	}
	c.base += int64(n)
	return n, err
}

// at returns the line of an offset, from 1.
func (c *lineCounter) at(offset int64) int {
	passed := 0
	for passed < len(c.ends) && c.ends[passed] < offset {
		passed++
	}
	c.ends = c.ends[passed:]
	c.lines += passed
	return c.lines + 1
}

// exported reads JSON that holds messages or tickets: objects on lines, in an
// array, or in an array within an object.
func (r *reader) exported(b *bufio.Reader, name string, day time.Time, take func(*export, map[string]any, int)) {
	x := &export{r: r, name: name, day: day, users: map[string]string{}}
	lines := &lineCounter{r: b}
	dec := json.NewDecoder(lines)
	dec.UseNumber()
	fault := func(err error) {
		if err != nil && !errors.Is(err, io.EOF) && r.ctx.Err() == nil {
			r.fault(name, lines.at(dec.InputOffset()), "reading stopped here: "+err.Error())
		}
	}
	for {
		tok, err := dec.Token()
		if err != nil {
			fault(err)
			return
		}
		switch tok {
		case json.Delim('['):
			err = x.array(dec, lines, take)
		case json.Delim('{'):
			err = x.object(dec, lines, take)
		default:
			continue
		}
		if err != nil {
			fault(err)
			return
		}
	}
}

// array gives each object of an array to take.
func (x *export) array(dec *json.Decoder, lines *lineCounter, take func(*export, map[string]any, int)) error {
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		line := lines.at(dec.InputOffset() - int64(len(raw)))
		if len(raw) > maxObject {
			x.r.fault(x.name, line, fmt.Sprintf("an object of more than %d MiB was left out", maxObject>>20))
			continue
		}
		if m := objectOf(raw); m != nil {
			x.raw = raw
			take(x, m, line)
		}
	}
	_, err := dec.Token()
	return err
}

// containers are the members of an object that hold what is exported.
var containers = map[string]bool{"messages": true, "value": true, "result": true, "results": true, "issues": true, "conversation": true, "records": true, "tickets": true, "cases": true}

// object reads an object that was opened: what it contains, or itself.
func (x *export) object(dec *json.Decoder, lines *lineCounter, take func(*export, map[string]any, int)) error {
	whole, line, contained := map[string]any{}, lines.at(dec.InputOffset()), false
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := tok.(string)
		var raw json.RawMessage
		if containers[key] {
			open, err := dec.Token()
			if err != nil {
				return err
			}
			x.head(whole)
			switch open {
			case json.Delim('['):
				contained = true
				if err := x.array(dec, lines, take); err != nil {
					return err
				}
			case json.Delim('{'):
				contained = true
				if err := x.object(dec, lines, take); err != nil {
					return err
				}
			default:
				whole[key] = open
			}
			continue
		}
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		var v any
		if len(raw) <= maxObject && decode(raw, &v) == nil {
			whole[key] = v
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if !contained && len(whole) > 0 {
		x.raw = lines.kept
		take(x, whole, line)
	}
	return nil
}

// head takes what stands before the messages: a channel's name, a date, users.
func (x *export) head(m map[string]any) {
	if t := pick(m, "channel", "topic", "name", "title", "channel_name"); t != "" {
		x.title = t
	}
	if d, ok := dateIn(pick(m, "date", "day", "exported", "created")); ok && x.day.IsZero() {
		x.day = d
	}
	if list, ok := m["users"].([]any); ok {
		for _, u := range list {
			if o, ok := u.(map[string]any); ok {
				x.users[pick(o, "id")] = pick(o, "real_name", "name")
			}
		}
	}
}

func decode(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(v)
}

func objectOf(raw json.RawMessage) map[string]any {
	var m map[string]any
	if decode(raw, &m) != nil {
		return nil
	}
	return m
}

// pick returns the first member that is there, as text. A name with dots goes
// down; of an object that is a person the name is taken.
func pick(m map[string]any, names ...string) string {
	for _, name := range names {
		if s := textIn(m, name); s != "" {
			return s
		}
	}
	return ""
}

func textIn(m map[string]any, name string) string {
	head, rest, deeper := strings.Cut(name, ".")
	v := m[head]
	if deeper {
		o, _ := v.(map[string]any)
		return textIn(o, rest)
	}
	return plain(v, 0)
}

// plain writes a value as text: strings, numbers, and the texts of a document in
// pieces, as Jira keeps them.
func plain(v any, depth int) string {
	if depth > 12 {
		return ""
	}
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case map[string]any:
		for _, name := range []string{"displayName", "display_value", "real_name", "name", "emailAddress", "text", "value"} {
			if s, ok := v[name].(string); ok && s != "" {
				return strings.TrimSpace(s)
			}
		}
		for _, name := range []string{"user", "application"} {
			if o, ok := v[name].(map[string]any); ok {
				return plain(o, depth+1)
			}
		}
		return plain(v["content"], depth+1)
	case []any:
		var parts []string
		for _, e := range v {
			if s := plain(e, depth+1); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	}
	return ""
}

var (
	authorNames = []string{"user_profile.real_name", "from.user.displayName", "author.displayName", "author", "from", "sender", "username", "user", "createdBy", "_createdBy", "created_by", "name", "updated_by", "owner"}
	timeNames   = []string{"ts", "createdDateTime", "created", "create_at", "created_at", "createdAt", "_createdAt", "timestamp", "time", "date", "sent", "opened_at", "sys_created_on", "startDate", "updated"}
	bodyNames   = []string{"body.content", "text", "message", "body", "content", "comment", "value", "note"}
	slackMark   = regexp.MustCompile(`<(?:@([A-Z0-9]+)(?:\|([^>]*))?|(?:https?:[^|>]*\|)?([^>]*))>`)
)

// chatMessage makes a piece of one message of Slack, Teams, Mattermost or alike.
func (r *reader) chatMessage(x *export, m map[string]any, line int) {
	if post, ok := m["post"].(map[string]any); ok {
		r.chatMessage(x, post, line)
		if replies, ok := post["replies"].([]any); ok {
			for _, reply := range replies {
				if o, ok := reply.(map[string]any); ok {
					r.chatMessage(x, o, line)
				}
			}
		}
		return
	}
	if strings.HasPrefix(pick(m, "subtype"), "channel_") {
		return // somebody joined or left
	}
	text := pick(m, bodyNames...)
	if text == "" {
		return
	}
	if strings.EqualFold(pick(m, "body.contentType"), "html") || strings.HasPrefix(text, "<p>") || strings.HasPrefix(text, "<div>") {
		if d, err := document.Parse(r.ctx, x.name, []byte("<html><body>"+text), document.Options{}); err == nil {
			text = d.Text
		}
	}
	_, slack := m["ts"]
	if slack {
		text = slackMark.ReplaceAllStringFunc(text, func(s string) string {
			p := slackMark.FindStringSubmatch(s)
			if p[1] != "" {
				return "@" + firstOf(x.users[p[1]], p[2], p[1])
			}
			return p[3]
		})
		text = html.UnescapeString(text)
	}
	author := pick(m, authorNames...)
	p := piece{kind: casemate.EvidenceChat, at: casemate.Location{File: x.name, Line: line}, author: firstOf(x.users[author], author), name: firstOf(pick(m, "channel", "channelIdentity.channelId"), x.title), text: text}
	p.time = x.time(m)
	r.add(p)
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// time reads an object's time; one without a date takes the file's.
func (x *export) time(m map[string]any, names ...string) time.Time {
	if len(names) == 0 {
		names = timeNames
	}
	for _, name := range names {
		text := textIn(m, name)
		if text == "" {
			continue
		}
		if t, ok := readTime(text); ok {
			return t
		}
		if s, rest, ok := readStamp(text); ok && strings.TrimSpace(rest) == "" {
			return s.at(x.day)
		}
	}
	return time.Time{}
}

// journal is the head of an entry in ServiceNow's work notes.
var journal = regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - (.{1,60}?) \(([A-Za-z ]{1,40})\)\s*$`)

// ticket makes pieces of a ticket of Jira, ServiceNow, TheHive or alike.
func (r *reader) ticket(x *export, m map[string]any, line int) {
	id := pick(m, "key", "number", "caseId", "id", "_id")
	f := m
	if fields, ok := m["fields"].(map[string]any); ok {
		f = fields
	} else if c, ok := m["case"].(map[string]any); ok {
		f = c
	}
	title := pick(f, "summary", "short_description", "title", "subject", "name")
	label := strings.TrimSpace(id + " " + title)
	base := piece{kind: casemate.EvidenceTicket, at: casemate.Location{File: x.name, Line: line}, name: label}
	first := base
	first.author = pick(f, "reporter", "creator", "opened_by", "createdBy", "_createdBy", "created_by", "owner", "author")
	first.time = x.time(f)
	first.text = strings.TrimSpace(title + "\n\n" + pick(f, "description", "body", "text"))
	r.add(first)
	for _, name := range []string{"work_notes", "comments", "comments_and_work_notes"} {
		if text, ok := f[name].(string); ok {
			x.journal(base, text)
		}
	}
	for _, name := range []string{"comments", "comment", "notes", "entries", "worklog", "activity", "tasks", "logs"} {
		x.comments(base, f[name], 0)
		if _, own := f[name]; !own {
			x.comments(base, m[name], 0)
		}
	}
	r.observables(base, f)
}

// comments makes a piece of each comment, and of those within tasks.
func (x *export) comments(base piece, v any, depth int) {
	if o, ok := v.(map[string]any); ok {
		for _, name := range []string{"comments", "worklogs"} {
			x.comments(base, o[name], depth)
		}
		return
	}
	list, _ := v.([]any)
	if depth > 3 {
		return
	}
	for _, e := range list {
		o, ok := e.(map[string]any)
		if !ok {
			continue
		}
		p := base
		p.author, p.time = pick(o, authorNames...), x.time(o)
		text := pick(o, bodyNames...)
		if text == "" {
			text = strings.TrimSpace(pick(o, "title") + "\n\n" + pick(o, "description"))
		}
		p.text, p.at.Line = text, x.lineOf(base.at.Line, text)
		x.r.add(p)
		x.comments(base, o["logs"], depth+1)
	}
}

// journal cuts ServiceNow's notes, which are one text, into entries.
func (x *export) journal(base piece, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	heads := journal.FindAllStringSubmatchIndex(text, -1)
	if len(heads) == 0 {
		base.text = text
		x.r.add(base)
		return
	}
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		p := base
		p.author = text[h[4]:h[5]]
		p.time, _ = readTime(text[h[2]:h[3]]) // the pattern is a time
		p.text = text[h[1]:end]
		x.r.add(p)
	}
}

// observables lists what a case of TheHive says to look for.
func (r *reader) observables(base piece, f map[string]any) {
	for _, name := range []string{"observables", "artifacts"} {
		list, _ := f[name].([]any)
		for _, e := range list {
			o, ok := e.(map[string]any)
			if !ok {
				continue
			}
			p := base
			p.code = true
			p.text = strings.TrimSpace("observable " + strconv.Quote(pick(o, "data", "value")) + " " + pick(o, "dataType", "type") + " " + pick(o, "message"))
			p.author, p.time = pick(o, "createdBy", "_createdBy"), time.Time{}
			r.add(p)
		}
	}
}
