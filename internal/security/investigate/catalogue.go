package investigate

import (
	"embed"
	"fmt"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/casemate-ai/casemate/internal/security/logcount"

	"github.com/casemate-ai/casemate/internal/security/causes"
)

//go:embed hypotheses.yaml actions.yaml
var files embed.FS

// The kinds of explanation.
const (
	kindAttack = "attack"
	kindBenign = "benign"
	kindFault  = "fault"
)

// check is one thing that an explanation leads one to look for.
type check struct {
	ID         string   `yaml:"id"`
	Text       string   `yaml:"text"`       // what it means if it is found
	Points     int      `yaml:"points"`     // for the explanation if positive, against it if negative
	Techniques []string `yaml:"techniques"` // that answer it, found on a record
	Ran        bool     `yaml:"ran"`        // only where a program ran
	Test       string   `yaml:"test"`       // of tests, where no technique does
	Log        string   `yaml:"log"`        // the kind of LogCause that answers it
	Where      string   `yaml:"where"`      // where to look if it is not found
}

// theory is an explanation of the catalogue.
type theory struct {
	ID     string   `yaml:"id"`
	Name   string   `yaml:"name"`
	Kind   string   `yaml:"kind"`
	Core   []string `yaml:"core"`   // checks without one of which it is weak, whatever else is found
	Covers []string `yaml:"covers"` // tactics that it accounts for
	Checks []check  `yaml:"checks"`
}

// play is one action of the catalogue. %T stands for its target.
type play struct {
	ID       string    `yaml:"id"`
	Phase    string    `yaml:"phase"`
	Order    int       `yaml:"order"` // within the phase
	Text     string    `yaml:"text"`
	Touches  string    `yaml:"touches"`
	Undo     string    `yaml:"undo"`
	Milder   string    `yaml:"milder"`
	Risk     string    `yaml:"risk"`
	Counter  string    `yaml:"counter"` // D3FEND
	After    []string  `yaml:"after"`   // plays that come before it
	Commands []Command `yaml:"commands"`
}

// book is the two catalogues.
type book struct {
	theories []theory
	plays    []play
}

// catalogues reads the embedded catalogues, once.
var catalogues = sync.OnceValues(func() (*book, error) {
	var h struct {
		Against    []check  `yaml:"against"`
		Hypotheses []theory `yaml:"hypotheses"`
	}
	b := &book{}
	for name, to := range map[string]any{"hypotheses.yaml": &h, "actions.yaml": &b.plays} {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read catalogue %q: %w", name, err)
		}
		if err := yaml.UnmarshalWithOptions(data, to, yaml.DisallowUnknownField()); err != nil {
			return nil, fmt.Errorf("read catalogue %q: %w", name, err)
		}
	}
	b.theories = h.Hypotheses
	for i := range b.theories {
		if b.theories[i].Kind != kindAttack {
			b.theories[i].Checks = append(b.theories[i].Checks, h.Against...)
		}
	}
	return b, b.sound()
})

// sound reports what is wrong with the catalogues.
func (b *book) sound() error {
	for _, t := range b.theories {
		sum := 0
		for _, c := range t.Checks {
			sum += max(c.Points, 0)
			if c.Test != "" && tests[c.Test] == nil {
				return fmt.Errorf("hypothesis %q: no test is called %q", t.ID, c.Test)
			}
			if c.Log != "" && !slices.Contains([]logcount.Kind{logcount.Guessing, logcount.Guessed, logcount.Attack, logcount.Answered, logcount.Flood, logcount.Fault}, logcount.Kind(c.Log)) {
				return fmt.Errorf("hypothesis %q: no count is called %q", t.ID, c.Log)
			}
		}
		if sum != 20 {
			return fmt.Errorf("hypothesis %q: its points for it add up to %d, want 20", t.ID, sum)
		}
	}
	for _, p := range b.plays {
		if !slices.Contains(phases, p.Phase) || p.Text == "" || p.Touches == "" || p.Undo == "" || p.Risk == "" {
			return fmt.Errorf("action %q: it needs a phase, text, touches, undo and risk", p.ID)
		}
		for _, a := range p.After {
			if !slices.ContainsFunc(b.plays, func(x play) bool { return x.ID == a }) {
				return fmt.Errorf("action %q: no action is called %q", p.ID, a)
			}
		}
	}
	return nil
}

// tests answer the checks that no technique answers, by name. None of them looks
// at words in data: what an attacker writes speaks for nothing.
var tests = map[string]func(*scene) []*causes.Record{
	"officeChild": officeChild, "webChild": webChild, "packing": packing, "cloudFromOutside": cloudFromOutside, "cloudTrailOff": cloudTrailOff,
	"cloudReads": cloudReads, "guessesFromOutside": guessesFromOutside, "oneOwnAccount": oneOwnAccount, "oddHours": oddHours, "vouchedFor": vouchedFor,
	"onlyAdminWork": onlyAdminWork, "insideOnly": insideOnly, "workingHours": workingHours, "adminAccount": adminAccount, "vouchedSource": vouchedSource,
	"sweep": sweep, "manyFailures": manyFailures, "newAccount": newAccount, "nothingRan": nothingRan, "noTechnique": noTechnique, "onlyFailedLogins": onlyFailedLogins,
}

// exploiting are the techniques of getting in through an application.
var exploiting = []string{"T1190", "T1505.003"}
