package sigma

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// source is a rule file not yet parsed.
type source struct {
	name string
	text []byte
}

// LoadPath reads the rules of a .yml or .yaml file with one or several
// documents, of a folder and everything below it, or of a .zip of such files.
// It returns an error only if path itself cannot be read: what is wrong with a
// file or rule below it is in Loaded.Refused. Files that are not YAML are
// passed over; symbolic links below path are not followed.
func LoadPath(name string) (Loaded, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Loaded{}, fmt.Errorf("load rules: %w", err)
	}
	var c collector
	switch {
	case info.IsDir():
		err = c.folder(os.DirFS(name), func(p string) string { return filepath.Join(name, filepath.FromSlash(p)) })
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is neither a file nor a folder", name)
	case strings.EqualFold(filepath.Ext(name), ".zip"):
		err = c.zipFile(name, info.Size())
	default:
		var text []byte
		if text, err = readLimited(name, info.Size()); err == nil {
			c.sources = append(c.sources, source{name, text})
		}
	}
	if err != nil {
		return Loaded{}, fmt.Errorf("load rules: %w", err)
	}
	return c.parse(), nil
}

func readLimited(name string, size int64) ([]byte, error) {
	if size > MaxFileBytes {
		return nil, fmt.Errorf("read %s: %d bytes, limit %d", name, size, MaxFileBytes)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, MaxFileBytes)
}

// readAll reads at most limit bytes and fails on more.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return text, err
}

// collector gathers rule files, in the order of their names.
type collector struct {
	sources []source
	refused []Refusal
	spent   int64 // bytes taken from archives
	seen    int   // files met, of any kind
}

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yml" || ext == ".yaml"
}

// folder gathers the rule files of a file tree; fs.WalkDir goes in order.
func (c *collector) folder(tree fs.FS, full func(string) string) error {
	return fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == "." {
				return err
			}
			c.refused = append(c.refused, Refusal{File: full(p), Reason: err.Error()})
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if c.seen++; c.seen > MaxFiles {
			return fmt.Errorf("more than %d files", MaxFiles)
		}
		if !isYAML(p) {
			return nil
		}
		f, err := tree.Open(p)
		if err != nil {
			c.refused = append(c.refused, Refusal{File: full(p), Reason: err.Error()})
			return nil
		}
		defer f.Close()
		c.add(full(p), f)
		return nil
	})
}

func (c *collector) add(name string, r io.Reader) {
	text, err := readAll(r, MaxFileBytes)
	if err != nil {
		c.refused = append(c.refused, Refusal{File: name, Reason: "read rule file: " + err.Error()})
		return
	}
	c.sources = append(c.sources, source{name, text})
}

func (c *collector) zipFile(name string, size int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.archive(name, f, size, 1)
}

// archive gathers the rule files of a zip and of the zips in it. Nothing is
// written, so a member's path does no harm.
func (c *collector) archive(name string, r io.ReaderAt, size int64, depth int) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("read archive %s: %w", name, err)
	}
	members := slices.Clone(z.File)
	slices.SortStableFunc(members, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range members {
		if c.seen++; c.seen > MaxFiles {
			return fmt.Errorf("read archive %s: more than %d files", name, MaxFiles)
		}
		if m.FileInfo().IsDir() {
			continue
		}
		full := name + "!" + m.Name
		nested := strings.EqualFold(path.Ext(m.Name), ".zip")
		if !nested && !isYAML(m.Name) {
			continue
		}
		limit := int64(MaxFileBytes)
		if nested {
			limit = MaxArchiveBytes
		}
		text, err := c.member(m, limit)
		switch {
		case err != nil:
			c.refused = append(c.refused, Refusal{File: full, Reason: err.Error()})
		case !nested:
			c.sources = append(c.sources, source{full, text})
		case depth >= MaxArchiveDepth:
			c.refused = append(c.refused, Refusal{File: full, Reason: fmt.Sprintf("archives are nested deeper than %d", MaxArchiveDepth)})
		default:
			if err := c.archive(full, bytes.NewReader(text), int64(len(text)), depth+1); err != nil {
				c.refused = append(c.refused, Refusal{File: full, Reason: err.Error()})
			}
		}
	}
	return nil
}

// member decompresses one member, within what is left of the archive's limit.
func (c *collector) member(m *zip.File, limit int64) ([]byte, error) {
	limit = min(limit, MaxArchiveBytes-c.spent)
	if m.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("decompress: %d bytes, limit %d", m.UncompressedSize64, limit)
	}
	r, err := m.Open()
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	defer r.Close()
	text, err := readAll(r, limit)
	c.spent += int64(len(text))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return text, nil
}

// parse reads all gathered files on all processors. The result is in the order
// of the files whatever the number of processors.
func (c *collector) parse() Loaded {
	type parsed struct {
		rules   []*Rule
		refused []Refusal
	}
	done := make([]parsed, len(c.sources))
	parallel(len(c.sources), func(i int) {
		done[i].rules, done[i].refused = ParseRules(c.sources[i].name, c.sources[i].text)
	})
	out := Loaded{Refused: c.refused, Files: len(c.sources)}
	for _, p := range done {
		out.Rules = append(out.Rules, p.rules...)
		out.Refused = append(out.Refused, p.refused...)
	}
	out.dropDuplicates()
	return out
}

// dropDuplicates keeps the first rule of each id and names the others.
func (l *Loaded) dropDuplicates() {
	l.Rules, l.Refused = unique(l.Rules, l.Refused)
}

func unique(rules []*Rule, refused []Refusal) ([]*Rule, []Refusal) {
	first := make(map[string]*Rule, len(rules))
	kept := make([]*Rule, 0, len(rules))
	for _, r := range rules {
		if r.ID != "" {
			id := strings.ToLower(r.ID)
			if other := first[id]; other != nil {
				refused = append(refused, r.refuse(fmt.Sprintf("id is already used by %q in %s", other.Title, other.File)))
				continue
			}
			first[id] = r
		}
		kept = append(kept, r)
	}
	return kept, refused
}

// parallel calls work for 0 to n-1 on all processors.
func parallel(n int, work func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			work(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wg.Wait()
}
