package decode

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// recordLook are the beginnings that log lines and alerts have; tableHead is the
// first line of a table, with a second one behind it.
var (
	recordLook = regexp.MustCompile(`(?i)^(\s*[{[]\s*["{[\]}]|\s*<(\?xml[^>]*>\s*<)?events?[\s>]|\s*(<\d{1,3}>)?(\w{3} {1,2}\d{1,2} (\d{4} )?\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d)|.{0,80}\b(cef|leef):\d|\S+ \S+ \S+ \[\d\d/\w{3}/\d{4}:|\[\w{3} \w{3} \d\d \d\d:|<\d{1,3}>\d? ?\S+|(node=\S+ )?type=\w+ msg=audit\(|([\w.-]+=("[^"]*"|[^\s"';|&$]+)[ \t,]+){2}[\w.-]+=)`)
	tableHead  = regexp.MustCompile(`^"?[A-Za-z_@][\w .@-]{0,60}"?([,;\t]"?[A-Za-z_@][\w .@-]{0,60}"?){2,}\r?\n\S`)
)

// Record reports whether a text begins as records of logs do.
func Record(text string) bool {
	return recordLook.MatchString(text[:min(len(text), 4096)]) || Table(text)
}

// Table reports whether a text begins as a table with a header does.
func Table(text string) bool { return tableHead.MatchString(text) }

// TokenPart decodes the header or the claims of a JSON Web Token. It verifies
// nothing.
func TokenPart(part string) (map[string]any, bool) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || len(b) > 1<<16 {
		return nil, false
	}
	var v map[string]any
	return v, json.Unmarshal(b, &v) == nil && v != nil
}

// WebToken is a JSON Web Token in a text.
type WebToken struct {
	Start, End int
	Header     map[string]any
}

// maxWebTokens and maxEventTokens bound what is read of one text.
const maxWebTokens, maxEventTokens = 32, 1 << 16

// WebTokens finds JSON Web Tokens by their headers.
func WebTokens(text string) []WebToken {
	var out []WebToken
	for from, n := 0, 0; n < maxWebTokens; n++ {
		i := strings.Index(text[from:], "eyJ")
		if i < 0 {
			break
		}
		i += from
		end := i
		for end < len(text) && (isBase64(text[end]) && text[end] != '/' && text[end] != '+' || text[end] == '.') {
			end++
		}
		from = max(end, i+3)
		if head, _, ok := strings.Cut(text[i:end], "."); ok {
			if h, ok := TokenPart(head); ok {
				out = append(out, WebToken{i, end, h})
			}
		}
	}
	return out
}

// Header reads the fields of a mail or HTTP header, joined over folded lines, or
// the labels of another text: at most 400 names with their values.
func Header(text string) [][2]string {
	var out [][2]string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r")
		labelled := label.MatchString(line)
		if len(out) > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') && !labelled {
			out[len(out)-1][1] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if ok && (labelled || !strings.ContainsAny(name, " \t")) {
			out = append(out, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
		if len(out) > 400 {
			break
		}
	}
	return out
}

// label stands before a value as Windows's event viewer shows it.
var label = regexp.MustCompile(`^\t*[A-Z][A-Za-z ]{1,40}:\t+`)

// Elements reads the texts of the elements of an XML fragment, damaged or not:
// at most eight of each name.
func Elements(text string) map[string][]string {
	out := map[string][]string{}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	name := ""
	for range 4096 {
		t, err := d.Token()
		if err != nil {
			break
		}
		switch t := t.(type) {
		case xml.StartElement:
			name = t.Name.Local
		case xml.CharData:
			if v := strings.TrimSpace(string(t)); v != "" && name != "" && len(out[name]) < 8 {
				out[name] = append(out[name], v)
			}
		case xml.EndElement:
			name = ""
		}
	}
	return out
}

// WindowsEvents turns the events of Windows's event log, in the XML that its
// viewer and tools write, into lines of JSON as readers of logs know them. It
// returns nothing for any other text.
func WindowsEvents(text string) string {
	if !eventRoot.MatchString(text) {
		return ""
	}
	var out strings.Builder
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	event, part, name := map[string]map[string]any{}, "", ""
	for range maxEventTokens {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			name = t.Name.Local
			attrs := map[string]string{}
			for _, attr := range t.Attr {
				attrs[attr.Name.Local] = attr.Value
			}
			switch {
			case name == "System" || name == "EventData" || name == "UserData":
				part, name = name, ""
				event[part] = map[string]any{}
			case part == "System" && len(attrs) > 0:
				event[part][name] = map[string]any{"#attributes": attrs}
			case attrs["Name"] != "":
				name = attrs["Name"]
			}
		case xml.CharData:
			if v := strings.TrimSpace(string(t)); v != "" && name != "" && part != "" {
				event[part][name] = v
			}
		case xml.EndElement:
			name = ""
			if t.Name.Local == "Event" && event["System"]["EventID"] != nil {
				line, _ := json.Marshal(map[string]any{"Event": event})
				out.Write(append(line, '\n'))
				event, part = map[string]map[string]any{}, ""
			}
		}
	}
	return out.String()
}

var eventRoot = regexp.MustCompile(`^\s*(<\?xml[^>]*>\s*)?<Events?[\s>]`)

// Visible shows what a text hides: it returns s safe for a terminal and anywhere else
// plain text goes: control characters, direction marks, characters without
// width, tag and private characters stand as \u{202E}, and line breaks as ⏎.
// Where lines is set, line breaks stay and tabs become blanks.
func Visible(s string, lines bool) string {
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !unsafe(r):
			b.WriteRune(r)
		case r == '\n' && lines:
			b.WriteByte('\n')
		case r == '\t' && lines:
			b.WriteString("    ")
		case r == '\n':
			b.WriteString("⏎")
		case r == '\t':
			b.WriteByte(' ')
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"):
		default:
			fmt.Fprintf(&b, `\u{%04X}`, r)
		}
	}
	return b.String()
}

// unsafe reports whether a character does something other than stand there. A
// combining mark is safe: it can only spoil its own letter.
func unsafe(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7F:
		return false
	case r < ' ', r == 0x7F, r >= 0x80 && r < 0xA0, r == 0xAD, r == 0x034F, r == 0x115F, r == 0x1160, r == 0x180E, r == 0x3164, r == 0xFFA0:
		return true
	case r >= 0x200B && r <= 0x200F, r >= 0x2028 && r <= 0x202E, r >= 0x2060 && r <= 0x206F, r >= 0xFE00 && r <= 0xFE0F, r == 0xFEFF:
		return true
	case r >= 0xE0000 && r <= 0xE0FFF, r >= 0xE000 && r <= 0xF8FF, r >= 0xF0000:
		return true
	}
	return !unicode.IsPrint(r) && r != 0xA0 && !unicode.Is(unicode.Zs, r)
}

var inBrackets = regexp.MustCompile(`<([^<>@\s]+@[^<>\s]+)>|([^\s<>"]+@[^\s<>",;]+)`)

// MailDomain returns the domain of the last mail address in a header field.
func MailDomain(v string) string {
	all := inBrackets.FindAllStringSubmatch(v, -1)
	if len(all) == 0 {
		return ""
	}
	m := all[len(all)-1]
	addr := m[1] + m[2]
	return strings.ToLower(addr[strings.LastIndexByte(addr, '@')+1:])
}

// HiddenRune is a character that makes a text look other than it is.
type HiddenRune struct {
	At   int
	Rune rune
	Kind string // direction, tag, width or control
}

// Hidden returns the first character of each kind that hides something.
func Hidden(text string) []HiddenRune {
	var out []HiddenRune
	seen := map[string]bool{}
	for i, r := range text {
		kind := ""
		switch {
		case r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069:
			kind = "direction"
		case r >= 0xE0000 && r <= 0xE007F:
			kind = "tag"
		case r == 0x200B || r == 0x2060 || r == 0x00AD || r == 0x180E:
			kind = "width"
		case r == 0x1B:
			kind = "control"
		}
		if kind != "" && !seen[kind] {
			seen[kind] = true
			out = append(out, HiddenRune{i, r, kind})
		}
	}
	return out
}
