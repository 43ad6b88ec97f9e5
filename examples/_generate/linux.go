package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// auth adds a line of auth.log, which has neither year nor zone, and returns it.
func (g *generator) auth(h *host, clock, program string, pid int, message string) string {
	t := at(clock)
	if pid > 0 {
		program = fmt.Sprintf("%s[%d]", program, pid)
	}
	line := t.Format(time.Stamp) + " " + h.name + " " + program + ": " + message
	g.put(fileAuth, t, line)
	return line
}

// linuxPID is the process id of what starts on a Linux machine at that time;
// Linux counts up.
func linuxPID(h *host, clock string) int {
	return 18000 + len(h.name)*311 + int(at(clock).Sub(midnight)/(3*time.Second))
}

// login adds the lines of an SSH login by key and returns the first.
func (g *generator) login(h *host, clock, user, from string, sport int, key string) string {
	pid := linuxPID(h, clock)
	line := g.auth(h, clock, "sshd", pid, fmt.Sprintf("Accepted publickey for %s from %s port %d ssh2: ED25519 SHA256:%s", user, from, sport, key))
	g.auth(h, clock, "sshd", pid, fmt.Sprintf("pam_unix(sshd:session): session opened for user %s(uid=%d) by (uid=0)", user, linuxUID(user)))
	return line
}

func linuxUID(user string) int {
	switch user {
	case "root":
		return 0
	case "s.okafor":
		return 1188
	case "j.teller":
		return 1190
	case "deploy":
		return 1001
	case "www-data":
		return 33
	}
	return 1050
}

// The keys that the company's people use, as their fingerprints.
const (
	keyOkafor = "q0Yl2m1b7oVfZ3xT8dUeKc5wRjHn4sGtAiPzLQyB6Nk"
	keyTeller = "Vd9WmJ3rT6yKx0uCqZsP1aEoBhNfL8gXiYtR5vMzU2c"
	keyDeploy = "aT4nXcR7eHk2LqvWyUo8ZsBd1MjPgF5iYxJrKz3tN0E"
)

// sudo adds sudo's line; as is the account it becomes.
func (g *generator) sudo(h *host, clock, user, tty, pwd, command string) string {
	return g.auth(h, clock, "sudo", 0, fmt.Sprintf("%8s : TTY=%s ; PWD=%s ; USER=root ; COMMAND=%s", user, tty, pwd, command))
}

// execution is an execve that auditd recorded.
type execution struct {
	host                *host
	key, exe, cwd       string
	argv                []string
	ppid, pid           int
	auid, uid, euid     string // names; numbers follow from them
	tty                 string
	session             int
	fail                bool
	path                string // file of the last PATH record, the program itself if empty
	nametype            string
	syscall, syscallTag string // if not execve
}

// audited adds the records of one system call: SYSCALL, EXECVE, CWD, PATH and
// PROCTITLE, in the enriched format, where names follow a group separator.
func (g *generator) audited(clock string, e execution) {
	t := at(clock)
	serial := 8100 + int(t.Sub(midnight)/(20*time.Millisecond))
	stamp := fmt.Sprintf("audit(%d.%03d:%d)", t.Unix(), t.Nanosecond()/1e6, serial)
	node := "node=" + e.host.name + " "
	call, callName := "59", "execve"
	if e.syscall != "" {
		call, callName = e.syscall, e.syscallTag
	}
	success, exit := "yes", "0"
	if e.fail {
		success, exit = "no", "-13"
	}
	comm := e.argv[0][strings.LastIndexByte(e.argv[0], '/')+1:]
	u, eu, au := linuxUID(e.uid), linuxUID(e.euid), fmt.Sprint(linuxUID(e.auid))
	auName := e.auid
	if e.auid == "unset" {
		au, e.session = "4294967295", 4294967295
	}
	lines := []string{
		fmt.Sprintf("type=SYSCALL msg=%s: arch=c000003e syscall=%s success=%s exit=%s a0=55d0c41e2f40 a1=55d0c41e3010 a2=55d0c41d9ad0 a3=8 items=2 ppid=%d pid=%d auid=%s uid=%d gid=%d euid=%d suid=%d fsuid=%d egid=%d sgid=%d fsgid=%d tty=%s ses=%d comm=%q exe=%q subj=unconfined key=%q\x1dARCH=x86_64 SYSCALL=%s AUID=%q UID=%q GID=%q EUID=%q SUID=%q FSUID=%q EGID=%q SGID=%q FSGID=%q",
			stamp, call, success, exit, e.ppid, e.pid, au, u, u, eu, eu, eu, eu, eu, eu, e.tty, e.session, comm, e.exe, e.key,
			callName, auName, e.uid, e.uid, e.euid, e.euid, e.euid, e.euid, e.euid, e.euid),
	}
	if callName == "execve" {
		args := make([]string, len(e.argv))
		for i, a := range e.argv {
			args[i] = fmt.Sprintf("a%d=%s", i, auditValue(a))
		}
		lines = append(lines, fmt.Sprintf("type=EXECVE msg=%s: argc=%d %s", stamp, len(e.argv), strings.Join(args, " ")))
	}
	path, kind := e.exe, "NORMAL"
	if e.path != "" {
		path, kind = e.path, e.nametype
	}
	lines = append(lines,
		fmt.Sprintf("type=CWD msg=%s: cwd=%q", stamp, e.cwd),
		fmt.Sprintf("type=PATH msg=%s: item=0 name=%q inode=%d dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=%s cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\x1dOUID=\"root\" OGID=\"root\"", stamp, path, 262144+len(path)*37, kind),
		fmt.Sprintf("type=PROCTITLE msg=%s: proctitle=%s", stamp, strings.ToUpper(hex.EncodeToString([]byte(strings.Join(e.argv, "\x00"))))))
	for i := range lines {
		lines[i] = node + lines[i]
	}
	g.put(fileAudit, t, strings.Join(lines, "\n"))
}

// auditValue writes a value as auditd does: in quotes, or in hexadecimal when
// it has a space, a quote or a byte that is not printable ASCII.
func auditValue(s string) string {
	for _, r := range s {
		if r <= ' ' || r == '"' || r > '~' {
			return strings.ToUpper(hex.EncodeToString([]byte(s)))
		}
	}
	return `"` + s + `"`
}

// hit adds a line of the portal's access log, in the combined format.
func (g *generator) hit(t time.Time, from, user string, r *request) {
	referer := r.referer
	if referer == "" {
		referer = "-"
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	g.put(fileWeb, t, fmt.Sprintf(`%s - %s [%s] "%s %s HTTP/1.1" %d %d "%s" "%s"`, from, user, t.Format("02/Jan/2006:15:04:05 -0700"),
		r.method, quote(r.url), r.status, r.length, referer, quote(r.agent)))
}
