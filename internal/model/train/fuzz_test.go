package train_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// forged returns a checkpoint's bytes with another state and the digest that goes
// with it.
func forged(tb testing.TB, checkpoint []byte, state string) []byte {
	tb.Helper()
	f, err := safetensors.Parse(checkpoint)
	if err != nil {
		tb.Fatal(err)
	}
	h := sha256.New()
	h.Write([]byte(state))
	for _, t := range f.Tensors {
		fmt.Fprintf(h, "\n%s %v\n", t.Name, t.Shape)
		h.Write(t.Data)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, f.Tensors, map[string]string{"casemate.training": state, "casemate.digest": "sha256:" + hex.EncodeToString(h.Sum(nil))}); err != nil {
		return checkpoint // no UTF-8
	}
	return b.Bytes()
}

// FuzzState puts any state into a checkpoint whose digest is right: a run goes on
// from it or passes over it, and comes to its end.
func FuzzState(f *testing.F) {
	p := plan()
	p.Steps, p.SaveEvery, p.Keep = 4, 2, 5
	// A run that is broken off after two steps leaves the checkpoint to forge.
	seed := f.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	m := newBigram(f, 1)
	m.after = func(batches int) {
		if batches == 6 {
			stop()
		}
	}
	examples := chain(1, 23, 6)
	if _, err := train.Run(ctx, m, train.Tokens(m, examples, examples[:2]), train.Options{Plan: p, Dir: seed}); err == nil {
		f.Fatal("the run was not broken off")
	}
	const name = "checkpoints/step-00000002.safetensors"
	checkpoint, err := os.ReadFile(filepath.Join(seed, name))
	if err != nil {
		f.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join(seed, "run.json"))
	if err != nil {
		f.Fatal(err)
	}
	file, err := safetensors.Parse(checkpoint)
	if err != nil {
		f.Fatal(err)
	}
	state := file.Metadata["casemate.training"]
	f.Add(state)
	for old, changed := range map[string]string{`"step":2,"opt`: `"step":1,"opt`, `"optimizer_steps":2`: `"optimizer_steps":-9`, `"finished":false`: `"finished":true,"best":{"step":1}`, `"curve":[`: `"curve":[{},`} {
		f.Add(strings.Replace(state, old, changed, 1))
	}
	f.Fuzz(func(t *testing.T, state string) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "checkpoints"), 0o755); err != nil {
			t.Fatal(err)
		}
		for path, content := range map[string][]byte{"run.json": manifest, name: forged(t, checkpoint, state)} {
			if err := os.WriteFile(filepath.Join(dir, path), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		m := newBigram(t, 1)
		r, err := train.Run(context.Background(), m, train.Tokens(m, examples, examples[:2]), train.Options{Plan: p, Dir: dir})
		if err != nil || r.Steps > 4 || len(r.Curve) != r.Steps {
			t.Errorf("%d steps, %d points, %v", r.Steps, len(r.Curve), err)
		}
	})
}
