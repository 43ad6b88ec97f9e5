// Package program is what a JSON Schema is compiled to: sets of values written
// as alternatives by type, which refer to one another, without references,
// negations or intersections. It knows how arrays and objects can go on, so that
// what is begun can be completed.
package program

import (
	"math"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// Catalogue is the identifiers of one kind.
type Catalogue interface {
	IDs() []string
	Name(id string) string
}

// Program is a compiled schema: nodes that refer to one another.
type Program struct {
	Root  *Node
	Nodes []*Node
}

// Node is a set of JSON values: the union of its parts.
type Node struct {
	Null    bool
	Bool    [2]bool        // false, true
	Number  *automaton.DFA // spellings; nil: none
	Texts   []*Text
	Arrays  []*Array
	Objects []*Object
	// Height is how many values inside one another the flattest value has; a
	// scalar has 1. No node that can be reached has 0.
	Height int
}

// Text is a set of strings by their content.
type Text struct {
	// Words are all there are, sorted, if DFA is nil and Free is not set.
	Words     []string
	Catalogue Catalogue // what Words were taken from, or nil
	// Free is every string of Min to Max code points.
	Free bool
	// DFA holds the lower bound of the length; Max is on top of it.
	DFA      *automaton.DFA
	Shortest []int32 // DFA.Shortest
	Farthest int32   // the largest of Shortest, state 0 left out
	Loose    []bool  // DFA.Free
	Min, Max int
	// Filled means that the string is the name of the id in the property that
	// Prop.NameOf gives.
	Filled bool
	// Count is DFA.Count(Horizon), for strings that may not repeat; else nil.
	Count []uint16
}

// Horizon is how far Count looks.
const Horizon = 64

// Remaining returns how many words, automaton.MaxCount standing for that many
// or more, continue from state q, in which n code points have been read. It may
// be too low for long words, but is never too high.
func (t *Text) Remaining(q int32, n int) int {
	k := min(t.Max-n, Horizon)
	if k < 0 {
		return 0
	}
	return int(t.Count[int(q)*(Horizon+1)+k])
}

// Total returns how many words there are, in the sense of Remaining.
func (t *Text) Total() int {
	switch {
	case t.DFA != nil:
		return t.Remaining(t.DFA.Start(), 0)
	case t.Free:
		return automaton.MaxCount
	}
	return len(t.Words)
}

// MaxKinds is how many contains keywords one array may be under.
const MaxKinds = 4

// Hits counts the items of each kind that contains asks for.
type Hits [MaxKinds]uint16

// Array is a set of arrays.
type Array struct {
	Min, Max int
	Height   int
	Distinct *Distinct // not nil: all items differ
	Prefix   [][]Item  // the ways to write each of the first items
	Rest     []Item    // and those after them
	Kinds    []Kind    // what contains asks for

	tall int // the largest height of an item

	mu   sync.Mutex
	live map[int][]bool // by depth
}

// Item is one way to continue an array: a value, and which kinds it is of.
type Item struct {
	Node *Node
	Kind uint8 // bit k is set if the item is of kind k
}

// Kind is how many items must and may be of a kind; Unlimited is no maximum.
type Kind struct{ Min, Max uint16 }

// Unlimited is a maximum that is none.
const Unlimited = math.MaxUint16

// Distinct is what the items of an array without repeats are: the one of its
// fields that is not empty.
type Distinct struct {
	Text    *Text          // strings
	Number  *automaton.DFA // numbers in their shortest spelling
	Spelled []string       // JSON values as they are spelled, sorted
	Count   []uint16       // of Number
	Max     int            // characters of a number
}

// Total returns how many different items there are at least.
func (d *Distinct) Total() int {
	switch {
	case d.Text != nil:
		return d.Text.Total()
	case d.Number != nil:
		return d.Remaining(d.Number.Start(), 0)
	}
	return len(d.Spelled)
}

// Remaining is Text.Remaining for numbers.
func (d *Distinct) Remaining(q int32, n int) int {
	k := min(d.Max-n, Horizon)
	if k < 0 {
		return 0
	}
	return int(d.Count[int(q)*(Horizon+1)+k])
}

// Items returns the ways to write the item at place i.
func (a *Array) Items(i int) []Item {
	if i < len(a.Prefix) {
		return a.Prefix[i]
	}
	return a.Rest
}

// After returns the counts after an item.
func (a *Array) After(h Hits, it Item) Hits {
	for k, limit := range a.Kinds {
		if it.Kind>>k&1 == 1 && h[k] < limit.stop() {
			h[k]++
		}
	}
	return h
}

// stop is where counting stops: at the minimum if there is no maximum, else just
// above the maximum.
func (l Kind) stop() uint16 {
	if l.Max == Unlimited {
		return l.Min
	}
	return l.Max + 1
}

// Complete says whether an array of i items may end.
func (a *Array) Complete(i int, h Hits) bool {
	if i < a.Min || i > a.Max {
		return false
	}
	for k, limit := range a.Kinds {
		if h[k] < limit.Min || h[k] > limit.Max {
			return false
		}
	}
	return true
}

// Live says whether an array of i items can be completed when its items may have
// depth values inside one another.
func (a *Array) Live(i int, h Hits, depth int) bool {
	if i > a.Max {
		return false
	}
	depth = min(depth, a.tall)
	if len(a.Kinds) == 0 {
		reach := a.reach(depth)
		return i <= reach && a.Min <= reach
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	table, ok := a.live[depth]
	if !ok {
		table = a.table(depth)
		if a.live == nil {
			a.live = map[int][]bool{}
		}
		a.live[depth] = table
	}
	return table[a.index(i, h)]
}

// reach returns how many items an array without kinds can have.
func (a *Array) reach(depth int) int {
	for i := range a.Prefix {
		if i >= a.Max || !fits(a.Prefix[i], depth) {
			return min(i, a.Max)
		}
	}
	if !fits(a.Rest, depth) {
		return min(len(a.Prefix), a.Max)
	}
	return a.Max
}

func fits(items []Item, depth int) bool {
	for _, it := range items {
		if it.Node.Height > 0 && it.Node.Height <= depth {
			return true
		}
	}
	return false
}

// Width returns how many different Hits there are.
func (a *Array) Width() int {
	w := 1
	for _, k := range a.Kinds {
		w *= int(k.stop()) + 1
	}
	return w
}

func (a *Array) index(i int, h Hits) int {
	n := 0
	for k, limit := range a.Kinds {
		n = n*(int(limit.stop())+1) + int(h[k])
	}
	return i*a.Width() + n
}

// table says for each number of items and counts whether Live.
func (a *Array) table(depth int) []bool {
	w := a.Width()
	table := make([]bool, (a.Max+1)*w)
	for i := a.Max; i >= 0; i-- {
		for n := range w {
			h, rest := Hits{}, n
			for k := len(a.Kinds) - 1; k >= 0; k-- {
				size := int(a.Kinds[k].stop()) + 1
				h[k], rest = uint16(rest%size), rest/size
			}
			ok := a.Complete(i, h)
			for _, it := range a.Items(i) {
				if ok || i == a.Max {
					break
				}
				ok = it.Node.Height > 0 && it.Node.Height <= depth && table[a.index(i+1, a.After(h, it))]
			}
			table[i*w+n] = ok
		}
	}
	return table
}

// Object is a set of objects: the known properties in order, then those of
// Slots, one of each, then those of Free.
type Object struct {
	Props    []Prop
	Slots    []Region
	Free     []Region
	Min, Max int // properties
	MaxFree  int // of Free
	Height   int

	needed []int // by place, how many known properties must follow
	tall   int   // the largest height of a value
	free   int   // names in Free
}

// Prop is a property whose name is known.
type Prop struct {
	Name     string
	Value    *Node
	Required bool
	NameOf   int // the property whose id gives the name to fill in; -1 if none
}

// Region is the properties whose names are in a set that holds no known name.
type Region struct {
	Keys  *Text
	Value *Node
}

// seal computes what Room and Needed look up.
func (o *Object) seal() {
	o.needed = make([]int, len(o.Props)+1)
	o.free, o.tall = 0, 0
	for i := len(o.Props) - 1; i >= 0; i-- {
		o.needed[i] = o.needed[i+1]
		if o.Props[i].Required {
			o.needed[i]++
		}
		o.tall = max(o.tall, o.Props[i].Value.Height)
	}
	for _, r := range slices.Concat(o.Slots, o.Free) {
		o.tall = max(o.tall, r.Value.Height)
	}
	for _, r := range o.Free {
		o.free += r.Keys.Total()
	}
}

// Room returns how many more properties can follow, with values of at most
// depth, when the next known one is at place i, and slots of Slots and free of
// Free are written. It may be one too low for each slot.
func (o *Object) Room(i, slots, free, depth int) int {
	n, total := len(o.Props)-i, o.free
	if depth < o.tall {
		n, total = 0, 0
		for _, p := range o.Props[i:] {
			if p.Value.Height > 0 && p.Value.Height <= depth {
				n++
			}
		}
		for _, r := range o.Free {
			if r.Value.Height > 0 && r.Value.Height <= depth {
				total += r.Keys.Total()
			}
		}
	}
	// The name in a slot is one that Free cannot have.
	total -= len(o.Slots)
	return n + len(o.Slots) - slots + max(0, min(total, o.MaxFree)-free)
}

// Needed returns how many properties must follow.
func (o *Object) Needed(i, slots int) int { return o.needed[i] + len(o.Slots) - slots }
