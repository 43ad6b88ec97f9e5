package activation_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/activation"
)

var key = activation.Key{Model: "sha256:abc", Width: 8}

func open(t testing.TB, dir string, k activation.Key, o activation.Options) *activation.Store {
	t.Helper()
	s, err := activation.Open(dir, k, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// vector is that of a number, the same every time.
func vector(n, width int) []float32 {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	v := make([]float32, width)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func text(n int) activation.Digest { return activation.TextDigest(fmt.Sprint("text ", n)) }

func put(t testing.TB, s *activation.Store, n int) {
	t.Helper()
	if err := s.Put(text(n), n%3, "mean", vector(n, key.Width)); err != nil {
		t.Fatal(err)
	}
}

// holds says whether the store has the vector of a number; it fails if it has
// another.
func holds(t testing.TB, s *activation.Store, n int) bool {
	t.Helper()
	got, want := make([]float32, key.Width), vector(n, key.Width)
	ok, err := s.Get(got, text(n), n%3, "mean")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if ok && math.Abs(float64(got[i]-want[i])) > 1e-3*math.Abs(float64(want[i])) {
			t.Fatalf("vector %d is %v, want %v", n, got, want)
		}
	}
	return ok
}

// TestStore wants what was put found, at once and by those that open the store
// later, under its text, layer, pooling, model and adapter alone.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, key, activation.Options{SegmentBytes: 1000})
	for n := range 100 {
		put(t, s, n)
		put(t, s, n) // once is enough
	}
	other := open(t, dir, key, activation.Options{})
	for n := range 100 {
		if !holds(t, s, n) || !holds(t, other, n) {
			t.Fatalf("vector %d is not found", n)
		}
	}
	if s.Len() != 100 || other.Len() != 100 || s.Bytes() != other.Bytes() {
		t.Errorf("%d and %d vectors, %d and %d bytes", s.Len(), other.Len(), s.Bytes(), other.Bytes())
	}
	dst := make([]float32, key.Width)
	for name, is := range map[string]func() (bool, error){
		"another text":    func() (bool, error) { return s.Get(dst, text(1000), 0, "mean") },
		"another layer":   func() (bool, error) { return s.Get(dst, text(0), 1, "mean") },
		"another pooling": func() (bool, error) { return s.Get(dst, text(0), 0, "last") },
	} {
		if ok, err := is(); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	for _, k := range []activation.Key{{Model: "sha256:abd", Width: 8}, {Model: "sha256:abc", Adapter: "x", Width: 8}, {Model: "sha256:abc", Width: 9}} {
		if s := open(t, dir, k, activation.Options{}); s.Len() != 0 {
			t.Errorf("%+v has %d vectors of another key", k, s.Len())
		}
	}
}

// TestRange wants numbers of any magnitude kept to a part in two thousand, or to a
// part in 2^28 of the largest.
func TestRange(t *testing.T) {
	s := open(t, t.TempDir(), key, activation.Options{})
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		v := make([]float32, key.Width)
		top := 0.
		for i := range v {
			v[i] = rapid.Float32().Draw(t, "number")
			top = max(top, math.Abs(float64(v[i])))
		}
		if err := s.Put(text(n), 0, "last", v); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, key.Width)
		if ok, err := s.Get(got, text(n), 0, "last"); !ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
		for i := range v {
			if d := math.Abs(float64(got[i]) - float64(v[i])); d > math.Abs(float64(v[i]))/2000+top/(1<<38)+1e-45 {
				t.Fatalf("%v is kept as %v beside %v", v[i], got[i], top)
			}
		}
	})
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		bad := vector(1, key.Width)
		bad[3] = float32(v)
		if err := s.Put(text(0), 0, "last", bad); !errors.Is(err, activation.ErrInput) {
			t.Errorf("%v: error %v", v, err)
		}
	}
	if err := s.Put(text(0), 0, "last", bad(key.Width+1)); !errors.Is(err, activation.ErrInput) {
		t.Errorf("a vector too long: %v", err)
	}
	if err := s.Put(text(0), 0, "a long name", vector(0, key.Width)); !errors.Is(err, activation.ErrInput) {
		t.Errorf("a long name of a pooling: %v", err)
	}
	if _, err := s.Get(bad(3), text(1), 0, "last"); !errors.Is(err, activation.ErrInput) {
		t.Errorf("no room: %v", err)
	}
}

func bad(n int) []float32 { return make([]float32, n) }

// only returns the one segment of a folder.
func only(t testing.TB, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*"+activation.SegmentSuffix()))
	if err != nil || len(found) != 1 {
		t.Fatalf("segments %v, %v", found, err)
	}
	return found[0]
}

// TestTorn cuts a segment at every length: what stands before the cut is found,
// and a store that opens it takes new vectors.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, key, activation.Options{})
	for n := range 3 {
		put(t, s, n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(only(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	size := activation.RecordSize(key.Width)
	for length := range whole {
		dir := t.TempDir()
		folder := filepath.Join(dir, activation.StoreName(key))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "00000000"+activation.SegmentSuffix()), whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, key, activation.Options{})
		for n := range 3 {
			if got, want := holds(t, s, n), length >= activation.HeaderBytes()+(n+1)*size; got != want {
				t.Errorf("cut at %d: vector %d found: %v, want %v", length, n, got, want)
			}
		}
		put(t, s, 6)
		if !holds(t, s, 6) {
			t.Errorf("cut at %d: a new vector is not found", length)
		}
		s.Close()
	}
}

// TestDamage changes every byte of a segment in turn: no other vector is given out
// for one, and those of records that did not change are found.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, key, activation.Options{})
	for n := range 3 {
		put(t, s, n)
	}
	s.Close()
	path := only(t, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := activation.RecordSize(key.Width)
	for at := range whole {
		for _, flip := range []byte{1, 0x80} {
			b := bytes.Clone(whole)
			b[at] ^= flip
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, key, activation.Options{})
			for n := range 3 {
				hit := at < activation.HeaderBytes() || (at-activation.HeaderBytes())/size == n
				if got := holds(t, s, n); got == hit {
					t.Errorf("byte %d changed: vector %d found: %v", at, n, got)
				}
			}
			s.Close()
		}
	}
}

// TestBound wants the oldest segments gone when a folder is over its bound, those
// of other models first, and no vector stored beyond it.
func TestBound(t *testing.T) {
	dir := t.TempDir()
	record := int64(activation.RecordSize(key.Width))
	bound := 10*record + 3*int64(activation.HeaderBytes())
	other := activation.Key{Model: "other", Width: key.Width}
	o := open(t, dir, other, activation.Options{})
	for n := range 6 {
		put(t, o, n)
	}
	o.Close()
	s := open(t, dir, key, activation.Options{Bytes: bound})
	var full error
	stored := 0
	for n := range 20 {
		if full = s.Put(text(n), n%3, "mean", vector(n, key.Width)); full != nil {
			break
		}
		stored++
	}
	if !errors.Is(full, activation.ErrFull) || stored != 4 {
		t.Errorf("%d vectors stored beside 6 of %d bytes: %v", stored, bound, full)
	}
	s.Close()
	s = open(t, dir, key, activation.Options{Bytes: 5*record + 2*int64(activation.HeaderBytes())})
	if o := open(t, dir, other, activation.Options{}); o.Len() != 0 || s.Len() != stored {
		t.Errorf("%d vectors of another model are left, %d of %d of this", o.Len(), s.Len(), stored)
	}
}

// TestMerge wants many segments made one, and nothing lost.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	const runs = activation.MaxSegments + 5
	for n := range runs {
		s := open(t, dir, key, activation.Options{})
		put(t, s, n)
		s.Close()
	}
	open(t, dir, key, activation.Options{}).Close()
	s := open(t, dir, key, activation.Options{})
	for n := range runs {
		if !holds(t, s, n) {
			t.Errorf("vector %d is lost", n)
		}
	}
	if got := s.Segments(); got > 8 {
		t.Errorf("%d segments are left", got)
	}
}

// TestMergeFull opens a store of many short segments that fill its bound: there is
// no room for a second copy, and it must open all the same, and stay within.
func TestMergeFull(t *testing.T) {
	dir := t.TempDir()
	const runs = activation.MaxSegments + 5
	for n := range runs {
		s := open(t, dir, key, activation.Options{})
		put(t, s, n)
		s.Close()
	}
	bound := int64(runs * (activation.HeaderBytes() + activation.RecordSize(key.Width)))
	for range 3 {
		s := open(t, dir, key, activation.Options{Bytes: bound})
		if s.Bytes() > bound {
			t.Errorf("%d bytes of %d", s.Bytes(), bound)
		}
		if !holds(t, s, runs-1) {
			t.Error("the newest vector is lost")
		}
		s.Close()
	}
}

// TestRoom wants what is old to go for what is about to be put.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	record, head := int64(activation.RecordSize(key.Width)), int64(activation.HeaderBytes())
	other := key
	other.Model = "sha256:another"
	o := open(t, dir, other, activation.Options{})
	for n := range 6 {
		put(t, o, n)
	}
	o.Close()
	bound := 6*record + head
	s := open(t, dir, key, activation.Options{Bytes: bound})
	if err := s.Put(text(0), 0, "mean", vector(0, key.Width)); !errors.Is(err, activation.ErrFull) {
		t.Errorf("without room: %v", err)
	}
	s.Close()
	s = open(t, dir, key, activation.Options{Bytes: bound, Room: 2*record + head})
	for n := range 2 {
		put(t, s, n)
	}
	if s.Bytes() > bound {
		t.Errorf("%d bytes of %d", s.Bytes(), bound)
	}
}

// TestMergeShort wants segments that are full to stay where they are: to copy them
// again and again would save nothing.
func TestMergeShort(t *testing.T) {
	dir := t.TempDir()
	o := activation.Options{SegmentBytes: int64(activation.HeaderBytes() + 2*activation.RecordSize(key.Width))}
	s := open(t, dir, key, o)
	const stored = 4 * activation.MaxSegments
	for n := range stored {
		put(t, s, n)
	}
	s.Close()
	s = open(t, dir, key, o)
	defer s.Close()
	if got := s.Segments(); got != stored/2 {
		t.Errorf("%d segments are open, there were %d, all full", got, stored/2)
	}
}

// TestTogether wants goroutines and stores side by side to keep all that each puts.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for k := range 4 {
		s := open(t, dir, key, activation.Options{SegmentBytes: 2000})
		for g := range 2 {
			group.Go(func() {
				for n := range 50 {
					if err := s.Put(text(n*8+k*2+g), (n*8+k*2+g)%3, "mean", vector(n*8+k*2+g, key.Width)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	s := open(t, dir, key, activation.Options{})
	for n := range 400 {
		if !holds(t, s, n) {
			t.Errorf("vector %d is lost", n)
		}
	}
}

// writes is set for a process that TestKill starts and kills.
const writes = "CASEMATE_TEST_ACTIVATION_WRITES"

// TestKill kills a process that stores vectors, and wants all but the last it told
// of found.
func TestKill(t *testing.T) {
	if dir := os.Getenv(writes); dir != "" {
		s := open(t, dir, key, activation.Options{SegmentBytes: 20_000})
		for n := 0; ; n++ {
			put(t, s, n)
			if err := os.WriteFile(filepath.Join(dir, "count"), fmt.Appendf(nil, "%d\n", n), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := range 3 {
		dir := t.TempDir()
		c := exec.Command(os.Args[0], "-test.run=^TestKill$")
		c.Env = append(os.Environ(), writes+"="+dir)
		if err := c.Start(); err != nil {
			t.Skipf("no process can be started: %v", err)
		}
		count := 0
		for tries := 0; count < 50+100*round && tries < 20_000; tries++ {
			b, _ := os.ReadFile(filepath.Join(dir, "count"))
			fmt.Sscanf(string(b), "%d\n", &count)
			time.Sleep(time.Millisecond / 4)
		}
		c.Process.Kill()
		c.Wait()
		s := open(t, dir, key, activation.Options{})
		for n := range count {
			if !holds(t, s, n) {
				t.Fatalf("vector %d of %d is lost", n, count)
			}
		}
		if count == 0 {
			t.Fatal("nothing was stored")
		}
	}
}

// FuzzScan wants no panic, and no more records than fit, whatever a segment holds.
func FuzzScan(f *testing.F) {
	dir := f.TempDir()
	s := open(f, dir, key, activation.Options{})
	for n := range 3 {
		put(f, s, n)
	}
	s.Close()
	b, err := os.ReadFile(only(f, dir))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 8)
	f.Add(b[:80], 8)
	f.Add(activation.Header(activation.Key{Width: 1}), 1)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		if width < 1 || width > 1<<10 {
			return
		}
		k := activation.Key{Model: "sha256:abc", Width: width}
		whole := append(activation.Header(k), data[min(len(data), activation.HeaderBytes()):]...)
		for _, b := range [][]byte{data, whole} {
			n, err := activation.Scan(bytes.NewReader(b), int64(len(b)), k)
			if most := len(b) / activation.RecordSize(width); n > most || err != nil && n > 0 {
				t.Errorf("%d records in %d bytes: %v", n, len(b), err)
			}
		}
	})
}

// BenchmarkPut and BenchmarkGet use vectors of 4,096 numbers.
func BenchmarkPut(b *testing.B) {
	k := activation.Key{Model: "m", Width: 4096}
	s := open(b, b.TempDir(), k, activation.Options{})
	v := vector(1, k.Width)
	b.SetBytes(2 * int64(k.Width))
	for n := 0; b.Loop(); n++ {
		if err := s.Put(text(n), 0, "mean", v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet reads what was stored.
func BenchmarkGet(b *testing.B) {
	k := activation.Key{Model: "m", Width: 4096}
	s := open(b, b.TempDir(), k, activation.Options{})
	v := vector(1, k.Width)
	for n := range 1000 {
		if err := s.Put(text(n), 0, "mean", v); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(2 * int64(k.Width))
	halves := make([]uint16, k.Width)
	for n := 0; b.Loop(); n++ {
		if _, ok, err := s.Halves(halves, text(n%1000), 0, "mean"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
