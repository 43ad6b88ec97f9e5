package registry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
)

func TestServiceFromFirstToRollback(t *testing.T) {
	r := open(t.TempDir())
	one := add(t, r, fair)
	if again := add(t, r, fair); again.ID != one.ID || again.Digest != one.Digest {
		t.Errorf("added again it is %v, was %v", again, one)
	}
	if got := inService(t, r); got != "" {
		t.Errorf("in service before any promotion: %q", got)
	}
	p := promote(t, r, one)
	if !p.Done || len(p.Refusals) > 0 || p.Against != "the baseline nearest neighbour" || p.Gain.OnlyFirst != 30 {
		t.Fatalf("first promotion: %+v, gain %+v", p, p.Gain)
	}
	two := add(t, r, better)
	if p := promote(t, r, two); !p.Done || p.Before != one.ID || p.Against != "phish@"+one.ID {
		t.Fatalf("second promotion: %+v", p)
	}
	if got := inService(t, r); got != two.ID {
		t.Fatalf("in service is %q, want %q", got, two.ID)
	}
	if _, err := r.Promote(t.Context(), two, registry.PromoteOptions{At: day}); err == nil {
		t.Error("what is in service is promoted again")
	}
	e, err := r.Rollback(t.Context(), registry.KindHead, "phish", false, day)
	if err != nil || e.Version != one.ID || e.Before != two.ID {
		t.Fatalf("Rollback = %+v, %v", e, err)
	}
	if got := inService(t, r); got != one.ID {
		t.Fatalf("after rolling back %q is in service, want %q", got, one.ID)
	}
	if _, err := r.Rollback(t.Context(), registry.KindHead, "phish", false, day); err == nil {
		t.Error("rolled back beyond the first")
	}
	if _, err := r.Rollback(t.Context(), registry.KindHead, "phish", true, day); err != nil {
		t.Fatal(err)
	}
	if got := inService(t, r); got != "" {
		t.Errorf("after taking it out %q is in service", got)
	}
	s, err := r.Service(registry.KindHead, "phish")
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range s.History {
		actions = append(actions, e.Action)
	}
	if want := "promote promote rollback retire"; strings.Join(actions, " ") != want {
		t.Errorf("history %v, want %s", actions, want)
	}
}

// TestRefusals has one thing speak against each candidate.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		candidate
		code, says string
	}{
		"not evaluated":     {candidate{name: "x", unsure: true}, "evaluation", "not evaluated"},
		"learnt unknown":    {candidate{name: "x", first: 1, n: 300, wrongEvery: 10, data: "d", noSeen: true}, "seen", "not known"},
		"saw test rows":     {candidate{name: "x", first: 1, n: 300, wrongEvery: 10, data: "d", seen: []int{7, 8}}, "seen", "seen 2 of the 300 rows"},
		"no baseline":       {candidate{name: "x", first: 1, n: 300, wrongEvery: 10, data: "d", noBaseline: true}, "gain", "no baseline"},
		"no better":         {candidate{name: "x", first: 1, n: 300, wrongEvery: 5, data: "d"}, "gain", "not better"},
		"worse":             {candidate{name: "x", first: 1, n: 300, wrongEvery: 2, data: "d"}, "gain", "worse"},
		"better by chance":  {candidate{name: "x", first: 1, n: 30, wrongEvery: 7, data: "d"}, "gain", "beyond chance"},
		"better, too small": {candidate{name: "x", first: 1, n: 12, wrongEvery: 0, data: "d"}, "gain", "beyond chance"},
	} {
		r := open(t.TempDir())
		v := add(t, r, c.candidate)
		p := promote(t, r, v)
		if p.Done || len(p.Refusals) != 1 || p.Refusals[0].Code != c.code || !strings.Contains(p.Refusals[0].Message, c.says) || p.Refusals[0].Advice == "" {
			t.Errorf("%s: %+v", name, p)
		}
		if got := inService(t, r); got != "" {
			t.Errorf("%s: %q is in service all the same", name, got)
		}
		p, err := r.Promote(t.Context(), v, registry.PromoteOptions{At: day, Override: "an exercise"})
		if err != nil || !p.Done || inService(t, r) != v.ID {
			t.Errorf("%s: with a reason: %+v, %v", name, p, err)
			continue
		}
		s, err := r.Service(registry.KindHead, "phish")
		if err != nil {
			t.Fatal(err)
		}
		if e := s.Current(); e.Override != "an exercise" || len(e.Overridden) != 1 || !strings.Contains(e.Overridden[0], c.says) {
			t.Errorf("%s: the record says %+v", name, e)
		}
	}
}

// TestEveryBaselineCounts has a baseline that is a little better than another and
// wrong where the head is wrong, too, so that the head is surely better than it; of
// the other that is not sure.
func TestEveryBaselineCounts(t *testing.T) {
	wrong := func(name string, is func(i int) bool) *outcome.Evaluation {
		e := evaluation(name, "", "d", 1, 300, 0)
		for i := range e.Rows {
			if r := &e.Rows[i]; is(r.Number) {
				r.Answer = []string{e.Labels[1-r.Number%2]}
				slices.Reverse(r.Probabilities)
			}
		}
		return e
	}
	alike := wrong("alike", func(i int) bool { return i%10 == 0 || i%50 == 1 }) // 36 rows, 30 of them the head's
	other := wrong("other", func(i int) bool { return i%7 == 3 && i%10 != 0 })  // 38, none of them the head's
	c := fair
	c.baselines = []*outcome.Evaluation{alike, other}
	r := open(t.TempDir())
	p := promote(t, r, add(t, r, c))
	if p.Done || len(p.Refusals) != 1 || p.Refusals[0].Code != "gain" || p.Against != "the baseline other" {
		t.Errorf("promoted: %v against %q, refusals %+v", p.Done, p.Against, p.Refusals)
	}
}

// TestAgainstWhatIsInService compares with a version that was tested on other rows.
func TestAgainstWhatIsInService(t *testing.T) {
	next := candidate{name: "next", first: 401, n: 300, wrongEvery: 100, data: "e"}
	answers := func(wrongEvery int) func(context.Context, *registry.Version, *outcome.Evaluation) (*outcome.Evaluation, error) {
		return func(_ context.Context, v *registry.Version, rows *outcome.Evaluation) (*outcome.Evaluation, error) {
			e := evaluation(v.Name, v.Digest, "e", 401, 300, wrongEvery)
			return e.Keep(func(r *outcome.Row) bool {
				return slices.ContainsFunc(rows.Rows, func(q outcome.Row) bool { return q.Number == r.Number })
			}), nil
		}
	}
	for name, c := range map[string]struct {
		seen   []int // by the one in service
		answer func(context.Context, *registry.Version, *outcome.Evaluation) (*outcome.Evaluation, error)
		done   bool
		says   string
	}{
		"it cannot be run": {nil, nil, false, "has no answers to these rows"},
		"run, and worse":   {nil, answers(8), true, "was run on these 300 rows"},
		"run, and as good": {nil, answers(101), false, "not better"},
		"it had seen some": {[]int{401, 402}, answers(8), true, "compared on the other 298"},
		"it had seen them all": {func() (all []int) { // as one that had been trained on the test part
			for i := 401; i < 701; i++ {
				all = append(all, i)
			}
			return all
		}(), answers(8), false, "learnt from every row"},
	} {
		r := open(t.TempDir())
		old := fair
		old.seen = c.seen
		if p := promote(t, r, add(t, r, old)); !p.Done {
			t.Fatalf("%s: %+v", name, p)
		}
		p, err := r.Promote(t.Context(), add(t, r, next), registry.PromoteOptions{At: day, Answer: c.answer})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Done != c.done || !strings.Contains(fmt.Sprint(p.Refusals, p.Notes), c.says) {
			t.Errorf("%s: done %v, %+v, %v", name, p.Done, p.Refusals, p.Notes)
		}
	}
	// Rows that both were tested on are enough where the other cannot be run.
	r := open(t.TempDir())
	promote(t, r, add(t, r, fair))
	overlapping := candidate{name: "o", first: 101, n: 300, wrongEvery: 100, data: "d"}
	if p := promote(t, r, add(t, r, overlapping)); !p.Done || p.Gain.Difference.N != 200 {
		t.Errorf("200 rows in both: %+v", p)
	}
}

// TestTampering changes one byte of each file of what is in service.
func TestTampering(t *testing.T) {
	data := t.TempDir()
	r := open(data)
	v := add(t, r, fair)
	promote(t, r, v)
	files, err := filepath.Glob(filepath.Join(v.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(data, "heads", "phish", "service.json"))
	if len(files) != 9 {
		t.Fatalf("there are %d files: %v", len(files), files)
	}
	for _, path := range files {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(whole) / 2, len(whole) - 3} {
			broken := slices.Clone(whole)
			broken[at] ^= 1
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := r.InService(registry.KindHead, "phish"); err == nil || errors.Is(err, registry.ErrNone) {
				t.Errorf("%s with byte %d changed is in service: %v", filepath.Base(path), at, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(v.Dir, "extra.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.InService(registry.KindHead, "phish"); err == nil || !strings.Contains(err.Error(), "does not list") {
		t.Errorf("with a file more: %v", err)
	}
}

// TestHistoryOnlyGrows takes entries out of a history and moves them.
func TestHistoryOnlyGrows(t *testing.T) {
	data := t.TempDir()
	r := open(data)
	promote(t, r, add(t, r, fair))
	promote(t, r, add(t, r, better))
	if _, err := r.Rollback(t.Context(), registry.KindHead, "phish", false, day); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(data, "heads", "phish", "service.json"))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := outcome.OpenTrust(data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := registry.ParseService(whole, trust)
	if err != nil || len(s.History) != 3 {
		t.Fatalf("ParseService = %v, %v", s, err)
	}
	head, rest, _ := strings.Cut(string(whole), `"history":[`)
	var entries []string
	for _, e := range strings.SplitAfter(strings.TrimSuffix(strings.TrimSpace(rest), "]}"), "}},") {
		entries = append(entries, strings.TrimSuffix(e, ","))
	}
	if len(entries) != 3 {
		t.Fatalf("cut into %d entries", len(entries))
	}
	join := func(list ...string) []byte { return []byte(head + `"history":[` + strings.Join(list, ",") + "]}") }
	for name, data := range map[string][]byte{
		"first gone":     join(entries[1], entries[2]),
		"middle gone":    join(entries[0], entries[2]),
		"moved":          join(entries[1], entries[0], entries[2]),
		"twice":          join(entries[0], entries[1], entries[1], entries[2]),
		"another's name": []byte(strings.Replace(string(whole), `"name":"phish"`, `"name":"other"`, 1)),
		"a later date":   []byte(strings.Replace(string(whole), `2026-03-05`, `2026-03-06`, 1)),
	} {
		if _, err := registry.ParseService(data, trust); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := registry.ParseService(join(entries...), trust); err != nil {
		t.Errorf("cut and joined again: %v", err)
	}
}

// TestOtherKey wants a registry whose key is gone to serve nothing, and to serve
// again once the key is trusted.
func TestOtherKey(t *testing.T) {
	data := t.TempDir()
	r := open(data)
	promote(t, r, add(t, r, fair))
	key, err := outcome.OpenKey(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, "signing-key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.InService(registry.KindHead, "phish"); !errors.Is(err, outcome.ErrUntrusted) {
		t.Errorf("without the key: %v, want ErrUntrusted", err)
	}
	public, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(data, "trusted-keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "trusted-keys", "lab.pem"), public, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.InService(registry.KindHead, "phish"); err != nil {
		t.Errorf("with the key trusted: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	r := open(t.TempDir())
	good := fair.folder(t)
	for name, spoil := range map[string]func(dir string) error{
		"other weights": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "head.safetensors"), []byte("x"), 0o600)
		},
		"no card":       func(dir string) error { return os.Remove(filepath.Join(dir, "card.json")) },
		"a link":        func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "x.json")) },
		"a folder":      func(dir string) error { return os.Mkdir(filepath.Join(dir, "x"), 0o700) },
		"a hidden file": func(dir string) error { return os.WriteFile(filepath.Join(dir, ".x"), nil, 0o600) },
		"bad evaluation": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "evaluation.json"), []byte("{}"), 0o600)
		},
		"bad signature": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "evaluation.json.sig"), []byte("{}"), 0o600)
		},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if v, err := r.Add(t.Context(), registry.KindHead, "phish", dir, day); err == nil {
			t.Errorf("%s: added as %v", name, v)
		}
	}
	for _, name := range []string{"", "..", "a/b", "A", "-x", "con", strings.Repeat("x", 65), "a.", "nul.txt", "x\x00"} {
		if _, err := r.Add(t.Context(), registry.KindHead, name, good, day); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
	if names, err := r.Names(registry.KindHead); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestResolve(t *testing.T) {
	r := open(t.TempDir())
	one := add(t, r, fair)
	two := add(t, r, better)
	if v, err := r.Resolve(registry.KindHead, "phish"); err != nil || v.ID == "" {
		t.Errorf("the newest: %v, %v", v, err)
	}
	promote(t, r, one)
	for ref, want := range map[string]string{"phish": one.ID, "phish@" + two.ID: two.ID, "phish@" + two.ID[:6]: two.ID, "phish@" + strings.TrimPrefix(two.Digest, "sha256:"): two.ID} {
		if v, err := r.Resolve(registry.KindHead, ref); err != nil || v.ID != want {
			t.Errorf("Resolve(%q) = %v, %v, want %s", ref, v, err, want)
		}
	}
	dir := fair.folder(t)
	if v, err := r.Resolve(registry.KindHead, dir); err != nil || v.Digest != one.Digest || v.Name != "" {
		t.Errorf("a folder: %v, %v", v, err)
	}
	for _, ref := range []string{"nobody", "phish@ffffffff", "phish@zz", "../phish", "phish@", filepath.Join(dir, "none")} {
		var e *casemate.Error
		if _, err := r.Resolve(registry.KindHead, ref); !errors.As(err, &e) || e.Code != casemate.CodeUsage || e.Hint == "" {
			t.Errorf("Resolve(%q) = %v", ref, err)
		}
	}
	if _, err := r.Promote(t.Context(), &registry.Version{Kind: registry.KindHead, Dir: dir}, registry.PromoteOptions{}); err == nil {
		t.Error("a folder is promoted")
	}
}

// TestAtOnce has many registries of one data directory change it at once.
func TestAtOnce(t *testing.T) {
	data := t.TempDir()
	r := open(data)
	one, two := add(t, r, fair), add(t, r, better)
	promote(t, r, one)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		wg.Go(func() {
			p, err := open(data).Promote(t.Context(), two, registry.PromoteOptions{At: day})
			mu.Lock()
			defer mu.Unlock()
			if err == nil && p.Done {
				done++
			}
		})
	}
	wg.Wait()
	s, err := r.Service(registry.KindHead, "phish")
	if err != nil || done != 1 || len(s.History) != 2 {
		t.Errorf("%d of 8 promoted it, history %v, %v", done, s, err)
	}
}

// TestLockWaits wants a change to wait for another process, and to end when asked.
func TestLockWaits(t *testing.T) {
	data := t.TempDir()
	r := open(data)
	v := add(t, r, fair)
	held, release := make(chan bool), make(chan bool)
	other := open(data)
	registry.SetStep(other, func(what, path string) error {
		if strings.HasSuffix(path, "service.json.new") && what == "create" {
			held <- true
			<-release
		}
		return nil
	})
	ended := make(chan error)
	go func() {
		_, err := other.Promote(t.Context(), v, registry.PromoteOptions{At: day})
		ended <- err
	}()
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Rollback(ctx, registry.KindHead, "phish", false, day); !errors.Is(err, context.Canceled) {
		t.Errorf("Rollback beside a change = %v, want it to wait until it is interrupted", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestGoodFileName(t *testing.T) {
	for name, want := range map[string]bool{"card.json": true, "evaluation.json.sig": true, "report.html": true, "": false, ".x": false, "a/b": false, `a\b`: false, "x.": false, "a\nb": false, "con": false, "\xff": false} {
		if got := registry.GoodFileName(name); got != want {
			t.Errorf("GoodFileName(%q) = %v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":1,"kind":"head","name":"x","history":[{"action":"promote","at":"2026-03-05T09:00:00Z","version":"0123456789ab","digest":"","before":""}]}`))
	f.Add([]byte(`{"format":1,"kind":"head","name":"x","digest":"","added":"2026-03-05T09:00:00Z","files":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := registry.ParseService(data, &outcome.Trust{}); err == nil {
			t.Errorf("a history is believed without a key: %v", s)
		}
		registry.ParseRecord(data)
	})
}
