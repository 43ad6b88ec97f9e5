package grammar

import (
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// mayClose says whether the object that s is in may end.
func (s *stack) mayClose() bool {
	o := s.p.(*object)
	return o.Needed(int(s.q), int(s.text.n)) == 0 && int(s.n) >= o.Min
}

// allows says whether known property i of the object that s is in may come next.
func (s *stack) allows(o *object, i int) bool {
	if i < int(s.q) {
		return false
	}
	p := &o.Props[i]
	depth := int(s.room) - 1
	// No required property may be passed over.
	if o.Needed(int(s.q), 0) != o.Needed(i, 0) || p.Value.Height > depth {
		return false
	}
	if p.NameOf >= 0 && s.ids.find(p.NameOf) == nil {
		return false
	}
	n := int(s.n) + 1
	return n+o.Needed(i+1, 0) <= o.Max && n+o.Room(i+1, 0, 0, depth) >= o.Min
}

// stepObject takes a byte between the properties of an object.
func (s *Schema) stepObject(st *stack, b byte, out config) config {
	switch {
	case b == '}' && st.phase != afterComma:
		if st.mayClose() {
			return append(out, s.wrote(st, nil, 0))
		}
	case b == ',' && st.phase == afterValue && st.space < indent:
		f := st.frame
		f.phase, f.space = afterComma, s.space.separated(false)
		if next := (&stack{f, st.up}); s.anyKey(next) {
			return append(out, next)
		}
	case b == '"' && st.phase != afterValue:
		return s.keys(st, out)
	}
	return out
}

// anyKey says whether a further property may come.
func (s *Schema) anyKey(st *stack) bool { return len(s.keys(st, nil)) > 0 }

// keys appends the insides of the names that may come next.
func (s *Schema) keys(st *stack, out config) config {
	o := st.p.(*object)
	known := &stack{frame{kind: knownKey, p: o, n: int32(len(o.names)), room: st.room}, st}
	if known.alive(0, known.n) {
		out = append(out, known)
	}
	if o.Needed(int(st.q), 0) > len(o.Slots) {
		return out
	}
	depth, n, last := int(st.room)-1, int(st.n)+1, len(o.Props)
	slots, free := int(st.text.n), int(st.m)
	if slots < len(o.Slots) {
		r := o.Slots[slots]
		if r.Value.Height <= depth && n+o.Needed(last, slots+1) <= o.Max && n+o.Room(last, slots+1, free, depth) >= o.Min {
			f := openText(r.Keys, slotKey)
			f.region = int32(slots)
			out = append(out, &stack{f, st})
		}
		return out
	}
	if free >= o.MaxFree || n > o.Max || n+o.Room(last, slots, free+1, depth) < o.Min {
		return out
	}
	for i, r := range o.Free {
		if r.Value.Height > depth || !left(r.Keys, st.used) {
			continue
		}
		f := openText(r.Keys, freeKey)
		f.region = int32(i)
		out = append(out, &stack{f, st})
	}
	return out
}

// left says whether some word of t has not been used.
func left(t *program.Text, u *used) bool {
	taken := 0
	for ; u != nil; u = u.next {
		if t.DFA == nil || t.DFA.Matches(u.word) {
			taken++
		}
	}
	return t.Total() > taken
}

// closeKey returns the stack after the name of a known property.
func (s *Schema) closeKey(st *stack) *stack {
	o := st.p.(*object)
	i := o.index[st.q]
	f := st.up.frame
	f.phase, f.space = afterValue, s.space.bracketed()
	f.q, f.n = i+1, f.n+1
	prop := &o.Props[i]
	next := frame{kind: colon, p: prop.Value, room: f.room - 1}
	if prop.NameOf >= 0 {
		next.lit = "null"
		if id := f.ids.find(prop.NameOf); id.text != nil {
			next.lit = program.Quote(id.text.Catalogue.Name(id.text.Words[id.word]))
		}
	}
	return &stack{next, &stack{f, st.up.up}}
}

// stepColon takes the colon after a name.
func (s *Schema) stepColon(st *stack, b byte, out config) config {
	if b != ':' {
		return out
	}
	f := frame{kind: value, p: st.p, room: st.room, space: s.space.separated(true)}
	if st.lit != "" {
		f.kind, f.lit = literal, st.lit
	}
	return append(out, &stack{f, st.up})
}

// stepArray takes a byte between the items of an array.
func (s *Schema) stepArray(st *stack, b byte, out config) config {
	a := st.p.(*program.Array)
	switch {
	case b == ']':
		if a.Complete(int(st.n), st.hits) {
			return append(out, s.wrote(st, nil, 0))
		}
	case st.phase == afterValue:
		if b == ',' && st.space < indent {
			return s.items(st, a, s.space.separated(false), out)
		}
	default:
		for _, item := range s.items(st, a, noSpace, nil) {
			out = s.stepStack(item, b, out)
		}
	}
	return out
}

// items appends the ways to write the next item.
func (s *Schema) items(st *stack, a *program.Array, space uint8, out config) config {
	n, depth := int(st.n), int(st.room)-1
	for _, it := range a.Items(n) {
		hits := a.After(st.hits, it)
		if n >= a.Max || it.Node.Height > depth || !a.Live(n+1, hits, depth) {
			continue
		}
		f := st.frame
		f.phase, f.space, f.n, f.hits = afterValue, s.space.bracketed(), st.n+1, hits
		next := frame{kind: value, p: it.Node, room: int32(depth), space: space}
		if a.Distinct != nil {
			next.p = a
		}
		out = append(out, &stack{next, &stack{f, st.up}})
	}
	return out
}
