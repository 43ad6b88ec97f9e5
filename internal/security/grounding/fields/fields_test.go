package fields_test

import (
	"testing"

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
