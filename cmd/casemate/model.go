package main

import (
	"fmt"
	"io"
	"time"

	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
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
	Kind      string   `json:"kind"` // "head"
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Digest    string   `json:"digest"`
	Bytes     int      `json:"bytes"`
	Labels    int      `json:"labels"`
	Examples  int      `json:"examples"`
	Styles    []string `json:"styles,omitempty"`
	Threshold float64  `json:"threshold"`
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
	models, damaged, err := modelstore.New(dir).List()
	if err != nil {
		return err
	}
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
		all = append(all, listedHead{"head", i.Name, i.Version, i.Digest, i.Bytes, i.Labels, i.Examples, i.Styles, i.Threshold})
	}
	return all, nil
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
		fmt.Fprintf(w, "%-9s %s  %4d labels  %5.1f MB  sha256:%.16s\n", i.Name, i.Version, i.Labels, float64(i.Bytes)/1e6, i.Digest)
	}
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

type modelCardCmd struct {
	Head string `required:"" placeholder:"NAME" help:"The classifier."`
}

// Run prints the card, which is Markdown.
func (c *modelCardCmd) Run(s *streams) error {
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
