package triage

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// maxLineage is how many ancestors of a process link alerts: farther up stand
// processes that half the machine descends from.
const maxLineage = 6

// commonParents start almost everything, so that sharing one means nothing.
var commonParents = []string{
	"explorer.exe", "services.exe", "svchost.exe", "wininit.exe", "winlogon.exe", "userinit.exe", "smss.exe",
	"csrss.exe", "lsass.exe", "taskhostw.exe", "taskeng.exe", "runtimebroker.exe", "sihost.exe", "system",
	"init", "systemd", "sshd", "cron", "crond", "launchd", "containerd-shim", "dockerd",
}

// ancestry remembers which process started which, by the sensors' unique ids.
type ancestry struct {
	parent map[string]string // a process' id -> its parent's
	image  map[string]string // a process' id -> its file name
}

func newAncestry() ancestry {
	return ancestry{parent: map[string]string{}, image: map[string]string{}}
}

// learn takes what one record says of a process and its parent.
func (an *ancestry) learn(a *casemate.Alert) {
	p := a.Process
	if p == nil || p.GUID == "" || len(an.parent) >= maxProcesses {
		return
	}
	id := strings.Clone(p.GUID)
	if p.Image != "" {
		an.image[id] = baseName(p.Image)
	}
	if p.ParentGUID != "" {
		parent := strings.Clone(p.ParentGUID)
		an.parent[id] = parent
		if _, known := an.image[parent]; !known && p.ParentImage != "" {
			an.image[parent] = baseName(p.ParentImage)
		}
	}
}

// lineage returns the ids of a process and its ancestors, nearest first, up to
// the first one that starts almost everything.
func (an *ancestry) lineage(process string) []string {
	var ids []string
	for id := process; id != "" && len(ids) < maxLineage && !slices.Contains(ids, id); id = an.parent[id] {
		if slices.Contains(commonParents, an.image[id]) {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// processID returns the sensor's unique id of the process a record is about.
func processID(a *casemate.Alert) string {
	if a.Process == nil {
		return ""
	}
	return strings.Clone(a.Process.GUID)
}

// stockPaths are where systems keep the programs that every machine has.
var stockPaths = []string{
	`\windows\system32\`, `\windows\syswow64\`, `\windows\explorer.exe`, `\program files\`, `\program files (x86)\`,
	"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/system/",
}

// isStock reports whether a program stands where the system's own ones do.
func isStock(image string) bool {
	image = strings.ToLower(image)
	if len(image) > 2 && image[1] == ':' {
		image = image[2:]
	}
	return slices.ContainsFunc(stockPaths, func(dir string) bool { return strings.HasPrefix(image, dir) })
}

// baseName returns a path's last element in lower case, for either slash.
func baseName(path string) string {
	return strings.ToLower(path[strings.LastIndexAny(path, `/\`)+1:])
}
