package causes

import (
	"slices"
	"strings"
	"time"
)

// Process is one run of a program on one host.
type Process struct {
	Host, PID string
	Image     string
	Start     *Record // that tells of its start; nil where none does
	Records   []*Record
	Parent    *Process
}

// sameStart is how far apart two sensors may tell the start of one process.
const sameStart = 5 * time.Second

// common start almost everything: that one of them is the parent explains nothing.
var common = []string{
	"explorer.exe", "services.exe", "svchost.exe", "wininit.exe", "winlogon.exe", "userinit.exe", "smss.exe", "csrss.exe", "lsass.exe",
	"taskhostw.exe", "taskeng.exe", "runtimebroker.exe", "sihost.exe", "system", "init", "systemd", "sshd", "cron", "crond", "launchd",
	"containerd-shim", "dockerd", "wmiprvse.exe", "wsmprovhost.exe",
}

// IsCommon reports whether a program starts almost everything: that it is the
// parent explains nothing.
func IsCommon(image string) bool { return slices.Contains(common, strings.ToLower(Base(image))) }

// Grow ties records to the processes they are about, and processes to
// their parents. Process ids are used again, so the latest start holds.
func (s *Story) Grow() {
	for _, r := range s.Records {
		if r.PID == "" || r.PID == "0" || r.Host == "" {
			continue
		}
		key := s.HostName(r.Host) + "|" + r.PID
		list := s.Processes[key]
		var p *Process
		if n := len(list); n > 0 && !list[n-1].replacedBy(r) {
			p = list[n-1]
		} else {
			p = &Process{Host: s.HostName(r.Host), PID: r.PID, Image: r.Image}
			s.Processes[key] = append(list, p)
		}
		if r.Act == ActProcess && p.Start == nil {
			p.Start = r
		}
		if p.Image == "" {
			p.Image = r.Image
		}
		p.Records = append(p.Records, r)
		r.Process = p
		if p.Parent == nil && r.PPID != "" {
			p.Parent = s.parentOf(p, r)
		}
	}
}

// replacedBy reports whether a record tells of another process with the same id.
func (p *Process) replacedBy(r *Record) bool {
	if r.Image != "" && p.Image != "" && !strings.EqualFold(Base(r.Image), Base(p.Image)) {
		return true
	}
	return r.Act == ActProcess && p.Start != nil && r.Time.Sub(p.Start.Time) > sameStart
}

// parentOf finds a process' parent, or makes it of what the child tells.
func (s *Story) parentOf(p *Process, r *Record) *Process {
	if r.PPID == r.PID {
		return nil
	}
	key := p.Host + "|" + r.PPID
	list := s.Processes[key]
	for i := len(list) - 1; i >= 0; i-- {
		if r.Parent == "" || strings.EqualFold(Base(list[i].Image), Base(r.Parent)) {
			return list[i]
		}
	}
	if r.Parent == "" {
		return nil
	}
	parent := &Process{Host: p.Host, PID: r.PPID, Image: r.Parent}
	s.Processes[key] = append(list, parent)
	return parent
}

// Lineage returns a process and its ancestors, nearest first, up to one that
// starts almost everything.
func (p *Process) Lineage() []*Process {
	var out []*Process
	for ; p != nil && len(out) < 32 && !slices.Contains(out, p); p = p.Parent {
		if IsCommon(p.Image) && p.Start == nil || IsCommon(p.Image) && len(out) > 0 {
			break
		}
		out = append(out, p)
	}
	return out
}
