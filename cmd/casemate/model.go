package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/registry"
	tunereport "github.com/casemate-ai/casemate/internal/learn/tune/report"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/tuned"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

type modelCmd struct {
	Import   modelImportCmd   `cmd:"" help:"Check a model and take it into the store: a GGUF file or a folder of safetensors."`
	List     modelListCmd     `cmd:"" help:"List the embedded classifiers and the models of the store."`
	Show     modelShowCmd     `cmd:"" help:"Tell what a model is: architecture, sizes, memory needed, licence, template."`
	Verify   modelVerifyCmd   `cmd:"" help:"Read all files of a model of the store and compare them with their digests."`
	Quantize modelQuantizeCmd `cmd:"" help:"Write a model with fewer bits a weight."`
	Adapter  modelAdapterCmd  `cmd:"" help:"Tell what a LoRA adapter is, whether it fits a model, and write it in the other form."`
	Merge    modelMergeCmd    `cmd:"" help:"Write a base and a LoRA adapter as one model, and measure the difference."`
	Synth    modelSynthCmd    `cmd:"" help:"Write a random model in the shape of a published one, for measuring."`
	Train    modelTrainCmd    `cmd:"" help:"Train a small model from nothing, or all weights of one, on texts."`
	Bench    modelBenchCmd    `cmd:"" help:"Measure how fast a model runs here, and how near that is to what the machine can do."`
	Remove   modelRemoveCmd   `cmd:"" help:"Take a model out of the store."`
	Logits   modelLogitsCmd   `cmd:"" help:"Make one forward pass and print its logits and hidden states, for checking."`
	Card     modelCardCmd     `cmd:"" help:"Print what a classifier was made from, how good it is, and what it cannot do."`
}

type modelListCmd struct {
	dataFlag
	JSON bool `help:"Print one JSON document."`
}

// listedHead is a row of `model list --json` for an embedded classifier.
type listedHead struct {
	Kind      string   `json:"kind"` // "head", "own head" of a team's own
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Digest    string   `json:"digest"`
	Bytes     int      `json:"bytes"`
	Labels    int      `json:"labels"`
	Examples  int      `json:"examples"`
	Styles    []string `json:"styles,omitempty"`
	Threshold float64  `json:"threshold"`

	// Of a team's own heads: what it answers, what it reads with, whether it is
	// in service.
	Task    string `json:"task,omitempty"`
	Encoder string `json:"encoder,omitempty"`
	Service bool   `json:"in_service,omitempty"`
}

// listedModel is a row of `model list --json` for a model of the store.
type listedModel struct {
	Kind         string    `json:"kind"` // "model"
	Name         string    `json:"name"`
	Digest       string    `json:"digest"`
	Bytes        int64     `json:"bytes"`
	Format       string    `json:"format"`
	Architecture string    `json:"architecture"`
	Parameters   int64     `json:"parameters"`
	Quantisation string    `json:"quantisation"`
	License      string    `json:"license"`
	ImportedAt   time.Time `json:"imported_at"`
}

// Run prints a row for each head, and then for each model.
func (c *modelListCmd) Run(s *streams) error {
	heads, err := c.heads()
	if err != nil {
		return err
	}
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	own, notes, err := c.ownHeads(dir)
	if err != nil {
		return err
	}
	heads = append(heads, own...)
	models, damaged, err := modelstore.New(dir).List()
	if err != nil {
		return err
	}
	damaged = append(notes, damaged...)
	if err := c.print(s.stdout, heads, models); err != nil {
		return err
	}
	for _, d := range damaged {
		fmt.Fprintln(s.stderr, "casemate: note:", report.Terminal(d.Error()))
	}
	if len(damaged) > 0 {
		return exitRequest(exitIncomplete)
	}
	return nil
}

func (c *modelListCmd) heads() ([]listedHead, error) {
	var all []listedHead
	for _, name := range head.Names() {
		h, err := workflow.OpenHead(name)
		if err != nil {
			return nil, err
		}
		i := h.Info()
		all = append(all, listedHead{Kind: "head", Name: i.Name, Version: i.Version, Digest: i.Digest, Bytes: i.Bytes, Labels: i.Labels, Examples: i.Examples, Styles: i.Styles, Threshold: i.Threshold})
	}
	return all, nil
}

// ownHeads returns the newest version of each of a team's own heads, or the one in
// service. One that cannot be read is in the note.
func (c *modelListCmd) ownHeads(dir string) (all []listedHead, notes []error, err error) {
	r := registry.Open(dir)
	names, err := r.Names(registry.KindHead)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		v, err := r.InService(registry.KindHead, name)
		serves := err == nil
		if errors.Is(err, registry.ErrNone) {
			v, err = r.Resolve(registry.KindHead, name)
		}
		var h *tuned.Head
		if err == nil {
			h, err = tuned.Open(v.Dir)
		}
		if err != nil {
			notes = append(notes, err)
			continue
		}
		card := h.Card()
		size := 0
		for _, f := range h.Files() {
			size += len(f.Data)
		}
		all = append(all, listedHead{Kind: "own head", Name: name, Version: v.ID, Digest: strings.TrimPrefix(h.Digest(), "sha256:"), Bytes: size,
			Labels: len(card.Labels), Examples: card.Data.Train + card.Data.Validation, Task: string(card.Task), Encoder: card.Encoder, Service: serves})
	}
	return all, notes, nil
}

func (c *modelListCmd) print(w io.Writer, heads []listedHead, models []*modelstore.Manifest) error {
	if c.JSON {
		rows := []any{}
		for _, h := range heads {
			rows = append(rows, h)
		}
		for _, m := range models {
			rows = append(rows, listedModel{"model", m.Name, m.Digest, m.Size(), m.Format, m.Architecture, m.Parameters, m.Quantisation, m.License, m.ImportedAt})
		}
		return writeJSON(w, rows, true)
	}
	for _, i := range heads {
		if i.Kind != "head" {
			continue
		}
		fmt.Fprintf(w, "%-9s %s  %4d labels  %5.1f MB  sha256:%.16s\n", i.Name, i.Version, i.Labels, float64(i.Bytes)/1e6, i.Digest)
	}
	printOwnHeads(w, heads)
	if len(models) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable("model", "architecture", "weights", "parameters", "size", "digest")
	for _, m := range models {
		t.row(m.Name, m.Architecture, m.Quantisation, phrase.Number(m.Parameters), phrase.Bytes(m.Size()), fmt.Sprintf("%.23s", m.Digest))
	}
	t.write(w)
	return nil
}

// printOwnHeads prints a table of a team's own heads, if there are some.
func printOwnHeads(w io.Writer, heads []listedHead) {
	var t *table
	for _, i := range heads {
		if i.Kind == "head" {
			continue
		}
		if t == nil {
			fmt.Fprintln(w)
			t = newTable("own head", "task", "labels", "reads with", "learnt from", "version", "")
		}
		service := "not in service"
		if i.Service {
			service = "in service"
		}
		t.row(i.Name, i.Task, fmt.Sprint(i.Labels), i.Encoder, phrase.Number(int64(i.Examples))+" rows", i.Version, service)
	}
	if t != nil {
		t.write(w)
	}
}

type modelCardCmd struct {
	dataFlag
	Head string `required:"" placeholder:"NAME" help:"The classifier: an embedded one, or one of your own."`
}

// ownCardFile is the card of a head for people, in its folder.
const ownCardFile = tunereport.CardFile

// own returns the card of a head of a team's own, "" if there is none of the name.
func (c *modelCardCmd) own() (string, error) {
	dir, err := c.dataDir()
	if err != nil || !tuned.IsName(c.Head) {
		return "", nil // nobody has said where heads are kept: there are none
	}
	r := registry.Open(dir)
	names, err := r.Names(registry.KindHead)
	if err != nil || !slices.Contains(names, c.Head) {
		return "", err
	}
	v, err := r.Resolve(registry.KindHead, c.Head)
	if err != nil {
		return "", err
	}
	h, err := tuned.Open(v.Dir)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(v.Dir, ownCardFile))
	if errors.Is(err, fs.ErrNotExist) { // it came without: what the head itself says
		return string(h.Files()[0].Data), nil
	}
	return string(text), err
}

// Run prints the card, which is Markdown.
func (c *modelCardCmd) Run(s *streams) error {
	mine, err := c.own()
	if err != nil {
		return err
	}
	if mine != "" {
		return writeTemplate(s.stdout, mine)
	}
	if _, err := workflow.OpenHead(c.Head); err != nil {
		return err
	}
	text, err := head.Card(c.Head)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.stdout, text)
	return err
}
