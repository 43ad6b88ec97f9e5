package adapter

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// peftOutput is adapter_config.json as it is written. Fields stand in the order
// of their names, as PEFT writes them.
type peftOutput struct {
	Alphas      map[string]float64 `json:"alpha_pattern"`
	Base        string             `json:"base_model_name_or_path"`
	Bias        string             `json:"bias"`
	FanInFanOut bool               `json:"fan_in_fan_out"`
	Inference   bool               `json:"inference_mode"`
	Initialised bool               `json:"init_lora_weights"`
	Alpha       float64            `json:"lora_alpha"`
	LoRABias    bool               `json:"lora_bias"`
	Dropout     float64            `json:"lora_dropout"`
	Modules     *string            `json:"modules_to_save"`
	Type        string             `json:"peft_type"`
	R           int                `json:"r"`
	Ranks       map[string]int     `json:"rank_pattern"`
	Targets     []string           `json:"target_modules"`
	Task        string             `json:"task_type"`
	DoRA        bool               `json:"use_dora"`
	RankStable  bool               `json:"use_rslora"`
}

// SavePEFT writes an adapter of m into the folder dir, which may hold other files
// but no adapter yet: adapter_model.safetensors, then adapter_config.json. Each
// appears when it is whole, so that a folder with both is complete. Hugging Face
// PEFT loads it, and vLLM if it is not decomposed: rows of queries and keys are
// put into Hugging Face's order.
//
// The same adapter gives the same bytes.
func SavePEFT(dir string, a *Adapter, m *modelfile.Model, meta Meta) error {
	if err := savePEFT(dir, a, m, meta); err != nil {
		return fmt.Errorf("save adapter %q: %w", dir, err)
	}
	return nil
}

func savePEFT(dir string, a *Adapter, m *modelfile.Model, meta Meta) error {
	if meta.Type != quant.F32 && meta.Type != quant.F16 && meta.Type != quant.BF16 {
		return fmt.Errorf("numbers of %v are not possible: want F32, F16 or BF16", meta.Type)
	}
	deltas, err := prepared(a, m, false)
	if err != nil {
		return err
	}
	config, err := json.Marshal(peftOutputOf(a, deltas, m, meta), json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	tensors, err := peftTensors(deltas, meta.Type)
	if err != nil {
		return err
	}
	metadata := map[string]string{"format": "pt"}
	if digest := boundTo(a, m); digest != "" {
		metadata[DigestKey] = digest
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	weights := filepath.Join(dir, peftWeightsFile)
	for _, path := range []string{weights, filepath.Join(dir, peftConfigFile)} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), fs.ErrExist)
		}
	}
	err = files.Replace(weights, func(f *os.File) error { return safetensors.Write(f, tensors, metadata) })
	if err != nil {
		return err
	}
	err = files.Replace(filepath.Join(dir, peftConfigFile), func(f *os.File) error {
		_, err := f.Write(append(config, '\n'))
		return err
	})
	if err != nil {
		return errors.Join(err, os.Remove(weights))
	}
	return nil
}

// peftOutputOf describes an adapter as PEFT does: one rank and one alpha, those
// of the first matrix, and those of the others where they differ.
func peftOutputOf(a *Adapter, deltas []*Delta, m *modelfile.Model, meta Meta) *peftOutput {
	first := deltas[0]
	c := &peftOutput{
		Alphas: map[string]float64{}, Ranks: map[string]int{}, Base: cmp.Or(meta.Base, a.Base), Bias: "none",
		Inference: true, Initialised: true, Alpha: alpha(first.Scale, a.divisor(first.Rank)), Dropout: meta.Dropout,
		Type: "LORA", R: first.Rank, Targets: peftTargets(deltas, m.Config.Layers), Task: "CAUSAL_LM",
		DoRA: a.Decomposed(), RankStable: a.Stabilised,
	}
	for _, d := range deltas {
		module := peftModule(d.Name)
		if d.Rank != c.R {
			c.Ranks[module] = d.Rank
		}
		if own := alpha(d.Scale, a.divisor(d.Rank)); own != c.Alpha {
			c.Alphas[module] = own
		}
	}
	return c
}

// peftTargets names the modules: by the last part of their names if all layers
// have them, else each by its whole name.
func peftTargets(deltas []*Delta, layers int) []string {
	count := map[string]int{}
	var short, long []string
	for _, d := range deltas {
		module := peftModule(d.Name)
		long = append(long, module)
		last := module[strings.LastIndexByte(module, '.')+1:]
		if count[last]++; count[last] == 1 {
			short = append(short, last)
		}
	}
	slices.Sort(short)
	slices.Sort(long)
	for last, n := range count {
		if last != "lm_head" && n != layers {
			return long
		}
	}
	return short
}

// peftModules are Hugging Face's names of the matrices of a layer.
var peftModules = map[string]string{
	"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
	"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}

// peftModule returns Hugging Face's name of a matrix that is adaptable, without
// ".weight": the opposite of modelfile.TranslateName.
func peftModule(name string) string {
	name = strings.TrimSuffix(name, ".weight")
	if name == "output" {
		return "lm_head"
	}
	layer, matrix, _ := strings.Cut(strings.TrimPrefix(name, "blk."), ".")
	return "model.layers." + layer + "." + peftModules[matrix]
}

// peftTensors returns A, B and magnitudes of all matrices by the order of names.
func peftTensors(deltas []*Delta, kind quant.Type) ([]safetensors.Tensor, error) {
	var out []safetensors.Tensor
	add := func(name string, x []float32, shape ...int) error {
		data, err := encode(name, kind, x)
		out = append(out, safetensors.Tensor{Name: name, Type: kind, Shape: shape, Data: data})
		return err
	}
	for _, d := range deltas {
		prefix := "base_model.model." + peftModule(d.Name)
		err := errors.Join(
			add(prefix+".lora_A.weight", d.A, d.Rank, d.In),
			add(prefix+".lora_B.weight", d.B, d.Out, d.Rank))
		if d.Magnitude != nil {
			err = errors.Join(err, add(prefix+".lora_magnitude_vector", d.Magnitude, d.Out))
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(x, y safetensors.Tensor) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}
