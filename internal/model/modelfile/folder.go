package modelfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/modelfile/tokenizerjson"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// The files of a folder.
const (
	hfConfigFile     = "config.json"
	hfGenerationFile = "generation_config.json"
	hfTokenizerFile  = "tokenizer.json"
	hfTokenizerMore  = "tokenizer_config.json"
	hfTemplateFile   = "chat_template.jinja"
	hfWeightsFile    = "model.safetensors"
	hfIndexFile      = "model.safetensors.index.json"
)

// maxSmallFile is the bytes of a folder's file other than weights and tokenizer.
const maxSmallFile = 16 << 20

// folder is a model's folder while it is opened.
type folder struct {
	path   string
	config *hfConfig
	model  *Model
}

// openFolder opens a folder of safetensors with their JSON files, as Hugging
// Face's transformers write it.
func openFolder(path string) (*Model, error) {
	f := &folder{path: path, model: &Model{Path: path, Format: "safetensors"}}
	for _, step := range []func() error{f.readConfig, f.readWeights, f.readTokenizer, f.readLicense} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("open folder %q: %w", path, errors.Join(err, f.model.Close()))
		}
	}
	return f.model, nil
}

// has says whether the folder has a file of this name.
func (f *folder) has(name string) bool {
	_, err := os.Stat(filepath.Join(f.path, name))
	return err == nil
}

// read returns a whole file, which must be a regular one: a pipe or a device
// might never end. Symbolic links are followed: caches are made of them.
func (f *folder) read(name string, limit int64) ([]byte, error) {
	path := filepath.Join(f.path, name)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read %s: it is no regular file", name)
	case info.Size() > limit:
		return nil, fmt.Errorf("read %s: %d bytes, limit %d", name, info.Size(), limit)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	err = errors.Join(err, file.Close())
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// readOptional is read, and nil for a file that the folder does not have.
func (f *folder) readOptional(name string, limit int64) ([]byte, error) {
	data, err := f.read(name, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// readConfig reads config.json.
func (f *folder) readConfig() error {
	data, err := f.read(hfConfigFile, maxSmallFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.has("adapter_config.json"):
		return errors.New("this is an adapter, not a model: open its base model and load the adapter with it")
	case err != nil:
		return err
	}
	if f.config, err = readHFConfig(data); err != nil {
		return fmt.Errorf("%s: %w", hfConfigFile, err)
	}
	if f.model.Config, err = f.config.config(); err != nil {
		return fmt.Errorf("%s: %w", hfConfigFile, err)
	}
	f.note(hfConfigFile)
	return nil
}

// note adds a file to the list of those the model is made of.
func (f *folder) note(name string) {
	f.model.Files = append(f.model.Files, filepath.Join(f.path, name))
}

// readWeights maps the weights, one file or shards, and gives tensors the names
// and the shapes of the configuration.
func (f *folder) readWeights() error {
	var found []safetensors.Tensor
	var err error
	switch {
	case f.has(hfWeightsFile):
		found, err = f.mapShard(hfWeightsFile)
	case f.has(hfIndexFile):
		found, err = f.mapShards()
	default:
		return f.noWeights()
	}
	if err != nil {
		return err
	}
	return f.nameTensors(found)
}

// noWeights says why there are none.
func (f *folder) noWeights() error {
	dir, err := os.Open(f.path)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(maxIndexed)
	if err := errors.Join(err, dir.Close()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		switch strings.ToLower(filepath.Ext(name)) {
		case ".bin", ".pt", ".pth", ".pkl", ".ckpt":
			return fmt.Errorf("read %s: %w", name, safetensors.ErrPickle)
		}
	}
	return fmt.Errorf("it has neither %s nor %s", hfWeightsFile, hfIndexFile)
}

// mapShard maps one file of weights and reads its header.
func (f *folder) mapShard(name string) ([]safetensors.Tensor, error) {
	file, err := mapped.Open(filepath.Join(f.path, name))
	if err != nil {
		return nil, err
	}
	f.model.mapped = append(f.model.mapped, file)
	var parsed *safetensors.File
	err = file.Guard(func() (err error) {
		parsed, err = safetensors.Parse(file.Data())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	f.note(name)
	return parsed.Tensors, nil
}

// nameTensors translates names. It looks after what Check leaves open: that
// there are those biases that the configuration asks for, and no others, and an
// output matrix unless the embedding serves.
func (f *folder) nameTensors(found []safetensors.Tensor) error {
	biased, seen := f.config.biased(), map[string]bool{}
	for _, t := range found {
		if computed(t.Name) {
			continue
		}
		name, known := TranslateName(t.Name)
		switch {
		case !known:
			return fmt.Errorf("tensor %q: a model of type %s has none of this name", t.Name, f.config.ModelType)
		case seen[name]:
			return fmt.Errorf("tensor %q: there are two", t.Name)
		case name == nameOutput && f.config.Tied:
			continue // transformers takes the embedding in its place, too
		case strings.HasSuffix(name, ".bias") && !biased[module(name)]:
			return fmt.Errorf("tensor %q: by %s there is no bias", t.Name, hfConfigFile)
		}
		seen[name] = true
		f.model.Tensors = append(f.model.Tensors, &Tensor{Name: name, Type: t.Type, Shape: t.Shape, Data: t.Data})
	}
	if !seen[nameOutput] && !f.config.Tied {
		return fmt.Errorf("tensor %q is missing, and tie_word_embeddings is not set", "lm_head.weight")
	}
	for l := range f.model.Config.Layers {
		for _, b := range slices.Sorted(maps.Keys(biased)) {
			if name := fmt.Sprintf("blk.%d.%s.bias", l, b); !seen[name] {
				return fmt.Errorf("tensor %q is missing: by %s there is a bias", name, hfConfigFile)
			}
		}
	}
	return nil
}

// module returns "attn_q" of "blk.0.attn_q.bias".
func module(name string) string {
	parts := strings.Split(name, ".")
	return parts[len(parts)-2]
}

// biased returns the modules of each layer that have a bias.
func (c *hfConfig) biased() map[string]bool {
	all := map[string]bool{}
	add := func(names ...string) {
		for _, name := range names {
			all[name] = true
		}
	}
	switch {
	case c.ModelType == "qwen2":
		add("attn_q", "attn_k", "attn_v")
	case c.AttentionBias && c.ModelType != "mistral":
		add("attn_q", "attn_k", "attn_v", "attn_output")
	}
	if c.MLPBias && c.ModelType == "llama" {
		add("ffn_gate", "ffn_up", "ffn_down")
	}
	return all
}

// readTokenizer reads the tokenizer, the chat template and how to generate. A
// folder may have no tokenizer: then the Spec has no tokens.
func (f *folder) readTokenizer() error {
	generation, err := f.readGeneration()
	if err != nil {
		return err
	}
	none := tokenizer.None
	spec := &tokenizer.Spec{BOS: none, EOS: none, EOT: none, Unknown: none, Pad: none}
	data, err := f.readOptional(hfTokenizerFile, tokenizerjson.MaxFile)
	switch {
	case err != nil:
		return err
	case data == nil && (f.has("tokenizer.model") || f.has("vocab.json")):
		return fmt.Errorf("it has a tokenizer, but no %s: load it with transformers' AutoTokenizer and save it again", hfTokenizerFile)
	case data != nil:
		if spec, err = tokenizerjson.Parse(data); err != nil {
			return fmt.Errorf("%s: %w", hfTokenizerFile, err)
		}
		f.note(hfTokenizerFile)
	}
	if err := f.completeTokenizer(spec, generation); err != nil {
		return err
	}
	f.model.Tokenizer = *spec
	return nil
}

// completeTokenizer adds what other files say of the tokenizer.
func (f *folder) completeTokenizer(spec *tokenizer.Spec, g *hfGeneration) error {
	data, err := f.readOptional(hfTokenizerMore, maxSmallFile)
	if err != nil {
		return err
	}
	if data != nil {
		more, err := readHFTokenizer(data)
		if err == nil && len(spec.Tokens) > 0 {
			err = more.apply(spec)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", hfTokenizerMore, err)
		}
		f.model.ChatTemplate = string(more.Template)
		f.note(hfTokenizerMore)
	}
	if err := f.readTemplate(); err != nil || len(spec.Tokens) == 0 {
		return err
	}
	if len(spec.Tokens) > f.model.Config.Vocabulary {
		return fmt.Errorf("the tokenizer has %d tokens, but the model only %d; it is another model's", len(spec.Tokens), f.model.Config.Vocabulary)
	}
	if err := setIDs(spec, f.config, g); err != nil {
		return err
	}
	spec.AddBOS = spec.AddBOS && spec.BOS != tokenizer.None
	spec.AddEOS = spec.AddEOS && spec.EOS != tokenizer.None
	completeSpecial(spec)
	return nil
}

// readTemplate reads the chat template's own file, which comes before that in
// tokenizer_config.json.
func (f *folder) readTemplate() error {
	data, err := f.readOptional(hfTemplateFile, maxChatTemplate)
	if err != nil || data == nil {
		return err
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("read %s: it is no UTF-8", hfTemplateFile)
	}
	f.model.ChatTemplate = string(data)
	f.note(hfTemplateFile)
	return nil
}

// readGeneration reads generation_config.json; nil if there is none.
func (f *folder) readGeneration() (*hfGeneration, error) {
	data, err := f.readOptional(hfGenerationFile, maxSmallFile)
	if err != nil || data == nil {
		return nil, err
	}
	g, err := readHFGeneration(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hfGenerationFile, err)
	}
	f.model.Generation = g.generation()
	f.note(hfGenerationFile)
	return g, nil
}
