package harm_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/harm"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

func TestClaims(t *testing.T) {
	for _, c := range []struct {
		says, evidence string
		techniques     []string
		claims         int
	}{
		{"customer data was stolen from sql09.", "sql09 sent 4 gb to 192.0.2.7", nil, 1},
		{"data of sql09 was stolen.", "sql09 sent 4 gb to 192.0.2.7", nil, 0},
		{"data of sql09 was stolen.", "sql09 was scanned", nil, 1},
		{"data of sql09 was stolen.", "sql09 was read", []string{"T1567.002"}, 0},
		{"the customer records were read.", "table customers was read", nil, 0},
		{"the source code was read.", "a repository was read", nil, 1},
		{"the images were published on a leak site.", "the images were copied", nil, 1},
		{"the database was encrypted.", "the database was dumped", nil, 1},
		{"the database was encrypted.", "file renamed", []string{"T1486"}, 0},
		{"the intruder used an encrypted channel.", "tls connection", nil, 0},
		{"all nodes were infected with the miner.", "job submitted on 8 nodes", nil, 1},
		{"a patient was harmed.", "the theatre is at 27 degrees", nil, 1},
		{"the money is lost for good.", "paid to the new account", nil, 1},
		{"the money is lost for good.", "the money cannot be called back", nil, 0},
		{"the files are permanently deleted.", "files deleted", nil, 1},
		{"customer data may have been stolen.", "sql09 was scanned", nil, 0},
		{"no data was stolen.", "sql09 was scanned", nil, 0},
		{"the intruder logged in with stolen credentials.", "accepted password for root", nil, 0},
	} {
		e := harm.Evidence{Techniques: c.techniques, Begins: func(s string) bool { return stem.Begins(c.evidence, s) }}
		if got := harm.Claims(c.says, e); len(got) != c.claims {
			t.Errorf("%q of %q: %v, not %d", c.says, c.evidence, got, c.claims)
		}
	}
}
