package native

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/llama"
)

// NoAdapter as a request's Adapter asks the model as it is, whatever its default.
const NoAdapter = "none"

// adapterName is what an adapter may be called.
var adapterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@/-]{0,127}$`)

// LoadedAdapter says what a loaded adapter is.
type LoadedAdapter struct {
	Name   string `json:"name"`   // "" is the default's
	Digest string `json:"digest"` // "sha256:…" of its files
	Bytes  int64  `json:"bytes"`  // of memory
}

// loaded is an adapter and who uses it.
type loaded struct {
	LoadedAdapter
	adapter *llama.Adapter
	users   int  // requests under way
	gone    bool // by name: the last user closes it
}

// adapters are those that requests may name. The zero value has none.
type adapters struct {
	mu  sync.Mutex
	all map[string]*loaded
}

// LoadAdapter makes the adapter at path ready under a name, while requests run.
// In place of one that is loaded under the name, requests that come later get the
// new one; those under way go on with the old.
func (e *Engine) LoadAdapter(name, path string) error {
	if !adapterName.MatchString(name) || name == NoAdapter {
		return usage(fmt.Sprintf("an adapter cannot be called %.80q", name), "take letters, digits and . _ - @ /, up to 128")
	}
	a, err := e.readAdapter(path)
	if err != nil {
		return err
	}
	return e.load(name, a)
}

// load makes an adapter that was read ready under a name; the default's is "".
func (e *Engine) load(name string, a *adapter.Adapter) error {
	if err := e.roomFor(a); err != nil {
		return err
	}
	ready, err := e.model.NewAdapter(a)
	if err != nil {
		return input("make the adapter ready", err, "") // which the error names
	}
	e.adapters.mu.Lock()
	defer e.adapters.mu.Unlock()
	if e.adapters.all == nil {
		e.adapters.all = map[string]*loaded{}
	}
	e.adapters.drop(name)
	e.adapters.all[name] = &loaded{LoadedAdapter: LoadedAdapter{name, a.Digest, ready.Bytes()}, adapter: ready}
	return nil
}

// roomFor refuses an adapter that the memory looks too small for: its numbers are
// packed once more.
func (e *Engine) roomFor(a *adapter.Adapter) error {
	need := int64(0)
	for _, d := range a.Deltas {
		need += 4 * int64(len(d.A)+len(d.B)+len(d.Magnitude))
	}
	if room, known := availableMemory(os.DirFS("/")); known && need > room && !e.options.AnyMemory {
		return input(fmt.Sprintf("use adapter %q", a.Path), fmt.Errorf("it needs %s, and %s are free", size(need), size(room)), "unload another, end other programs, or try nevertheless with --any-memory")
	}
	return nil
}

// readAdapter reads an adapter and holds it against the base.
func (e *Engine) readAdapter(path string) (*adapter.Adapter, error) {
	a, err := adapter.Load(path)
	if err == nil {
		err = a.Fits(e.file)
	}
	if err != nil {
		return nil, input(fmt.Sprintf("use adapter %q", path), err, "an adapter fits the base that it was trained on")
	}
	return a, nil
}

// UnloadAdapter forgets an adapter. Requests under way go on with it; its memory
// is free when the last of them has ended.
func (e *Engine) UnloadAdapter(name string) error {
	e.adapters.mu.Lock()
	defer e.adapters.mu.Unlock()
	if e.adapters.all[name] == nil || name == "" {
		return e.noAdapter(name)
	}
	e.adapters.drop(name)
	return nil
}

// Adapters says which adapters are loaded, by their names; the default is not
// among them.
func (e *Engine) Adapters() []LoadedAdapter {
	e.adapters.mu.Lock()
	defer e.adapters.mu.Unlock()
	var out []LoadedAdapter
	for _, name := range e.names() {
		out = append(out, e.adapters.all[name].LoadedAdapter)
	}
	return out
}

// names returns those of loaded adapters, sorted. The caller holds the lock.
func (e *Engine) names() []string {
	names := slices.Sorted(maps.Keys(e.adapters.all))
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// noAdapter says which adapters there are. The caller holds the lock.
func (e *Engine) noAdapter(name string) error {
	hint := "none is loaded"
	if names := e.names(); len(names) > 0 {
		hint = fmt.Sprintf("loaded are %.400q", names)
	}
	return usage(fmt.Sprintf("no adapter %.80q is loaded", name), hint)
}

// drop takes an adapter from those that may be named, and closes it if nobody
// uses it. The caller holds the lock.
func (a *adapters) drop(name string) {
	x := a.all[name]
	if x == nil {
		return
	}
	delete(a.all, name)
	if x.gone = true; x.users == 0 {
		x.adapter.Close()
	}
}

// use returns the adapter of a request by its name, its digest, and what is to be
// called when the request has ended. "" is the default, which may be none.
func (e *Engine) use(name string) (ready *llama.Adapter, digest string, done func(), err error) {
	e.adapters.mu.Lock()
	defer e.adapters.mu.Unlock()
	x := e.adapters.all[name]
	switch {
	case x == nil && (name == "" || name == NoAdapter):
		return nil, "", func() {}, nil
	case x == nil:
		return nil, "", nil, e.noAdapter(name)
	}
	x.users++
	return x.adapter, x.Digest, func() {
		e.adapters.mu.Lock()
		defer e.adapters.mu.Unlock()
		if x.users--; x.gone && x.users == 0 {
			x.adapter.Close()
		}
	}, nil
}

// closeAll forgets all adapters, the default, too. No request is under way.
func (a *adapters) closeAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range slices.Collect(maps.Keys(a.all)) {
		a.drop(name)
	}
}
