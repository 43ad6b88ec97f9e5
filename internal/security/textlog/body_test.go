package textlog_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// flat renders an event and its fields as one line.
func flat(event string, fields []textlog.Field) string {
	var b strings.Builder
	b.WriteString(event)
	for _, f := range fields {
		b.WriteString("|" + f.Name + "=" + f.Value)
	}
	return b.String()
}

func TestBody(t *testing.T) {
	for _, c := range []struct{ app, text, want string }{
		{"sudo", "  bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/sh -c id ; ls", "sudo|user=bob|tty=pts/0|pwd=/home/bob|target_user=root|command=/bin/sh -c id ; ls"},
		{"sudo", "bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/su", "sudo-failed|user=bob|reason=3 incorrect password attempts|count=3|tty=pts/0|pwd=/|target_user=root|command=/bin/su"},
		{"sudo", "eve : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/cat /etc/shadow", "sudo-denied|user=eve|reason=user NOT in sudoers|tty=pts/1|pwd=/|target_user=root|command=/bin/cat /etc/shadow"},
		{"sudo", "eve : command not allowed ; TTY=pts/1 ; PWD=/ ; USER=root ; ENV=A=b ; COMMAND=/bin/x", "sudo-denied|user=eve|reason=command not allowed|tty=pts/1|pwd=/|target_user=root|env=A=b|command=/bin/x"},
		{"sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by bob(uid=1000)", "session-opened|module=pam_unix|service=sudo|phase=session|user=root|uid=0|by=bob|by_uid=1000"},

		{"sshd", "Accepted publickey for root from 192.0.2.1 port 22 ssh2: RSA SHA256:abc", "ssh-login|method=publickey|user=root|src_ip=192.0.2.1|src_port=22|proto=ssh2|key=RSA SHA256:abc"},
		{"sshd", "Failed password for invalid user admin from 192.0.2.1 port 51234 ssh2", "ssh-login-failed|method=password|user=admin|invalid_user=true|src_ip=192.0.2.1|src_port=51234|proto=ssh2"},
		{"sshd", "Failed password for invalid user a from 6.6.6.6 port 1 from 192.0.2.1 port 51234 ssh2", "ssh-login-failed|method=password|user=a from 6.6.6.6 port 1|invalid_user=true|src_ip=192.0.2.1|src_port=51234|proto=ssh2"},
		{"sshd", "Failed none for invalid user  from 192.0.2.1 port 5 ssh2", "ssh-login-failed|method=none|invalid_user=true|src_ip=192.0.2.1|src_port=5|proto=ssh2"},
		{"sshd", "Invalid user admin from 192.0.2.1 port 51234", "ssh-invalid-user|user=admin|invalid_user=true|src_ip=192.0.2.1|src_port=51234"},
		{"sshd", "Invalid user  from 192.0.2.1", "ssh-invalid-user|invalid_user=true|src_ip=192.0.2.1"},
		{"sshd", "Received disconnect from 192.0.2.1 port 22:11: Bye Bye [preauth]", "ssh-disconnect|src_ip=192.0.2.1|src_port=22|code=11|reason=Bye Bye"},
		{"sshd", "Received disconnect from 192.0.2.1: 11: Bye Bye", "ssh-disconnect|src_ip=192.0.2.1|code=11|reason=Bye Bye"},
		{"sshd", "Disconnected from authenticating user root 192.0.2.1 port 22 [preauth]", "ssh-disconnect|user=root|src_ip=192.0.2.1|src_port=22"},
		{"sshd", "Disconnected from user bob 2001:db8::1 port 22", "ssh-disconnect|user=bob|src_ip=2001:db8::1|src_port=22"},
		{"sshd", "Connection closed by invalid user x y 192.0.2.1 port 22 [preauth]", "ssh-disconnect|user=x y|invalid_user=true|src_ip=192.0.2.1|src_port=22"},
		{"sshd", "Connection reset by 192.0.2.1 port 22 [preauth]", "ssh-disconnect|src_ip=192.0.2.1|src_port=22"},
		{"sshd", "Connection from 192.0.2.1 port 1 on 10.0.0.1 port 22 rdomain \"\"", "ssh-connect|src_ip=192.0.2.1|src_port=1|dst_ip=10.0.0.1|dst_port=22"},
		{"sshd", "Did not receive identification string from 192.0.2.1 port 9", "ssh-probe|src_ip=192.0.2.1|src_port=9"},
		{"sshd", "Bad protocol version identification 'GET / HTTP/1.1' from 192.0.2.1 port 9", "ssh-probe|banner=GET / HTTP/1.1|src_ip=192.0.2.1|src_port=9"},
		{"sshd", "error: maximum authentication attempts exceeded for invalid user a from 192.0.2.1 port 9 ssh2 [preauth]", "ssh-too-many-attempts|user=a|invalid_user=true|src_ip=192.0.2.1|src_port=9|proto=ssh2"},
		{"sshd", "User bob from 192.0.2.1 not allowed because not listed in AllowUsers", "ssh-denied|user=bob|src_ip=192.0.2.1|reason=not listed in AllowUsers"},
		{"sshd", "Server listening on 0.0.0.0 port 22.", "ssh-listen|dst_ip=0.0.0.0|dst_port=22"},
		{"sshd", "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)", "session-opened|module=pam_unix|service=sshd|phase=session|user=root|uid=0|by_uid=0"},
		{"sshd", "pam_unix(sshd:session): session opened for user root by (uid=0)", "session-opened|module=pam_unix|service=sshd|phase=session|user=root|by_uid=0"},
		{"sshd", "pam_unix(sshd:session): session closed for user root", "session-closed|module=pam_unix|service=sshd|phase=session|user=root"},
		{"sshd", "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root", "auth-failed|module=pam_unix|service=sshd|phase=auth|logname=|uid=0|euid=0|tty=ssh|ruser=|rhost=192.0.2.1|user=root"},
		{"sshd", "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root", "auth-failed|logname=|uid=0|euid=0|tty=ssh|ruser=|rhost=192.0.2.1|user=root|count=2"},
		{"sshd", "pam_unix(sshd:auth): check pass; user unknown", "user-unknown|module=pam_unix|service=sshd|phase=auth"},
		{"passwd", "pam_unix(passwd:chauthtok): password changed for bob", "password-changed|module=pam_unix|service=passwd|phase=chauthtok|target_user=bob"},

		{"su", "(to root) bob on pts/0", "su|user=bob|target_user=root|tty=pts/0"},
		{"su", "FAILED SU (to root) bob on pts/0", "su-failed|user=bob|target_user=root|tty=pts/0"},
		{"su", "Successful su for root by bob", "su|user=bob|target_user=root"},
		{"su", "- /dev/pts/0 bob:root", "su-failed|user=bob|target_user=root|tty=/dev/pts/0"},
		{"su", "+ /dev/pts/0 bob:root", "su|user=bob|target_user=root|tty=/dev/pts/0"},

		{"CRON", "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)", "cron-command|user=root|action=CMD|command=   cd / && run-parts --report /etc/cron.hourly"},
		{"crontab", "(bob) REPLACE (bob)", "cron-edit|user=bob|action=REPLACE|detail=bob"},
		{"/usr/sbin/cron", "(CRON) INFO (Running @reboot jobs)", "cron|user=CRON|action=INFO|detail=Running @reboot jobs"},

		{"useradd", "new user: name=bob, UID=1001, GID=1001, home=/home/bob, shell=/bin/bash, from=/dev/pts/0", "user-added|target_user=bob|uid=1001|gid=1001|home=/home/bob|shell=/bin/bash|from=/dev/pts/0"},
		{"useradd", "new group: name=bob, GID=1001", "group-added|group=bob|gid=1001"},
		{"groupadd", "group added to /etc/group: name=ops, GID=1002", "group-added|group=ops|gid=1002"},
		{"usermod", "add 'bob' to group 'sudo'", "group-member-added|group=sudo|target_user=bob"},
		{"usermod", "delete 'bob' from shadow group 'sudo'", "group-member-removed|group=sudo|target_user=bob"},
		{"usermod", "change user 'bob' shell from '/bin/sh' to '/bin/bash'", "user-changed|target_user=bob|change=shell from '/bin/sh' to '/bin/bash'"},
		{"usermod", "lock user 'bob' password", "user-locked|target_user=bob"},
		{"userdel", "delete user 'bob'", "user-deleted|target_user=bob"},
		{"userdel", "removed group 'bob' owned by 'bob'", "group-deleted|group=bob"},
		{"gpasswd", "user bob added by root to group docker", "group-member-added|user=root|target_user=bob|group=docker"},
		{"gpasswd", "user bob removed by root from group docker", "group-member-removed|user=root|target_user=bob|group=docker"},
		{"passwd", "password for 'bob' changed by 'root'", "password-changed|target_user=bob|user=root"},

		{"systemd", "Started Session 1 of user root.", "unit-started|unit=Session 1 of user root"},
		{"systemd", "Stopping OpenSSH server daemon...", "unit-stopping|unit=OpenSSH server daemon"},
		{"systemd", "ssh.service: Main process exited, code=exited, status=1/FAILURE", "unit-exited|unit=ssh.service|reason=Main process exited, code=exited, status=1/FAILURE"},
		{"systemd", "ssh.service: Failed with result 'exit-code'.", "unit-failed|unit=ssh.service|reason=Failed with result 'exit-code'."},

		{"kernel", "[12345.678901] [UFW BLOCK] IN=eth0 OUT= MAC=aa:bb SRC=192.0.2.1 DST=10.0.0.1 LEN=40 PROTO=TCP SPT=1 DPT=22 SYN URGP=0",
			"packet|uptime=12345.678901|prefix=[UFW BLOCK]|IN=eth0|OUT=|MAC=aa:bb|SRC=192.0.2.1|DST=10.0.0.1|LEN=40|PROTO=TCP|SPT=1|DPT=22|SYN=|URGP=0"},
		{"kernel", "[    1.000000] Linux version 5.10", ""},

		{"dnsmasq", "query[A] evil.example from 10.0.0.5", "dns-query|query=evil.example|query_type=A|src_ip=10.0.0.5"},
		{"dnsmasq", "17 10.0.0.5/5353 query[AAAA] evil.example from 10.0.0.5", "dns-query|serial=17|query=evil.example|query_type=AAAA|src_ip=10.0.0.5"},
		{"dnsmasq", "reply evil.example is 192.0.2.1", "dns-reply|query=evil.example|answer=192.0.2.1|source=reply"},
		{"dnsmasq", "forwarded evil.example to 8.8.8.8", "dns-forward|query=evil.example|dst_ip=8.8.8.8"},
		{"dnsmasq-dhcp", "DHCPACK(eth0) 10.0.0.5 00:11:22:33:44:55 laptop", "dhcp|action=DHCPACK|interface=eth0|address=10.0.0.5|mac=00:11:22:33:44:55|client=laptop"},
		{"named", "client @0x7f12 10.0.0.5#53124 (evil.example): query: evil.example IN A +E(0)K (10.0.0.53)", "dns-query|query=evil.example|query_type=A|src_ip=10.0.0.5|src_port=53124|class=IN|flags=+E(0)K|dst_ip=10.0.0.53"},
		{"named", "queries: info: client 10.0.0.5#53124: query: evil.example IN TXT +", "dns-query|query=evil.example|query_type=TXT|src_ip=10.0.0.5|src_port=53124|class=IN|flags=+"},
		{"other", "anything at all", ""},
	} {
		if got := flat(textlog.Body(c.app, c.text)); got != c.want {
			t.Errorf("Body(%q, %q)\n got %s\nwant %s", c.app, c.text, got, c.want)
		}
	}
}
