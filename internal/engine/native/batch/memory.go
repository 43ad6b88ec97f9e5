package batch

import (
	"runtime/debug"

	"github.com/casemate-ai/casemate/internal/engine/native/prefix"
	"github.com/casemate-ai/casemate/internal/model/llama"
)

// ledger is what memory there is while a pass is put together. It is asked for
// when the first prompt wants some.
type ledger struct {
	b     *Batcher
	asked bool
	known bool
	room  int64
	full  bool // a prompt waits for memory; those after it wait for their turn
}

// admit gives a sequence what is known of its beginning, and sees to memory for
// the rest. If others have the memory that it wants, the sequence is not
// admitted, and full is set. The caller holds Batcher.mu.
func (l *ledger) admit(j *job) error {
	b, s := l.b, j.seq
	if len(b.active) >= maxActive {
		l.full = true
		return nil
	}
	var found []*llama.Page
	n := 0
	if s.share {
		found, n = b.tree.Find(s.keys(j.tokens[:len(j.tokens)-1]))
	}
	whole := n / prefix.Block // one in part will be copied
	need := int64(s.need-whole+j.least) * b.options.PageBytes
	if room, fits := l.fits(need); !fits {
		for _, p := range found {
			p.Release()
		}
		if len(b.active) > 0 {
			l.full = true
			return nil
		}
		return &MemoryError{Need: need, Room: room}
	}
	s.spare = min(s.spare, j.least+l.pages(need))
	s.admitted = true
	s.cache.Adopt(found, n)
	j.from = n
	b.active[s] = true
	l.room -= int64(s.need-whole+s.spare) * b.options.PageBytes
	return nil
}

// pages returns how many pages fit besides so many bytes.
func (l *ledger) pages(need int64) int {
	if !l.known {
		return 1 << 30
	}
	return int((l.room - need) / l.b.options.PageBytes)
}

// fits says whether so many bytes are free, and how many are. What is kept for
// others goes before a request waits, and what is garbage before one is refused.
func (l *ledger) fits(need int64) (room int64, fits bool) {
	b := l.b
	if b.options.Available == nil {
		return 0, true
	}
	if !l.asked {
		l.ask()
	}
	for l.known && need > l.room {
		before := b.model.PageUse().Free
		if b.tree.Shrink(int((need-l.room)/b.options.PageBytes)+1) == 0 {
			break
		}
		l.room += b.model.PageUse().Free - before
	}
	if l.known && need > l.room && len(b.active) == 0 {
		b.model.TrimPages(0)
		debug.FreeOSMemory()
		l.ask()
	}
	return l.room, !l.known || need <= l.room
}

// ask asks the system, and takes off what sequences may still come to.
func (l *ledger) ask() {
	l.asked = true
	l.room, l.known = l.b.options.Available()
	l.room += l.b.model.PageUse().Free
	for s := range l.b.active {
		l.room -= int64(max(0, s.need+s.spare-pages(s.cache.Len()))) * l.b.options.PageBytes
	}
}
