package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// The names in a run's folder. docs/formats/checkpoint.md describes the files.
const (
	checkpointFolder = "checkpoints"
	bestFile         = "best.safetensors"
	lockFile         = "lock"
	stateKey         = "casemate.training"
	digestKey        = "casemate.digest"
	// headerRoom is how much a checkpoint has beside its numbers and its curve.
	headerRoom = 1 << 16
	pointRoom  = 256 // bytes of one step of the curve, at most
)

var checkpointName = regexp.MustCompile(`^step-([0-9]{8})\.safetensors$`)

func (r *run) checkpointPath(step int) string {
	return filepath.Join(r.folder, fmt.Sprintf("step-%08d.safetensors", step))
}

// state is what a checkpoint says beside its numbers.
type state struct {
	Version   int     `json:"version"`
	Run       string  `json:"run"` // digest of the manifest
	Step      int     `json:"step"`
	Optimizer int     `json:"optimizer_steps"`
	Tokens    int64   `json:"tokens"`
	Best      *Point  `json:"best,omitempty"`
	Worse     int     `json:"worse"` // validations in a row that were no better
	Finished  bool    `json:"finished"`
	Stopped   bool    `json:"stopped"`
	Curve     []Point `json:"curve"`
}

// array is numbers of a checkpoint: a parameter's or the optimiser's own.
type array struct {
	name   string
	shape  []int
	values []float32
}

// arrays are what a checkpoint holds; without the optimiser's for the best.
func (r *run) arrays(all bool) []array {
	var list []array
	for _, p := range r.parameters {
		list = append(list, array{p.Name, shapeOf(p.Shape, len(p.Value)), p.Value})
	}
	if all {
		for _, s := range r.method.State() {
			list = append(list, array{s.Name, shapeOf(s.Shape, len(s.Values)), s.Values})
		}
	}
	return list
}

// shapeOf is a shape, or a vector's where there is none.
func shapeOf(shape []int, n int) []int {
	if len(shape) == 0 {
		return []int{n}
	}
	return shape
}

// write writes a checkpoint file.
func (r *run) write(path string, s state, list []array) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sum := newDigest(text)
	tensors := make([]safetensors.Tensor, len(list))
	for i, a := range list {
		tensors[i] = safetensors.Tensor{Name: a.name, Type: quant.F32, Shape: a.shape, Data: bytesOf(a.values)}
		digestTensor(sum, &tensors[i])
	}
	return r.disk.put(path, func(w *file) error {
		return safetensors.Write(w, tensors, map[string]string{stateKey: string(text), digestKey: hexDigest(sum)})
	})
}

// newDigest begins the digest of a checkpoint: the state's bytes, then each tensor.
func newDigest(text []byte) hash.Hash {
	h := sha256.New()
	h.Write(text)
	return h
}

func digestTensor(h hash.Hash, t *safetensors.Tensor) {
	fmt.Fprintf(h, "\n%s %v\n", t.Name, t.Shape)
	h.Write(t.Data)
}

func hexDigest(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// check refuses what no run has written, whatever its digest says.
func (s *state) check(steps int) error {
	if s.Step < 1 || s.Step > steps || s.Optimizer < 0 || s.Worse < 0 || s.Tokens < 0 {
		return fmt.Errorf("it is of step %d of %d", s.Step, steps)
	}
	if s.Best != nil && (s.Best.Validation == nil || s.Best.Step < 1 || s.Best.Step > s.Step) {
		return errors.New("its best step is none")
	}
	for i, p := range s.Curve {
		if p.Step != i+1 {
			return errors.New("its curve has gaps")
		}
	}
	return nil
}

// errDamaged is wrapped by the errors of a file that is not what was written.
var errDamaged = errors.New("it is damaged")

// read reads a checkpoint file into list, which is changed only if the file is
// whole and of this run.
func (r *run) read(path string, list []array) (s state, err error) {
	m, err := mapped.Open(path)
	if err != nil {
		return s, err
	}
	defer m.Close()
	err = m.Guard(func() error {
		f, err := safetensors.Parse(m.Data())
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		if s, err = r.verify(f, list); err != nil {
			return err
		}
		for i, a := range list {
			fromBytes(a.values, f.Tensors[i].Data)
		}
		return nil
	})
	return s, err
}

// verify checks that a file is whole, of this run, and holds these arrays.
func (r *run) verify(f *safetensors.File, list []array) (s state, err error) {
	text := []byte(f.Metadata[stateKey])
	sum := newDigest(text)
	for i := range f.Tensors {
		digestTensor(sum, &f.Tensors[i])
	}
	if hexDigest(sum) != f.Metadata[digestKey] {
		return s, fmt.Errorf("%w: its digest is another", errDamaged)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if s.Version != formatVersion || s.Run != r.digest {
		return s, errors.New("it belongs to another run")
	}
	if err := s.check(r.steps); err != nil {
		return s, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if len(f.Tensors) != len(list) {
		return s, fmt.Errorf("it has %d arrays, not %d", len(f.Tensors), len(list))
	}
	for i, a := range list {
		t := &f.Tensors[i]
		if t.Name != a.name || t.Type != quant.F32 || len(t.Data) != 4*len(a.values) {
			return s, fmt.Errorf("array %d is %q with %d bytes, not %q with %d", i, t.Name, len(t.Data), a.name, 4*len(a.values))
		}
	}
	return s, nil
}

// saved returns the steps that there are checkpoints of, the last first.
func (r *run) saved() ([]int, error) {
	entries, err := os.ReadDir(r.folder)
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		if m := checkpointName.FindStringSubmatch(e.Name()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil { // eight digits always are a number
				return nil, err
			}
			steps = append(steps, n)
		}
	}
	slices.Sort(steps)
	slices.Reverse(steps)
	return steps, nil
}

// load goes on from the last checkpoint that is whole, and says which were not.
func (r *run) load() error {
	steps, err := r.saved()
	if err != nil {
		return err
	}
	for _, step := range steps {
		path := r.checkpointPath(step)
		s, err := r.usable(path, step)
		if err != nil {
			r.note(fmt.Sprintf("checkpoint %s is passed over: %v", filepath.Base(path), err))
			continue
		}
		r.state = s
		r.method.SetSteps(s.Optimizer)
		return nil
	}
	if len(steps) > 0 {
		r.note("no checkpoint is whole: training begins anew")
	}
	return nil
}

// usable loads a checkpoint, if it and the best parameters that it speaks of are
// whole.
func (r *run) usable(path string, step int) (state, error) {
	peek, err := r.peekBest()
	s, err2 := r.read(path, r.arrays(true))
	if err2 != nil {
		return s, err2
	}
	if s.Step != step || len(s.Curve) != step {
		r.reset()
		return s, fmt.Errorf("it is of step %d", s.Step)
	}
	if s.Best != nil && (err != nil || peek < s.Best.Step) {
		r.reset()
		return s, errors.New("the best parameters that it speaks of are not there")
	}
	return s, nil
}

// peekBest returns the step of the best parameters on disk, if they are whole.
func (r *run) peekBest() (int, error) {
	spare := r.arrays(false)
	for i := range spare {
		spare[i].values = make([]float32, len(spare[i].values))
	}
	s, err := r.read(filepath.Join(r.folder, bestFile), spare)
	return s.Step, err
}

// save writes a checkpoint and removes those that are too many.
func (r *run) save() error {
	s := r.state
	s.Optimizer = r.method.Steps()
	if err := r.write(r.checkpointPath(s.Step), s, r.arrays(true)); err != nil {
		return err
	}
	return r.prune()
}

// prune removes checkpoints: those out of turn, which an interruption left, and
// of the others all but the last.
func (r *run) prune() error {
	steps, err := r.saved()
	if err != nil {
		return err
	}
	kept := 0
	for _, step := range steps {
		switch {
		case step > r.state.Step: // damaged, and about to be replaced
		case step == r.state.Step || (r.due(step) && kept < r.o.Keep):
			kept++
		default:
			if err := r.disk.remove(r.checkpointPath(step)); err != nil {
				return err
			}
		}
	}
	return nil
}

// due says whether a step's checkpoint is written in turn.
func (r *run) due(step int) bool { return r.o.SaveEvery > 0 && step%r.o.SaveEvery == 0 }

// room makes sure, as far as the system says, that all that will be written fits.
func (r *run) room() error {
	numbers := func(list []array) int64 {
		n := int64(headerRoom + pointRoom*r.steps)
		for _, a := range list {
			n += 4 * int64(len(a.values))
		}
		return n
	}
	need := int64(r.o.Keep+1)*numbers(r.arrays(true)) + r.o.Result // one more while it is written
	if r.task.Validation() > 0 {
		need += 2 * numbers(r.arrays(false))
	}
	free, known := files.Free(r.folder)
	if !known {
		return nil
	}
	for _, name := range r.existing() {
		if info, err := os.Stat(name); err == nil {
			free += info.Size()
		}
	}
	if free < need {
		return noRoom(r.o.Dir, need, free)
	}
	return nil
}

// existing are the run's files that new ones will replace.
func (r *run) existing() []string {
	steps, err := r.saved()
	if err != nil {
		return nil // none is known to give way
	}
	list := []string{filepath.Join(r.folder, bestFile)}
	for _, step := range steps {
		list = append(list, r.checkpointPath(step))
	}
	return list
}
