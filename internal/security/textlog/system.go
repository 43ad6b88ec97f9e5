package textlog

import (
	"strings"
)

// account reads the lines of the tools that change accounts. app is the tool.
func (b *body) account(app string) {
	text := b.text
	switch {
	case strings.HasPrefix(text, "new user: "), strings.HasPrefix(text, "new group: "), strings.HasPrefix(text, "new account added - "):
		kind, rest, _ := strings.Cut(text, ": ")
		b.event = "user-added"
		if kind == "new group" {
			b.event = "group-added"
		}
		b.commaPairs(rest, kind == "new group")
	case strings.HasPrefix(text, "group added to "):
		b.event = "group-added"
		if _, rest, ok := strings.Cut(text, ": "); ok {
			b.commaPairs(rest, true)
		}
	case strings.HasPrefix(text, "add '"):
		b.membership("group-member-added", text[len("add '"):], "' to ")
	case strings.HasPrefix(text, "delete '"):
		b.membership("group-member-removed", text[len("delete '"):], "' from ")
	case strings.HasPrefix(text, "delete user '"):
		b.named1("user-deleted", "target_user", text[len("delete user '"):])
	case strings.HasPrefix(text, "removed group '"), strings.HasPrefix(text, "group '") && strings.Contains(text, "removed"):
		b.named1("group-deleted", "group", text[strings.IndexByte(text, '\'')+1:])
	case strings.HasPrefix(text, "lock user '"):
		b.named1("user-locked", "target_user", text[len("lock user '"):])
	case strings.HasPrefix(text, "change user '"):
		b.named1("user-changed", "target_user", text[len("change user '"):])
		if _, what, ok := strings.Cut(text[len("change user '"):], "' "); ok {
			b.add("change", what)
		}
	case strings.HasPrefix(text, "user ") && app == "gpasswd":
		b.gpasswd(text[len("user "):])
	case strings.HasPrefix(text, "password for '"):
		b.named1("password-changed", "target_user", text[len("password for '"):])
		if _, by, ok := cutLast(text, " changed by '"); ok {
			b.add("user", strings.TrimSuffix(by, "'"))
		}
	}
}

// named1 sets the event and adds what stands before the next quote.
func (b *body) named1(event, field, rest string) {
	b.event = event
	name, _, _ := strings.Cut(rest, "'")
	b.add(field, name)
}

// membership reads "USER' to group 'GROUP'".
func (b *body) membership(event, rest, between string) {
	user, rest, ok := strings.Cut(rest, between)
	if !ok {
		return
	}
	_, group, _ := strings.Cut(rest, "'")
	b.named1(event, "group", group)
	b.add("target_user", user)
}

// gpasswd reads "user USER added by ROOT to group GROUP".
func (b *body) gpasswd(rest string) {
	event := "group-member-added"
	target, rest, ok := strings.Cut(rest, " added by ")
	if !ok {
		event = "group-member-removed"
		if target, rest, ok = strings.Cut(target, " removed by "); !ok {
			return
		}
	}
	_, group, _ := cutLast(rest, " group ")
	b.event = event
	b.add("user", word(rest))
	b.add("target_user", target)
	b.add("group", group)
}

// commaPairs reads "name=bob, UID=1001, …". The name is the user's or group's.
func (b *body) commaPairs(s string, group bool) {
	for part := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			continue
		}
		switch {
		case (key == "name" || key == "account") && group:
			key = "group"
		case key == "name" || key == "account":
			key = "target_user"
		}
		b.add(strings.ToLower(key), value)
	}
}

// systemd reads the notes about units.
func (b *body) systemd() {
	if rest, which, ok := cutPrefix(b.text, "Starting ", "Started ", "Stopping ", "Stopped ", "Finished ",
		"Reached target ", "Failed to start ", "Reloading ", "Reloaded ", "Created slice ", "Removed slice ", "Stopped target "); ok {
		b.event = [...]string{"unit-starting", "unit-started", "unit-stopping", "unit-stopped", "unit-started",
			"unit-target", "unit-failed", "unit-starting", "unit-started", "unit-started", "unit-stopped", "unit-stopped"}[which]
		b.add("unit", strings.TrimSuffix(strings.TrimRight(rest, "."), "…"))
		return
	}
	unit, rest, ok := strings.Cut(b.text, ": ")
	if !ok || strings.ContainsAny(unit, " ") || strings.IndexByte(unit, '.') < 0 {
		return
	}
	switch {
	case strings.Contains(rest, "Failed with result"), strings.HasPrefix(rest, "Failed "), strings.Contains(rest, "entered failed state"):
		b.event = "unit-failed"
	case strings.HasPrefix(rest, "Main process exited"), strings.HasPrefix(rest, "Control process exited"):
		b.event = "unit-exited"
	case strings.HasPrefix(rest, "Deactivated successfully"), strings.HasPrefix(rest, "Succeeded"):
		b.event = "unit-stopped"
	default:
		return
	}
	b.add("unit", unit)
	b.add("reason", rest)
}

// packet reads a line of the kernel's packet filter: an optional time since
// boot, the rule's prefix, KEY=value pairs, and flags without a value. A flag is
// a field without a value.
func (b *body) packet() {
	rest := b.text
	if strings.HasPrefix(rest, "[") {
		if uptime, after, ok := strings.Cut(rest[1:], "] "); ok && strings.Trim(uptime, " 0123456789.") == "" {
			b.add("uptime", strings.TrimSpace(uptime))
			rest = after
		}
	}
	i := strings.Index(rest, "IN=")
	if i < 0 || i > 0 && rest[i-1] != ' ' && rest[i-1] != ']' && rest[i-1] != ':' || !strings.Contains(rest[i:], " OUT=") {
		b.fields = nil
		return
	}
	b.event = "packet"
	b.add("prefix", strings.TrimSpace(rest[:i]))
	for _, part := range strings.Fields(rest[i:]) {
		key, value, _ := strings.Cut(part, "=")
		b.keep(key, value)
	}
}

// dnsmasq reads the lines about names and leases, also with the serial number
// and client that log-queries=extra adds.
func (b *body) dnsmasq() {
	rest := b.text
	if serial, after, ok := strings.Cut(rest, " "); ok && serial != "" && strings.Trim(serial, "0123456789") == "" {
		if client, after2, ok := strings.Cut(after, " "); ok && strings.Contains(client, "/") {
			b.add("serial", serial)
			rest = after2
		}
	}
	verb, rest, ok := strings.Cut(rest, " ")
	name, detail := word(rest), strings.TrimPrefix(rest[len(word(rest)):], " ")
	switch {
	case !ok:
		b.fields = nil
	case strings.HasPrefix(verb, "query[") && strings.HasPrefix(detail, "from "):
		b.event = "dns-query"
		b.add("query", name)
		b.add("query_type", strings.TrimSuffix(verb[len("query["):], "]"))
		b.add("src_ip", detail[len("from "):])
	case strings.HasPrefix(detail, "is "):
		b.event = "dns-reply"
		b.add("query", name)
		b.add("answer", detail[len("is "):])
		b.add("source", verb)
	case verb == "forwarded" && strings.HasPrefix(detail, "to "):
		b.event = "dns-forward"
		b.add("query", name)
		b.add("dst_ip", detail[len("to "):])
	case strings.HasPrefix(verb, "DHCP"):
		b.event = "dhcp"
		b.dhcp(verb, rest)
	default:
		b.fields = nil
	}
}

// dhcp reads "DHCPACK(eth0) 10.0.0.5 00:11:22:33:44:55 host".
func (b *body) dhcp(verb, rest string) {
	action, device, _ := strings.Cut(verb, "(")
	b.add("action", action)
	b.add("interface", strings.TrimSuffix(device, ")"))
	parts := strings.Fields(rest)
	for i, part := range parts {
		switch {
		case strings.Count(part, ":") == 5:
			b.add("mac", part)
			b.add("client", strings.Join(parts[i+1:], " "))
			return
		default:
			b.add("address", part)
		}
	}
}

// named reads BIND's query log: "client [@0x…] IP#PORT (NAME): query: NAME CLASS
// TYPE FLAGS (SERVER)", with or without its category before.
func (b *body) named() {
	i := strings.Index(b.text, "client ")
	if i < 0 {
		return
	}
	rest := b.text[i+len("client "):]
	if strings.HasPrefix(rest, "@") {
		_, rest, _ = strings.Cut(rest, " ")
	}
	client, rest, ok := strings.Cut(rest, " ")
	addr, port, ok2 := strings.Cut(strings.TrimSuffix(client, ":"), "#")
	// The name that was asked for stands before "query:" too and is the client's
	// to choose; it holds no space, so the first " query: " is the server's.
	_, query, ok3 := strings.Cut(" "+rest, " query: ")
	if !ok || !ok2 || !ok3 {
		return
	}
	parts := strings.Fields(query)
	if len(parts) < 3 {
		return
	}
	b.event = "dns-query"
	b.add("query", parts[0])
	b.add("query_type", parts[2])
	b.add("src_ip", addr)
	b.add("src_port", port)
	b.add("class", parts[1])
	for _, part := range parts[3:] {
		if server, ok := strings.CutPrefix(part, "("); ok {
			b.add("dst_ip", strings.TrimSuffix(server, ")"))
		} else {
			b.add("flags", part)
		}
	}
}
