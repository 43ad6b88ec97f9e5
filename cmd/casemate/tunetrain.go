package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	disk "github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	tunereport "github.com/casemate-ai/casemate/internal/learn/tune/report"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// tableFlags say how rows are read; none of them is needed.
type tableFlags struct {
	Rows      []string `arg:"" name:"data" help:"Labelled rows: CSV, TSV, JSON lines, CoNLL or Parquet."`
	Text      string   `placeholder:"COLUMN" help:"The column of texts; default: found."`
	Label     string   `placeholder:"COLUMN" help:"The column of labels; default: found."`
	Kind      string   `enum:"auto,single,multi,ordinal,regression,spans" default:"auto" help:"What the labels are: single (one of several), multi (any number), ordinal (one of several in order), regression (a number), spans; default: found."`
	Order     []string `placeholder:"LOW,…,HIGH" help:"The labels of --kind ordinal in their order."`
	Separator string   `placeholder:"TEXT" help:"What stands between the labels of a cell; default: found."`
	Group     string   `placeholder:"COLUMN" help:"The column whose equal cells stay in one part, such as a report or an incident; none: only equal texts do. Default: found."`
}

// read reads the rows.
func (f *tableFlags) read(s *streams) (*dataset.Table, error) {
	o := dataset.Options{Text: f.Text, Label: f.Label, Order: f.Order, Separator: f.Separator}
	if f.Group != "none" {
		o.Group = f.Group
	}
	if f.Kind != "auto" {
		o.Kind = dataset.Kind(f.Kind)
	}
	return dataset.Read(s.ctx, f.Rows, o)
}

type tuneTrainCmd struct {
	tableFlags
	modelOptions
	Encoder   string   `default:"lexical" placeholder:"lexical|MODEL" help:"What reads the texts: lexical (words and word vectors, seconds, no model), or a language model of the store or by its path. Default: lexical."`
	Name      string   `placeholder:"NAME" help:"The head's name; default: made of the file's."`
	Precision float64  `placeholder:"P" help:"The share of answers that must be right, such as 0.9: under the threshold for it the head leaves the text to a person. Default: 0.8; for several labels the best F1."`
	Allow     []string `placeholder:"CODE,…" help:"Go on in spite of these findings of casemate tune check; the report names them."`
	Seed      uint64   `placeholder:"N" help:"Of all that is left to chance; default: 1. The same rows and seed give the same bytes."`
	Anew      bool     `help:"Divide the rows anew even where the data say which are for training and testing."`
	LoRA      string   `name:"lora" enum:"auto,on,off" default:"auto" help:"With a model: train a low-rank adapter as well: auto (where there are rows enough and it takes an hour or so at most), on, or off. Default: auto."`
	Out       string   `placeholder:"DIR" help:"Write a copy of the head's folder here as well."`
	NoTexts   bool     `help:"Keep row texts out of the report and of --json."`
	JSON      bool     `help:"Print one JSON document."`
}

// Run trains a head, keeps it and says what came out.
func (c *tuneTrainCmd) Run(s *streams) error {
	data, table, err := c.begin(s)
	if err != nil {
		return err
	}
	o := tune.Options{Note: trainNotes(s.stderr), Name: c.Name, Precision: c.Precision, Seed: c.Seed, Allow: c.Allow, Group: c.Group, Anew: c.Anew, Created: time.Now().UTC().Truncate(time.Second)}
	if c.Encoder != tuned.EncoderLexical {
		e, closeEngine, err := c.openEncoder(s, &o)
		if err != nil {
			return err
		}
		defer closeEngine()
		o.Engine = e
	}
	bar := newHeadBar(s.stderr)
	trained, err := tune.Train(s.ctx, table, o, bar.show)
	bar.done()
	if err != nil {
		return noRoom(err, data)
	}
	version, err := c.keep(s, trained, o.Created)
	if err != nil {
		return noRoom(err, data)
	}
	if err := c.keepAdapter(s, trained, o.Created); err != nil {
		return noRoom(err, data)
	}
	if c.JSON {
		for i := range trained.Result.Mistakes {
			m := &trained.Result.Mistakes[i]
			if clean := inspect.Redact(m.Text); clean != m.Text || c.NoTexts {
				m.Text, m.Because = clean, nil // the words may be the secret
			}
			if c.NoTexts {
				m.Text = ""
			}
		}
		return writeJSON(s.stdout, map[string]any{"head": version, "result": trained.Result}, true)
	}
	return writeTrained(s.stdout, trained.Result, version)
}

// begin reads the rows, and refuses what cannot come to an end before hours are
// spent. It returns the data directory as well.
func (c *tuneTrainCmd) begin(s *streams) (string, *dataset.Table, error) {
	if c.Out != "" {
		if err := emptyPlace(c.Out); err != nil {
			return "", nil, err
		}
	}
	if c.Name == "" {
		c.Name = tune.NameOf(c.Rows[0])
	}
	err := registry.CheckName(c.Name)
	if err == nil && c.Encoder != tuned.EncoderLexical && c.LoRA != "off" {
		err = registry.CheckName(tune.AdapterName(c.Name))
	}
	if err != nil {
		return "", nil, err
	}
	data, err := c.dataDir()
	if err != nil {
		return "", nil, err
	}
	table, err := c.read(s)
	for _, dir := range []string{data, c.Out} {
		if dir != "" && err == nil {
			err = tune.Room(dir, tune.HeadBytes(table), "the head and its report")
		}
	}
	return data, table, err
}

// noRoom says what to do where the disk of the data directory is full.
func noRoom(err error, data string) error {
	var said *casemate.Error
	if !disk.IsFull(err) || errors.As(err, &said) {
		return err
	}
	return &casemate.Error{Code: casemate.CodeInternal, Message: "write to the data directory", Err: err,
		Hint: "make space on the disk of " + data + " and run it again; nothing of this run is in service or in a list"}
}

// emptyPlace refuses a folder that holds something before hours are spent.
func emptyPlace(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) || len(entries) > 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--out %q is there and holds something", dir), Hint: "name a folder that is not there yet"}
	}
	return nil
}

// keep writes the folder and takes it into the registry, which signs it.
func (c *tuneTrainCmd) keep(s *streams, t *tune.Trained, at time.Time) (*registry.Version, error) {
	files, err := c.pages(t, at)
	if err != nil {
		return nil, err
	}
	files = append(t.Files(), files...)
	if c.Out != "" {
		if err := tuned.WriteFolder(c.Out, files); err != nil {
			return nil, err
		}
	}
	data, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	sweepTrained(data, at)
	temp, err := os.MkdirTemp(data, trainedFolder+"*")
	if err != nil {
		return nil, fmt.Errorf("keep head %q: %w", t.Result.Name, err)
	}
	defer os.RemoveAll(temp) // the registry has a copy
	dir := filepath.Join(temp, "head")
	if err := tuned.WriteFolder(dir, files); err != nil {
		return nil, err
	}
	return registry.Open(data).Add(s.ctx, registry.KindHead, t.Result.Name, dir, at)
}

// trainedFolder begins the names of folders that the registry copies from.
const trainedFolder = ".trained-"

// sweepTrained removes what a process left behind that was killed while the
// registry copied: folders of days ago.
func sweepTrained(data string, now time.Time) {
	const old = 48 * time.Hour
	entries, err := os.ReadDir(data)
	if err != nil {
		return // nothing is left behind where nothing can be read
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), trainedFolder) && now.Sub(info.ModTime()) > old {
			os.RemoveAll(filepath.Join(data, e.Name())) // what cannot be removed is harmless
		}
	}
}

// headBar shows on a terminal how far a training is, the time that is left, and
// the loss of the model in training.
type headBar struct{ bar *progressbar.ProgressBar }

const barSteps = 1000

func newHeadBar(stderr io.Writer) *headBar {
	if !isTerminal(stderr) {
		return &headBar{}
	}
	return &headBar{progressbar.NewOptions(barSteps, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("training"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(barThrottle))}
}

func (b *headBar) show(p tune.Progress) {
	if b.bar == nil {
		return
	}
	what := report.Terminal(p.Stage)
	if p.Loss != 0 {
		what += fmt.Sprintf(", loss %.3f", p.Loss)
	}
	b.bar.Describe(fmt.Sprintf("%-44s", what))
	b.bar.Set(int(barSteps * p.Share)) // a bar that cannot be drawn is no reason to stop
}

func (b *headBar) done() {
	if b.bar != nil {
		b.bar.Finish()
	}
}

// writeTrained says what came out, and where it is kept.
func writeTrained(w io.Writer, r *tune.Result, v *registry.Version) error {
	if err := tunereport.Summary(w, r, terminalWidth(w)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nKept as %s@%s; the whole report: %s\n", r.Name, v.ID, report.Terminal(filepath.Join(v.Dir, tunereport.PageFile)))
	return err
}
