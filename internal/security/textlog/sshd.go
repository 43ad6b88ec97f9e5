package textlog

import (
	"strings"
)

// sshd reads the lines of OpenSSH's daemon that tell who came from where.
func (b *body) sshd() {
	text := strings.TrimSuffix(b.text, " [preauth]")
	for _, level := range [...]string{"error: ", "fatal: ", "info: "} {
		text = strings.TrimPrefix(text, level)
	}
	switch {
	case b.sshAuth(text), b.sshPeer(text), b.sshRefused(text):
	case strings.HasPrefix(text, "Server listening on "):
		b.event = "ssh-listen"
		addr, port, _ := cutLast(strings.TrimSuffix(text[len("Server listening on "):], "."), " port ")
		b.add("dst_ip", addr)
		b.add("dst_port", port)
	case strings.HasPrefix(text, "subsystem request for "):
		b.event = "ssh-subsystem"
		name, user, ok := strings.Cut(text[len("subsystem request for "):], " by user ")
		b.add("subsystem", name)
		if ok {
			b.add("user", word(user))
		}
	}
}

// sshAuth reads "Accepted METHOD for USER from HOST port N ssh2[: KEY]" and the
// same with Failed, Postponed and Partial.
func (b *body) sshAuth(text string) bool {
	rest, which, ok := cutPrefix(text, "Accepted ", "Failed ", "Postponed ", "Partial ")
	if !ok {
		return false
	}
	method, rest, ok := strings.Cut(rest, " for ")
	if !ok || strings.Contains(method, " from ") {
		return false
	}
	user, rest, ok := cutLast(rest, " from ")
	if !ok {
		return false
	}
	b.event = [...]string{"ssh-login", "ssh-login-failed", "ssh-postponed", "ssh-postponed"}[which]
	b.add("method", method)
	b.sshUser(user)
	tail := b.sshHost(rest)
	proto, key, _ := strings.Cut(tail, ": ")
	b.add("proto", proto)
	b.add("key", key)
	return true
}

// sshUser adds a user and whether sshd knows the name.
func (b *body) sshUser(user string) {
	name, which, marked := cutPrefix(user, "invalid user ", "illegal user ", "authenticating user ", "user ")
	b.add("user", name)
	if marked && which < 2 {
		b.add("invalid_user", "true")
	}
}

// sshHost adds the host and port at the start of s, "HOST[ port N]", and returns
// what follows.
func (b *body) sshHost(s string) string {
	host, rest, _ := strings.Cut(s, " ")
	b.add("src_ip", strings.TrimSuffix(host, ":"))
	if after, ok := strings.CutPrefix(rest, "port "); ok {
		n := 0
		for n < len(after) && isDigit(after[n]) {
			n++
		}
		b.add("src_port", after[:n])
		rest = strings.TrimPrefix(after[n:], " ")
	}
	return rest
}

// sshPeer reads the lines about connections. Their user, where they have one,
// stands before the address without a word between.
func (b *body) sshPeer(text string) bool {
	rest, which, ok := cutPrefix(text,
		"Received disconnect from ", "Disconnected from ", "Connection closed by ", "Connection reset by ",
		"Disconnecting ", "Connection from ", "Did not receive identification string from ",
		"Bad protocol version identification ")
	if !ok {
		return false
	}
	switch which {
	case 0:
		b.event = "ssh-disconnect"
		tail := b.sshHost(rest)
		code, reason, _ := strings.Cut(strings.TrimPrefix(tail, ":"), ": ")
		b.add("code", strings.TrimSpace(code))
		b.add("reason", reason)
	case 5:
		b.event = "ssh-connect"
		tail := b.sshHost(rest)
		if dst, ok := strings.CutPrefix(tail, "on "); ok {
			addr, port, _ := strings.Cut(dst, " port ")
			b.add("dst_ip", addr)
			b.add("dst_port", word(port))
		}
	case 6:
		b.event = "ssh-probe"
		b.sshHost(rest)
	case 7:
		b.event = "ssh-probe"
		banner, host, _ := cutLast(rest, " from ")
		b.add("banner", strings.Trim(banner, "'"))
		b.sshHost(host)
	default:
		b.event = "ssh-disconnect"
		b.sshPeerUser(rest)
	}
	return true
}

// sshPeerUser reads "[[authenticating|invalid] user NAME ]HOST[ port N][: REASON]".
func (b *body) sshPeerUser(rest string) {
	head, port, hasPort := cutLast(rest, " port ")
	if !hasPort {
		b.sshHost(rest)
		return
	}
	if user, host, ok := cutLast(head, " "); ok {
		b.sshUser(user)
		head = host
	}
	tail := b.sshHost(head + " port " + port)
	b.add("reason", strings.TrimPrefix(tail, ": "))
}

// sshRefused reads the lines that turn a user away.
func (b *body) sshRefused(text string) bool {
	if rest, _, ok := cutPrefix(text, "Invalid user ", "Illegal user "); ok {
		b.event = "ssh-invalid-user"
		user, host, _ := cutLast(rest, "from ")
		b.add("user", strings.TrimSpace(user))
		b.add("invalid_user", "true")
		b.sshHost(host)
		return true
	}
	if rest, ok := strings.CutPrefix(text, "maximum authentication attempts exceeded for "); ok {
		b.event = "ssh-too-many-attempts"
		user, host, _ := cutLast(rest, " from ")
		b.sshUser(user)
		b.add("proto", b.sshHost(host))
		return true
	}
	if rest, ok := strings.CutPrefix(text, "User "); ok && strings.Contains(rest, " not allowed because ") {
		b.event = "ssh-denied"
		head, reason, _ := cutLast(rest, " not allowed because ")
		user, host, _ := cutLast(head, " from ")
		b.add("user", user)
		b.add("src_ip", host)
		b.add("reason", reason)
		return true
	}
	if strings.HasPrefix(text, "reverse mapping checking ") || strings.HasPrefix(text, "Address ") && strings.Contains(text, "POSSIBLE BREAK-IN") {
		b.event = "ssh-probe"
		if _, rest, ok := strings.Cut(text, "["); ok {
			host, _, _ := strings.Cut(rest, "]")
			b.add("src_ip", host)
		} else if rest, ok := strings.CutPrefix(text, "Address "); ok {
			b.add("src_ip", word(rest))
		}
		b.add("reason", "the name and the address of the host do not agree")
		return true
	}
	return false
}
