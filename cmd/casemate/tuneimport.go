package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/learn/cluster"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type tuneImportCmd struct {
	dataFlag
	Output       string   `arg:"" placeholder:"DIR" help:"What the trainer left: the folder of the adapter, or the one that holds it."`
	Job          string   `required:"" placeholder:"DIR" help:"The job's folder, as tune export wrote it."`
	Rows         []string `required:"" name:"rows" placeholder:"FILE,…" help:"The data that the job was made of: the adapter is tested on the part that was kept."`
	Model        string   `short:"m" placeholder:"NAME|PATH" help:"The base, if it is not in the store under the name that the job has for it."`
	WithoutProof bool     `help:"Take an adapter without the job.json that launch.sh lays beside it."`
	Threads      int      `placeholder:"N" help:"How many processors to use; default: all."`
	AnyMemory    bool     `help:"Go on although the memory looks too small."`
	JSON         bool     `help:"Print one JSON document."`
}

// imported is what `tune import --json` prints.
type imported struct {
	Version *registry.Version          `json:"version"`
	Dir     string                     `json:"dir"`
	Task    string                     `json:"task"`
	Rows    int                        `json:"rows"`
	Known   int                        `json:"known,omitzero"` // rows that it knew, or others of their group
	Figures map[string]metric.Estimate `json:"figures"`
	// Base is the same figures of the base without the adapter.
	Base map[string]metric.Estimate `json:"base"`
	Gain outcome.Gain               `json:"gain"`
	// Proved says that the job's own job.json lay beside the adapter.
	Proved bool `json:"proved"`
	words  string
}

// returned is an adapter on its way in.
type returned struct {
	c     *tuneImportCmd
	s     *streams
	job   *cluster.Job
	table *dataset.Table
	group split.Grouping
	parts split.Split
	base  *native.Engine
	out   imported
}

// Run checks the adapter, tests it and registers it.
func (c *tuneImportCmd) Run(s *streams) error {
	r := &returned{c: c, s: s}
	dir, a, err := r.check()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "casemate-adapter-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := r.bind(a, dir, folder); err != nil {
		return err
	}
	if err := r.test(folder); err != nil {
		return fmt.Errorf("test the adapter: %w", err)
	}
	data, err := c.dataDir()
	if err != nil {
		return err
	}
	if r.out.Version, err = registry.Open(data).Add(s.ctx, registry.KindAdapter, r.job.Name, folder, time.Now().UTC()); err != nil {
		return err
	}
	r.out.Dir = r.out.Version.Dir
	if c.JSON {
		return writeJSON(s.stdout, r.out, true)
	}
	r.print()
	return nil
}

// check reads the job, its data and the adapter, and refuses what does not belong
// together.
func (r *returned) check() (dir string, a *adapter.Adapter, err error) {
	job, proof, err := cluster.Open(r.c.Job)
	if err != nil {
		return "", nil, r.fault(err)
	}
	r.job = job
	if err := registry.CheckName(job.Name); err != nil {
		return "", nil, err
	}
	if err := r.rows(); err != nil {
		return "", nil, err
	}
	if dir, err = cluster.Find(r.c.Output); err != nil {
		return "", nil, r.fault(err)
	}
	err = cluster.Proved(dir, proof)
	if r.out.Proved = err == nil; err != nil && !(r.c.WithoutProof && errors.Is(err, cluster.ErrProof)) {
		return "", nil, r.fault(err)
	}
	if a, err = adapter.Load(dir); err != nil {
		return "", nil, r.fault(err)
	}
	if err := job.Check(a); err != nil {
		return "", nil, r.fault(err)
	}
	return dir, a, nil
}

// rows reads the data again and divides them as before.
func (r *returned) rows() (err error) {
	d := &r.job.Data
	o := dataset.Options{Text: d.Columns.Text, Label: d.Columns.Label, Kind: d.Kind}
	if d.Columns.Group != split.None {
		o.Group = d.Columns.Group
	}
	if d.Kind == dataset.KindOrdinal {
		o.Order = d.Labels
	}
	if r.table, err = dataset.Read(r.s.ctx, r.c.Rows, o); err != nil {
		return err
	}
	if r.group, err = split.Find(r.s.ctx, r.table, split.FindOptions{Column: d.Columns.Group}); err != nil {
		return err
	}
	if r.parts, err = split.Make(r.table, r.group, split.Options{Seed: d.Seed}); err != nil {
		return err
	}
	if err := r.job.Same(r.table, r.parts); err != nil {
		return r.fault(err)
	}
	return nil
}

// bind opens the base, holds the adapter against it, and writes it anew, bound to
// the base's digest.
func (r *returned) bind(a *adapter.Adapter, dir, folder string) error {
	name := r.c.Model
	if name == "" {
		name = r.job.Base.Name
	}
	path, _, err := r.c.resolveModel(name)
	if err != nil {
		return err
	}
	o := modelOptions{dataFlag: r.c.dataFlag, Threads: r.c.Threads, AnyMemory: r.c.AnyMemory, CacheType: "f32", pinned: true}
	if r.base, err = o.open(r.s, name); err != nil {
		return err
	}
	if digest := r.base.Info().Digest; digest != r.job.Base.Digest {
		return errors.Join(r.fault(fmt.Errorf("model %q is %s, the job is for %s", name, digest, r.job.Base.Digest)), r.base.Close())
	}
	m, err := modelfile.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	m.Digest, a.BaseDigest = r.job.Base.Digest, r.job.Base.Digest
	if err := a.Fits(m); err != nil {
		return r.fault(err)
	}
	return adapter.SavePEFT(folder, a, m, adapter.Meta{Base: r.job.Base.At, Dropout: r.job.Settings.Dropout})
}

// test asks the rows that were kept, of the base with the adapter and without, and
// writes what came of it beside the adapter.
func (r *returned) test(folder string) (err error) {
	defer func() { err = errors.Join(err, r.base.Close()) }()
	const name = "candidate"
	if err := r.base.LoadAdapter(name, folder); err != nil {
		return err
	}
	digest := r.base.Adapters()[0].Digest
	with, err := r.ask(cluster.Candidate{Name: r.job.Name, Digest: digest, Adapter: name}, "testing the adapter")
	if err != nil {
		return err
	}
	without, err := r.ask(cluster.Candidate{Name: "the base without an adapter"}, "testing the base")
	if err != nil {
		return err
	}
	baselines := []*outcome.Evaluation{without}
	majority, err := r.job.Majority(r.table, r.parts.Train, r.parts.Test, r.group.Of)
	if err != nil {
		return err
	}
	if majority != nil {
		baselines = append(baselines, majority)
	}
	if r.out.Gain, err = outcome.Compare(with, without); err != nil {
		return err
	}
	r.out.Task, r.out.Rows, r.out.Figures, r.out.Base = with.Task, len(with.Rows), with.Figures, without.Figures
	r.out.words = registry.GainWords(&r.out.Gain)
	learnt := r.job.Seen(r.table, r.parts.Train, r.parts.Validation, r.group.Of)
	texts, groups := learnt.Knew(with)
	r.out.Known = len(texts) + len(groups)
	var e, b, seen bytes.Buffer
	return errors.Join(
		outcome.Write(&e, with), outcome.WriteBaselines(&b, baselines), outcome.WriteSeen(&seen, learnt),
		os.WriteFile(filepath.Join(folder, outcome.EvaluationFile), e.Bytes(), 0o644),
		os.WriteFile(filepath.Join(folder, outcome.BaselinesFile), b.Bytes(), 0o644),
		os.WriteFile(filepath.Join(folder, outcome.SeenFile), seen.Bytes(), 0o644))
}

func (r *returned) ask(c cluster.Candidate, what string) (*outcome.Evaluation, error) {
	var progress func(done, all int)
	if show := lateBar(r.s.stderr, what, progressbar.OptionShowCount()); show != nil {
		progress = func(done, all int) { show(int64(done), int64(all)) }
	}
	return r.job.Evaluate(r.s.ctx, r.base, c, r.table, r.parts.Test, r.group.Of, progress)
}

// fault says what to try.
func (r *returned) fault(err error) error {
	e := &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("take back the adapter in %q", r.c.Output), Err: err}
	switch {
	case errors.Is(err, cluster.ErrProof):
		e.Hint = "bring back job.json from the cluster, too; --without-proof goes on without it"
	case errors.Is(err, cluster.ErrData):
		e.Hint = "give the file that the job was made of, as it was then (--rows)"
	case errors.Is(err, cluster.ErrJob), errors.Is(err, adapter.ErrFit), errors.Is(err, adapter.ErrBase):
		e.Hint = "give the job that the adapter was trained for (--job)"
	}
	return e
}

func (r *returned) print() {
	o := &r.out
	unseen := " that it did not see"
	if o.Known > 0 { // the data give the parts so, and --allow leakage let it
		unseen = fmt.Sprintf(", of which it knew %d or others of their group", o.Known)
	}
	fmt.Fprintf(r.s.stdout, "adapter %s, tested on %s%s\n", o.Version, phrase.Count(o.Rows, "row"), unseen)
	fmt.Fprintln(r.s.stdout, "against the base without it:", report.Terminal(o.words))
	if !o.Proved {
		fmt.Fprintln(r.s.stdout, "nothing shows that it is of this job: it was taken without job.json")
	}
	fmt.Fprintf(r.s.stdout, "kept in %s; casemate tune promote lets it into service\n", report.Terminal(o.Dir))
}
