package value

import (
	"fmt"
	"sort"
	"time"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// Bounds on running, beside Limits.
const (
	maxFrames     = 20_000  // expressions and statements within one another, as they run
	maxValueDepth = 200     // lists and mappings within one another
	maxRange      = 100_000 // items of a range, as Jinja's sandbox has it
)

// Limits bounds what a Machine may do. A zero field takes its default.
type Limits struct {
	// Steps counts expressions and statements, and one more for every eight bytes
	// of text and every item of a list that they make; 5 million.
	Steps int
	// Depth bounds macros and recursive loops within one another; 100.
	Depth int
	// Output bounds the bytes of the result and of any text on the way; 16 MiB.
	Output int
}

// withDefaults returns l with its zero fields filled.
func (l Limits) withDefaults() Limits {
	if l.Steps <= 0 {
		l.Steps = 5_000_000
	}
	if l.Depth <= 0 {
		l.Depth = 100
	}
	if l.Output <= 0 {
		l.Output = 16 << 20
	}
	return l
}

// RaisedError is the message with which a template refused its variables by
// calling raise_exception. Parts of it that are data are replaced by "…".
type RaisedError struct{ Message string }

// Error returns the template's message.
func (e *RaisedError) Error() string { return "the template refuses: " + e.Message }

// Machine keeps account of what a template has done. It serves one rendering.
type Machine struct {
	limits Limits
	steps  int // left
	frames int // running now
	calls  int // macros and recursive loops running now
}

// New returns a Machine that keeps to the limits.
func New(l Limits) *Machine {
	l = l.withDefaults()
	return &Machine{limits: l, steps: l.Steps}
}

// Charge takes n steps and one more.
func (vm *Machine) Charge(n int) error {
	vm.steps -= n + 1
	if vm.steps < 0 {
		vm.steps = 0 // so that it does not wrap, however often it is asked
		return fmt.Errorf("more than %d steps: %w", vm.limits.Steps, marked.ErrLimit)
	}
	return nil
}

// visit is Charge for a value that lies depth deep within others.
func (vm *Machine) visit(depth int) error {
	if depth > maxValueDepth {
		return fmt.Errorf("values more than %d deep within one another: %w", maxValueDepth, marked.ErrLimit)
	}
	return vm.Charge(0)
}

// Builder returns an empty builder that keeps to the limit.
func (vm *Machine) Builder() *marked.Builder { return &marked.Builder{Limit: vm.limits.Output} }

// Built returns what was built, and takes the steps it is worth.
func (vm *Machine) Built(b *marked.Builder) (marked.Text, error) {
	if b.Err != nil {
		return marked.Text{}, b.Err
	}
	t := b.Text()
	return t, vm.Charge(t.Weight())
}

// Enter counts an expression or statement that starts to run; Leave ends it.
func (vm *Machine) Enter() error {
	vm.frames++
	if vm.frames > maxFrames {
		return fmt.Errorf("more than %d expressions within one another: %w", maxFrames, marked.ErrLimit)
	}
	return vm.Charge(0)
}

// Leave ends what Enter began.
func (vm *Machine) Leave() { vm.frames-- }

// Nested counts a call that starts; the function it returns ends it.
func (vm *Machine) Nested() (func(), error) {
	if vm.calls >= vm.limits.Depth {
		return nil, fmt.Errorf("calls more than %d deep: %w", vm.limits.Depth, marked.ErrLimit)
	}
	vm.calls++
	return func() { vm.calls-- }, nil
}

// Data is a text that a variable holds as data.
type Data string

// Item is one entry of a Mapping. DataKey marks the key as data.
type Item struct {
	Key     string
	DataKey bool
	Value   any
}

// Mapping is a mapping of a caller, in order.
type Mapping []Item

// Clock is a moment for a variable such as strftime_now.
type Clock time.Time

// Convert turns a variable of the caller into a value.
func (vm *Machine) Convert(v any) (any, error) { return vm.convert(v, 0) }

// convert turns a variable of the caller into a value.
func (vm *Machine) convert(v any, depth int) (any, error) {
	if err := vm.visit(depth); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case nil, bool, int64, float64:
		return x, nil
	case int:
		return int64(x), nil
	case string:
		return marked.Plain(x), nil
	case Data:
		return marked.Data(string(x)), nil
	case Clock:
		return clockFunction(time.Time(x)), nil
	case []string:
		out := &Seq{}
		for _, s := range x {
			out.Items = append(out.Items, marked.Plain(s))
		}
		return out, vm.Charge(len(x))
	case []any:
		return vm.convertList(x, depth)
	case Mapping:
		return vm.convertDict(x, depth)
	case map[string]any:
		d := make(Mapping, 0, len(x))
		for k, e := range x {
			d = append(d, Item{Key: k, Value: e})
		}
		sort.Slice(d, func(i, j int) bool { return d[i].Key < d[j].Key })
		return vm.convertDict(d, depth)
	}
	return nil, fmt.Errorf("a variable holds a %T, which no template can read", v)
}

// convertList converts each item of a list.
func (vm *Machine) convertList(list []any, depth int) (any, error) {
	out := &Seq{Items: make([]any, len(list))}
	for i, e := range list {
		v, err := vm.convert(e, depth+1)
		if err != nil {
			return nil, err
		}
		out.Items[i] = v
	}
	return out, nil
}

// convertDict converts each entry of a mapping.
func (vm *Machine) convertDict(items Mapping, depth int) (any, error) {
	out := &Dict{}
	for _, e := range items {
		v, err := vm.convert(e.Value, depth+1)
		if err != nil {
			return nil, err
		}
		key := marked.Plain(e.Key)
		if e.DataKey {
			key = marked.Data(e.Key)
		}
		out.set(e.Key, key, v)
	}
	return out, nil
}
