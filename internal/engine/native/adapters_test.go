package native_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/enginetest"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// replies is what an engine answers to one request of each kind.
type replies struct {
	Generation engine.Generation
	Scores     []engine.Score
	Embedded   [][]float32
}

func askAll(t *testing.T, e *native.Engine, name string) replies {
	t.Helper()
	var a replies
	var err1, err2, err3 error
	a.Generation, err1 = e.Generate(ctx, engine.GenerateRequest{Prompt: "the alert on host", MaxTokens: 12, Logprobs: true, Adapter: name}, nil)
	a.Scores, err2 = e.Score(ctx, engine.ScoreRequest{Prefix: "the alert on host", Options: []string{" a", " b"}, Adapter: name})
	a.Embedded, err3 = e.Embed(ctx, engine.EmbedRequest{Texts: []string{"the alert on host"}, Adapter: name})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Errorf("adapter %q: %v", name, err)
	}
	return a
}

// TestAdapters loads and unloads adapters while requests with and without them
// run: each is answered as by an engine that has nothing else.
func TestAdapters(t *testing.T) {
	path := lora(t, nil)
	alone := enginetest.Tiny(t, modeltest.Options{}, native.Options{Threads: 1, Adapter: path})
	plain := enginetest.Tiny(t, modeltest.Options{}, native.Options{Threads: 1})
	want, without := askAll(t, alone, ""), askAll(t, plain, "")
	if cmp.Equal(want, without) {
		t.Fatal("the adapter changes nothing")
	}
	if diff := cmp.Diff(without, askAll(t, alone, native.NoAdapter)); diff != "" {
		t.Errorf("no adapter in place of the default (-plain +none):\n%s", diff)
	}
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			name := fmt.Sprintf("team/%d", i%3)
			if i >= 3 {
				name = ""
			} else if err := e.LoadAdapter(name, path); err != nil {
				t.Error(err)
				return
			}
			for round := range 3 {
				got := askAll(t, e, name)
				wanted := without
				if name != "" {
					wanted = want
					if got.Generation.Adapter != alone.Info().Adapter {
						t.Errorf("the answer names adapter %q, want %q", got.Generation.Adapter, alone.Info().Adapter)
					}
					got.Generation.Adapter = ""
				}
				if diff := cmp.Diff(wanted, got); diff != "" {
					t.Errorf("adapter %q, round %d (-alone +here):\n%s", name, round, diff)
				}
				if name != "" {
					if err := e.LoadAdapter(name, path); err != nil { // in place of itself
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	if all := e.Adapters(); len(all) != 3 || all[0].Name != "team/0" || all[0].Digest != alone.Info().Adapter || all[0].Bytes <= 0 {
		t.Errorf("loaded are %+v", all)
	}
	if e.Info().Adapter != "" {
		t.Errorf("the default is %q", e.Info().Adapter)
	}
}

func TestAdaptersMisused(t *testing.T) {
	path := lora(t, nil)
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	usage := func(what string, err error) {
		t.Helper()
		var fault *casemate.Error
		if !errors.As(err, &fault) || fault.Code != casemate.CodeUsage {
			t.Errorf("%s: %v", what, err)
		}
	}
	ask := func(name string) error {
		_, err := e.Score(ctx, engine.ScoreRequest{Prefix: "a", Options: []string{"b"}, Adapter: name})
		return err
	}
	for _, name := range []string{"", native.NoAdapter, "-x", "a b", "x\x1b[1m"} {
		usage(fmt.Sprintf("an adapter called %q", name), e.LoadAdapter(name, path))
	}
	usage("one that is not there", ask("x"))
	usage("unload one that is not there", e.UnloadAdapter("x"))
	if err := e.LoadAdapter("x", t.TempDir()); err == nil {
		t.Error("an empty folder was loaded")
	}
	if err := errors.Join(e.LoadAdapter("x", path), ask("x"), e.UnloadAdapter("x")); err != nil {
		t.Error(err)
	}
	usage("one that was unloaded", ask("x"))
	// A request under way keeps what it has: its first piece unloads the adapter.
	if err := e.LoadAdapter("x", path); err != nil {
		t.Fatal(err)
	}
	first := true
	_, err := e.Generate(ctx, engine.GenerateRequest{Prompt: "the alert on host", MaxTokens: 12, Adapter: "x"}, func(engine.Piece) error {
		if first {
			first = false
			return e.UnloadAdapter("x")
		}
		return nil
	})
	if err != nil || first {
		t.Errorf("unloaded under way: %v", err)
	}
}
