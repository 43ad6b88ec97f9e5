package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"casemate": func() {
			os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
		"tinymodel":   tinyModel,
		"tinyadapter": tinyAdapter,
	})
}

// TestScripts runs the program as a user does. $EXAMPLES is the folder of examples.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			return nil
		},
	})
}

// exits runs a program and wants an exact exit code: "exits 4 casemate …".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// tinyModel writes a random model: "tinymodel FILE [key=value…]", with keys as in
// tinyOptions. It prints the path of the model.
func tinyModel() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: tinymodel FILE [key=value…]")
		os.Exit(2)
	}
	o, err := tinyOptions(os.Args[2:])
	if err == nil {
		err = writeTiny(os.Args[1], o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// writeTiny writes a model at a path: a file, a split model, whose files stand
// beside the path as tiny-00001-of-0000N.gguf, or, where the path ends in a
// slash, a folder of safetensors.
func writeTiny(path string, o modeltest.Options) error {
	if strings.HasSuffix(path, "/") {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return modeltest.WriteFolder(path, o)
	}
	if o.Shards > 1 {
		made, err := modeltest.Write(filepath.Dir(path), o)
		fmt.Println(made)
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "tiny")
	if err != nil {
		return err
	}
	made, err := modeltest.Write(dir, o)
	if err != nil {
		return err
	}
	if err := os.Rename(made, path); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// tinyOptions reads what a tiny model is to be like.
func tinyOptions(args []string) (modeltest.Options, error) {
	o := modeltest.Options{ChatTemplate: modeltest.ChatTemplate}
	numbers := map[string]*int{"layers": &o.Layers, "width": &o.Width, "heads": &o.Heads, "kv": &o.KVHeads, "head": &o.HeadSize,
		"ff": &o.FeedForward, "vocabulary": &o.Vocabulary, "context": &o.Context, "window": &o.SlidingWindow, "shards": &o.Shards}
	flags := map[string]*bool{"tied": &o.Tied, "freqs": &o.RopeFreqs, "spm": &o.SentencePiece}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch {
		case numbers[key] != nil:
			*numbers[key], err = strconv.Atoi(value)
		case flags[key] != nil:
			*flags[key], err = strconv.ParseBool(value)
		case key == "arch":
			o.Architecture = value
		case key == "scaling":
			o.Scaling = value
		case key == "template":
			o.ChatTemplate = value
		case key == "type":
			o.Type, err = quant.Parse(value)
		case key == "seed":
			o.Seed, err = strconv.ParseUint(value, 10, 64)
		case key == "nan": // the first number of the matrix of this name becomes NaN
			o.Edit = func(tensors []gguf.Tensor) []gguf.Tensor {
				for _, t := range tensors {
					if t.Name == value {
						copy(t.Data, []byte{0, 0, 0xc0, 0x7f})
					}
				}
				return tensors
			}
		default:
			err = fmt.Errorf("no key %q", key)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}
