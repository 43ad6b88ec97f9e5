package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

const (
	doneFile  = "done.json"
	curveFile = "curve.csv"
	maxDone   = 1 << 20
)

// Done is what a finished run leaves beside its manifest.
type Done struct {
	Manifest string  `json:"manifest"` // digest of run.json
	Output   string  `json:"output"`   // digest of what was trained, as the caller takes it
	Steps    int     `json:"steps"`
	Stopped  bool    `json:"stopped"` // before all steps were made
	Tokens   int64   `json:"tokens"`
	Loss     float64 `json:"loss"` // of the last step
	Best     *Point  `json:"best,omitempty"`
}

// Digest returns the digest of the manifest that a run with these options has.
func (o Options) Digest() (string, error) {
	o.Plan = o.defaults()
	_, digest, err := o.encode()
	return digest, err
}

// Finished returns what a finished run of these options left in its folder; nil if
// there is none, or if it is another's.
func (o Options) Finished() (*Done, error) {
	digest, err := o.Digest()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(o.Dir, doneFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &Done{}
	if err := json.NewDecoder(io.LimitReader(f, maxDone)).Decode(d); err != nil || d.Manifest != digest {
		return nil, nil
	}
	return d, nil
}

// Finish ends a run whose result the caller has written: it writes the curve and
// what came of the run, and removes the checkpoints, which are needed no more.
// output is the digest of the result.
func (o Options) Finish(r *Result, output string) (*Done, error) {
	d := disk{o.step}
	done := &Done{Manifest: r.Manifest, Output: output, Steps: r.Steps, Stopped: r.Stopped, Tokens: r.Tokens, Best: r.Best}
	if n := len(r.Curve); n > 0 {
		done.Loss = r.Curve[n-1].Loss
	}
	text, err := json.MarshalIndent(done, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := d.put(filepath.Join(o.Dir, curveFile), func(w *file) error { return WriteCurve(w, r.Curve) }); err != nil {
		return nil, err
	}
	if err := d.put(filepath.Join(o.Dir, doneFile), func(w *file) error { _, err := w.Write(append(text, '\n')); return err }); err != nil {
		return nil, err
	}
	return done, d.clear(filepath.Join(o.Dir, checkpointFolder))
}

// clear removes a run's checkpoints and their folder, if nothing else is in it.
func (d *disk) clear(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if checkpointName.MatchString(e.Name()) || e.Name() == bestFile || e.Name() == lockFile {
			if err := d.remove(filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := d.remove(folder); err != nil {
		return fmt.Errorf("remove the folder of checkpoints: %w", err)
	}
	return nil
}

// WriteCurve writes a run's steps as CSV: step, loss, validation loss where it was
// measured, rate, norm of the gradient, and tokens.
func WriteCurve(w io.Writer, curve []Point) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "step,loss,validation,rate,norm,tokens") // Flush has the error
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	for _, p := range curve {
		validation := ""
		if p.Validation != nil {
			validation = number(*p.Validation)
		}
		fmt.Fprintf(b, "%d,%s,%s,%s,%s,%d\n", p.Step, number(p.Loss), validation, number(p.Rate), number(p.Norm), p.Tokens)
	}
	return b.Flush()
}
