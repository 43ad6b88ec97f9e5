// Command heads-train trains the embedded classifiers from public data. It is
// run by hand when a data set has a new release; Casemate itself does not
// contain it.
//
//	go run ./cmd/heads-train --from ../shared/data --out internal/security/head
//	go run ./cmd/heads-train --from ../shared/data --out /tmp/heads --head cwe --until 2023-06-01
//
// The weights go to weights/NAME.bin below --out, and a sample of what attack and
// cwe were trained on to weights/NAME.seen (with --seen that alone). They depend on the data and
// the flags alone, to the byte, however many cores there are.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// cut is the date from which nothing is trained on: what was published later is
// the test set of `casemate eval`.
const cut = "2024-10-01"

// job is what is asked for.
type job struct {
	from  string // folder of the data sets
	until string // texts published before are trained on
	seen  bool   // write only what was trained on
	quick bool   // one member, and no second training on all of it: for trying things
	log   io.Writer
}

// trainee is a head that can be trained.
type trainee struct {
	name  string
	train func(j job) (model, error)
	// seen returns the texts that it is trained on, and what head.SeenFile is to
	// keep of them; nil where nothing is kept.
	seen func(j job) (texts []string, rate, run uint32, err error)
}

// model is what training makes.
type model interface {
	Encode() ([]byte, error)
	Rows() int
}

// lexicalModel is for heads whose model is of package lexical.
func lexicalModel(train func(j job) (*lexical.Model, error)) func(j job) (model, error) {
	return func(j job) (model, error) {
		m, err := train(j)
		if err != nil {
			return nil, err // not m: a nil pointer in an interface is not nil
		}
		return m, nil
	}
}

// trainees are the heads, in the order in which they are trained.
var trainees = []trainee{
	{"cwe", lexicalModel(trainCWE), seenCWE},
	{"cvss", lexicalModel(trainCVSS), nil},
	{"ssvc", lexicalModel(trainSSVC), nil},
	{"attack", trainAttack, seenAttack},
	{"relevant", lexicalModel(trainSorter(technique.Relevant())), nil},
	{"behaviour", lexicalModel(trainSorter(technique.Behaviour())), nil},
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns 0, 2 for wrong use or 3 for a fault.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("heads-train", flag.ContinueOnError)
	flags.SetOutput(stderr)
	j := job{log: stdout}
	flags.StringVar(&j.from, "from", filepath.Join("..", "shared", "data"), "`folder` of the data sets")
	flags.StringVar(&j.until, "until", cut, "train on what was published before this `date`")
	flags.BoolVar(&j.quick, "quick", false, "train one small model on the older part alone, to try things")
	flags.BoolVar(&j.seen, "seen", false, "train nothing: write only the samples of what is trained on")
	out := flags.String("out", "", "`folder` to write weights/NAME.bin to")
	only := flags.String("head", "", "train only these heads, `names` with commas between")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	heads, err := chosen(*only)
	if err == nil && (*out == "" || flags.NArg() > 0) {
		err = errors.New("--out is needed, and nothing but flags")
	}
	if err != nil {
		fmt.Fprintln(stderr, "heads-train: error:", err)
		return 2
	}
	for _, t := range heads {
		if err := trainOne(t, j, *out); err != nil {
			fmt.Fprintf(stderr, "heads-train: error: %s: %v\n", t.name, err)
			return 3
		}
	}
	return 0
}

// chosen returns the trainees of these names, all for none.
func chosen(only string) ([]trainee, error) {
	if only == "" {
		return trainees, nil
	}
	var out []trainee
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(trainees, func(t trainee) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no head %q", name)
		}
		out = append(out, trainees[i])
	}
	return out, nil
}

func trainOne(t trainee, j job, out string) error {
	fmt.Fprintf(j.log, "%s: texts before %s\n", t.name, j.until)
	if t.seen != nil {
		texts, rate, run, err := t.seen(j)
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(out, "weights", t.name+".seen"), head.SeenFile(texts, rate, run)); err != nil {
			return err
		}
	}
	if j.seen {
		return nil
	}
	m, err := t.train(j)
	if err != nil {
		return err
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	file := filepath.Join(out, "weights", t.name+".bin")
	sum := sha256.Sum256(data)
	fmt.Fprintf(j.log, "%s: %d features, %d bytes, sha256 %s\n", t.name, m.Rows(), len(data), hex.EncodeToString(sum[:]))
	return replace(file, data)
}

// replace writes a file whole or not at all.
func replace(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temporary := file + ".new"
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}

// source describes a file that a head is trained from.
func source(folder, name string) (lexical.Source, error) {
	f, err := os.Open(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil {
		return lexical.Source{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return lexical.Source{}, err
	}
	return lexical.Source{Name: name, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
