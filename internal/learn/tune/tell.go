package tune

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/security/phrase"
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
	return strings.Join(words, ", ")
}

// Room refuses work whose files will not fit on the disk of a folder, as far as the
// system says. The folder need not be there yet.
func Room(dir string, need int64, what string) error {
	free, known := files.Free(dir)
	if !known || free >= need {
		return nil
	}
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%s will take up to %s in %q, where %s are free", what, phrase.Bytes(need), dir, phrase.Bytes(free)),
		Hint: "make space on that disk, or name a data directory on another with --data"}
}

// Sizes for the forecast of a head's folder, in bytes. They are generous: a head on
// words has at most 2¹⁸ features.
const (
	roomPage    = 400 << 10 // of the report and its like
	roomRow     = 250       // of digests and words that are known
	roomAnswer  = 250       // of evaluations: a row in five, by some five candidates
	roomP       = 20        // of a probability in it
	roomWeights = 32 << 20  // at most
	roomText    = 64        // of weights, for a byte of text
	copies      = 2         // while the registry takes one
)

// HeadBytes foresees what the folder of a head that is trained on a table takes on
// disk while it is written.
func HeadBytes(t *dataset.Table) int64 {
	text := 0
	for i := range t.Rows {
		text += len(t.Rows[i].Text)
	}
	rows := int64(len(t.Rows))
	weights := min(roomWeights, int64(roomText*text))
	return copies * (roomPage + weights + rows*(roomRow+roomAnswer+roomP*int64(len(t.Labels))))
}

// Forecasts that are worth a word.
const (
	longReading  = 20 * time.Second
	muchReading  = 50 << 20 // bytes
	manyTogether = 2 * textsTogether
)

// reading tells how long the model will read, from how long it took over the first
// rows, and what that takes on disk.
type reading struct {
	j     *job
	start time.Time
	total int    // bytes of the texts
	said  bool   // that it takes long
	kept  int64  // bytes on disk; 0 for none
	where string // they are kept
}

func (j *job) startReading(rows []int, kept int64, where string) *reading {
	r := &reading{j: j, start: time.Now(), kept: kept, where: where}
	for _, i := range rows {
		r.total += len(j.table.Rows[i].Text)
	}
	r.said = j.o.Note == nil || len(rows) < manyTogether
	return r
}

// read is called when some rows have been read, with how many there are.
func (r *reading) read(rows []int, all int) {
	if r.said || r.total == 0 {
		return
	}
	r.said = true
	done := 0
	for _, i := range rows {
		done += len(r.j.table.Rows[i].Text)
	}
	took := time.Duration(float64(time.Since(r.start)) * float64(r.total) / float64(max(1, done)))
	if took < longReading && r.kept < muchReading {
		return
	}
	text := fmt.Sprintf("the model reads %s, which takes about %s", phrase.Count(all, "row"), duration(took.Seconds()))
	if r.kept > 0 {
		text += fmt.Sprintf("; what it reads takes %s in %s, and a run that is broken off goes on from there", phrase.Bytes(r.kept), r.where)
	}
	r.j.o.Note(text)
}
