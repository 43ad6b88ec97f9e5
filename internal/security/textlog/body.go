package textlog

import (
	"strings"
)

// Body reads the message of a syslog line of the program app further: it
// returns what happened and the fields of the message, or "" and nil where it
// does not know the message. Parse, ParseSyslog3164 and ParseSyslog5424 call it.
//
// The events are:
//
//	sudo        sudo, sudo-failed, sudo-denied
//	sshd        ssh-login, ssh-login-failed, ssh-invalid-user, ssh-denied, ssh-disconnect,
//	            ssh-connect, ssh-probe, ssh-listen, ssh-subsystem, ssh-too-many-attempts
//	su          su, su-failed, su-closed
//	PAM         session-opened, session-closed, auth-failed, user-unknown, password-changed, pam
//	cron        cron-command, cron-edit, cron
//	accounts    user-added, user-deleted, user-changed, user-locked, group-added,
//	            group-deleted, group-member-added, group-member-removed, password-changed
//	systemd     unit-starting, unit-started, unit-stopping, unit-stopped, unit-failed,
//	            unit-target, unit-exited
//	kernel      packet
//	DNS, DHCP   dns-query, dns-reply, dns-forward, dhcp
//	any         repeated
//
// The fields use these names: user (the account that acts or logs in), uid,
// target_user (the account that is acted on or as), group, src_ip and src_port
// (a host's name where the program logs one), dst_ip, method, proto, tty, pwd,
// command, unit, query, query_type, service, reason, result, count; and those
// that the program itself writes before an equals sign, in lower case for sudo,
// as written for the rest. Values that a remote user chose are cut from behind,
// so that a name holding " from 192.0.2.1" cannot stand in for an address.
func Body(app, text string) (event string, fields []Field) {
	b := body{text: strings.TrimSpace(text)}
	if b.repeated() {
		return b.event, b.fields
	}
	if i := strings.LastIndexByte(app, '/'); i >= 0 && !strings.HasPrefix(app, "postfix/") {
		app = app[i+1:]
	}
	switch name := strings.ToLower(strings.Trim(app, "()")); name {
	case "sudo":
		b.sudo()
	case "sshd", "sshd-session":
		b.sshd()
	case "su":
		b.su()
	case "cron", "crond", "crontab", "anacron", "fcron", "/usr/sbin/cron":
		b.cron()
	case "useradd", "usermod", "userdel", "groupadd", "groupdel", "groupmod", "gpasswd", "passwd", "chpasswd", "adduser", "chage", "newusers":
		b.account(name)
	case "systemd":
		b.systemd()
	case "kernel":
		b.packet()
	case "dnsmasq", "dnsmasq-dhcp":
		b.dnsmasq()
	case "named":
		b.named()
	}
	if b.event == "" {
		b.pam()
	}
	if b.event == "" && strings.Contains(b.text, " IN=") {
		b.packet() // a firewall's lines that a relay gave another tag
	}
	return b.event, b.fields
}

// read fills Event and Fields from the Body of a syslog message.
func (m *Message) read() {
	event, fields := Body(m.App, m.Body)
	m.Event = event
	m.Fields = append(m.Fields, fields...)
}

// body is a message that is being read.
type body struct {
	text   string
	event  string
	fields []Field
}

// add appends a field that has a value.
func (b *body) add(name, value string) {
	if value != "" {
		b.keep(name, value)
	}
}

// keep appends a field. Those beyond MaxFields are only in the text.
func (b *body) keep(name, value string) {
	if len(b.fields) < MaxFields {
		b.fields = append(b.fields, Field{name, value})
	}
}

// cutPrefix returns what follows one of the prefixes, and which.
func cutPrefix(s string, prefixes ...string) (rest string, which int, ok bool) {
	for i, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, i, true
		}
	}
	return s, 0, false
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// word returns the first word of s.
func word(s string) string {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i]
	}
	return s
}

// repeated reads the two notes of syslog daemons about equal messages:
// "last message repeated 3 times" and "message repeated 3 times: [ text]".
func (b *body) repeated() bool {
	rest, _, ok := cutPrefix(b.text, "last message repeated ", "message repeated ")
	if !ok {
		return false
	}
	count, rest, ok := strings.Cut(rest, " time")
	if !ok || strings.Trim(count, "0123456789") != "" || count == "" {
		return false
	}
	b.event = "repeated"
	b.add("count", count)
	if _, inner, ok := strings.Cut(rest, ": ["); ok {
		b.add("message", strings.TrimSpace(strings.TrimSuffix(inner, "]")))
	}
	return true
}

// sudo reads "user : [reason ; ]TTY=… ; PWD=… ; USER=… ; COMMAND=…".
func (b *body) sudo() {
	user, rest, ok := strings.Cut(b.text, " : ")
	if !ok || user == "" || strings.Contains(user, "(") {
		return
	}
	b.event = "sudo"
	b.add("user", strings.TrimSpace(user))
	for rest != "" {
		// The command comes last and may hold the separator.
		if command, ok := strings.CutPrefix(rest, "COMMAND="); ok {
			b.add("command", command)
			return
		}
		var part string
		part, rest, _ = strings.Cut(rest, " ; ")
		key, value, isPair := strings.Cut(part, "=")
		switch {
		case isPair && key == "USER":
			b.add("target_user", value)
		case isPair && key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "":
			b.add(strings.ToLower(key), value)
		default:
			b.add("reason", part)
			b.event = sudoRefusal(part, b.event)
			if n, _, ok := strings.Cut(part, " incorrect password attempt"); ok {
				b.add("count", n)
			}
		}
	}
}

// sudoRefusal returns the event that a reason of sudo's means.
func sudoRefusal(reason, event string) string {
	switch {
	case strings.Contains(reason, "NOT in sudoers"), strings.Contains(reason, "NOT authorized"),
		strings.Contains(reason, "not allowed"):
		return "sudo-denied"
	case strings.Contains(reason, "incorrect password"), strings.Contains(reason, "password is required"),
		strings.Contains(reason, "conversation failed"), strings.Contains(reason, "auth could not identify"):
		return "sudo-failed"
	}
	return event
}

// su reads the lines of the three implementations of su.
func (b *body) su() {
	switch {
	case strings.HasPrefix(b.text, "Successful su for "):
		rest := b.text[len("Successful su for "):]
		to, by, ok := cutLast(rest, " by ")
		b.suDone("su", to, by, "", ok)
	case strings.HasPrefix(b.text, "FAILED su for "), strings.HasPrefix(b.text, "FAILED SU for "):
		rest := b.text[len("FAILED su for "):]
		to, by, ok := cutLast(rest, " by ")
		b.suDone("su-failed", to, by, "", ok)
	case strings.HasPrefix(b.text, "FAILED SU (to "), strings.HasPrefix(b.text, "(to "):
		event := "su"
		rest, which, _ := cutPrefix(b.text, "FAILED SU (to ", "(to ")
		if which == 0 {
			event = "su-failed"
		}
		to, rest, ok := strings.Cut(rest, ") ")
		by, tty, ok2 := cutLast(rest, " on ")
		b.suDone(event, to, by, tty, ok && ok2)
	case strings.HasPrefix(b.text, "'su "):
		to, rest, ok := strings.Cut(b.text[len("'su "):], "' ")
		result, rest, ok2 := strings.Cut(rest, " for ")
		by, tty, ok3 := cutLast(rest, " on ")
		event := "su"
		if result == "failed" {
			event = "su-failed"
		}
		b.suDone(event, to, by, tty, ok && ok2 && ok3)
	case strings.HasPrefix(b.text, "+ "), strings.HasPrefix(b.text, "- "):
		tty, pair, ok := strings.Cut(b.text[2:], " ")
		by, to, ok2 := strings.Cut(pair, ":")
		event := "su"
		if b.text[0] == '-' {
			event = "su-failed"
		}
		b.suDone(event, to, by, tty, ok && ok2)
	}
}

func (b *body) suDone(event, to, by, tty string, ok bool) {
	if !ok {
		return
	}
	b.event = event
	b.add("user", by)
	b.add("target_user", to)
	b.add("tty", tty)
}

// cron reads "(user) ACTION (detail)".
func (b *body) cron() {
	user, rest, ok := strings.Cut(strings.TrimPrefix(b.text, "("), ") ")
	if !ok || b.text[0] != '(' {
		return
	}
	action, detail, ok := strings.Cut(rest, " (")
	if !ok {
		return
	}
	detail = strings.TrimSuffix(detail, ")")
	b.event = "cron"
	switch action {
	case "CMD", "CMDEND", "CMDOUT":
		b.event = "cron-command"
		b.add("user", user)
		b.add("action", action)
		b.add("command", detail)
		return
	case "BEGIN EDIT", "END EDIT", "REPLACE", "DELETE":
		b.event = "cron-edit"
	}
	b.add("user", user)
	b.add("action", action)
	b.add("detail", detail)
}

// pam reads "pam_unix(sshd:session): …" of any program, and the lines that
// programs of PAM write without the module's name.
func (b *body) pam() {
	rest := b.text
	var module []Field
	if i := strings.Index(rest, "): "); i > 0 && strings.HasPrefix(rest, "pam_") {
		name, service, _ := strings.Cut(rest[:i], "(")
		service, phase, _ := strings.Cut(service, ":")
		module = append(module, Field{"module", name}, Field{"service", service}, Field{"phase", phase})
		rest = rest[i+3:]
	} else if !strings.HasPrefix(rest, "PAM ") && !strings.HasPrefix(rest, "session ") && !strings.HasPrefix(rest, "authentication failure;") {
		return
	}
	b.fields = module
	switch {
	case strings.HasPrefix(rest, "session opened for user "), strings.HasPrefix(rest, "session closed for user "):
		b.event = "session-" + rest[len("session "):len("session opened")]
		user, by, hasBy := cutLast(rest[len("session opened for user "):], " by ")
		b.account2("user", "uid", user)
		if hasBy {
			b.account2("by", "by_uid", by)
		}
	case strings.Contains(rest, "authentication failure"):
		b.event = "auth-failed"
		_, pairs, _ := strings.Cut(rest, "; ")
		b.pairs(pairs)
		if n, _, ok := strings.Cut(strings.TrimPrefix(rest, "PAM "), " more "); ok {
			b.add("count", n)
		}
	case strings.HasPrefix(rest, "check pass; user unknown"):
		b.event = "user-unknown"
	case strings.HasPrefix(rest, "password changed for "):
		b.event = "password-changed"
		b.add("target_user", rest[len("password changed for "):])
	case module != nil:
		b.event = "pam"
		b.add("message", rest)
	}
}

// account2 splits "root(uid=0)" into a name and a number.
func (b *body) account2(name, id, text string) {
	account, uid, ok := cutLast(strings.TrimSpace(text), "(uid=")
	b.add(name, account)
	if ok {
		b.add(id, strings.TrimSuffix(uid, ")"))
	}
}

// pairs adds "key=value" words; a value may be empty, and words without an
// equals sign belong to the value before.
func (b *body) pairs(s string) {
	key, from := "", 0
	for i := 0; i <= len(s); {
		end := len(s)
		if n := strings.IndexByte(s[i:], ' '); n >= 0 {
			end = i + n
		}
		if eq := strings.IndexByte(s[i:end], '='); eq >= 0 || end == len(s) {
			stop := i
			if eq < 0 {
				stop = end
			}
			if key != "" {
				b.keep(key, strings.TrimSpace(s[from:stop]))
			}
			if eq < 0 {
				return
			}
			key, from = s[i:i+eq], i+eq+1
			if end == len(s) && key != "" {
				b.keep(key, s[from:end])
			}
		}
		i = end + 1
	}
}
