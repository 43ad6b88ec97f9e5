package adapter

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
)

// The files of a PEFT folder, and those that are never read.
const (
	peftConfigFile  = "adapter_config.json"
	peftWeightsFile = "adapter_model.safetensors"
	peftPickleFile  = "adapter_model.bin"
)

// Limits of adapter_config.json.
const (
	maxConfig       = 1 << 20 // bytes
	maxPatterns     = 1024    // of ranks, and of alphas
	maxPatternBytes = 512
)

// peftConfig is adapter_config.json.
type peftConfig struct {
	Type        string   `json:"peft_type"`
	Base        string   `json:"base_model_name_or_path"`
	R           int      `json:"r"`
	Alpha       float64  `json:"lora_alpha"`
	Ranks       patterns `json:"rank_pattern"`
	Alphas      patterns `json:"alpha_pattern"`
	RankStable  bool     `json:"use_rslora"`
	Bias        string   `json:"bias"`
	FanInFanOut bool     `json:"fan_in_fan_out"`
	DoRA        bool     `json:"use_dora"`
	QALoRA      bool     `json:"use_qalora"`
	LoRABias    bool     `json:"lora_bias"`
	Initialised initials `json:"init_lora_weights"`
	Replication present  `json:"layer_replication"`
	Modules     present  `json:"modules_to_save"`
	Tokens      present  `json:"trainable_token_indices"`
	Parameters  present  `json:"target_parameters"`
	Invocation  present  `json:"alora_invocation_tokens"`
	Arrow       present  `json:"arrow_config"`
	AutoMapping present  `json:"auto_map"`
}

// present says whether a field has a value other than null and an empty one.
type present bool

// UnmarshalJSONFrom reads any value.
func (p *present) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if err := value.Compact(); err != nil {
		return err
	}
	s := string(value)
	*p = s != "null" && s != "[]" && s != "{}" && s != "false"
	return nil
}

// initials is how the adapter was initialised: a word, or "" for true and false.
type initials string

// UnmarshalJSONFrom reads a string, a truth value or null.
func (i *initials) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case '"':
		*i = initials(token.String())
	case 't', 'f', 'n':
		*i = ""
	default:
		return errors.New("want a word, true or false")
	}
	return nil
}

// patterns gives numbers to modules by regular expressions, in the file's order.
type patterns []numbered

type numbered struct {
	is    *regexp.Regexp
	value float64
}

// UnmarshalJSONFrom reads an object of numbers by pattern, or null.
func (p *patterns) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*p = nil
	token, err := dec.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '{' {
		return errors.New("want an object of numbers")
	}
	for dec.PeekKind() == '"' {
		if len(*p) == maxPatterns {
			return fmt.Errorf("more than %d patterns", maxPatterns)
		}
		key, err := dec.ReadToken()
		if err != nil {
			return err
		}
		pattern := key.String()
		if len(pattern) > maxPatternBytes {
			return fmt.Errorf("a pattern of %d bytes, limit %d", len(pattern), maxPatternBytes)
		}
		if strings.Contains(pattern, "{") { // counts make large programs of short patterns
			return fmt.Errorf("pattern %.80q: counted repetition is not supported", pattern)
		}
		n := numbered{}
		// PEFT matches the whole name of a module, or what follows a dot in it.
		if n.is, err = regexp.Compile(`^(?:.*\.)?(?:` + pattern + `)$`); err != nil {
			return fmt.Errorf("pattern %.80q: %w", pattern, err)
		}
		if err := json.UnmarshalDecode(dec, &n.value); err != nil {
			return err
		}
		*p = append(*p, n)
	}
	_, err = dec.ReadToken()
	return err
}

// value returns the number of the first pattern that matches a module.
func (p patterns) value(module string, other float64) float64 {
	for _, n := range p {
		if n.is.MatchString(module) {
			return n.value
		}
	}
	return other
}

// check refuses what is no plain low-rank adapter.
func (c *peftConfig) check() error {
	if c.Type != "LORA" {
		return fmt.Errorf("/peft_type: %.40q is not supported, only LORA", c.Type)
	}
	for _, f := range []struct {
		field string
		set   bool
		why   string
	}{
		{"use_qalora", c.QALoRA, "not supported"},
		{"lora_bias", c.LoRABias, "not supported"},
		{"fan_in_fan_out", c.FanInFanOut, "not supported; no supported architecture has matrices of this form"},
		{"modules_to_save", bool(c.Modules), "modules trained whole are not supported; merge the adapter into its base"},
		{"trainable_token_indices", bool(c.Tokens), "tokens trained whole are not supported; merge the adapter into its base"},
		{"layer_replication", bool(c.Replication), "not supported"},
		{"target_parameters", bool(c.Parameters), "not supported"},
		{"alora_invocation_tokens", bool(c.Invocation), "activated adapters are not supported"},
		{"arrow_config", bool(c.Arrow), "not supported"},
		{"auto_map", bool(c.AutoMapping), "the adapter wants to run its own program, which is never done"},
		{"bias", c.Bias != "" && c.Bias != "none", "changed biases are not supported"},
		{"r", c.R < 1 || c.R > MaxRank, fmt.Sprintf("%d, want 1 to %d", c.R, MaxRank)},
	} {
		if f.set {
			return fmt.Errorf("/%s: %s", f.field, f.why)
		}
	}
	switch c.Initialised {
	case "", "gaussian", "eva", "orthogonal":
		return nil
	}
	// PiSSA, OLoRA and their like change the base's weights when they begin.
	return fmt.Errorf("/init_lora_weights: %.40q changes the base model, too, which is not supported; convert the adapter to a plain one", c.Initialised)
}

// scale is the factor of a module's change.
func (c *peftConfig) scale(module string, rank int) (float64, error) {
	if want := c.Ranks.value(module, float64(c.R)); want != float64(rank) {
		return 0, fmt.Errorf("rank %d, but %s says %g", rank, peftConfigFile, want)
	}
	alpha := c.Alphas.value(module, c.Alpha)
	if c.RankStable {
		return alpha / math.Sqrt(float64(rank)), nil
	}
	return alpha / float64(rank), nil
}

// loadFolder reads a PEFT folder.
func loadFolder(path string) (*Adapter, error) {
	config, configSum, err := readConfig(filepath.Join(path, peftConfigFile))
	if err != nil {
		return nil, err
	}
	weights := filepath.Join(path, peftWeightsFile)
	if _, err := os.Stat(weights); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(path, peftPickleFile)); err == nil {
			return nil, fmt.Errorf("read %s: %w", peftPickleFile, safetensors.ErrPickle)
		}
	}
	file, err := mapped.Open(weights)
	if err != nil {
		return nil, err
	}
	var a *Adapter
	err = file.Guard(func() (err error) {
		if a, err = parsePEFT(config, file.Data()); err == nil {
			a.Digest = "sha256:" + sum([]byte(configSum+"  "+peftConfigFile+"\n"+sum(file.Data())+"  "+peftWeightsFile+"\n"))
		}
		return err
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", peftWeightsFile, err)
	}
	a.Files = []string{filepath.Join(path, peftConfigFile), weights}
	return a, nil
}

// readConfig reads and checks adapter_config.json, which must be a regular file,
// and returns its SHA-256, too.
func readConfig(path string) (*peftConfig, string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, "", err
	case !info.Mode().IsRegular() || info.Size() > maxConfig:
		return nil, "", fmt.Errorf("read %s: no regular file of at most %d bytes", peftConfigFile, maxConfig)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxConfig))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, "", fmt.Errorf("read %s: %w", peftConfigFile, err)
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", peftConfigFile, err)
	}
	return c, sum(data), nil
}

func parseConfig(data []byte) (*peftConfig, error) {
	c := &peftConfig{Alpha: 8, R: 8} // PEFT's own defaults
	if err := json.Unmarshal(data, c); err != nil {
		return nil, plain(err)
	}
	return c, c.check()
}

// plain returns an error of the JSON decoder without the types of this program.
func plain(err error) error {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends within a value")
	case errors.As(err, &syntactic):
		return fmt.Errorf("byte %d: it is no valid JSON: a key that is there twice, or other text", syntactic.ByteOffset)
	case errors.As(err, &semantic) && semantic.Err != nil && semantic.JSONValue == nil:
		return fmt.Errorf("%.200s: %w", semantic.JSONPointer, semantic.Err)
	case errors.As(err, &semantic):
		return fmt.Errorf("%.200s: this value cannot stand here", semantic.JSONPointer)
	}
	return err
}

// parsePEFT reads adapter_model.safetensors.
func parsePEFT(c *peftConfig, data []byte) (*Adapter, error) {
	f, err := safetensors.Parse(data)
	if err != nil {
		return nil, err
	}
	all := pairs{}
	modules := map[string]string{} // Hugging Face's names by GGUF's
	for _, t := range f.Tensors {
		module, target, which, err := peftTarget(t.Name)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if which == "magnitude" && !c.DoRA {
			return nil, fmt.Errorf("tensor %q: magnitudes in an adapter that %s does not call decomposed (use_dora)", t.Name, peftConfigFile)
		}
		if err := all.set(target, which, &matrix{t.Type, t.Shape, t.Data}); err != nil {
			return nil, err
		}
		modules[target] = module
	}
	for _, target := range slices.Sorted(maps.Keys(all)) {
		if c.DoRA && all[target].magnitude == nil {
			return nil, fmt.Errorf("target %q has no lora_magnitude_vector, and /use_dora is set", target)
		}
	}
	a := &Adapter{Base: c.Base, BaseDigest: f.Metadata[DigestKey], Stabilised: c.RankStable}
	a.Deltas, err = all.deltas(func(target string, rank int) (float64, error) {
		return c.scale(modules[target], rank)
	})
	return a, err
}

// peftParts are what tensors' names end in. PEFT itself writes the magnitudes
// without ".weight"; some programs leave it there.
var peftParts = []struct{ suffix, which string }{
	{".lora_A.weight", "A"}, {".lora_B.weight", "B"},
	{".lora_magnitude_vector", "magnitude"}, {".lora_magnitude_vector.weight", "magnitude"},
}

// peftTarget cuts "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
// into the module, the matrix's name and "A", "B" or "magnitude".
func peftTarget(name string) (module, target, which string, err error) {
	rest, ok := strings.CutPrefix(name, "base_model.model.")
	switch {
	case !ok:
		return "", "", "", errors.New(`its name does not begin with "base_model.model."`)
	case strings.Contains(rest, "lora_embedding_"):
		return "", "", "", errors.New("adapters of the embedding are not supported")
	case strings.HasSuffix(rest, ".bias"):
		return "", "", "", errors.New("changed biases are not supported")
	}
	for _, part := range peftParts {
		module, ok := strings.CutSuffix(rest, part.suffix)
		if !ok {
			continue
		}
		target, ok := modelfile.TranslateName(module + ".weight")
		if !ok || !adaptable(target) {
			return "", "", "", errors.New("no supported model has this module, or it cannot be adapted")
		}
		return module, target, part.which, nil
	}
	return "", "", "", errors.New("it is neither lora_A nor lora_B; modules trained whole are not supported")
}
