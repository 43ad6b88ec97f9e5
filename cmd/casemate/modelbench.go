package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/bench"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelBenchCmd struct {
	dataFlag
	Model     string `arg:"" help:"A model of the store, a GGUF file or a folder of safetensors."`
	Threads   int    `placeholder:"N" help:"How many processors to use; default: all."`
	Prompt    int    `default:"512" help:"Tokens of the prompt; 0 leaves it out."`
	Decode    int    `default:"64" help:"Tokens computed one after another; 0 leaves it out."`
	Batch     int    `default:"8" help:"Sequences that compute tokens together; 0 leaves it out."`
	Options   int    `default:"100" help:"Continuations of one prefix to score; 0 leaves it out."`
	Prefix    int    `default:"400" help:"Tokens of that prefix."`
	Repeat    int    `default:"5" help:"How often each is measured, in turns: the best and the median are shown."`
	CacheType string `enum:"f32,f16,q8_0" default:"f32" help:"The number format of keys and values: f32, f16 or q8_0."`
	Compare   string `placeholder:"FILE" help:"An earlier document of --json: also show how many times as fast it is now."`
	JSON      bool   `help:"Print one JSON document."`

	Train     bool     `help:"Measure training in place of answering: steps of a LoRA adapter with AdamW."`
	Full      bool     `help:"With --train: train all weights."`
	Sequences int      `default:"8" placeholder:"N" help:"With --train: sequences of a step; default: 8."`
	Length    int      `default:"256" placeholder:"N" help:"With --train: tokens of a sequence; default: 256."`
	Rank      int      `default:"8" placeholder:"N" help:"With --train: rank of the adapter; default: 8."`
	Targets   []string `default:"q,v" placeholder:"NAME,…" help:"With --train: matrices to adapt; default: q,v."`
	BF16      bool     `name:"bf16" help:"With --train: round what goes into products to BF16."`
	Recompute bool     `help:"With --train: keep less of the forward pass and compute it again."`
}

// benchDocument is what `model bench --json` prints.
type benchDocument struct {
	*bench.Report
	Compared *bench.Comparison `json:"compared,omitempty"`
}

// Run measures and prints.
func (c *modelBenchCmd) Run(s *streams) error {
	if c.Train {
		return c.train(s)
	}
	before, err := c.earlier()
	if err != nil {
		return err
	}
	cache, err := quant.Parse(c.CacheType)
	if err != nil {
		return err
	}
	path, _, err := c.resolveModel(c.Model)
	if err != nil {
		return err
	}
	kind, err := quantisation(path)
	if err != nil {
		return err
	}
	bar := newCountBar(s.stderr, "measuring")
	r, err := bench.Run(s.ctx, path, bench.Options{Threads: c.Threads, Cache: cache, Repeat: c.Repeat, Prompt: c.Prompt, Decode: c.Decode,
		Batch: c.Batch, Options: c.Options, Prefix: c.Prefix, Progress: bar.update})
	bar.done()
	if errors.Is(err, bench.ErrOptions) {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("measure model %q", c.Model), Err: err, Hint: "casemate model bench --help lists what can be asked for"}
	}
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("measure model %q", c.Model), Err: err, Hint: "casemate model verify checks a model of the store"}
	}
	r.Model.Quantisation = kind
	doc := benchDocument{Report: r}
	if before != nil {
		compared := bench.Compare(r, before)
		doc.Compared = &compared
	}
	if c.JSON {
		return writeJSON(s.stdout, doc, true)
	}
	printBench(s.stdout, doc)
	return nil
}

// earlier reads the report to compare with; nil if there is none.
func (c *modelBenchCmd) earlier() (*bench.Report, error) {
	if c.Compare == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.Compare)
	if err == nil {
		r := &bench.Report{}
		if err = json.Unmarshal(b, r); err == nil {
			return r, nil
		}
	}
	return nil, &casemate.Error{Code: casemate.CodeInput, Message: "read the earlier report", Err: err, Hint: "give what casemate model bench --json printed"}
}

// quantisation opens a model's file and names how its weights are kept.
func quantisation(path string) (string, error) {
	m, err := modelfile.Open(path)
	if err != nil {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: "open model", Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	defer m.Close()
	if len(m.Tensors) == 0 {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("model %q holds a vocabulary and no weights", path), Hint: "there is nothing to measure"}
	}
	return modelstore.Quantisation(m), nil
}

// benchLine is one row of the table.
type benchLine struct {
	what         string
	best, middle string
	roof         string
	r            bench.Roofline
	ratio        float64
}

// printBench prints a table of at most 80 columns.
func printBench(w io.Writer, doc benchDocument) {
	m := doc.Machine
	fmt.Fprintf(w, "model    %s, %s, %s parameters, %s of weights\n", report.Terminal(doc.Model.Architecture), doc.Model.Quantisation, phrase.Number(doc.Model.Parameters), phrase.Bytes(doc.Model.TensorBytes))
	fmt.Fprintf(w, "machine  threads %d, %s: memory gives %.1f GB/s,\n         int8 arithmetic %.0f GOP/s, float32 %.0f GOP/s\n", m.Threads, m.Instructions,
		m.ReadBytesPerSecond/1e9, m.Int8OperationsPerSecond/1e9, m.Float32OperationsPerSecond/1e9)
	if m.Instructions == "generic" {
		fmt.Fprintln(w, "         measured in portable code: the processor itself can do more")
	}
	head := fmt.Sprintf("%-20s %10s %10s %10s %6s  %-7s", "", "best", "median", "roofline", "share", "limit")
	if doc.Compared != nil {
		head += "   speed"
	}
	fmt.Fprintf(w, "\n%s\n", strings.TrimRight(head, " "))
	for _, l := range benchLines(doc) {
		line := fmt.Sprintf("%-20s %10s %10s %10s %4.0f %%  %-7s", l.what, l.best, l.middle, l.roof, 100*l.r.Share, l.r.Limit)
		if l.ratio > 0 {
			line += fmt.Sprintf(" %6.2f x", l.ratio)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	if p := doc.Prefix; p != nil {
		fmt.Fprintf(w, "\noptions  %d of %d tokens after %d: together %.1f times as fast as one by one\n", p.Options, p.OptionTokens, p.PrefixTokens, p.Gain)
	}
	printBenchMemory(w, doc)
}

// benchLines returns the rows that were measured.
func benchLines(doc benchDocument) []benchLine {
	compared := bench.Comparison{}
	if doc.Compared != nil {
		compared = *doc.Compared
	}
	var all []benchLine
	time := func(what string, d *bench.Duration, ratio float64) {
		all = append(all, benchLine{what, secondsText(d.Seconds), secondsText(d.MedianSeconds), secondsText(d.Roofline.Seconds), d.Roofline, ratio})
	}
	rate := func(what string, r *bench.Rate, ratio float64) {
		if r != nil {
			all = append(all, benchLine{what, rateText(r.TokensPerSecond), rateText(r.MedianTokensPerSecond), rateText(r.Roofline.TokensPerSecond), r.Roofline, ratio})
		}
	}
	time("load", doc.Load, compared.Load)
	time("to first token", doc.FirstToken, compared.FirstToken)
	if r := doc.Prompt; r != nil {
		rate(fmt.Sprintf("prompt %d", r.Tokens), r, compared.Prompt)
	}
	if r := doc.Decode; r != nil {
		rate(fmt.Sprintf("decode %d", r.Tokens), r, compared.Decode)
	}
	if r := doc.Batch; r != nil {
		rate(fmt.Sprintf("batch %d x %d", r.Sequences, r.Tokens), r, compared.Batch)
	}
	if p := doc.Prefix; p != nil {
		time(fmt.Sprintf("%d options", p.Options), &p.Shared, compared.Prefix)
		time("one option", &p.Whole, 0)
	}
	return all
}

// printBenchMemory prints what the memory went to, and what was unlike.
func printBenchMemory(w io.Writer, doc benchDocument) {
	if m := doc.Memory; m.PeakBytes > 0 {
		rest := "the rest " + phrase.Bytes(m.RestBytes)
		if m.RestBytes < 0 { // pages of the file that are not needed any more are given back
			rest = phrase.Bytes(-m.RestBytes) + " less than both"
		}
		fmt.Fprintf(w, "memory   %s: the file %s, keys and values %s, %s\n", phrase.Bytes(m.PeakBytes), phrase.Bytes(m.FileBytes), phrase.Bytes(m.CacheBytes), rest)
	}
	if c := doc.Compared; c != nil {
		if c.Memory > 0 {
			fmt.Fprintf(w, "         %.2f times as much as before\n", c.Memory)
		}
		if len(c.Unlike) > 0 {
			fmt.Fprintf(w, "note     not the same as before: %s\n", strings.Join(c.Unlike, ", "))
		}
	}
}

// secondsText writes a time of a table.
func secondsText(s float64) string {
	switch {
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	case s >= 1:
		return fmt.Sprintf("%.2f s", s)
	}
	return fmt.Sprintf("%.2f ms", s*1e3)
}

// rateText writes tokens a second.
func rateText(r float64) string {
	if r >= 1000 {
		return fmt.Sprintf("%.0f/s", r)
	}
	return fmt.Sprintf("%.2f/s", r)
}
