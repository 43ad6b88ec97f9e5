package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// program returns the path of this test binary under the program's name, by which
// it runs as the program.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "casemate")
	if err := os.Symlink(self, path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	return path
}

// runProgram runs the program, and kills it after a while unless that is 0. It says
// whether it came to its end.
func runProgram(t *testing.T, path string, after time.Duration, args ...string) (ended bool, stderr string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		kill := time.AfterFunc(after, func() { cmd.Process.Kill() }) // SIGKILL: nothing is tidied up
		defer kill.Stop()
	}
	err := cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("casemate %s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return err == nil, out.String()
}

// tree is the contents of the files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// trainCases are runs that are killed: their arguments, but for where they write.
func trainCases(t *testing.T) map[string]func(dir string) []string {
	t.Helper()
	dir := t.TempDir()
	var text, rows strings.Builder
	r := rand.New(rand.NewPCG(1, 1))
	for range 4000 {
		fmt.Fprintf(&text, "alert %d on host-%d was closed\n", r.IntN(50), r.IntN(9))
	}
	for i := range 40 {
		fmt.Fprintf(&rows, `{"prompt":"the state of host-%d","completion":"state %d"}`+"\n", i, i%3)
	}
	for name, content := range map[string]string{"text.txt": text.String(), "rows.jsonl": rows.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := modeltest.GGUF(t, modeltest.Options{ChatTemplate: modeltest.ChatTemplate})
	return map[string]func(string) []string{
		"model train": func(out string) []string {
			return []string{"model", "train", filepath.Join(dir, "text.txt"), "--out", filepath.Join(out, "m.gguf"), "--layers", "1", "--width", "32", "--heads", "2",
				"--kv-heads", "1", "--feed-forward", "48", "--vocabulary", "512", "--length", "64", "--batch", "2", "--steps", "60", "--save-every", "3", "--evaluate-every", "10", "--threads", "1"}
		},
		"tune lora": func(out string) []string {
			return []string{"tune", "lora", filepath.Join(dir, "rows.jsonl"), "--model", base, "--out", filepath.Join(out, "adapter"), "--epochs", "8", "--dropout", "0.1",
				"--save-every", "3", "--patience", "0", "--threads", "1"}
		},
	}
}

// TestTrainingKilled kills training at random moments, again and again, and wants
// the bytes of a run that was left alone.
func TestTrainingKilled(t *testing.T) {
	casemate := program(t)
	for name, arguments := range trainCases(t) {
		start := time.Now()
		whole := t.TempDir()
		runProgram(t, casemate, 0, arguments(whole)...)
		took := time.Since(start)
		want := tree(t, whole)
		if len(want) < 4 {
			t.Fatalf("%s left %d files", name, len(want))
		}
		r := rand.New(rand.NewPCG(2, 2))
		kills := 0
		for round := range 2 {
			dir := t.TempDir()
			for range 40 { // it gets on with each try, so it ends
				after := time.Duration(float64(took) * (0.2 + 0.6*r.Float64()))
				if ended, _ := runProgram(t, casemate, after, arguments(dir)...); ended {
					break
				}
				kills++
			}
			if ended, stderr := runProgram(t, casemate, 0, arguments(dir)...); !ended || strings.Contains(stderr, "passed over") {
				t.Errorf("%s, round %d: %s", name, round, stderr)
			}
			got := tree(t, dir)
			for file, content := range want {
				if got[file] != content {
					t.Errorf("%s, round %d, killed %d times: %s differs", name, round, kills, file)
				}
			}
			for file := range got {
				if _, wanted := want[file]; !wanted {
					t.Errorf("%s, round %d, killed %d times: %s is left", name, round, kills, file)
				}
			}
		}
		if kills == 0 {
			t.Errorf("%s was never killed", name)
		}
	}
}
