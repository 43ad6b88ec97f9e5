package decode_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/decode"
)

// TestProse decodes descriptions of vulnerabilities, which are prose full of
// paths, versions, code and hexadecimal. Some quote percent escapes and HTML
// entities, rightly decoded; anything else is a false positive.
func TestProse(t *testing.T) {
	dir := os.Getenv("CASEMATE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(dir, "data", "cve", "cve.tsv.gz"))
	if err != nil {
		t.Skipf("no shared data: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	rows, quoted, wrong := 0, 0, 0
	for rows < 20_000 && lines.Scan() {
		rows++
		for _, l := range decode.Layers(lines.Text(), decode.Options{}) {
			if strings.HasPrefix(l.Op, "percent") || strings.HasPrefix(l.Op, "HTML") || strings.HasPrefix(l.Op, `\u`) {
				quoted++
				continue
			}
			wrong++
			t.Logf("%s: %q became %q", l.Op, lines.Text(), l.Text)
		}
	}
	t.Logf("%d rows: %d layers of quoted escapes, %d false ones", rows, quoted, wrong)
	if rows < 20_000 || wrong > 2 {
		t.Errorf("%d false layers in %d rows of prose, want at most 2", wrong, rows)
	}
}
