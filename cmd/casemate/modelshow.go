package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelShowCmd struct {
	dataFlag
	Model     string `arg:"" help:"A model of the store, NAME@sha256:…, a GGUF file or a folder of safetensors."`
	Context   int    `placeholder:"N" help:"Tell the memory needed for so many tokens; default: all that the model was made for."`
	CacheType string `enum:"f32,f16,q8_0" default:"f32" help:"The number format of keys and values: f32, f16 or q8_0."`
	Template  bool   `help:"Print the chat template, and nothing else."`
	JSON      bool   `help:"Print one JSON document."`
}

// shownModel is what `model show --json` prints.
type shownModel struct {
	Name          string                 `json:"name"`  // in the store, or the path
	Title         string                 `json:"title"` // as its authors call it
	Format        string                 `json:"format"`
	Path          string                 `json:"path"`
	Digest        string                 `json:"digest,omitempty"` // of models of the store
	License       string                 `json:"license"`
	Architecture  string                 `json:"architecture"`
	Parameters    int64                  `json:"parameters"`
	Quantisation  string                 `json:"quantisation"`
	BitsPerWeight float64                `json:"bits_per_weight"`
	TensorBytes   int64                  `json:"tensor_bytes"`
	Types         []modelstore.TypeCount `json:"types"`
	Shape         shownShape             `json:"shape"`
	Tokenizer     shownTokenizer         `json:"tokenizer"`
	Template      string                 `json:"template"`
	Generation    shownGeneration        `json:"generation"`
	Memory        *shownMemory           `json:"memory,omitempty"`
	Files         []shownFile            `json:"files"`
	Source        string                 `json:"source,omitempty"`
	ImportedAt    string                 `json:"imported_at,omitempty"`
	Linked        []string               `json:"linked,omitempty"`
}

// shownShape is a configuration.
type shownShape struct {
	Layers        int     `json:"layers"`
	Width         int     `json:"width"`
	Heads         int     `json:"heads"`
	KVHeads       int     `json:"kv_heads"`
	HeadSize      int     `json:"head_size"`
	FeedForward   int     `json:"feed_forward"`
	Vocabulary    int     `json:"vocabulary"`
	Context       int     `json:"context"`
	SlidingWindow int     `json:"sliding_window,omitempty"`
	RoPEBase      float64 `json:"rope_base"`
	RoPEScaling   string  `json:"rope_scaling,omitempty"`
	RoPEFactor    float64 `json:"rope_factor,omitempty"`
	RoPEFreqs     bool    `json:"rope_freqs,omitempty"` // a tensor of the file scales
}

type shownTokenizer struct {
	Kind   string `json:"kind"`
	Pre    string `json:"pre"`
	Tokens int    `json:"tokens"`
	Merges int    `json:"merges"`
	BOS    string `json:"bos,omitempty"`
	EOS    string `json:"eos,omitempty"`
	AddBOS bool   `json:"add_bos"`
}

// shownGeneration is modelfile.Generation; what authors do not say is left out.
type shownGeneration struct {
	Temperature       *float64 `json:"temperature,omitempty"`
	TopP              *float64 `json:"top_p,omitempty"`
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty"`
	TopK              *int     `json:"top_k,omitempty"`
	Greedy            bool     `json:"greedy,omitempty"`
}

type shownMemory struct {
	Context   int    `json:"context"`
	CacheType string `json:"cache_type"`
	Weights   int64  `json:"weights"`
	Cache     int64  `json:"cache"`
	Scratch   int64  `json:"scratch"`
	Total     int64  `json:"total"`
}

type shownFile struct {
	Name   string `json:"name"`
	Role   string `json:"role,omitempty"`
	Size   int64  `json:"size"`
	Digest string `json:"digest,omitempty"`
}

// Run opens the model and says what it is.
func (c *modelShowCmd) Run(s *streams) error {
	path, manifest, err := c.resolveModel(c.Model)
	if err != nil {
		return err
	}
	m, err := modelfile.Open(path)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", c.Model), Err: err, Hint: "it is a GGUF file, or a folder of safetensors with config.json and tokenizer.json"}
	}
	defer m.Close()
	if c.Template {
		return writeTemplate(s.stdout, m.ChatTemplate)
	}
	shown, err := c.describe(path, manifest, m)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, shown, true)
	}
	shown.print(s.stdout)
	return nil
}

// writeTemplate writes a template as it is, or so that it cannot steer a terminal.
func writeTemplate(w io.Writer, text string) error {
	if f, ok := fileOf(w); ok && isTerminalFile(f) {
		lines := strings.Split(text, "\n")
		for i := range lines {
			lines[i] = report.Terminal(lines[i])
		}
		text = strings.Join(lines, "\n")
	}
	_, err := io.WriteString(w, text)
	return err
}

// describe gathers what there is to say.
func (c *modelShowCmd) describe(path string, manifest *modelstore.Manifest, m *modelfile.Model) (*shownModel, error) {
	cfg := m.Config
	v := &shownModel{Name: c.Model, Title: cfg.Name, Format: m.Format, Path: path, License: cfg.License, Architecture: cfg.Architecture,
		Parameters: modelstore.Parameters(m), Quantisation: modelstore.Quantisation(m), Types: modelstore.TypeCounts(m), Template: m.ChatTemplate, Generation: shownGeneration(m.Generation)}
	for _, t := range v.Types {
		v.TensorBytes += t.Bytes
	}
	if v.Parameters > 0 {
		v.BitsPerWeight = math.Round(float64(v.TensorBytes)*8/float64(v.Parameters)*1000) / 1000
	}
	v.Shape = shownShape{cfg.Layers, cfg.Width, cfg.Heads, cfg.KVHeads, cfg.HeadSize, cfg.FeedForward, cfg.Vocabulary, cfg.Context,
		cfg.SlidingWindow, cfg.RoPE.Base, string(cfg.RoPE.Scaling), cfg.RoPE.Factor, m.Tensor("rope_freqs.weight") != nil}
	v.Tokenizer = describeTokenizer(m.Tokenizer)
	if manifest != nil {
		v.Name, v.Digest, v.Source, v.Linked = manifest.Name, manifest.Digest, manifest.Source, manifest.Linked
		v.ImportedAt = manifest.ImportedAt.Format(time.RFC3339)
		for _, f := range manifest.Files {
			v.Files = append(v.Files, shownFile{f.Name, string(f.Role), f.Size, f.Digest})
		}
	} else {
		for _, f := range m.Files {
			if info, err := os.Stat(f); err == nil {
				v.Files = append(v.Files, shownFile{Name: filepath.Base(f), Size: info.Size()})
			}
		}
	}
	var err error
	v.Memory, err = c.memory(m)
	return v, err
}

// memory returns what the model needs, which is nothing for a vocabulary alone.
func (c *modelShowCmd) memory(m *modelfile.Model) (*shownMemory, error) {
	tokens := c.Context
	switch {
	case tokens < 0 || tokens > m.Config.Context && len(m.Tensors) > 0:
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--context %d: the model was made for 1 to %d tokens", tokens, m.Config.Context), Hint: "ask for fewer"}
	case len(m.Tensors) == 0:
		return nil, nil
	case tokens == 0:
		tokens = m.Config.Context
	}
	kind, err := quant.Parse(c.CacheType)
	if err != nil {
		return nil, err
	}
	need := llama.MemoryNeeded(m, llama.Options{}, tokens, kind)
	return &shownMemory{tokens, c.CacheType, need.Weights, need.Cache, need.Scratch, need.Total()}, nil
}

func describeTokenizer(spec tokenizer.Spec) shownTokenizer {
	spelling := func(id int) string {
		if id < 0 || id >= len(spec.Tokens) {
			return ""
		}
		return spec.Tokens[id]
	}
	return shownTokenizer{string(spec.Kind), spec.Pre, len(spec.Tokens), len(spec.Merges), spelling(spec.BOS), spelling(spec.EOS), spec.AddBOS}
}

// maxShownTemplate is how much of a template is shown among the rest, in lines.
const maxShownTemplate = 12

// print says it for a person.
func (v *shownModel) print(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-14s %s\n", name, report.Terminal(fmt.Sprintf(format, args...)))
	}
	row("name", "%s", v.Name)
	if v.Title != "" {
		row("title", "%s", v.Title)
	}
	row("architecture", "%s, %s", v.Architecture, v.Format)
	row("licence", "%s", orDash(v.License))
	row("parameters", "%s", phrase.Number(v.Parameters))
	row("weights", "%s, %s, %.2f bits each", v.Quantisation, phrase.Bytes(v.TensorBytes), v.BitsPerWeight)
	for _, t := range v.Types {
		row("", "%-6s %4d tensors, %s parameters, %s", t.Type, t.Tensors, phrase.Number(t.Parameters), phrase.Bytes(t.Bytes))
	}
	v.Shape.print(row)
	t := v.Tokenizer
	row("tokenizer", "%s, %s tokens, %s merges, begins with %s, ends with %s", strings.TrimSpace(t.Kind+" "+t.Pre), phrase.Number(int64(t.Tokens)), phrase.Number(int64(t.Merges)), orDash(t.BOS), orDash(t.EOS))
	v.printGeneration(row)
	if m := v.Memory; m != nil {
		row("memory", "%s at %s tokens: weights %s, keys and values %s (%s), work %s", phrase.Bytes(m.Total), phrase.Number(int64(m.Context)),
			phrase.Bytes(m.Weights), phrase.Bytes(m.Cache), m.CacheType, phrase.Bytes(m.Scratch))
	}
	for i, f := range v.Files {
		row([]string{"files", ""}[min(i, 1)], "%s  %s  %s", f.Name, phrase.Bytes(f.Size), f.Digest)
	}
	if v.Digest != "" {
		row("digest", "%s", v.Digest)
		row("imported", "%s from %s", v.ImportedAt, v.Source)
	}
	if len(v.Linked) > 0 {
		row("linked", "%s", some(v.Linked))
	}
	v.printTemplate(w, row)
}

func (s shownShape) print(row func(name, format string, args ...any)) {
	row("shape", "%d layers, width %d, %d heads (%d for keys and values) of %d, feed-forward %d, vocabulary %s", s.Layers, s.Width, s.Heads, s.KVHeads,
		s.HeadSize, s.FeedForward, phrase.Number(int64(s.Vocabulary)))
	scaling := "not scaled"
	switch {
	case s.RoPEFreqs:
		scaling = "scaled by factors in the file"
	case s.RoPEScaling != "":
		scaling = fmt.Sprintf("%s scaling by %g", s.RoPEScaling, s.RoPEFactor)
	}
	row("context", "%s tokens, RoPE base %g, %s", phrase.Number(int64(s.Context)), s.RoPEBase, scaling)
	if s.SlidingWindow > 0 {
		row("window", "%s tokens", phrase.Number(int64(s.SlidingWindow)))
	}
}

// printGeneration says how the authors would have the model sampled.
func (v *shownModel) printGeneration(row func(name, format string, args ...any)) {
	var parts []string
	add := func(name string, value *float64) {
		if value != nil {
			parts = append(parts, fmt.Sprintf("%s %g", name, *value))
		}
	}
	g := v.Generation
	if g.Greedy {
		parts = append(parts, "greedy")
	}
	add("temperature", g.Temperature)
	if g.TopK != nil {
		parts = append(parts, fmt.Sprintf("top-k %d", *g.TopK))
	}
	add("top-p", g.TopP)
	add("repetition penalty", g.RepetitionPenalty)
	if len(parts) > 0 {
		row("sampling", "%s (as its authors would have it)", strings.Join(parts, ", "))
	}
}

// printTemplate shows the first lines of the template.
func (v *shownModel) printTemplate(w io.Writer, row func(name, format string, args ...any)) {
	if v.Template == "" {
		row("template", "none")
		return
	}
	lines := strings.Split(strings.TrimRight(v.Template, "\n"), "\n")
	row("template", "%s, %d lines (--template prints it)", phrase.Bytes(int64(len(v.Template))), len(lines))
	for _, line := range lines[:min(len(lines), maxShownTemplate)] {
		fmt.Fprintf(w, "  | %s\n", report.TerminalFit(line, 110))
	}
	if len(lines) > maxShownTemplate {
		fmt.Fprintln(w, "  | …")
	}
}
