package head

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/model/linear"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// techniques is the attack head: it reads ATT&CK techniques off a sentence. Its
// model has a softmax over techniques and sub-techniques for each domain of
// ATT&CK; the probability of a technique is the sum over its sub-techniques and
// itself, calibrated, so that no child is likelier than its parent.
type techniques struct {
	info    Info
	model   *linear.Model
	domains []domain
	slope   float64 // of the calibration: see technique.NoteSlope
	offset  float64
	several float64 // probability from which a technique holds beside others
}

// domain is what the labels of a group are.
type domain struct {
	name    string
	labels  []string
	parents []string // in order
	parent  []int    // of each label, its place in parents
}

const (
	// childShare of the probability of a technique makes one of its
	// sub-techniques its best form.
	childShare = 0.5
	// leastKnownWords is the share of words that an English text about attacks
	// has in common with the training: nearly all, while other languages share
	// names and a few words.
	leastKnownWords = 0.75
	// defaultSeveral is the probability from which a technique is listed in
	// Decision.Labels beside the likeliest.
	defaultSeveral = 0.25
)

// loadTechniques makes the attack head from its weights. Every label must stand
// in the embedded catalogue.
func loadTechniques(name string, data []byte) (*Head, error) {
	m, err := linear.Decode(data)
	if err != nil {
		return nil, err
	}
	t, err := newTechniques(name, m)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	t.info.Digest, t.info.Bytes = hex.EncodeToString(sum[:]), len(data)
	return &Head{name: name, techniques: t, info: t.info}, nil
}

// NewTechniques makes an attack head from a model that is not written yet.
func NewTechniques(m *linear.Model) (*Head, error) {
	t, err := newTechniques("attack", m)
	if err != nil {
		return nil, err
	}
	return &Head{name: "attack", techniques: t, info: t.info}, nil
}

func newTechniques(name string, m *linear.Model) (*techniques, error) {
	info := m.Info()
	t := &techniques{model: m, slope: 1, several: defaultSeveral}
	labels := 0
	for _, g := range m.Config().Groups {
		d := domain{name: g.Name, labels: g.Labels}
		for _, l := range g.Labels {
			if known, ok := knowledge.Embedded().Technique(l); !ok || known.Status != knowledge.Current {
				return nil, fmt.Errorf("label %q is no technique that stands in the embedded catalogue", l)
			}
			p, _, _ := strings.Cut(l, ".")
			d.parents = append(d.parents, p)
		}
		slices.Sort(d.parents)
		d.parents = slices.Compact(d.parents)
		for _, l := range g.Labels {
			p, _, _ := strings.Cut(l, ".")
			i, _ := slices.BinarySearch(d.parents, p)
			d.parent = append(d.parent, i)
		}
		labels += len(g.Labels)
		t.domains = append(t.domains, d)
	}
	for key, into := range map[string]*float64{"slope": &t.slope, "offset": &t.offset} {
		if text, ok := info.Note[key]; ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(v) || math.Abs(v) > 100 {
				return nil, fmt.Errorf("%s %q is no number", key, text)
			}
			*into = v
		}
	}
	if t.slope <= 0 {
		return nil, errors.New("the slope of the calibration is not positive")
	}
	t.info = Info{Name: name, Version: info.Version, Labels: labels, Rows: m.Rows(), Examples: info.Examples, Threshold: info.Threshold, Note: info.Note}
	for _, s := range info.Sources {
		t.info.Sources = append(t.info.Sources, lexical.Source(s))
	}
	for _, d := range t.domains {
		t.info.Styles = append(t.info.Styles, d.name)
	}
	return t, nil
}

// Vectors returns the word vectors of the attack head, which were learnt from
// running text without labels: others may be trained on them. It is nil for the
// other heads.
func (h *Head) Vectors() *linear.Vectors {
	if h.techniques == nil {
		return nil
	}
	return h.techniques.model.Vectors()
}

// Technique is what the attack head says of one technique.
type Technique struct {
	ID    string  // its best form: a sub-technique if that has most of the probability
	P     float64 // calibrated probability of the technique or any of its sub-techniques
	Child float64 // of ID alone, if that is a sub-technique; else P
}

// both returns a technique in its best form and, if that is a sub-technique, its
// parent, which is never less likely.
func (x Technique) both() []Alternative {
	out := []Alternative{{x.ID, x.Child}}
	if parent, _, sub := strings.Cut(x.ID, "."); sub {
		out = append(out, Alternative{parent, x.P})
	}
	return out
}

// Techniques returns the n likeliest techniques of a domain, each in its best
// form, the likeliest first. The empty domain is the first, enterprise. It is
// nil for a head that reads no techniques.
func (h *Head) Techniques(text, domainName string, n int) []Technique {
	t := h.techniques
	if t == nil {
		return nil
	}
	g := max(0, slices.Index(h.info.Styles, domainName))
	s := t.model.Borrow()
	defer t.model.Return(s)
	t.model.Read(s, text, g)
	if s.Found == 0 {
		return nil
	}
	return t.ranked(s.P(), &t.domains[g], n)
}

// family is a technique with its sub-techniques.
type family struct {
	sum  float64 // of the probabilities of its labels
	best int     // the likeliest of them
	top  float32 // its probability
}

// ranked folds the probabilities of labels to those of techniques and returns
// the n likeliest, the likeliest first.
func (t *techniques) ranked(p []float32, d *domain, n int) []Technique {
	var room [256]family
	families := room[:]
	if len(d.parents) > len(room) {
		families = make([]family, len(d.parents))
	}
	families = families[:len(d.parents)]
	for k, i := range d.parent[:len(p)] {
		x, f := p[k], &families[i]
		if x > f.top || f.sum == 0 {
			f.best, f.top = k, x
		}
		f.sum += float64(x)
	}
	top := make([]int, 0, n+1)
	for k := range families {
		i := len(top)
		if i > 0 && i == n && !(families[k].sum > families[top[i-1]].sum) {
			continue
		}
		for i > 0 && families[k].sum > families[top[i-1]].sum {
			i--
		}
		if i < n {
			top = slices.Insert(top, i, k)
			top = top[:min(n, len(top))]
		}
	}
	out := make([]Technique, len(top))
	for i, k := range top {
		out[i] = t.form(p, d, k, families[k])
	}
	return out
}

// form returns a technique in its best form.
func (t *techniques) form(p []float32, d *domain, parent int, f family) Technique {
	out := Technique{ID: d.parents[parent], P: t.calibrated(f.sum)}
	out.Child = out.P
	if share := float64(p[f.best]) / max(f.sum, 1e-12); share >= childShare && d.labels[f.best] != out.ID {
		out.ID, out.Child = d.labels[f.best], min(1, share)*out.P
	}
	return out
}

func (t *techniques) calibrated(p float64) float64 {
	return 1 / (1 + math.Exp(-float64(t.slope*logit(p))-t.offset))
}

// reasons is Head.Reasons for the attack head: the words speak for a technique
// or any of its sub-techniques.
func (t *techniques) reasons(text, label string, n int) []Reason {
	for g := range t.domains {
		d := &t.domains[g]
		parent, _, _ := strings.Cut(label, ".")
		if _, ok := slices.BinarySearch(d.parents, parent); !ok {
			continue
		}
		s := t.model.Borrow()
		defer t.model.Return(s)
		t.model.Read(s, text, g)
		return t.evidence(text, s, d, label, n)
	}
	return []Reason{}
}

func (t *techniques) evidence(text string, s *linear.Scores, d *domain, id string, n int) []Reason {
	out := []Reason{}
	parent, _, _ := strings.Cut(id, ".")
	i, ok := slices.BinarySearch(d.parents, parent)
	if !ok {
		return out
	}
	var room [64]int // more than any technique has sub-techniques
	labels := room[:0]
	for k, p := range d.parent {
		if p == i {
			labels = append(labels, k)
		}
	}
	because := t.model.Because(s, labels, n)
	out = make([]Reason, 0, len(because))
	for _, r := range because {
		out = append(out, Reason{Text: text[r.Start:r.End], Start: r.Start, End: r.End, Weight: r.Weight})
	}
	return out
}

// classify is Head.Classify for the attack head: Label is the likeliest
// technique, Alternatives are the next likeliest other techniques, each in its
// best form, so that folding ids to their parents keeps them distinct. Their
// probabilities are those of the technique with its sub-techniques; in Labels, a
// sub-technique has its own.
func (t *techniques) classify(text string, opt Options) Decision {
	d := Decision{Alternatives: []Alternative{}, Because: []Reason{}, Head: t.info.Name, Digest: t.info.Digest}
	g := 0
	if opt.Style != "" {
		if g = slices.Index(t.info.Styles, opt.Style); g < 0 {
			g = 0
			d.note("no domain " + opt.Style + " in this head: " + t.info.Styles[0] + " was used")
		}
	}
	s := t.model.Borrow()
	defer t.model.Return(s)
	t.model.Read(s, text, g)
	unfit := unfit(text[:s.Bytes], s.Words, s.Known, s.Words)
	if unfit == "" && s.Words >= leastWords && float64(s.Known) < leastKnownWords*float64(s.Words) && functionShare(text[:s.Bytes], s.Words) < leastFunction {
		unfit = "not English"
	}
	if unfit != "" {
		d.note(unfit)
	}
	if s.Bytes < len(text) {
		d.note(fmt.Sprintf("only the first %d bytes were read", s.Bytes))
	}
	if s.Found == 0 {
		d.Abstain = true
		return d
	}
	ranked := t.ranked(s.P(), &t.domains[g], min(opt.Alternatives, maxAlternatives)+1)
	d.Alternatives = make([]Alternative, 0, max(0, len(ranked)-1))
	for i, x := range ranked {
		if i == 0 {
			d.Label, d.P = x.ID, x.P
		} else {
			d.Alternatives = append(d.Alternatives, Alternative{x.ID, x.P})
		}
		if i == 0 || x.P >= t.several {
			d.Labels = append(d.Labels, x.both()...)
		}
	}
	if opt.Because > 0 {
		d.Because = t.evidence(text, s, &t.domains[g], d.Label, opt.Because)
	}
	threshold := opt.Threshold
	if threshold == 0 {
		threshold = t.info.Threshold
	}
	d.Abstain = unfit != "" || d.P < threshold
	return d
}
