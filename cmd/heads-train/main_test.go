package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// data writes a small invented corpus and returns its folder.
func data(t testing.TB) string {
	t.Helper()
	var cve, ssvc strings.Builder
	cve.WriteString("cve\tpublished\tcwes\tcvss\tcvss2\tsource\tdescription\n")
	ssvc.WriteString("cve\tpublished\tcna\tcna_cwes\tadp_cwes\tcna_cvss\tadp_cvss\tssvc_exploitation\tssvc_automatable\tssvc_technical_impact\tkev\n")
	kinds := []struct{ text, cwe, vector, points string }{
		{"script injection in the comment form of page number %d", "CWE-79", "CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", "none\tno\tpartial"},
		{"heap overflow in the image parser of release %d of the library", "CWE-122", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", "poc\tno\ttotal"},
		{"missing password check in the login of device model %d", "CWE-306", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "active\tyes\ttotal"},
	}
	for i := range 240 {
		k := kinds[i%len(kinds)]
		id, date := fmt.Sprintf("CVE-2024-%04d", i+1000), fmt.Sprintf("2024-%02d-%02d", 1+i/28%10, 1+i%28)
		source := []string{"cna/adp", "nvd:2024.invented"}[i/3%2]
		fmt.Fprintf(&cve, "%s\t%s\t%s\t%s\t\t%s\t%s\n", id, date, k.cwe, k.vector, source, fmt.Sprintf(k.text, i))
		fmt.Fprintf(&ssvc, "%s\t%s\tinvented\t%s\t\t%s\t\t%s\t\n", id, date, k.cwe, k.vector, k.points)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "cve"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cve.tsv.gz": cve.String(), "ssvc.tsv.gz": ssvc.String()} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text)) // a bytes.Buffer takes all
		z.Close()
		if err := os.WriteFile(filepath.Join(dir, "cve", name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTrainingTwiceGivesSameBytes(t *testing.T) {
	from := data(t)
	want := map[string]string{"cwe": "CWE-122", "cvss": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", "ssvc": "exploitation:poc/automatable:no/technical_impact:total"}
	outs := []string{t.TempDir(), t.TempDir()}
	for _, out := range outs {
		var stdout, stderr bytes.Buffer
		if code := run([]string{"--from", from, "--out", out, "--head", "cwe,cvss,ssvc"}, &stdout, &stderr); code != 0 {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
		if !strings.Contains(stdout.String(), "texts to calibrate with: right") {
			t.Errorf("no figures in the output:\n%s", &stdout)
		}
	}
	for name, label := range want {
		var files [2][]byte
		for i, out := range outs {
			data, err := os.ReadFile(filepath.Join(out, "weights", name+".bin"))
			if err != nil {
				t.Fatal(err)
			}
			files[i] = data
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: two trainings differ", name)
		}
		h, err := head.Load(name, files[0])
		if err != nil {
			t.Fatal(err)
		}
		if d := h.Classify("a heap overflow in the image parser", head.Options{}); d.Label != label {
			t.Errorf("%s: Classify = %q with %.2f, want %q", name, d.Label, d.P, label)
		}
		if i := h.Info(); i.Note["until"] != cut || len(i.Sources) != 2 || i.Examples == 0 {
			t.Errorf("%s: Info = %+v", name, i)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"no out":       {[]string{}, 2},
		"no such head": {[]string{"--out", t.TempDir(), "--head", "nonsense"}, 2},
		"no data":      {[]string{"--out", t.TempDir(), "--from", t.TempDir(), "--head", "cwe"}, 3},
		"no texts":     {[]string{"--out", t.TempDir(), "--from", data(t), "--head", "cwe", "--until", "2011-01-01"}, 3},
		"strange flag": {[]string{"--nonsense"}, 2},
		"help":         {[]string{"--help"}, 0},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(c.args, &stdout, &stderr); code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, &stderr)
		}
	}
}
