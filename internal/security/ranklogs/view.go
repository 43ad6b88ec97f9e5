package ranklogs

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// Limits of what is taken out of one line.
const (
	maxWords = 200 // of a text that no reader knows
	maxSlots = 64
	maxValue = 512 // bytes of a value that is compared
)

// wild stands in a form for what varies.
const wild = "<*>"

// slot is a place in lines of one form, and what stands there.
type slot struct {
	name  string // for people: "command", "status", "part 3"
	value string
	whose string // where the name is of something of its own: "account anna"
}

// view is what is compared of a line. Its form is what lines of its kind share.
type view struct {
	form  string
	slots []slot
	words []string // of the free text, which decide its form

	time                                time.Time
	host, user, program, source, target string
	event                               string
	failed, entered                     bool // a login that was refused, or granted
}

// viewer takes lines apart. It is not for several goroutines.
type viewer struct {
	ref    time.Time
	parser flat.Parser
	fields []casemate.Field
	common func(word string) bool // whether a word belongs to forms; nil: all do
}

// names of fields in records of JSON and of key=value, by what they tell.
var (
	timeNames   = []string{"time", "ts", "timestamp", "@timestamp", "eventtime", "date", "datetime", "requestreceivedtimestamp"}
	hostNames   = []string{"host", "hostname", "computer", "computername", "host.name", "node", "workstationname", "agent.name", "dvc"}
	userNames   = []string{"user", "username", "user.name", "targetusername", "account", "useridentity.arn", "user.username", "subjectusername", "principal", "actor"}
	sourceNames = []string{"src_ip", "src", "sourceipaddress", "ipaddress", "client_ip", "source.ip", "rip", "rhost", "remote_ip", "remote_addr", "clientip", "c-ip", "ip", "sourceips"}
	imageNames  = []string{"image", "program", "process", "process.executable", "exe", "app", "eventsource", "newprocessname"}
	eventNames  = []string{"eventname", "event", "action", "eventid", "event_id", "event.code", "verb", "operation", "op"}
)

func (v *viewer) view(text string) *view {
	out := &view{}
	switch {
	case strings.HasPrefix(text, "{") && v.object(out, text):
	case v.message(out, text):
	default:
		v.free(out, text)
	}
	out.login(text)
	out.finish()
	return out
}

// Words of logs that no reader takes apart, for logins refused and granted.
var (
	refusedWords = []string{"failed password", "authentication failure", "authentication failed", "auth failed", "login failed", "failed login", "logon failure", "failed to log on", "invalid password", "wrong password", "bad password", "incorrect password", "invalid credentials", "access denied", "login denied", "session denied", "unauthorized"}
	grantedWords = []string{"accepted password", "accepted publickey", "accepted keyboard", "logged in", "login: login:", "login successful", "successful login", "successfully logged on", "login succeeded", "session start", "authentication succeeded", "authenticated user", "sign-in succeeded", "access granted", "login ok", "user login"}
)

// login notes whether a line tells of a login, in words.
func (out *view) login(text string) {
	if out.failed || out.entered {
		return
	}
	lower := strings.ToLower(phrase.Cut(text, maxValue))
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) })
	}
	out.failed = has(refusedWords)
	out.entered = !out.failed && has(grantedWords)
	if (out.failed || out.entered) && out.source == "" {
		for _, w := range strings.FieldsFunc(lower, func(r rune) bool {
			return r == ' ' || r == ',' || r == '=' || r == '[' || r == ']' || r == '(' || r == ')'
		}) {
			if a, err := netip.ParseAddr(w); err == nil {
				out.source = a.String()
				break
			}
		}
	}
}

// object views a record of JSON.
func (v *viewer) object(out *view, text string) bool {
	fields, err := v.parser.Parse(v.fields[:0], text)
	v.fields = fields
	if err != nil {
		return false
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
		out.take(f.Name, f.Value)
	}
	out.form = "{" + strings.Join(slices.Compact(names), ", ") + "}"
	return true
}

// message views a line that textlog knows.
func (v *viewer) message(out *view, text string) bool {
	m, err := textlog.Parse(text, v.ref)
	if err != nil || m.Kind == textlog.Unknown {
		return false
	}
	out.time, out.host, out.program, out.event = m.Time, m.Host, m.App, m.Event
	out.failed, out.entered = m.Event == "ssh-login-failed" || m.Event == "auth-failed" || m.Event == "su-failed" || m.Event == "sudo-denied", m.Event == "ssh-login" || m.Event == "su"
	var names []string
	for _, f := range m.Fields {
		names = append(names, f.Name)
		out.take(f.Name, f.Value)
	}
	if m.Event == "" && strings.TrimSpace(m.Body) != "" {
		v.free(out, m.Body)
		out.form = strings.TrimSpace(m.App+" ") + ": " + out.form
	} else {
		out.form = strings.TrimSpace(m.Kind.String() + " " + m.App + " " + m.Event + " " + strings.Join(slices.Compact(names), " "))
	}
	if m.Event != "" {
		out.event = m.App + " " + m.Event
	}
	return true
}

// take adds a field: as who, where and when where its name says so, and as a
// slot to be compared.
func (out *view) take(name, value string) {
	value = strings.TrimSpace(value)
	if value == "" || len(out.slots) >= maxSlots {
		return
	}
	lower := strings.ToLower(name)
	set := func(dst *string, names []string) bool {
		if slices.Contains(names, lower) {
			if *dst == "" {
				*dst = value
			}
			return true
		}
		return false
	}
	switch {
	case slices.Contains(timeNames, lower):
		if t, err := time.Parse(time.RFC3339, value); err == nil && out.time.IsZero() {
			out.time = t.UTC()
		}
		return
	case set(&out.host, hostNames), set(&out.user, userNames), set(&out.source, sourceNames), set(&out.program, imageNames), set(&out.event, eventNames):
	case lower == "target_user" || lower == "dst_ip":
		out.target = value
	case lower == "errorcode" || strings.HasSuffix(lower, "consolelogin"):
		out.failed = out.failed || value == "Failure"
		out.entered = out.entered || value == "Success"
	}
	if lower == "eventid" || lower == "event_id" || lower == "event.code" {
		out.failed, out.entered = out.failed || value == "4625", out.entered || value == "4624"
	}
	out.slots = append(out.slots, slot{name: name, value: phrase.Cut(value, maxValue)})
	out.derive(name, lower, value)
}

// derive adds what is telling of a value that hardly ever repeats as a whole:
// the program of a command line, the path of a request.
func (out *view) derive(name, lower, value string) {
	switch {
	case strings.Contains(lower, "command") || strings.Contains(lower, "cmdline"):
		if p := programOf(value); p != "" {
			out.slots = append(out.slots, slot{name: "program of " + name, value: p})
			if out.user != "" {
				out.slots = append(out.slots, slot{name: "program", value: p, whose: "account " + out.user})
			}
		}
	case strings.HasPrefix(value, "/") || strings.Contains(value, "://"):
		if u, err := url.Parse(value); err == nil && u.Path != "" {
			out.slots = append(out.slots, slot{name: "path of " + name, value: digits(u.Path)})
			if ext := path.Ext(u.Path); ext != "" && len(ext) < 8 {
				out.slots = append(out.slots, slot{name: "kind of file of " + name, value: strings.ToLower(ext)})
			}
		}
	}
}

// programOf returns the name of the program that a command line starts, behind
// sudo and assignments.
func programOf(command string) string {
	for _, w := range strings.Fields(strings.NewReplacer(`"`, " ", "'", " ").Replace(phrase.Cut(command, maxValue))) {
		name := strings.ToLower(w[strings.LastIndexAny(w, `/\`)+1:])
		if strings.Contains(w, "=") && !strings.HasPrefix(w, "-") || name == "sudo" || strings.HasPrefix(w, "-") || name == "" {
			continue
		}
		return strings.TrimSuffix(name, ".exe")
	}
	return ""
}

// digits writes every run of digits as one 0.
func digits(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' {
			if i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
				continue
			}
			c = '0'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// free views a text that no reader took apart: its words, and name=value.
func (v *viewer) free(out *view, text string) {
	var form []string
	parts := strings.Fields(text)
	for i, w := range parts[:min(len(parts), maxWords)] {
		if name, value, ok := strings.Cut(w, "="); ok && name != "" && value != "" && word(name) {
			out.take(name, strings.Trim(value, `"',;`))
			form = append(form, name+"="+wild)
			continue
		}
		bare := strings.Trim(w, `.,;:()[]{}"'<>`)
		if out.time.IsZero() && i < 2 && clock(bare) {
			form = append(form, wild)
			continue
		}
		if !word(bare) {
			if len(out.slots) < maxSlots && bare != "" {
				out.slots = append(out.slots, slot{name: "word " + strconv.Itoa(len(form)+1), value: phrase.Cut(bare, maxValue)})
			}
			form = append(form, wild)
			continue
		}
		out.words = append(out.words, bare)
		if v.common != nil && !v.common(bare) {
			out.slots = append(out.slots, slot{name: "word " + strconv.Itoa(len(form)+1), value: bare})
			form = append(form, wild)
			continue
		}
		form = append(form, bare)
	}
	out.form = strings.Join(slices.CompactFunc(form, func(a, b string) bool { return a == wild && b == wild }), " ")
}

// clock reports whether a word is a time of day or a date.
func clock(w string) bool {
	for _, layout := range [...]string{"15:04:05.000", "15:04:05", time.RFC3339, time.DateOnly} {
		if _, err := time.Parse(layout, w); err == nil {
			return true
		}
	}
	return false
}

// word reports whether s can belong to a form: letters and what joins them.
func word(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for _, r := range s {
		if r >= '0' && r <= '9' || r == '/' || r == '\\' || r == '@' || r == '%' || r == '&' {
			return false
		}
	}
	return true
}

// grantedSource is the place of the sources of all logins that were granted.
const grantedSource = "source address"

// finish adds the pairs that tell something: where an account is seen, where it
// comes from, what runs where.
func (out *view) finish() {
	pair := func(kind, whose, name, value string) {
		if whose != "" && value != "" && len(out.slots) < maxSlots+8 {
			out.slots = append(out.slots, slot{name: name, value: value, whose: kind + " " + whose})
		}
	}
	pair("account", out.user, "host", out.host)
	pair("account", out.user, "source", out.source)
	pair("account", out.user, "event", out.event)
	pair("source", out.source, "event", out.event)
	if out.entered && out.source != "" {
		out.slots = append(out.slots, slot{name: grantedSource, value: out.source, whose: "granted logins"})
	}
	if !out.time.IsZero() {
		out.slots = append(out.slots, slot{name: "hour", value: fmt.Sprintf("%02d", out.time.Hour())})
	}
}
