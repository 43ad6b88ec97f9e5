package fields_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/fields"
)

func TestRoles(t *testing.T) {
	from, to, parents, children := fields.Roles(`src_ip=192.0.2.7 src_port=4711 dst_ip=192.0.2.8 proc.pname: npm process_name="node" count=12`)
	if len(from) != 1 || from[0].Value != "192.0.2.7" || len(to) != 1 || to[0].Value != "192.0.2.8" {
		t.Errorf("from %v to %v", from, to)
	}
	if len(parents) != 1 || parents[0].Value != "npm" || len(children) != 1 || children[0].Value != "node" {
		t.Errorf("parents %v children %v", parents, children)
	}
}

func TestEnds(t *testing.T) {
	to := func(kind casemate.EntityType, value string) casemate.Entity {
		return casemate.Entity{Type: kind, Value: value, Role: casemate.RoleDestination}
	}
	e := &casemate.Evidence{Entities: []casemate.Entity{
		to(casemate.EntityHost, "FS01"), to(casemate.EntityDomain, "dc01"), to(casemate.EntityDomain, "Files.example.org"), to(casemate.EntityAddress, "192.0.2.8"), to(casemate.EntityAddress, "192.0.2.8"),
		{Type: casemate.EntityAddress, Value: "192.0.2.7", Role: casemate.RoleSource},
	}}
	hosts, addresses := fields.Ends(e, casemate.RoleDestination, map[string]bool{"dc01": true}, strings.ToLower)
	if !slices.Equal(hosts, []string{"fs01", "dc01"}) || !slices.Equal(addresses, []string{"192.0.2.8"}) {
		t.Errorf("hosts %v addresses %v", hosts, addresses)
	}
	if got := fields.Domains(e); !slices.Equal(got, []string{"dc01", "files.example.org"}) {
		t.Errorf("domains %v", got)
	}
}
