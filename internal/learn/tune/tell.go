package tune

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Shares of the whole that stages take, for the progress.
const (
	shareInspect = 0.15
	shareChoose  = 0.5
	shareCurve   = 0.2
)

// teller tells of the progress from any goroutine. A nil receiver of progress is
// told nothing.
type teller struct {
	to   func(Progress)
	lock sync.Mutex
	now  Progress
	base float64 // of the stage
	rest float64 // what shares are multiplied by after a model has read; 0 is 1
}

// stage begins a stage, before which the share base of all was done.
func (t *teller) stage(name string, base float64) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.base, t.now = base, Progress{Stage: name, Share: base}
	t.say()
}

// within tells how much of a stage that takes a share of all is done.
func (t *teller) within(share float64, name string, done, total int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if name != "" {
		t.now.Stage = name
	}
	// A stage may be of several that each begin anew.
	t.now.Share = min(1, max(t.now.Share, t.base+t.scaled(share)*float64(done)/float64(max(1, total))))
	t.say()
}

func (t *teller) scaled(share float64) float64 {
	if t.rest > 0 {
		return t.rest * share
	}
	return share
}

// next begins a stage where the one before has ended.
func (t *teller) next(name string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.base, t.now.Stage = t.now.Share, name
	t.say()
}

// loss tells the loss of the model in training.
func (t *teller) loss(x float64) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.now.Loss = x
	t.say()
}

func (t *teller) say() {
	if t.to != nil {
		t.to(t.now)
	}
}

// NameOf makes the name of a head of that of a file.
func NameOf(path string) string {
	base := strings.ToLower(filepath.Base(path))
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), filepath.Ext(strings.TrimSuffix(base, ".gz")))
	var b strings.Builder
	for _, r := range base {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', b.Len() > 0 && r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	const most = 48
	name := b.String()
	name = strings.TrimRight(name[:min(len(name), most)], "-._")
	if !tuned.IsName(name) {
		return "head"
	}
	return name
}

// some lists a few words, or says none.
func some(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	return list(words, ", ")
}

func list(words []string, between string) string { return strings.Join(words, between) }
