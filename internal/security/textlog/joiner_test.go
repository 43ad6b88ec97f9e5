package textlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

func record(t testing.TB, line string) textlog.Message {
	t.Helper()
	m, err := textlog.ParseAudit(line)
	if err != nil {
		t.Fatalf("ParseAudit(%q): %v", line, err)
	}
	return m
}

// TestJoiner feeds two events whose records are mixed, and one that stands
// alone between them.
func TestJoiner(t *testing.T) {
	var j textlog.Joiner
	var got []string
	note := func(events []textlog.AuditEvent) {
		for _, e := range events {
			m := e.Merge()
			got = append(got, m.MsgID+" "+parsed(m))
		}
	}
	for _, line := range []string{
		`type=SYSCALL msg=audit(10.000:1): syscall=59 exe="/bin/ls"`,
		`type=SYSCALL msg=audit(10.001:2): syscall=2 exe="/bin/cat"`,
		`type=EXECVE msg=audit(10.000:1): argc=2 a0="ls" a1=2D6C2061`,
		`type=USER_LOGIN msg=audit(10.002:3): pid=1`,
		`type=CWD msg=audit(10.000:1): cwd="/root"`,
		`type=PATH msg=audit(10.000:1): item=0 name="/bin/ls"`,
		`type=PROCTITLE msg=audit(10.000:1): proctitle="ls"`,
	} {
		note(j.Add(record(t, line)))
	}
	note(j.Flush())
	want := []string{
		`3 USER_LOGIN|USER_LOGIN.pid=1`,
		`1 SYSCALL|cmdline=ls -l a|cwd=/root|SYSCALL.syscall=59|SYSCALL.exe=/bin/ls|EXECVE.argc=2|EXECVE.a0=ls|EXECVE.a1=-l a|CWD.cwd=/root|PATH.item=0|PATH.name=/bin/ls|PROCTITLE.proctitle=ls`,
		`2 SYSCALL|SYSCALL.syscall=2|SYSCALL.exe=/bin/cat`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("joined events: (-want +got)\n%s", diff)
	}
}

// TestJoinerWindow checks that no event and no record is lost when the window
// or the number of records is exceeded.
func TestJoinerWindow(t *testing.T) {
	j := textlog.Joiner{Window: 3, Records: 2}
	var serials []string
	records := 0
	note := func(events []textlog.AuditEvent) {
		for _, e := range events {
			serials = append(serials, e.Serial)
			records += len(e.Records)
		}
	}
	for i := range 5 {
		note(j.Add(record(t, fmt.Sprintf("type=SYSCALL msg=audit(1.0:%d): a=b", i))))
	}
	for range 3 {
		note(j.Add(record(t, "type=PATH msg=audit(1.0:4): a=b")))
	}
	note(j.Flush())
	if got, want := strings.Join(serials, " "), "0 1 4 4 2 3"; got != want {
		// Event 4 is full twice: its second PATH begins it anew, its third fills it.
		t.Errorf("serials %s, want %s", got, want)
	}
	if records != 8 {
		t.Errorf("%d records come out of 8", records)
	}
}

func TestArgs(t *testing.T) {
	m := record(t, `type=EXECVE msg=audit(1.0:1): argc=3 a0="x" a1_len=4 a1[0]="ab" a1[1]="cd" a2="e"`)
	if diff := cmp.Diff([]string{"x", "abcd", "e"}, m.Args()); diff != "" {
		t.Errorf("Args: (-want +got)\n%s", diff)
	}
}
