package head

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/model/linear"
)

// kind is how a head turns scores into a decision.
type kind struct {
	name string
	make func(m *lexical.Model) (decider, error)
}

// decider fills in a decision from the scores of a text. It is safe for
// concurrent use.
type decider interface {
	decide(d *Decision, s *lexical.Scores, opt Options)
}

// kinds are the heads there are, in the order that Names lists them.
var kinds = []kind{
	{"cwe", newWeakness},
	{"cvss", newVector},
	{"ssvc", newTriage},
	{"attack", nil}, // not a lexical model: see loadTechniques
	{"relevant", newRelevance},
	{"behaviour", newRelevance},
}

// Options say what of a decision is wanted. The zero value is the usual one.
type Options struct {
	Alternatives int     // how many; 0 for 5, negative for none
	Because      int     // how many reasons; 0 for 3, negative for none
	Style        string  // of labelling, one of Info.Styles; empty for the first
	Threshold    float64 // probability under which to abstain; 0 for the head's own
}

// withDefaults fills in the zero values.
func (o Options) withDefaults() Options {
	const alternatives, because = 5, 3
	if o.Alternatives == 0 {
		o.Alternatives = alternatives
	}
	if o.Because == 0 {
		o.Because = because
	}
	o.Alternatives, o.Because = max(0, o.Alternatives), max(0, o.Because)
	return o
}

// Head is a classifier. It is safe for concurrent use.
type Head struct {
	name    string
	model   *lexical.Model
	decider decider
	info    Info

	techniques *techniques // of the attack head, which has no model and no decider
}

// Info is what a head says of itself.
type Info struct {
	Name      string
	Version   string
	Digest    string            // SHA-256 of the weights
	Bytes     int               // of the weights
	Labels    int               // of the main group
	Rows      int               // features that it knows
	Examples  int               // that it was trained on
	Styles    []string          // of labelling, the usual one first; empty if there is but one
	Threshold float64           // probability under which it abstains
	Sources   []lexical.Source  // files that it was trained from
	Note      map[string]string // "until": the date before which its training texts were published
}

//go:embed weights
var weights embed.FS

// Names returns the heads that this build holds, in a fixed order.
func Names() []string {
	var names []string
	for _, k := range kinds {
		if _, err := fs.Stat(weights, weightsFile(k.name)); err == nil {
			names = append(names, k.name)
		}
	}
	return names
}

func weightsFile(name string) string { return "weights/" + name + ".bin" }

// openers decode each head on first use, once.
var openers = func() map[string]func() (*Head, error) {
	out := map[string]func() (*Head, error){}
	for _, k := range kinds {
		out[k.name] = sync.OnceValues(func() (*Head, error) { return open(k.name) })
	}
	return out
}()

// Open returns an embedded head, decoded on first use.
func Open(name string) (*Head, error) {
	open, ok := openers[name]
	if !ok {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("there is no head %q", name), Hint: "use one of " + strings.Join(Names(), ", ")}
	}
	return open()
}

func open(name string) (*Head, error) {
	data, err := weights.ReadFile(weightsFile(name))
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("this build has no head %q", name), Hint: "run make heads, then build again", Err: err}
	}
	return Load(name, data)
}

// Load returns a head of a kind from weights that are not embedded. It keeps
// parts of data, which must not change afterwards.
func Load(name string, data []byte) (*Head, error) {
	if linear.IsModel(data) {
		h, err := loadTechniques(name, data)
		if err != nil {
			return nil, fmt.Errorf("load head %q: %w", name, err)
		}
		return h, nil
	}
	m, err := lexical.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("load head %q: %w", name, err)
	}
	h, err := New(name, m)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	h.info.Digest, h.info.Bytes = hex.EncodeToString(sum[:]), len(data)
	return h, nil
}

// New makes a head of a kind from a model, whose groups must be those of the
// kind.
func New(name string, m *lexical.Model) (*Head, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 || kinds[i].make == nil {
		return nil, fmt.Errorf("make head: no kind %q", name)
	}
	decider, err := kinds[i].make(m)
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", name, err)
	}
	info, config := m.Info(), m.Config()
	return &Head{name: name, model: m, decider: decider, info: Info{
		Name: name, Version: info.Version, Labels: len(config.Groups[0].Labels), Rows: m.Rows(), Examples: info.Examples,
		Styles: config.Styles, Threshold: info.Threshold, Sources: info.Sources, Note: info.Note,
	}}, nil
}

// Info returns what the head says of itself.
func (h *Head) Info() Info { return h.info }

// Classify says what text is about. It reads the first 64 KiB. Any bytes are
// fine: of a text that it cannot judge it says so in Note and abstains.
func (h *Head) Classify(text string, opt Options) Decision {
	opt = opt.withDefaults()
	if h.techniques != nil {
		return h.techniques.classify(text, opt)
	}
	d := Decision{Alternatives: []Alternative{}, Because: []Reason{}, Head: h.name, Digest: h.info.Digest}
	style := 0
	if opt.Style != "" {
		if style = slices.Index(h.info.Styles, opt.Style); style < 0 {
			style = 0
			d.note("no style " + opt.Style + " in this head: the usual one was used")
		}
	}
	s := h.model.Borrow()
	defer h.model.Return(s)
	h.model.Read(s, text, style)
	unfit := unfitness(text[:s.Bytes], s)
	if unfit != "" {
		d.note(unfit)
	}
	if s.Bytes < len(text) {
		d.note(fmt.Sprintf("only the first %d bytes were read", s.Bytes))
	}
	if s.Known == 0 {
		d.Abstain = true
		return d
	}
	h.decider.decide(&d, s, opt)
	threshold := opt.Threshold
	if threshold == 0 {
		threshold = h.info.Threshold
	}
	d.Abstain = unfit != "" || d.P < threshold
	return d
}

// note adds to what is noted.
func (d *Decision) note(text string) {
	if d.Note != "" {
		d.Note += "; "
	}
	d.Note += text
}

// reasons turns what the model found into spans of the text.
func reasons(m *lexical.Model, s *lexical.Scores, n int, outputs []lexical.Output, odds func(p []float32) float64) []Reason {
	out := []Reason{}
	for _, r := range m.Because(s, outputs, n, odds) {
		out = append(out, Reason{Text: s.Text()[r.Start:r.End], Start: r.Start, End: r.End, Weight: r.Weight})
	}
	return out
}
