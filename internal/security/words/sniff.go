package words

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/document"
)

// kind is what a file is taken for.
type Kind string

// The kinds. KindRecords is whatever people did not plainly write.
const (
	KindRecords  Kind = "records"
	KindChat     Kind = "chat"      // an export in JSON
	KindChatText Kind = "chat text" // lines of "[09:41] name: text"
	KindTicket   Kind = "ticket"    // in JSON
	KindMail     Kind = "mail"
	KindMailbox  Kind = "mailbox"
	KindNote     Kind = "note"     // text or Markdown, tickets as text
	KindDocument Kind = "document" // PDF, HTML
)

const sniffLines = 80

// Sniff decides by its first bytes, 64 KiB or all of them, what a file is. Only
// text that people plainly wrote is taken from the readers of records.
func Sniff(head []byte) Kind {
	if bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")) {
		return KindDocument
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(head, 0) >= 0 {
		return KindRecords // binary or UTF-16
	}
	text := strings.TrimLeft(string(head), " \t\r\n")
	if text == "" {
		return KindRecords
	}
	lower := strings.ToLower(text[:min(len(text), 256)])
	if strings.HasPrefix(lower, "<!doctype html") || strings.HasPrefix(lower, "<html") {
		return KindDocument
	}
	if text[0] == '{' || text[0] == '[' && looksJSON(text) {
		return sniffJSON(text)
	}
	if isMbox(text) {
		return KindMailbox
	}
	if k := sniffHeaders(text); k != "" {
		return k
	}
	return sniffLinesOf(text, len(head) < sniffBytes)
}

// looksJSON tells an array from a line that begins with a bracket.
func looksJSON(text string) bool {
	rest := strings.TrimLeft(text[1:], " \t\r\n")
	return rest != "" && strings.ContainsRune(`{["]`, rune(rest[0]))
}

// sniffJSON looks at the names of the first objects.
func sniffJSON(text string) Kind {
	names := jsonNames(text)
	has := func(all ...string) bool {
		for _, n := range all {
			if !names[n] {
				return false
			}
		}
		return true
	}
	switch {
	case has("post.message"), has("text", "ts") && (has("user") || has("type") || has("bot_id")), has("messages.text", "messages.ts"),
		has("createdDateTime", "body.content"), has("value.createdDateTime", "value.body.content"), has("messages.createdDateTime", "messages.body.content"):
		return KindChat
	case has("fields.summary") && (has("fields.created") || has("fields.description") || has("fields.issuetype.name")), has("issues.fields.summary"),
		has("short_description"), has("result.short_description"), has("result.number", "result.description"),
		has("title", "tlp") && (has("description") || has("startDate")), has("case.title"), has("_type", "title", "createdBy"):
		return KindTicket
	}
	// Any other export: a list of messages, or one thing with comments.
	for _, p := range []string{"", "messages.", "conversation.", "comments."} {
		for _, body := range []string{"text", "message", "body", "content"} {
			for _, who := range []string{"author", "from", "sender", "user", "username", "name"} {
				if has(p+body, p+who) && !has(p+"severity") && !has(p+"event") && !has(p+"host") && !has(p+"level") && (p != "" || onlyMessage(names)) {
					if p == "comments." {
						return KindTicket
					}
					return KindChat
				}
			}
		}
	}
	return KindRecords
}

// onlyMessage reports whether an object without a telling frame is a message
// and nothing else: few names, none of which a sensor uses.
func onlyMessage(names map[string]bool) bool {
	top := 0
	for n := range names {
		if !strings.Contains(n, ".") {
			top++
		}
	}
	return top <= 8 && (names["time"] || names["timestamp"] || names["date"] || names["created"] || names["created_at"] || names["ts"] || names["sent"])
}

// jsonNames collects the names of the members of the first objects, joined by
// dots, as far as the text reaches. Lines of JSON count as a list.
func jsonNames(text string) map[string]bool {
	names := map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(text))
	type frame struct {
		object bool
		name   string
		key    bool // a key comes next
	}
	var stack []frame
	path := func() string {
		var parts []string
		for _, f := range stack {
			if f.object && f.name != "" {
				parts = append(parts, f.name)
			}
		}
		return strings.Join(parts, ".")
	}
	for tokens := 0; tokens < 4000 && len(names) < 400; tokens++ {
		tok, err := dec.Token()
		if err != nil {
			break // the text is cut, or no JSON
		}
		var top *frame
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		if d, ok := tok.(json.Delim); ok {
			switch d {
			case '{', '[':
				if top != nil && top.object {
					top.key = true
				}
				stack = append(stack, frame{object: d == '{', key: d == '{'})
				if len(stack) > 16 {
					return names
				}
			default:
				stack = stack[:len(stack)-1]
			}
			continue
		}
		if top == nil || !top.object {
			continue
		}
		if top.key {
			top.name, _ = tok.(string)
			names[path()] = true
		}
		top.key = !top.key
	}
	return names
}

var (
	mboxStart = regexp.MustCompile(`^From \S+ .*\d{4}\r?\n[A-Za-z-]+:`)
	headerRow = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9 _-]{1,30}):(?:[ \t]+(\S.*))?$`)
)

func isMbox(text string) bool { return mboxStart.MatchString(text[:min(len(text), 600)]) }

// sniffHeaders knows a mail by its header.
func sniffHeaders(text string) Kind {
	names := map[string]bool{}
	for _, line := range firstLines(text, 40) {
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		m := headerRow.FindStringSubmatch(line)
		if m == nil {
			if len(names) > 2 {
				break
			}
			return ""
		}
		names[strings.ToLower(m[1])] = true
	}
	mime := names["mime-version"] || names["message-id"] || names["received"] || names["return-path"] || names["content-type"]
	if names["from"] && (mime || names["to"] && names["subject"] && names["date"]) {
		return KindMail
	}
	return ""
}

func firstLines(text string, n int) []string {
	lines := strings.SplitN(text, "\n", n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	return lines
}

// sniffLinesOf tells words from logs, tables and chats by the first lines.
func sniffLinesOf(text string, whole bool) Kind {
	lines := firstLines(text, sniffLines)
	if !whole && len(lines) > 1 && len(lines) < sniffLines {
		lines = lines[:len(lines)-1]
	}
	if strings.HasPrefix(lines[0], "#separator") || strings.HasPrefix(lines[0], "#fields") || isTable(lines) {
		return KindRecords
	}
	var filled, chats, logs, notes, prose int
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		filled++
		_, isChat := readChatLine(l)
		_, timed := readNoteTime(l)
		switch {
		case isChat:
			chats++
		case structured(l):
			logs++
		case timed:
			notes++
		case document.IsLog(l):
			logs++
		case isProse(l):
			prose++
		}
	}
	switch {
	case chats >= 2 && chats*2 >= filled:
		return KindChatText
	case logs*2 >= filled:
		return KindRecords
	case (notes+prose)*3 >= filled || strings.HasPrefix(text, "# ") || strings.HasPrefix(text, "---\n"):
		return KindNote
	}
	return KindRecords
}

// isTable reports whether the first two lines are cells with one separator.
func isTable(lines []string) bool {
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

// structured reports whether a line is plainly a program's.
func structured(l string) bool {
	switch {
	case l[0] == '{' && strings.HasSuffix(l, "}"), strings.HasPrefix(l, "type=") && strings.Contains(l, "msg=audit("),
		strings.Contains(l, "CEF:0|"), strings.Contains(l, "LEEF:"), l[0] == '<' && len(l) > 4 && l[1] >= '0' && l[1] <= '9':
		return true
	}
	return strings.Count(l, "=") >= 4 && strings.Count(l, "=")*3 >= strings.Count(l, " ") || syslogTag.MatchString(l) || bracketed.MatchString(l)
}

// bracketed is "[09:41:00] [main/INFO]", a time and a source in brackets.
var bracketed = regexp.MustCompile(`^\[[^\]]{4,40}\] ?(?:\[|[\w.-]+\.(?:INFO|WARN|WARNING|ERROR|DEBUG|NOTICE|FATAL|CRITICAL):)`)

// syslogTag is "host program[123]:" behind a time, or "program[123]:" alone.
var syslogTag = regexp.MustCompile(`^(?:\S+ +){1,5}[\w./-]+\[\d+\]: `)

// isProse reports whether a line reads like words rather than fields.
func isProse(l string) bool {
	l = strings.TrimLeft(l, "#>*-•0123456789.)[]xX \t")
	words, letters, marks := len(strings.Fields(l)), 0, 0
	for _, c := range l {
		switch {
		case unicode.IsLetter(c):
			letters++
		case c == '=' || c == '{' || c == '}' || c == '|' || c == ';':
			marks++
		}
	}
	size := utf8.RuneCountInString(l)
	return words >= 1 && letters*10 >= size*6 && marks*20 <= size
}
