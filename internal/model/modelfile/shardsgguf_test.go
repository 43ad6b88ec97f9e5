package modelfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// shard returns the path of a sibling of a model's first shard, from 0.
func shard(first string, i, n int) string {
	return filepath.Join(filepath.Dir(first), fmt.Sprintf("tiny-%05d-of-%05d.gguf", i+1, n))
}

func TestShards(t *testing.T) {
	whole := tiny(t, modeltest.Options{})
	first := modeltest.GGUF(t, modeltest.Options{Shards: 3})
	for i := range 3 {
		m := open(t, shard(first, i, 3))
		if d := cmp.Diff(whole, m, cmp.Comparer(bytes.Equal), cmpopts.IgnoreUnexported(modelfile.Model{}), cmpopts.IgnoreFields(modelfile.Model{}, "Path", "Files", "Properties")); d != "" {
			t.Errorf("opened by shard %d it differs (-whole +shards):\n%s", i, d)
		}
		if want := []string{shard(first, 0, 3), shard(first, 1, 3), shard(first, 2, 3)}; !slices.Equal(m.Files, want) {
			t.Errorf("files %q, want %q", m.Files, want)
		}
		if err := m.Changed(); err != nil {
			t.Error(err)
		}
	}
	one := modeltest.Options{Properties: []gguf.Property{{Key: "split.no", Value: uint16(0)}, {Key: "split.count", Value: uint16(1)}}}
	if m := tiny(t, one); len(m.Files) != 1 {
		t.Errorf("a split of one has the files %q", m.Files)
	}
}

func TestRefusedShards(t *testing.T) {
	move := func(t *testing.T, from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		spoil func(t *testing.T, first string)
		want  string
	}{
		"missing": {func(t *testing.T, first string) {
			if err := os.Remove(shard(first, 1, 3)); err != nil {
				t.Fatal(err)
			}
		}, "open shard 2 of 3"},
		"wrong count": {func(t *testing.T, first string) {
			move(t, modeltest.GGUF(t, modeltest.Options{Shards: 4}), shard(first, 0, 3))
		}, "its metadata that it is 1 of 4"},
		"wrong count in another": {func(t *testing.T, first string) {
			other := modeltest.GGUF(t, modeltest.Options{Shards: 4})
			move(t, shard(other, 1, 4), shard(first, 1, 3))
		}, "is of another model: 4 shards"},
		"exchanged": {func(t *testing.T, first string) {
			move(t, shard(first, 1, 3), first+".x")
			move(t, shard(first, 2, 3), shard(first, 1, 3))
			move(t, first+".x", shard(first, 2, 3))
		}, "split.no is 2, not 1"},
		"of a larger model": {func(t *testing.T, first string) {
			other := modeltest.GGUF(t, modeltest.Options{Shards: 3, Layers: 3})
			move(t, shard(other, 2, 3), shard(first, 2, 3))
		}, "is of another model"},
		"of a model in another order": {func(t *testing.T, first string) {
			other := modeltest.GGUF(t, modeltest.Options{Shards: 3, Edit: func(all []gguf.Tensor) []gguf.Tensor {
				slices.Reverse(all)
				return all
			}})
			move(t, shard(other, 2, 3), shard(first, 2, 3))
		}, "stands in two shards"},
		"no GGUF file": {func(t *testing.T, first string) {
			if err := os.WriteFile(shard(first, 1, 3), []byte("PK\x03\x04"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a GGUF file"},
		"unsplit": {func(t *testing.T, first string) {
			move(t, modeltest.GGUF(t, modeltest.Options{}), shard(first, 1, 3))
		}, `"split.no": it is missing`},
		"a folder": {func(t *testing.T, first string) {
			if err := os.Remove(shard(first, 1, 3)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(shard(first, 1, 3), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "folder"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			first := modeltest.GGUF(t, modeltest.Options{Shards: 3})
			test.spoil(t, first)
			if _, err := modelfile.Open(first); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

// rewrite writes a file anew with other properties.
func rewrite(t *testing.T, path string, change func([]gguf.Property) []gguf.Property) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := gguf.Write(&again, change(f.Properties), f.Tensors); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, again.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDisagreeing: shards that say different things are of different models.
func TestDisagreeing(t *testing.T) {
	add := func(p gguf.Property) func([]gguf.Property) []gguf.Property {
		return func(all []gguf.Property) []gguf.Property { return append(all, p) }
	}
	first := modeltest.GGUF(t, modeltest.Options{Shards: 2})
	rewrite(t, shard(first, 1, 2), add(gguf.Property{Key: "general.alignment", Value: uint32(64)}))
	rewrite(t, shard(first, 1, 2), add(gguf.Property{Key: "general.license", Value: "apache-2.0"}))
	open(t, first)
	rewrite(t, shard(first, 1, 2), add(gguf.Property{Key: "general.name", Value: "other"}))
	if _, err := modelfile.Open(first); err == nil || !strings.Contains(err.Error(), "it has another general.name") {
		t.Errorf("another name: %v", err)
	}
	first = modeltest.GGUF(t, modeltest.Options{Shards: 2})
	for i := range 2 {
		rewrite(t, shard(first, i, 2), func(all []gguf.Property) []gguf.Property {
			all[len(all)-1].Value = int32(22)
			return all
		})
	}
	if _, err := modelfile.Open(first); err == nil || !strings.Contains(err.Error(), "the shards have 21 tensors, but split.tensors.count is 22") {
		t.Errorf("another number of tensors: %v", err)
	}
}

// TestRefusedSplit: what a shard may not say of itself.
func TestRefusedSplit(t *testing.T) {
	p := func(no, count, tensors any) []gguf.Property {
		return []gguf.Property{{Key: "split.no", Value: no}, {Key: "split.count", Value: count}, {Key: "split.tensors.count", Value: tensors}}
	}
	for _, test := range []struct {
		properties []gguf.Property
		want       string
	}{
		{p(uint16(0), uint16(2), int32(21)), "its name does not say so"},
		{p(uint16(2), uint16(2), int32(21)), "split.no is 2 of 2"},
		{p(nil, uint16(2), int32(21)), `"split.no": it is missing`},
		{p(uint16(0), uint16(0), int32(21)), `"split.count": it is 0`},
		{p(uint16(0), uint16(65535), int32(21)), `"split.count": it is 65535`},
		{p(uint16(0), "two", int32(21)), `"split.count": a string`},
		{p(uint16(0), uint16(2), int32(-1)), `"split.tensors.count": it is -1`},
	} {
		_, err := modelfile.Open(modeltest.GGUF(t, modeltest.Options{Properties: test.properties}))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want %q in it", test.properties, err, test.want)
		}
	}
}
