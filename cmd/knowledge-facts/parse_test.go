package main

import (
	"strings"
	"testing"
)

func FuzzBundle(f *testing.F) {
	f.Add(bundleText)
	f.Fuzz(func(t *testing.T, doc string) {
		m := newAttackModel()
		if _, err := m.bundle([]byte(doc), "e"); err != nil {
			return
		}
		for _, r := range []*rows{m.attackRows(), m.collectRows(), m.actorRows()} {
			if r.err == nil && strings.Count(r.text.String(), "\n") > 8*len(doc) {
				t.Fatalf("%d bytes of rows from %d bytes", r.text.Len(), len(doc))
			}
		}
	})
}

func TestChannel(t *testing.T) {
	tests := []struct{ in, want string }{
		{"EventCode=1", "EventCode=1"},
		{"EventCode=4663, 4670, 4656", "EventCode=4663, 4670, 4656"},
		{"EventCode=4104: suspicious script blocks", "EventCode=4104"},
		{"execve: Execution of odd binaries", "execve"},
		{"AssumeRole", "AssumeRole"},
		{"ptrace, mmap, process_vm_writev", "ptrace, mmap, process_vm_writev"},
		{"/var/log/auth.log", "/var/log/auth.log"},
		{"None", ""},
		{"", ""},
		{"Suspicious use of a thing", ""},
		{"Failed login, from anywhere", ""},
	}
	for _, tt := range tests {
		if got := channel(tt.in); got != tt.want {
			t.Errorf("channel(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
