package textlog_test

import (
	"fmt"
	"time"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

func Example() {
	read := time.Date(2021, time.March, 1, 12, 0, 0, 0, time.UTC)
	m, err := textlog.Parse("Mar  1 10:00:01 web01 sshd[4211]: Failed password for invalid user admin from 192.0.2.1 port 51234 ssh2", read)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Time.Format(time.RFC3339), m.Host, m.App, m.Event)
	for _, f := range m.Fields {
		fmt.Printf("%s=%s\n", f.Name, f.Value)
	}
	// Output:
	// 2021-03-01T10:00:01Z web01 sshd ssh-login-failed
	// method=password
	// user=admin
	// invalid_user=true
	// src_ip=192.0.2.1
	// src_port=51234
	// proto=ssh2
}

func ExampleJoiner() {
	var j textlog.Joiner
	for _, line := range []string{
		`type=SYSCALL msg=audit(1611240000.123:456): syscall=59 exe="/bin/cat"`,
		`type=EXECVE msg=audit(1611240000.123:456): argc=2 a0="cat" a1="/etc/shadow"`,
		`type=PROCTITLE msg=audit(1611240000.123:456): proctitle=636174002F6574632F736861646F77`,
	} {
		record, err := textlog.ParseAudit(line)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, event := range j.Add(record) {
			m := event.Merge()
			fmt.Println(m.Get("SYSCALL.exe"), "|", m.Get("cmdline"))
		}
	}
	// Output: /bin/cat | cat /etc/shadow
}
