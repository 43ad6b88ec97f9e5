package batch_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// turns lets a test have passes run one at a time.
type turns struct {
	asked chan []int // how many tokens of each sequence
	go_   chan struct{}
}

func newTurns() *turns { return &turns{make(chan []int), make(chan struct{})} }

func (g *turns) before(ctx context.Context, pass []llama.Sequence) {
	var sizes []int
	for _, s := range pass {
		sizes = append(sizes, len(s.Tokens))
	}
	g.asked <- sizes
	select {
	case <-g.go_:
	case <-ctx.Done():
	}
}

// next waits for a pass, lets it run, and returns its sizes.
func (g *turns) next() []int {
	sizes := <-g.asked
	g.go_ <- struct{}{}
	return sizes
}

// free lets all further passes run.
func (g *turns) free() {
	go func() {
		for range g.asked {
			g.go_ <- struct{}{}
		}
	}()
}

// until waits for what other goroutines are about to do.
func until(is func() bool) {
	for !is() {
		runtime.Gosched()
	}
}

func total(sizes []int) (n int) {
	for _, s := range sizes {
		n += s
	}
	return n
}

// TestGrowingGoesOn lets sequences grow while long prompts wait: every pass has
// the next token of each, passes are short, prompts go on, and the oldest first.
func TestGrowingGoesOn(t *testing.T) {
	m := tiny(t, modeltest.Options{Context: 2048})
	g := newTurns()
	b := batch.New(watched{m, g.before}, optionsFor(m, 0))
	defer b.Close()
	const growing, steps = 70, 3 // more than fit a pass
	var group, begun sync.WaitGroup
	begun.Add(growing)
	start := make(chan struct{})
	for i := range growing {
		group.Go(func() {
			s, _, err := b.Start(ctx, batch.Prompt{Tokens: []int{i}, Room: steps, Logits: true})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.End(false)
			begun.Done()
			<-start
			for range steps {
				if err := s.Next(ctx, 1); err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Wait(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for seen := 0; seen < growing; {
		seen += total(g.next())
	}
	begun.Wait()
	order := make(chan int, 2)
	prompt := func(i, n int) {
		s, _, err := b.Start(ctx, batch.Prompt{Tokens: tokensOf(n, uint64(i)), Logits: true})
		if err != nil {
			t.Error(err)
			return
		}
		order <- i
		s.End(false)
	}
	group.Go(func() { prompt(0, 60) })
	g.next()
	if sizes := <-g.asked; len(sizes) != 1 || sizes[0] != 28 {
		t.Fatalf("a pass of %v, want the other 28 tokens of the prompt", sizes)
	}
	group.Go(func() { prompt(1, 100) })
	until(func() bool { return b.Waiting() == 1 })
	close(start)
	until(func() bool { return b.Waiting() == 1+growing })
	g.go_ <- struct{}{}
	left := 100
	for sum, all := 0, left+growing*steps; sum < all; {
		sizes := g.next()
		if len(sizes) > 64+1 || left > 0 && sizes[len(sizes)-1] != min(32, left) {
			t.Errorf("a pass of %v, with %d tokens of the prompt left", sizes, left)
		}
		if left > 0 {
			left -= sizes[len(sizes)-1]
		}
		sum += total(sizes)
	}
	group.Wait()
	if first := <-order; first != 0 {
		t.Error("the younger prompt was computed first")
	}
}

// TestNobodyWaitsForOneThatAsked wants a sequence to hold the others up only
// while it has logits and picks a token.
func TestNobodyWaitsForOneThatAsked(t *testing.T) {
	m := tiny(t, modeltest.Options{})
	g := newTurns()
	b := batch.New(watched{m, g.before}, optionsFor(m, 0))
	defer b.Close()
	var s *batch.Sequence
	var group sync.WaitGroup
	group.Go(func() {
		var err error
		if s, _, err = b.Start(ctx, batch.Prompt{Tokens: []int{1}, Room: 2, Logits: true}); err != nil {
			t.Error(err)
		}
	})
	g.next()
	group.Wait()
	if b.Between() != 1 {
		t.Errorf("given logits: %d between steps", b.Between())
	}
	if err := s.Next(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if b.Between() != 0 {
		t.Errorf("asked for the next: %d between steps", b.Between())
	}
	g.next()
	if _, err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	s.End(false)
	if b.Between() != 0 {
		t.Errorf("ended: %d between steps", b.Between())
	}
}

// TestCancel ends requests in the queue, in a pass of their own, and in one with
// others, which go on.
func TestCancel(t *testing.T) {
	m := tiny(t, modeltest.Options{})
	g := newTurns()
	b := batch.New(watched{m, g.before}, optionsFor(m, 0))
	start := func(ctx context.Context, seed uint64) <-chan error {
		done := make(chan error, 1)
		go func() {
			s, _, err := b.Start(ctx, batch.Prompt{Tokens: tokensOf(20, seed), Logits: true})
			if err == nil {
				s.End(false)
			}
			done <- err
		}()
		return done
	}
	one, cancelOne := context.WithCancel(ctx)
	two, cancelTwo := context.WithCancel(ctx)
	first := start(one, 1)
	<-g.asked // it is in a pass
	second, third := start(two, 2), start(ctx, 3)
	until(func() bool { return b.Waiting() == 2 })
	queued, cancelQueued := context.WithCancel(ctx)
	fourth := start(queued, 4)
	until(func() bool { return b.Waiting() == 3 })
	cancelQueued()
	if err := <-fourth; !errors.Is(err, context.Canceled) {
		t.Errorf("in the queue: %v", err)
	}
	cancelOne() // the pass has no other and ends
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("alone in a pass: %v", err)
	}
	if sizes := <-g.asked; len(sizes) != 2 {
		t.Fatalf("a pass of %v, want two sequences", sizes)
	}
	cancelTwo()
	until(func() bool { return b.Abandoned() == 1 })
	g.go_ <- struct{}{}
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("in a pass with others: %v", err)
	}
	if err := <-third; err != nil {
		t.Errorf("beside one that is cancelled: %v", err)
	}
	g.free()
	b.Close()
	if use := m.PageUse(); use.Held != 0 {
		t.Errorf("%d bytes held after all", use.Held)
	}
}

// TestMemoryWaits has memory for one request at a time, though it takes it page
// by page: the others wait for it,
// and one that would never fit is refused, by name.
func TestMemoryWaits(t *testing.T) {
	m := tiny(t, modeltest.Options{})
	o := optionsFor(m, 100)
	o.Available = func() (int64, bool) {
		use := m.PageUse()
		return 6*o.PageBytes - use.Held - use.Free, true
	}
	b := batch.New(watched{m, func(context.Context, []llama.Sequence) {
		if use := m.PageUse(); use.Held > 6*o.PageBytes {
			t.Errorf("%d bytes are held, %d there", use.Held, 6*o.PageBytes)
		}
	}}, o)
	defer b.Close()
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			s, _, err := b.Start(ctx, batch.Prompt{Tokens: tokensOf(10, uint64(i)), Room: 50, Share: true, Logits: true})
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				if err := s.Next(ctx, i); err != nil {
					t.Error(err)
				}
				if _, err := s.Wait(ctx); err != nil {
					t.Error(err)
				}
			}
			s.End(true)
		})
	}
	group.Wait()
	var full *batch.MemoryError
	if _, _, err := b.Start(ctx, batch.Prompt{Tokens: tokensOf(40, 1), Room: 60, Logits: true}); !errors.As(err, &full) || full.Need != 7*o.PageBytes {
		t.Errorf("a request for seven pages of six: %v", err)
	}
	if _, err := b.Score(ctx, tokensOf(40, 1), [][]int{tokensOf(60, 2)}); !errors.As(err, &full) {
		t.Errorf("an option for seven pages of six: %v", err)
	}
	var options [][]int
	for i := range 20 {
		options = append(options, []int{i, 7})
	}
	if _, err := b.Score(ctx, tokensOf(10, 1), options); err != nil {
		t.Errorf("20 options, one page each, in five pages: %v", err)
	}
}

// TestClose wants requests of a closed batcher to fail, those that wait, too.
func TestClose(t *testing.T) {
	m := tiny(t, modeltest.Options{})
	g := newTurns()
	b := batch.New(watched{m, g.before}, optionsFor(m, 100))
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			s, _, err := b.Start(ctx, batch.Prompt{Tokens: tokensOf(10, uint64(i)), Room: 1, Share: true, Logits: true})
			if err == nil {
				err = s.Next(ctx, 1)
				if err == nil {
					_, err = s.Wait(ctx)
				}
				s.End(true)
			}
			if !errors.Is(err, batch.ErrClosed) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	sizes := <-g.asked
	until(func() bool { return b.Waiting() == 3-len(sizes) })
	var closing sync.WaitGroup
	closing.Go(b.Close)
	until(b.Closing)
	g.go_ <- struct{}{}
	closing.Wait()
	group.Wait()
	if _, _, err := b.Start(ctx, batch.Prompt{Tokens: []int{1}, Logits: true}); !errors.Is(err, batch.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestRefuses sends what would spoil a pass for others.
func TestRefuses(t *testing.T) {
	m := tiny(t, modeltest.Options{Context: 64})
	b := batch.New(m, optionsFor(m, 0))
	defer b.Close()
	var long *llama.ContextError
	var token *llama.TokenError
	if _, _, err := b.Start(ctx, batch.Prompt{Tokens: make([]int, 60), Room: 5}); !errors.As(err, &long) {
		t.Errorf("65 tokens: %v", err)
	}
	if _, _, err := b.Start(ctx, batch.Prompt{Tokens: []int{1 << 30}}); !errors.As(err, &token) {
		t.Errorf("a token beyond: %v", err)
	}
	if _, err := b.Score(ctx, []int{1}, [][]int{{-1}}); !errors.As(err, &token) {
		t.Errorf("an option's token: %v", err)
	}
	if _, err := b.Score(ctx, []int{1}, [][]int{make([]int, 64)}); !errors.As(err, &long) {
		t.Errorf("an option of 64 tokens: %v", err)
	}
	if _, _, err := b.Start(ctx, batch.Prompt{}); err == nil {
		t.Error("no tokens: no error")
	}
	for _, p := range []batch.Prompt{{Share: true, Hidden: []llama.HiddenRequest{{Pool: llama.PoolMean}}}, {Share: true, Hidden: []llama.HiddenRequest{{}}},
		{Hidden: []llama.HiddenRequest{{Positions: []int{0}}}}, {Hidden: []llama.HiddenRequest{{Pool: llama.PoolMean, Positions: []int{1}}}},
		{Hidden: []llama.HiddenRequest{{Pool: llama.PoolMean, Positions: []int{0, 0}}}}, {Hidden: []llama.HiddenRequest{{Pool: "max"}}}} {
		p.Tokens = []int{1}
		if _, _, err := b.Start(ctx, p); err == nil {
			t.Errorf("%+v: no error", p)
		}
	}
	s, _, err := b.Start(ctx, batch.Prompt{Tokens: make([]int, 64), Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.End(false)
	if err := s.Next(ctx, 1); !errors.As(err, &long) {
		t.Errorf("a 65th token: %v", err)
	}
	if err := s.Next(ctx, -1); !errors.As(err, &token) {
		t.Errorf("a next token beyond: %v", err)
	}
}
