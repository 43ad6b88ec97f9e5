package batch

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/casemate-ai/casemate/internal/engine/native/prefix"
	"github.com/casemate-ai/casemate/internal/model/llama"
)

// job is tokens of a sequence to compute, in one pass or several.
type job struct {
	seq     *Sequence
	tokens  []int
	from    int  // the first that is still to be computed
	step    bool // the next token of a sequence that grows
	branch  bool // of a sequence that began as a fork
	logits  bool
	gather  *gathering
	choices [][]int // nil, or for each token
	depth   int     // layers that matter; 0 means all
	least   int     // pages for branches

	out    Result
	scores [][]float64 // for choices

	// Guarded by Batcher.mu until done is closed.
	queued bool
	gone   error // nobody waits for it any more
	err    error
	done   chan struct{}
	notify chan<- *job // is told, too, if not nil; has room for it
}

func newJob(s *Sequence, tokens []int) *job {
	return &job{seq: s, tokens: tokens, gather: &gathering{}, done: make(chan struct{})}
}

// finish tells that a job is done. The caller holds Batcher.mu.
func (j *job) finish(err error) {
	j.err = err
	close(j.done)
	if j.notify != nil {
		j.notify <- j
	}
}

// submit puts a job into its queue.
func (b *Batcher) submit(ctx context.Context, j *job) {
	s := j.seq
	s.job = j
	b.mu.Lock()
	defer b.mu.Unlock()
	s.settle()
	switch {
	case b.closed:
		j.finish(ErrClosed)
		return
	case ctx.Err() != nil:
		j.finish(ctx.Err())
		return
	case j.step:
		b.steps = append(b.steps, j)
	default:
		if s.ticket == 0 {
			b.tickets++
			s.ticket = b.tickets
		}
		at := sort.Search(len(b.prompts), func(i int) bool { return b.prompts[i].seq.ticket > s.ticket })
		b.prompts = slices.Insert(b.prompts, at, j)
	}
	j.queued = true
	b.nudge()
}

// abandon ends a job that nobody waits for any more, unless it is in a pass:
// then it ends with the pass, at once if that has no other.
func (b *Batcher) abandon(j *job, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j.gone != nil || j.closed() {
		return
	}
	j.gone = cause
	if !j.queued {
		b.pass.left--
		if b.pass.left == 0 {
			b.pass.cancel()
		}
		return
	}
	is := func(x *job) bool { return x == j }
	b.steps, b.prompts = slices.DeleteFunc(b.steps, is), slices.DeleteFunc(b.prompts, is)
	j.queued = false
	j.finish(cause)
}

func (j *job) closed() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// pass is what goes through the model together.
type pass struct {
	members []member
	left    int // members whose job somebody waits for
	ctx     context.Context
	cancel  context.CancelFunc
}

// member is the next n tokens of a job.
type member struct {
	job *job
	n   int
}

// run makes passes until the batcher is closed.
func (b *Batcher) run() {
	defer close(b.ended)
	for b.gather() {
		batch := b.form()
		if len(batch) == 0 { // what waits, waits for memory
			<-b.wake
			continue
		}
		start := time.Now()
		results, err := b.model.Forward(b.pass.ctx, batch)
		b.patience = min(time.Since(start)/4, maxPatience)
		b.deliver(results, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range slices.Concat(b.steps, b.prompts) {
		j.queued = false
		j.finish(ErrClosed)
	}
	b.steps, b.prompts = nil, nil
}

// maxPatience bounds how long a pass waits for sequences that have just been
// given logits, so that they go on together.
const maxPatience = 20 * time.Millisecond

// gather waits until there is something to compute, and a little for those who
// are about to ask. It returns false when the batcher is closed.
func (b *Batcher) gather() bool {
	var late <-chan time.Time
	for {
		b.mu.Lock()
		closed, work, between := b.closed, len(b.steps)+len(b.prompts) > 0, b.between
		b.mu.Unlock()
		switch {
		case closed:
			return false
		case work && between == 0:
			return true
		case work && late == nil:
			late = time.After(b.patience)
		}
		select {
		case <-b.wake:
		case <-late:
			return true
		}
	}
}

// maxLooks bounds how many waiting prompts a pass looks at.
const maxLooks = 256

// form puts the next pass together and returns what the model is to compute.
func (b *Batcher) form() []llama.Sequence {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass = pass{}
	room := passTokens
	if len(b.steps) > 0 || b.between > 0 {
		room = besideStep
	}
	n := min(len(b.steps), maxSteps)
	for _, j := range b.steps[:n] {
		b.join(j, 1)
	}
	b.steps = slices.Delete(b.steps, 0, n)
	b.formPrompts(room)
	b.prompts = slices.DeleteFunc(b.prompts, func(j *job) bool { return !j.queued })
	if b.pass.left = len(b.pass.members); b.pass.left == 0 {
		return nil
	}
	b.pass.ctx, b.pass.cancel = context.WithCancel(context.Background())
	batch := make([]llama.Sequence, len(b.pass.members))
	for i, m := range b.pass.members {
		batch[i] = m.job.sequence(m.n)
	}
	return batch
}

// formPrompts fills the room that is left with prompts, the oldest first.
func (b *Batcher) formPrompts(room int) {
	first, looks := len(b.pass.members), 0
	memory := &ledger{b: b}
	for _, j := range b.prompts {
		if room == 0 {
			return
		}
		if !j.seq.admitted {
			if looks++; looks > maxLooks || memory.full {
				continue
			}
			if b.comes(j, b.pass.members[first:]) {
				continue // it is computed in this pass
			}
			if err := memory.admit(j); err != nil {
				j.queued = false
				j.finish(err)
				continue
			}
			if !j.seq.admitted {
				continue
			}
		}
		n := min(room, len(j.tokens)-j.from)
		b.join(j, n)
		room -= n
	}
}

// join makes the next n tokens of a job part of the pass.
func (b *Batcher) join(j *job, n int) {
	j.queued = false
	b.pass.members = append(b.pass.members, member{j, n})
}

// comes says whether some of the pass compute a block of the prompt's beginning
// that is not known yet: then it is better to wait for it. Members are older, so
// nobody waits for ever.
func (b *Batcher) comes(j *job, members []member) bool {
	if !j.seq.share {
		return false
	}
	known := -1
	for _, m := range members {
		s := m.job.seq
		if !s.share || s.adapter != j.seq.adapter {
			continue
		}
		same := prefix.Common(s.tokens, j.tokens[:len(j.tokens)-1]) / prefix.Block
		if same == 0 || same > b.options.Keep {
			continue
		}
		if known < 0 {
			known = b.tree.Known(j.seq.keys(j.tokens)) / prefix.Block
		}
		if same > known {
			return true
		}
	}
	return false
}

// sequence is what the model is to compute of a job's next n tokens.
func (j *job) sequence(n int) llama.Sequence {
	end := j.from + n
	s := llama.Sequence{Cache: j.seq.cache, Adapter: j.seq.adapter, Tokens: j.tokens[j.from:end], Depth: j.depth}
	if j.choices != nil {
		s.Choices = j.choices[j.from:end]
	}
	last := end == len(j.tokens)
	if j.logits && last {
		s.Logits = []int{-1}
	}
	s.Hidden = j.gather.wants(last)
	return s
}

// take keeps what a pass computed of the job's next n tokens.
func (j *job) take(n int, r llama.Result) {
	j.scores = append(j.scores, r.Choices...)
	j.from += n
	last := j.from == len(j.tokens)
	if last && j.logits {
		j.out.Logits = r.Logits[0]
	}
	j.gather.take(j.from-n, r.Hidden, last)
	if last {
		j.out.Hidden, j.out.States = j.gather.done()
	}
}

// deliver hands out what a pass computed, and puts jobs that are not done back.
func (b *Batcher) deliver(results []llama.Result, err error) {
	b.pass.cancel()
	if err == nil {
		b.take(results)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.pass.members {
		j := m.job
		switch {
		case j.gone != nil:
			j.finish(j.gone)
		case err != nil:
			j.finish(err)
		case j.from < len(j.tokens):
			j.queued = true
			b.prompts = append(b.prompts, j)
		default:
			if j.seq.grows {
				j.seq.between = true
				b.between++
			}
			j.finish(nil)
		}
	}
	b.pass = pass{}
	slices.SortStableFunc(b.prompts, func(x, y *job) int { return cmp.Compare(x.seq.ticket, y.seq.ticket) })
}

// take gives jobs what the pass computed of them, and tells how far the oldest
// prompt is.
func (b *Batcher) take(results []llama.Result) {
	told := b.options.Progress == nil
	for i, m := range b.pass.members {
		j := m.job
		j.take(m.n, results[i])
		if j.seq.share && !j.step {
			b.keep(j.seq)
		}
		if !j.step && !j.branch && !told {
			told = true
			b.options.Progress(j.from, len(j.tokens))
		}
	}
}

// keep lets others have the whole blocks of a prompt that are computed.
func (b *Batcher) keep(s *Sequence) {
	if n := s.cache.Len() / prefix.Block; n > 0 && b.options.Keep > 0 {
		b.tree.Insert(s.keys(s.tokens[:n*prefix.Block]), s.cache.Pages()[:n])
	}
}
