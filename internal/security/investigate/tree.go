package investigate

import (
	"slices"
	"strings"
	"time"
)

// process is one run of a program on one host.
type process struct {
	host, pid string
	image     string
	start     *record // that tells of its start; nil where none does
	records   []*record
	parent    *process
}

// sameStart is how far apart two sensors may tell the start of one process.
const sameStart = 5 * time.Second

// common start almost everything: that one of them is the parent explains nothing.
var common = []string{
	"explorer.exe", "services.exe", "svchost.exe", "wininit.exe", "winlogon.exe", "userinit.exe", "smss.exe", "csrss.exe", "lsass.exe",
	"taskhostw.exe", "taskeng.exe", "runtimebroker.exe", "sihost.exe", "system", "init", "systemd", "sshd", "cron", "crond", "launchd",
	"containerd-shim", "dockerd", "wmiprvse.exe", "wsmprovhost.exe",
}

func isCommon(image string) bool { return slices.Contains(common, strings.ToLower(base(image))) }

// growTrees ties records to the processes they are about, and processes to
// their parents. Process ids are used again, so the latest start holds.
func (s *scene) growTrees() {
	for _, r := range s.records {
		if r.pid == "" || r.pid == "0" || r.host == "" {
			continue
		}
		key := s.hostName(r.host) + "|" + r.pid
		list := s.procs[key]
		var p *process
		if n := len(list); n > 0 && !list[n-1].replacedBy(r) {
			p = list[n-1]
		} else {
			p = &process{host: s.hostName(r.host), pid: r.pid, image: r.image}
			s.procs[key] = append(list, p)
		}
		if r.act == actProcess && p.start == nil {
			p.start = r
		}
		if p.image == "" {
			p.image = r.image
		}
		p.records = append(p.records, r)
		r.proc = p
		if p.parent == nil && r.ppid != "" {
			p.parent = s.parentOf(p, r)
		}
	}
}

// replacedBy reports whether a record tells of another process with the same id.
func (p *process) replacedBy(r *record) bool {
	if r.image != "" && p.image != "" && !strings.EqualFold(base(r.image), base(p.image)) {
		return true
	}
	return r.act == actProcess && p.start != nil && r.time.Sub(p.start.time) > sameStart
}

// parentOf finds a process' parent, or makes it of what the child tells.
func (s *scene) parentOf(p *process, r *record) *process {
	if r.ppid == r.pid {
		return nil
	}
	key := p.host + "|" + r.ppid
	list := s.procs[key]
	for i := len(list) - 1; i >= 0; i-- {
		if r.parent == "" || strings.EqualFold(base(list[i].image), base(r.parent)) {
			return list[i]
		}
	}
	if r.parent == "" {
		return nil
	}
	parent := &process{host: p.host, pid: r.ppid, image: r.parent}
	s.procs[key] = append(list, parent)
	return parent
}

// lineage returns a process and its ancestors, nearest first, up to one that
// starts almost everything.
func (p *process) lineage() []*process {
	var out []*process
	for ; p != nil && len(out) < 32 && !slices.Contains(out, p); p = p.parent {
		if isCommon(p.image) && p.start == nil || isCommon(p.image) && len(out) > 0 {
			break
		}
		out = append(out, p)
	}
	return out
}
