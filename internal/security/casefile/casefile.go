// Package casefile reads the cases of prompts, workflows and recipes: one txtar
// file holds an input, what a scripted model replies, and what must come of it.
// The tests of the workflows and "casemate recipe test" run them.
// docs/prompts.md describes the format.
package casefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// maxBytes bounds a case file.
const maxBytes = 16 << 20

// Case is one case.
type Case struct {
	Name    string // the file's name without its ending
	File    string // its path
	About   string // what stands before the first member
	Replies []scripted.Reply

	inputs    []txtar.File
	arguments member
	settings  pipeline.Options
	context   int
	wants     []want
	engine    *scripted.Script
}

// member is a member of the file, and where it begins.
type member struct {
	data []byte
	line int // of its first line
}

// Load reads the cases that match a pattern of fs.Glob, in the order of their
// names. It is an error if there is none.
func Load(fsys fs.FS, pattern string) ([]*Case, error) {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, fmt.Errorf("find cases %q: %w", pattern, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("find cases %q: there is none", pattern)
	}
	var out []*Case
	var faults []error
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read case: %w", err)
		}
		c, err := Parse(name, data)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		out = append(out, c)
	}
	return out, errors.Join(faults...)
}

// Parse reads a case. Its errors name the file and the line.
func Parse(file string, data []byte) (*Case, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s: a case of %d bytes; at most %d can be read", file, len(data), maxBytes)
	}
	c := &Case{File: file, Name: strings.TrimSuffix(path.Base(file), ".txtar")}
	// txtar takes this line for a marker and panics on its missing name.
	for i, l := range bytes.Split(data, []byte("\n")) {
		if bytes.Equal(bytes.TrimSpace(l), []byte("-- --")) {
			return nil, fmt.Errorf("%s:%d: a member without a name", file, i+1)
		}
	}
	archive := txtar.Parse(data)
	c.About = strings.TrimSpace(string(archive.Comment))
	line := 1 + bytes.Count(archive.Comment, []byte("\n"))
	replies := map[int][]scripted.Reply{}
	seen := map[string]bool{}
	for _, f := range archive.Files {
		m := member{f.Data, line + 1}
		line += 1 + bytes.Count(f.Data, []byte("\n"))
		if seen[f.Name] {
			return nil, fmt.Errorf("%s:%d: member %q stands twice", file, m.line-1, f.Name)
		}
		seen[f.Name] = true
		if err := c.add(f, m, replies); err != nil {
			return nil, err
		}
	}
	if !seen["want"] || len(c.wants) == 0 {
		return nil, fmt.Errorf("%s:%d: the case wants nothing: add a member want with a line at least", file, line)
	}
	for i := range len(replies) {
		r, ok := replies[i+1]
		if !ok {
			return nil, fmt.Errorf("%s: there are %d replies and none is reply-%d", file, len(replies), i+1)
		}
		c.Replies = append(c.Replies, r...)
	}
	return c, nil
}

// add takes one member.
func (c *Case) add(f txtar.File, m member, replies map[int][]scripted.Reply) error {
	number, isReply := strings.CutPrefix(f.Name, "reply-")
	switch {
	case strings.HasPrefix(f.Name, "input"):
		if !filepath.IsLocal(f.Name) {
			return fmt.Errorf("%s:%d: member %q leads out of the case", c.File, m.line-1, f.Name)
		}
		c.inputs = append(c.inputs, f)
	case f.Name == "arguments.json":
		c.arguments = m
	case f.Name == "options":
		return c.options(m)
	case f.Name == "want":
		var err error
		c.wants, err = parseWants(c.File, m)
		return err
	case isReply:
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || strconv.Itoa(n) != number {
			return fmt.Errorf("%s:%d: member %q: replies are reply-1, reply-2 …", c.File, m.line-1, f.Name)
		}
		replies[n], err = parseReply(c.File, m)
		return err
	default:
		return fmt.Errorf("%s:%d: no member is called %q: there are input…, arguments.json, options, reply-1 … and want", c.File, m.line-1, f.Name)
	}
	return nil
}

// options reads the lines of the member of that name.
func (c *Case) options(m member) error {
	for i, text := range strings.Split(string(m.data), "\n") {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		var err error
		switch {
		case !ok:
			err = errors.New("want NAME = VALUE")
		case name == "strict":
			c.settings.Strict, err = strconv.ParseBool(value)
		case name == "seed":
			c.settings.Seed, err = strconv.ParseUint(value, 10, 64)
		case name == "budget":
			c.settings.Budget, err = strconv.Atoi(value)
		case name == "context":
			c.context, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("no option is called %q: there are strict, seed, budget and context", name)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", c.File, m.line+i, err)
		}
	}
	return nil
}

// Unpack writes the inputs into a folder and returns their paths, in the order of
// the file. Where inputs stand in a folder, the path is the folder's, once.
func (c *Case) Unpack(dir string) ([]string, error) {
	var out []string
	for _, f := range c.inputs {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, fmt.Errorf("unpack case %q: %w", c.Name, err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			return nil, fmt.Errorf("unpack case %q: %w", c.Name, err)
		}
		first, _, _ := strings.Cut(f.Name, "/")
		if top := filepath.Join(dir, first); !slices.Contains(out, top) {
			out = append(out, top)
		}
	}
	return out, nil
}

// Arguments decodes arguments.json into a workflow's input. Without that member
// it leaves in as it is. A name that the input does not have is an error.
func (c *Case) Arguments(in any) error {
	if c.arguments.data == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(c.arguments.data))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		line := c.arguments.line + bytes.Count(c.arguments.data[:min(int(d.InputOffset()), len(c.arguments.data))], []byte("\n"))
		return fmt.Errorf("%s:%d: arguments.json: %w", c.File, line, err)
	}
	return nil
}

// Options returns how to run the case, with a fresh engine that gives the
// replies. A case without replies has no model.
func (c *Case) Options(workflow string) pipeline.Options {
	o := c.settings
	o.Workflow, o.Version = workflow, "test"
	c.engine = nil
	if len(c.Replies) > 0 {
		c.engine = scripted.New(c.Replies...)
		c.engine.About.Context = 16384
		if c.context > 0 {
			c.engine.About.Context = c.context
		}
		o.Engine = c.engine
	}
	return o
}
