package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
)

const (
	stdinPath = "-"
	stdinName = "standard input"
)

// rank orders deciders: where several decided elements of one field, the
// provenance names the last of them, so that nothing a model or a person had a
// hand in looks like a rule's.
var rank = map[casemate.Decider]int{casemate.DecidedByRule: 1, casemate.DecidedByClassifier: 2, casemate.DecidedByModel: 3, casemate.DecidedByAnalyst: 4}

// Decided notes who decided a field, by its path as in "incidents[].verdict".
// Where it is said of one field more than once, an analyst counts before a model,
// a model before a classifier, and that before a rule.
func (r *Run) Decided(path string, by casemate.Decider) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rank[by] >= rank[r.decided[path]] {
		r.decided[path] = by
	}
}

// Note puts a sentence into the provenance. Notes are sorted there, and none
// stands twice.
func (r *Run) Note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes[text] = true
}

// AddHead adds an embedded classifier that took part to the provenance.
func (r *Run) AddHead(head casemate.Pin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heads[head.Name+" "+head.Digest] = head
}

// AddInput adds an input whose digest the caller has taken.
func (r *Run) AddInput(inputs ...casemate.Pin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs = append(r.inputs, inputs...)
}

// Input adds an input's digest to the provenance. It reads the file; a folder is
// read in the order of its names, hidden files left out, as evidence.Read does.
// An archive is one input, whatever it holds. "-" is accounted for by what is read
// of Options().Stdin.
func (r *Run) Input(ctx context.Context, paths []string) error {
	for _, path := range paths {
		if path == stdinPath {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return unreadable(path, err)
		}
		if !info.IsDir() {
			if err := r.inputFile(ctx, path); err != nil {
				return err
			}
			continue
		}
		err = filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
			switch {
			case err != nil:
				return unreadable(name, err)
			case name != path && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case d.Type().IsRegular():
				return r.inputFile(ctx, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func unreadable(path string, err error) error {
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = "check the name"
	}
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q", path), Err: err, Hint: hint}
}

// inputFile takes the digest of one file.
func (r *Run) inputFile(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return unreadable(path, err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, &interruptible{ctx, f})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return unreadable(path, err)
	}
	r.AddInput(casemate.Pin{Name: path, Digest: digest(h), Bytes: n})
	return nil
}

// interruptible reads until its context ends.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read reads on.
func (i *interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

// InputBytes is Input for what has been read already, such as standard input.
func (r *Run) InputBytes(name string, data []byte) {
	sum := sha256.Sum256(data)
	r.AddInput(casemate.Pin{Name: name, Digest: "sha256:" + hex.EncodeToString(sum[:]), Bytes: int64(len(data))})
}

func digest(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// hashed takes the digest of what is read from it.
type hashed struct {
	r io.Reader

	mu sync.Mutex
	h  hash.Hash
	n  int64
}

func newHashed(r io.Reader) *hashed { return &hashed{r: r, h: sha256.New()} }

// Read reads on.
func (h *hashed) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.h.Write(b[:n])
	h.n += int64(n)
	return n, err
}

// pin returns what has been read so far, if anything has.
func (h *hashed) pin() (casemate.Pin, bool) {
	if h == nil {
		return casemate.Pin{}, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return casemate.Pin{Name: stdinName, Digest: digest(h.h), Bytes: h.n}, h.n > 0
}

// program is the digest of the running program, "" where it cannot be read.
var program = sync.OnceValue(func() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return digest(h)
})

// Provenance returns what the answer rests on so far.
func (r *Run) Provenance() casemate.Provenance {
	catalogues := r.catalogues()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := casemate.Provenance{
		Workflow:   r.opt.Workflow,
		Program:    casemate.Pin{Name: "casemate", Version: r.opt.Version, Digest: program()},
		Prompts:    sortedPins(r.prompts),
		Heads:      sortedPins(r.heads),
		Catalogues: catalogues,
		Inputs:     r.inputPins(),
		Seed:       r.opt.Seed,
		Calls:      r.calls,
		Decided:    maps.Clone(r.decided),
		Notes:      slices.Sorted(maps.Keys(r.notes)),
	}
	if r.opt.Engine != nil {
		info := r.opt.Engine.Info()
		p.Model = &casemate.Pin{Name: info.Name, Digest: info.Digest}
		if info.Adapter != "" {
			p.Adapter = &casemate.Pin{Name: "adapter", Digest: info.Adapter}
		}
	}
	return p
}

// inputPins returns the inputs, each once; of standard input what was read, unless
// the workflow has said it.
func (r *Run) inputPins() []casemate.Pin {
	out := []casemate.Pin{}
	seen := make(map[casemate.Pin]bool, len(r.inputs))
	for _, p := range r.inputs {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	if p, ok := r.stdin.pin(); ok && !slices.ContainsFunc(out, func(o casemate.Pin) bool { return o.Digest == p.Digest }) {
		out = append(out, p)
	}
	return out
}

func sortedPins(m map[string]casemate.Pin) []casemate.Pin {
	var out []casemate.Pin
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// catalogues names the catalogue's data sets and the library's publications.
func (r *Run) catalogues() []casemate.Pin {
	out := []casemate.Pin{{Name: "catalogue", Version: edition(r.opt), Digest: prefixed(r.opt.Catalogue.Digest())}}
	if r.opt.Library == nil {
		return out
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.heldRead {
		r.heldRead = true
		held, err := r.opt.Library.Held(context.Background())
		if err != nil { // the answer stands, and says what it cannot name
			r.notes["The editions of the knowledge base could not be read for the provenance."] = true
		}
		for _, h := range held {
			r.held = append(r.held, casemate.Pin{Name: h.Key, Version: firstOf(h.Version, h.Date), Digest: prefixed(h.Source)})
		}
	}
	return append(out, r.held...)
}

// edition names the data sets of the catalogue.
func edition(o Options) string {
	var parts []string
	for _, d := range o.Catalogue.Versions() {
		parts = append(parts, strings.TrimSpace(d.Key+" "+firstOf(d.Version, d.Date)))
	}
	return strings.Join(parts, ", ")
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// prefixed names the kind of a digest.
func prefixed(digest string) string {
	if digest == "" || strings.HasPrefix(digest, "sha256:") {
		return digest
	}
	return "sha256:" + digest
}
