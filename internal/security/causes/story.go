package causes

import (
	"strings"

	"github.com/casemate-ai/casemate"
)

// Learn remembers which address is which host, from a host's own sensor.
func (s *Story) Learn(r *Record) {
	if r.Act == ActNetwork && r.Image != "" && r.Src != "" && s.HostOf[r.Src] == "" {
		s.HostOf[r.Src] = Short(r.Host)
	}
}

// HostName returns the host behind a name or address, in lower case.
func (s *Story) HostName(host string) string {
	if h := s.HostOf[host]; h != "" {
		return h
	}
	return Short(host)
}

// Outside reports whether an address is of neither the network nor nowhere.
func (s *Story) Outside(addr string) bool {
	return s.Own.Why(addr) == "" || s.Own.Vouched[addr] != ""
}

// Foreign reports whether an address is outside and nobody's we know.
func (s *Story) Foreign(addr string) bool { return s.Own.Why(addr) == "" }

// Describe writes out what a record says, for evidence of its own.
func (r *Record) Describe() string {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			b.WriteString("; " + name + " " + value)
		}
	}
	b.WriteString(r.Name)
	add("says", r.Message)
	add("image", r.Image)
	add("command", r.Command)
	add("parent", r.Parent)
	add("file", r.File)
	add("key", r.Key)
	add("from", r.Src)
	add("from host", r.SrcHost)
	add("to", r.Dst)
	add("url", r.URL)
	add("account", r.Account)
	add("names", strings.Join(r.Domains, " "))
	return b.String()
}

// Things lists a record's entities.
func (r *Record) Things() []casemate.Entity {
	var out []casemate.Entity
	add := func(t casemate.EntityType, role casemate.Role, values ...string) {
		for _, v := range values {
			if v != "" {
				out = append(out, casemate.Entity{Type: t, Value: v, Role: role})
			}
		}
	}
	add(casemate.EntityHost, casemate.RoleNone, r.Host)
	add(casemate.EntityUser, casemate.RoleActor, r.User)
	add(casemate.EntityProcess, casemate.RoleNone, r.Image)
	add(casemate.EntityProcess, casemate.RoleParent, r.Parent)
	add(casemate.EntityFile, casemate.RoleTarget, r.File)
	add(casemate.EntityAddress, casemate.RoleSource, r.Src)
	add(casemate.EntityAddress, casemate.RoleDestination, r.Dst)
	add(casemate.EntityHost, casemate.RoleSource, r.SrcHost)
	add(casemate.EntityURL, casemate.RoleDestination, r.URL)
	add(casemate.EntityUser, casemate.RoleTarget, r.Account)
	add(casemate.EntityDomain, casemate.RoleDestination, r.Domains...)
	return out
}

// Runnable reports whether a file can be run, or holds credentials.
func Runnable(path string) bool {
	name := strings.ToLower(path)
	for _, end := range []string{".exe", ".dll", ".ps1", ".bat", ".vbs", ".js", ".hta", ".scr", ".php", ".jsp", ".aspx", ".sh", ".py", ".elf", ".dmp", ".xlsm", ".docm", ".lnk"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
