package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// killRows writes rows that a head learns in no time.
func killRows(t *testing.T) string {
	t.Helper()
	words := [][]string{{"mail", "lure", "sender", "link"}, {"beacon", "loader", "hash", "payload"}}
	r := rand.New(rand.NewPCG(5, 5))
	text := "text,label,ticket\n"
	for i := range 160 {
		k := i % 2
		line := fmt.Sprintf("host%d room%d", r.IntN(60), r.IntN(60))
		for range 3 {
			line += " " + words[k][r.IntN(4)]
		}
		text += fmt.Sprintf("%s,%c,t%d\n", line, 'a'+k, i/2)
	}
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// killWhen runs the program and kills it as soon as something is there, or after a
// while. It says whether it was killed.
func killWhen(t *testing.T, path, there string, after time.Duration, args ...string) bool {
	t.Helper()
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stderr = &out
	known, _ := filepath.Glob(there)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(after)
	defer timer.Stop()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("casemate %s: %v\n%s", strings.Join(args, " "), err, &out)
			}
			return false
		case <-timer.C:
			cmd.Process.Kill()
			<-ended
			return true
		case <-tick.C:
			if now, _ := filepath.Glob(there); len(now) > len(known) {
				cmd.Process.Kill()
				<-ended
				return true
			}
		}
	}
}

// nothingHalf wants what a killed training left to be nothing, or whole: no command
// falls over it.
func nothingHalf(t *testing.T, casemate, data, when string) {
	t.Helper()
	out, err := exec.Command(casemate, "tune", "list", "--json", "--data", data).CombinedOutput()
	var listed []struct {
		Kind string `json:"kind"`
	}
	if err != nil || json.Unmarshal(out, &listed) != nil {
		t.Errorf("killed %s, tune list: %v\n%s", when, err, out)
	}
	for name, kind := range map[string]string{"queue": "head", "queue-adapter": "adapter"} {
		cmd := exec.Command(casemate, "classify", "--head", name, "--data", data)
		cmd.Stdin = strings.NewReader("a mail with a link\n")
		out, err := cmd.CombinedOutput()
		want := "unknown head"
		for _, l := range listed {
			if l.Kind == kind {
				want = "trained and not in service"
			}
		}
		const usage = 2
		if err == nil || cmd.ProcessState.ExitCode() != usage || want != "unknown head" && !strings.Contains(string(out), want) {
			t.Errorf("killed %s, classify --head %s: exit %d, want %q\n%s", when, name, cmd.ProcessState.ExitCode(), want, out)
		}
	}
}

// dated are the parts of a version's files that hold the time of the training: the
// time itself, and the digest of the card, which has it.
var dated = regexp.MustCompile(`"(created|digest)":\s*"[^"]*"`)

// newest returns the files of the newest version of a head or adapter, but for
// signatures and what is written of the time.
func newest(t *testing.T, casemate, data, kind, name string) map[string]string {
	t.Helper()
	args := []string{"tune", "show", name, "--json", "--data", data}
	if kind == "adapter" {
		args = append(args, "--adapter")
	}
	out, err := exec.Command(casemate, args...).Output()
	var shown struct {
		Versions []struct {
			Folder string `json:"folder"`
		} `json:"versions"`
	}
	if err != nil || json.Unmarshal(out, &shown) != nil || len(shown.Versions) == 0 {
		t.Fatalf("tune show %s: %v\n%s", name, err, out)
	}
	files := tree(t, shown.Versions[0].Folder)
	for name, content := range files {
		switch {
		case strings.HasSuffix(name, ".sig") || strings.HasPrefix(name, "version.") || name == "report.html" || name == "card.md":
			delete(files, name)
		case strings.HasSuffix(name, ".json"):
			files[name] = dated.ReplaceAllString(content, "")
		}
	}
	return files
}

// TestTuneTrainKilled kills tune train at each kind of thing that it writes, and at
// random moments. What is left is nothing or whole, and the next run ends with the
// bytes of one that was left alone.
func TestTuneTrainKilled(t *testing.T) {
	casemate, rows := program(t), killRows(t)
	base := modeltest.GGUF(t, modeltest.Options{ChatTemplate: modeltest.ChatTemplate})
	lexical := []string{"tune", "train", rows, "--name", "queue"}
	cases := map[string]struct {
		args  []string
		kinds []string
		there []string // below the data directory
	}{
		"lexical": {lexical, []string{"head"}, []string{".trained-*/head", "heads/.incoming-*/version.json", "heads/queue"}},
		"adapter": {append(lexical[:len(lexical):len(lexical)], "--encoder", base, "--lora", "on", "--threads", "1"), []string{"head", "adapter"},
			[]string{"hidden-states/*/*", "runs/*/*.safetensors", "heads/queue/*", "adapters/.incoming-*"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, data := t.TempDir(), t.TempDir()
			start := time.Now()
			runProgram(t, casemate, 0, append(c.args, "--data", whole)...)
			took := time.Since(start)
			args := append(c.args[:len(c.args):len(c.args)], "--data", data)
			kills := 0
			for _, there := range c.there {
				const patience = time.Minute
				if killWhen(t, casemate, filepath.Join(data, there), patience, args...) {
					kills++
				}
				nothingHalf(t, casemate, data, "when "+there+" was there")
			}
			if 2*kills < len(c.there) {
				t.Errorf("killed %d times in %d", kills, len(c.there))
			}
			r := rand.New(rand.NewPCG(uint64(start.UnixNano()), 4))
			killWhen(t, casemate, "", time.Duration(float64(took)*(0.1+0.8*r.Float64())), args...)
			nothingHalf(t, casemate, data, "at random")
			runProgram(t, casemate, 0, args...)
			for _, kind := range c.kinds {
				name := map[string]string{"head": "queue", "adapter": "queue-adapter"}[kind]
				want, got := newest(t, casemate, whole, kind, name), newest(t, casemate, data, kind, name)
				if len(want) < 5 || len(got) != len(want) {
					t.Errorf("%s: %d files, want %d", kind, len(got), len(want))
				}
				for file, content := range want {
					if got[file] != content {
						t.Errorf("%s: %s differs after %d kills", kind, file, kills)
					}
				}
			}
		})
	}
}
