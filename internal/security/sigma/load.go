package sigma

import (
	"archive/zip"
	"embed"
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
		err = c.archive(name, info.Size())
	default:
		var f *os.File
		if f, err = os.Open(name); err == nil {
			c.add(name, f)
			f.Close()
		}
	}
	if err != nil {
		return Loaded{}, fmt.Errorf("load rules: %w", err)
	}
	return c.parse(), nil
}

// collector gathers rule files, in the order of their names.
type collector struct {
	sources []source
	refused []Refusal
	spent   int64 // bytes of them
	seen    int   // files met
}

//go:embed starter/*.yml
var starter embed.FS

// Starter returns Casemate's own rules, which need no download: what every
// event is tried against where no other rules are loaded.
func Starter() (Loaded, error) {
	var c collector
	if err := c.folder(starter, func(p string) string { return p }); err != nil {
		return Loaded{}, fmt.Errorf("load starter rules: %w", err)
	}
	return c.parse(), nil
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
		if !isYAML(p) {
			return nil
		}
		if c.seen++; c.seen > MaxFiles {
			return fmt.Errorf("more than %d files", MaxFiles)
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

// add reads a file, within what is left for all of them.
func (c *collector) add(name string, r io.Reader) {
	limit := min(MaxFileBytes, MaxTotalBytes-c.spent)
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	c.spent += min(int64(len(text)), limit)
	if err != nil {
		c.refused = append(c.refused, Refusal{File: name, Reason: "read rule file: " + err.Error()})
		return
	}
	c.sources = append(c.sources, source{name, text})
}

// archive gathers the rule files of a zip. Nothing is written, so a member's
// path does no harm.
func (c *collector) archive(name string, size int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("read archive %s: %w", name, err)
	}
	slices.SortStableFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range z.File {
		if !isYAML(m.Name) || m.FileInfo().IsDir() {
			continue
		}
		if c.seen++; c.seen > MaxFiles {
			return fmt.Errorf("read archive %s: more than %d files", name, MaxFiles)
		}
		full := name + "!" + m.Name
		r, err := m.Open()
		if err != nil {
			c.refused = append(c.refused, Refusal{File: full, Reason: "decompress: " + err.Error()})
			continue
		}
		c.add(full, r)
		r.Close()
	}
	return nil
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
	out.Rules, out.Refused = unique(out.Rules, out.Refused)
	return out
}

// unique keeps the first rule of each id and names the others.
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
