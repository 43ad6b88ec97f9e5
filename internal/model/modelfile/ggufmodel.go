package modelfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
)

// The keys of a split model.
const (
	keySplitNumber  = "split.no"
	keySplitCount   = "split.count"
	keySplitTensors = "split.tensors.count"
)

// part is one file of a model, its only one as a rule.
type part struct {
	path   string
	mapped *mapped.File
	file   *gguf.File
}

// openGGUF opens the model of a GGUF file, which is mapped already, and the
// other shards if it is one of several. It closes what it opened if it fails.
func openGGUF(path string, file *mapped.File) (*Model, error) {
	m := &Model{Path: path, Format: "gguf", mapped: []*mapped.File{file}}
	if err := m.readGGUF(path, file); err != nil {
		return nil, fmt.Errorf("open %q: %w", path, errors.Join(err, m.Close()))
	}
	return m, nil
}

func (m *Model) readGGUF(path string, file *mapped.File) error {
	first, err := parsePart(path, file)
	if err != nil {
		return err
	}
	parts := []part{first}
	if _, split := first.file.Value(keySplitCount); split {
		if parts, err = m.openShards(first); err != nil {
			return err
		}
	}
	for _, p := range parts {
		m.Files = append(m.Files, p.path)
		for i := range p.file.Tensors {
			t := &p.file.Tensors[i]
			m.Tensors = append(m.Tensors, &Tensor{Name: t.Name, Type: t.Type, Shape: t.Shape, Data: t.Data})
		}
	}
	if err := m.distinct(); err != nil {
		return err
	}
	return m.fill(parts[0].file)
}

func parsePart(path string, file *mapped.File) (part, error) {
	p := part{path: path, mapped: file}
	err := file.Guard(func() (err error) {
		p.file, err = gguf.Parse(file.Data())
		return err
	})
	return p, err
}

// distinct makes sure that no two shards have a tensor of the same name.
func (m *Model) distinct() error {
	names := make(map[string]bool, len(m.Tensors))
	for _, t := range m.Tensors {
		if names[t.Name] {
			return fmt.Errorf("tensor %q stands in two shards: they are not of one model", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}

// fill takes over what the metadata say.
func (m *Model) fill(f *gguf.File) error {
	d := &metadata{file: f}
	m.Properties = f.Properties
	m.Tokenizer = d.tokenizer()
	m.Config = d.config(m.vocabularyRows(), len(m.Tokenizer.Tokens))
	m.ChatTemplate = d.text("tokenizer.chat_template", "")
	m.Generation = d.generation()
	return d.err
}

// vocabularyRows returns the rows of the embedding, 0 if there is none.
func (m *Model) vocabularyRows() int {
	for _, t := range m.Tensors {
		if t.Name == nameEmbedding && len(t.Shape) == 2 {
			return t.Shape[0]
		}
	}
	return 0
}

// shardName is how the files of a split model are called: the number counts
// from 1.
var shardName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// split is what a shard says of itself.
type split struct{ number, count, tensors int }

func splitOf(f *gguf.File) (split, error) {
	d := &metadata{file: f}
	s := split{
		number:  d.integer(keySplitNumber, 0, maxShards-1),
		count:   d.integer(keySplitCount, 1, maxShards),
		tensors: d.optional(keySplitTensors, -1, 0, gguf.MaxTensors),
	}
	if d.err == nil && s.number >= s.count {
		d.err = fmt.Errorf("%s is %d of %d", keySplitNumber, s.number, s.count)
	}
	return s, d.err
}

// openShards opens all shards of the model that one shard belongs to, and
// returns them in order.
func (m *Model) openShards(one part) ([]part, error) {
	own, err := splitOf(one.file)
	if err != nil {
		return nil, err
	}
	if own.count == 1 {
		return []part{one}, nil
	}
	paths, err := shardPaths(one.path, own)
	if err != nil {
		return nil, err
	}
	parts := make([]part, own.count)
	for i, path := range paths {
		if i == own.number {
			parts[i] = one
			continue
		}
		if parts[i], err = m.openShard(path); err != nil {
			return nil, fmt.Errorf("open shard %d of %d: %w", i+1, own.count, err)
		}
	}
	m.mapped = m.mapped[:0]
	for _, p := range parts {
		m.mapped = append(m.mapped, p.mapped)
	}
	return parts, together(parts, own)
}

// openShard opens a further file and adds it to those that m will close.
func (m *Model) openShard(path string) (part, error) {
	file, err := mapped.Open(path)
	if err != nil {
		return part{}, err
	}
	m.mapped = append(m.mapped, file)
	p, err := parsePart(path, file)
	if err != nil {
		return part{}, fmt.Errorf("%q: %w", filepath.Base(path), err)
	}
	return p, nil
}

// shardPaths returns the paths of all shards, after the name of one.
func shardPaths(path string, own split) ([]string, error) {
	dir, name := filepath.Split(path)
	groups := shardName.FindStringSubmatch(name)
	if groups == nil {
		return nil, fmt.Errorf("it is shard %d of %d, but its name does not say so: call the files NAME-%05d-of-%05d.gguf", own.number+1, own.count, own.number+1, own.count)
	}
	number, _ := strconv.Atoi(groups[2]) // five digits
	count, _ := strconv.Atoi(groups[3])
	if number != own.number+1 || count != own.count {
		return nil, fmt.Errorf("its name says that it is shard %d of %d, its metadata that it is %d of %d", number, count, own.number+1, own.count)
	}
	paths := make([]string, own.count)
	for i := range paths {
		paths[i] = dir + fmt.Sprintf("%s-%05d-of-%05d.gguf", groups[1], i+1, own.count)
	}
	return paths, nil
}

// together makes sure that shards are of one model, as far as they tell.
func together(parts []part, own split) error {
	tensors := 0
	for i, p := range parts {
		s, err := splitOf(p.file)
		switch {
		case err != nil:
			return fmt.Errorf("shard %q: %w", filepath.Base(p.path), err)
		case s.number != i:
			return fmt.Errorf("shard %q: %s is %d, not %d", filepath.Base(p.path), keySplitNumber, s.number, i)
		case s.count != own.count || s.tensors != own.tensors:
			return fmt.Errorf("shard %q is of another model: %d shards with %d tensors, not %d with %d", filepath.Base(p.path), s.count, s.tensors, own.count, own.tensors)
		}
		if key := disagreement(parts[0].file, p.file); key != "" {
			return fmt.Errorf("shard %q is of another model: it has another %s", filepath.Base(p.path), key)
		}
		tensors += len(p.file.Tensors)
	}
	if own.tensors >= 0 && tensors != own.tensors {
		return fmt.Errorf("the shards have %d tensors, but %s is %d", tensors, keySplitTensors, own.tensors)
	}
	return nil
}

// disagreement returns a key that both files have with different values, or "".
func disagreement(a, b *gguf.File) string {
	for _, p := range b.Properties {
		v, ok := a.Value(p.Key)
		if !ok || slices.Contains([]string{keySplitNumber, gguf.AlignmentKey}, p.Key) {
			continue
		}
		if !reflect.DeepEqual(v, p.Value) {
			return p.Key
		}
	}
	return ""
}
