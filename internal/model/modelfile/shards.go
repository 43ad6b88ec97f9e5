package modelfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/modelfile/tokenizerjson"
)

// Limits of an index.
const (
	maxShards   = 1024
	maxIndexed  = safetensors.MaxTensors
	maxFileName = 255
)

// hfIndex is model.safetensors.index.json.
type hfIndex struct {
	Weights weightMap `json:"weight_map"`
}

// weightMap says which file each tensor is in.
type weightMap struct {
	file  map[string]string
	files []string // each once, in the order of their first tensors
}

// UnmarshalJSONFrom reads an object of file names by tensor.
func (w *weightMap) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*w = weightMap{file: map[string]string{}}
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return errors.Join(err, errors.New("want an object of file names"))
	}
	for dec.PeekKind() == '"' {
		if len(w.file) == maxIndexed {
			return fmt.Errorf("more than %d tensors", maxIndexed)
		}
		key, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := key.String()
		var file string
		if err := json.UnmarshalDecode(dec, &file); err != nil {
			return err
		}
		if !isShardName(file) {
			return fmt.Errorf("%.80q is not the name of a safetensors file in the same folder", file)
		}
		w.file[name] = file
		if !slices.Contains(w.files, file) {
			if len(w.files) == maxShards {
				return fmt.Errorf("more than %d files", maxShards)
			}
			w.files = append(w.files, file)
		}
	}
	_, err := dec.ReadToken()
	return err
}

// isShardName says whether a name from an index stays in its folder.
func isShardName(name string) bool {
	return len(name) <= maxFileName && strings.HasSuffix(name, ".safetensors") &&
		filepath.IsLocal(name) && !strings.ContainsAny(name, "/\\:\x00")
}

// shardPattern is how transformers calls its shards.
var shardPattern = regexp.MustCompile(`^model-[0-9]{5}-of-[0-9]{5}\.safetensors$`)

// mapShards maps the files that the index names.
func (f *folder) mapShards() ([]safetensors.Tensor, error) {
	data, err := f.read(hfIndexFile, maxSmallFile)
	if err != nil {
		return nil, err
	}
	var index hfIndex
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", hfIndexFile, tokenizerjson.Plain(err))
	}
	w := &index.Weights
	if len(w.files) == 0 {
		return nil, fmt.Errorf("%s: /weight_map: it names no file", hfIndexFile)
	}
	f.note(hfIndexFile)
	if err := f.strayShard(w.files); err != nil {
		return nil, err
	}
	var all []safetensors.Tensor
	for _, name := range w.files {
		tensors, err := f.mapShard(name)
		if err != nil {
			return nil, err
		}
		for _, t := range tensors {
			if file, ok := w.file[t.Name]; !ok || file != name {
				return nil, fmt.Errorf("read %s: tensor %q is not in it by %s", name, t.Name, hfIndexFile)
			}
			delete(w.file, t.Name)
		}
		all = append(all, tensors...)
	}
	if len(w.file) > 0 {
		name := slices.Min(keys(w.file))
		return nil, fmt.Errorf("read %s: tensor %q is missing", w.file[name], name)
	}
	return all, nil
}

func keys(m map[string]string) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	return all
}

// strayShard refuses a folder with a shard that the index does not name: it may
// be another model's, or the index an old one.
func (f *folder) strayShard(files []string) error {
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
		if shardPattern.MatchString(name) && !slices.Contains(files, name) {
			return fmt.Errorf("%s does not name %s, which is in the folder", hfIndexFile, name)
		}
	}
	return nil
}
