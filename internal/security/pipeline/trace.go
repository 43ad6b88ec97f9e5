package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
)

// traceMark is the file that tells a trace from other folders.
const traceMark = "trace.json"

// traceFile is what files of a trace are called.
var traceFile = regexp.MustCompile(`^\d{4,}-[a-z0-9._-]+\.(step\.json|prompt\.txt|schema\.json|answer\.json)$`)

// trace writes the steps of a run into a folder that only its owner can read.
type trace struct {
	dir string

	mu    sync.Mutex
	names []string // of the steps so far
}

// openTrace makes the folder ready. The steps of an earlier trace in it go; any
// other folder with something in it is refused.
func openTrace(o Options) (*trace, error) {
	refuse := func(err error, hint string) error {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("write a trace into %q", o.Trace), Err: err, Hint: hint}
	}
	if err := os.MkdirAll(o.Trace, 0o700); err != nil {
		return nil, refuse(err, "name a folder that can be written")
	}
	entries, err := os.ReadDir(o.Trace)
	if err != nil {
		return nil, refuse(err, "name a folder that can be read")
	}
	if _, err := os.Lstat(filepath.Join(o.Trace, traceMark)); errors.Is(err, fs.ErrNotExist) && len(entries) > 0 {
		return nil, refuse(errors.New("it is not empty, and no trace"), "name a new folder")
	}
	for _, e := range entries {
		if e.Type().IsRegular() && traceFile.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(o.Trace, e.Name())); err != nil {
				return nil, refuse(err, "name a new folder")
			}
		}
	}
	t := &trace{dir: o.Trace}
	about := map[string]any{"workflow": o.Workflow, "version": o.Version, "seed": o.Seed, "strict": o.Strict, "budget": o.Budget}
	if o.Engine != nil {
		about["model"] = o.Engine.Info()
	}
	if err := t.put(traceMark, about); err != nil {
		return nil, err
	}
	return t, nil
}

// next gives a step its number, from 1.
func (t *trace) next(step string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = append(t.names, step)
	return len(t.names)
}

// maxStepName is how much of a step's name a file's name has.
const maxStepName = 60

// write writes one file of a step as JSON.
func (t *trace) write(number int, kind string, v any) error {
	return t.put(t.name(number, kind), v)
}

// name returns the name of a step's file.
func (t *trace) name(number int, kind string) string {
	t.mu.Lock()
	step := t.names[number-1]
	t.mu.Unlock()
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, step)
	return fmt.Sprintf("%04d-%s.%s", number, name[:min(len(name), maxStepName)], kind)
}

func (t *trace) put(name string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // for people
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write %q of the trace: %w", name, err)
	}
	return t.file(name, b.Bytes())
}

// file writes a new file, or the mark anew.
func (t *trace) file(name string, b []byte) error {
	path := filepath.Join(t.dir, name)
	// A file, or a link in its place, must not keep its rights or its target.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %q of the trace: %w", name, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %q of the trace: %w", name, err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %q of the trace: %w", name, err)
	}
	return nil
}

// record is what the trace keeps of a question.
type record struct {
	Step         string       `json:"step"`
	Prompt       casemate.Pin `json:"prompt"`
	PromptTokens int          `json:"prompt_tokens"`
	MaxTokens    int          `json:"max_tokens"`
	Attempts     []tried      `json:"attempts,omitempty"`
	Error        string       `json:"error,omitempty"` // why there is no answer

	answers []engine.Generation
}

// tried is one answer that was asked for.
type tried struct {
	Temperature  float64       `json:"temperature"`
	Seed         uint64        `json:"seed"`
	Finish       engine.Finish `json:"finish,omitempty"`
	AnswerTokens int           `json:"answer_tokens"`
	Used         bool          `json:"used"`
	Fault        string        `json:"fault,omitempty"`
}

// add notes an answer, and why it could not be used.
func (r *record) add(s engine.Sampling, g engine.Generation, err error) {
	t := tried{Temperature: s.Temperature, Seed: s.Seed, Finish: g.Finish, AnswerTokens: g.AnswerTokens, Used: err == nil}
	if err != nil {
		t.Fault = err.Error()
	}
	r.Attempts = append(r.Attempts, t)
	r.answers = append(r.answers, g)
}

// question writes the files of a question: what it was, what the model read, what
// it was held to, and what it said, if it was asked.
func (t *trace) question(number int, req request, rec *record) error {
	err := errors.Join(
		t.write(number, "step.json", rec),
		t.file(t.name(number, "prompt.txt"), []byte(req.prepared.Prompt)),
		t.write(number, "schema.json", req.Schema))
	if len(rec.answers) == 0 {
		return err
	}
	return errors.Join(err, t.write(number, "answer.json", rec.answers))
}
