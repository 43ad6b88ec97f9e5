// Package fields reads who acts on whom from a record's entities and their roles, and
// from the names of fields in its text, where nobody has taken it apart.
package fields

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

var keyValue = regexp.MustCompile(`(?i)["']?([a-z][a-z0-9_.]*)["']?\s*[:=]\s*["']?([^\s"',;|]{2,200})`)

// Roles reads source, destination, parent and child from the fields of a text.
func Roles(text string) (from, to, parents, children []casemate.Entity) {
	for _, m := range keyValue.FindAllStringSubmatch(text[:min(len(text), 64<<10)], 400) {
		key, v := strings.ToLower(m[1]), m[2]
		kind := casemate.EntityHost
		if strings.ContainsAny(v, `\/`) || strings.HasSuffix(strings.ToLower(v), ".exe") {
			kind = casemate.EntityProcess
		}
		n := casemate.Entity{Type: kind, Value: v}
		if strings.Contains(key, "port") || strings.Trim(v, "0123456789") == "" {
			continue
		}
		last := key[strings.LastIndexByte(key, '.')+1:]
		switch {
		case strings.Contains(key, "parentimage"), strings.Contains(key, "parent_image"), last == "parent", strings.HasSuffix(key, "parent.name"), last == "pname", strings.HasSuffix(key, "parent_name"):
			parents = append(parents, n)
		case last == "image", slices.Contains([]string{"newprocessname", "process_name", "processname", "cmdline", "process", "proc", "child"}, last):
			children = append(children, n)
		case hasPrefixAny(last, "src", "source", "orig_h", "client", "subject", "actor", "caller", "initiator"):
			from = append(from, n)
		case hasPrefixAny(last, "dst", "dest", "resp_h", "target", "server", "member"):
			to = append(to, n)
		}
	}
	return from, to, parents, children
}

func hasPrefixAny(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// Domains returns the names that a record has for its destination. Those of a DNS
// query are not: its destination is a resolver.
func Domains(e *casemate.Evidence) (out []string) {
	for _, n := range e.Entities {
		if n.Type == casemate.EntityDomain && n.Role == casemate.RoleDestination {
			out = append(out, strings.ToLower(n.Value))
		}
	}
	return out
}

// Ends returns the machines, by their short names, and the addresses in one role. A
// domain is a machine if some record is of one of that name.
func Ends(e *casemate.Evidence, role casemate.Role, machines map[string]bool, short func(string) string) (hosts, addresses []string) {
	for _, n := range e.Entities {
		if n.Role != role {
			continue
		}
		switch v := short(n.Value); {
		case n.Type == casemate.EntityAddress && !slices.Contains(addresses, v):
			addresses = append(addresses, v)
		case (n.Type == casemate.EntityHost || n.Type == casemate.EntityDomain && machines[v]) && !slices.Contains(hosts, v):
			hosts = append(hosts, v)
		}
	}
	return hosts, addresses
}
