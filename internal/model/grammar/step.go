package grammar

import (
	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// maxWidth is how many stacks are followed side by side. A document that leads
// to more, which takes a schema of many overlapping alternatives inside one
// another, is not produced.
const maxWidth = 1024

// config is the places where one text may be. Alternatives of a schema that
// begin alike are followed side by side.
type config []*stack

// step takes one byte.
func (s *Schema) step(c config, b byte) config {
	var next config
	for _, st := range c {
		next = s.stepStack(st, b, next)
	}
	if len(next) > 1 {
		next = unique(next)
	}
	if len(next) > maxWidth {
		return nil
	}
	return next
}

// unique drops stacks that are there already.
func unique(c config) config {
	out := c[:0]
next:
	for _, st := range c {
		for _, have := range out {
			if have.up == st.up && have.frame == st.frame {
				continue next
			}
		}
		out = append(out, st)
	}
	return out
}

// complete says whether a document may end here.
func complete(c config) bool {
	for _, st := range c {
		if st.kind == atEnd || st.mayEnd() && st.up.kind == atEnd {
			return true
		}
	}
	return false
}

// mayEnd says whether a value that has no closing byte may end.
func (s *stack) mayEnd() bool {
	switch s.kind {
	case number:
		if _, ok := s.p.(*program.Array); ok {
			return s.automaton().Accept(s.q) && !s.up.used.has(s.sofar)
		}
		return s.automaton().Accept(s.q)
	case spelled:
		return ends(s.list(), s.q, s.n, s.m) && s.alive(s.q, s.q+1)
	}
	return false
}

func (s *stack) automaton() *automaton.DFA {
	if a, ok := s.p.(*program.Array); ok {
		return a.Distinct.Number
	}
	return s.p.(*automaton.DFA)
}

// stepStack appends to out where a byte leads from one stack.
func (s *Schema) stepStack(st *stack, b byte, out config) config {
	if st.space != noSpace {
		if space, ok := spaceStep(st.space, b); ok && s.maySpace(st, b) {
			f := st.frame
			f.space = space
			return append(out, &stack{f, st.up})
		}
		if st.space == mustSpace {
			return out
		}
	}
	switch st.kind {
	case value:
		return s.stepValue(st, b, out)
	case literal:
		return s.stepLiteral(st, b, out)
	case number:
		return s.stepNumber(st, b, out)
	case inText:
		return s.stepInText(st, b, out)
	case inWord, knownKey:
		f, result := st.stepWord(b)
		switch result {
		case inside:
			return append(out, &stack{f, st.up})
		case closed:
			return append(out, s.closeWord(st))
		}
	case spelled:
		return s.stepSpelled(st, b, out)
	case colon:
		return s.stepColon(st, b, out)
	case inObject:
		return s.stepObject(st, b, out)
	case inArray:
		return s.stepArray(st, b, out)
	}
	return out
}

// maySpace says whether white space leads somewhere. A line feed after a value
// is for the bracket that closes what the value is in.
func (s *Schema) maySpace(st *stack, b byte) bool {
	if b != '\n' || st.phase != afterValue {
		return true
	}
	switch st.kind {
	case inObject:
		return st.mayClose()
	case inArray:
		return st.p.(*program.Array).Complete(int(st.n), st.hits)
	}
	return true
}

// stepValue takes the first byte of a value.
func (s *Schema) stepValue(st *stack, b byte, out config) config {
	if a, ok := st.p.(*program.Array); ok {
		return s.stepDistinct(st, a, b, out)
	}
	n := st.p.(*program.Node)
	push := func(f frame) {
		f.room = st.room
		out = append(out, &stack{f, st.up})
	}
	switch {
	case b == 'n' && n.Null:
		push(frame{kind: literal, lit: "null", q: 1})
	case b == 'f' && n.Bool[0]:
		push(frame{kind: literal, lit: "false", q: 1})
	case b == 't' && n.Bool[1]:
		push(frame{kind: literal, lit: "true", q: 1})
	case b == '"':
		for _, t := range n.Texts {
			if !t.Filled {
				push(openText(t, plainString))
			}
		}
	case b == '[':
		for _, a := range n.Arrays {
			if a.Height <= int(st.room) {
				push(frame{kind: inArray, p: a, space: s.space.bracketed()})
			}
		}
	case b == '{':
		for _, o := range n.Objects {
			if o.Height <= int(st.room) {
				push(frame{kind: inObject, p: s.objects[o], space: s.space.bracketed()})
			}
		}
	case n.Number != nil:
		if q := n.Number.Step(n.Number.Start(), rune(b)); q != 0 && b < 0x80 {
			push(frame{kind: number, p: n.Number, q: q})
		}
	}
	return out
}

// openText is the inside of a string after its quote.
func openText(t *program.Text, phase uint8) frame {
	if t.Free || t.DFA != nil {
		f := frame{kind: inText, phase: phase, p: t}
		if t.DFA != nil {
			f.text.q = t.DFA.Start()
		}
		return f
	}
	return frame{kind: inWord, phase: phase, p: t, n: int32(len(t.Words))}
}

// stepDistinct takes the first byte of an item of an array without repeats.
func (s *Schema) stepDistinct(st *stack, a *program.Array, b byte, out config) config {
	f := frame{room: st.room}
	switch d := a.Distinct; {
	case d.Text != nil:
		if b != '"' {
			return out
		}
		f = openText(d.Text, distinct)
		f.room = st.room
		return append(out, &stack{f, st.up})
	case d.Number != nil:
		f.kind, f.p, f.q = number, a, d.Number.Start()
		return s.stepNumber(&stack{f, st.up}, b, out)
	}
	f.kind, f.p, f.n = spelled, a, int32(len(a.Distinct.Spelled))
	return s.stepSpelled(&stack{f, st.up}, b, out)
}

func (s *Schema) stepLiteral(st *stack, b byte, out config) config {
	if st.lit[st.q] != b {
		return out
	}
	f := st.frame
	f.space = noSpace
	if f.q++; int(f.q) == len(f.lit) {
		return append(out, s.wrote(st, nil, 0))
	}
	return append(out, &stack{f, st.up})
}

// stepNumber takes a further byte of a number, or the byte after it.
func (s *Schema) stepNumber(st *stack, b byte, out config) config {
	if b < 0x80 {
		if q := st.automaton().Step(st.q, rune(b)); q != 0 {
			f := st.frame
			f.q = q
			a, isDistinct := st.p.(*program.Array)
			if isDistinct {
				f.sofar += string(rune(b))
			}
			taken := 0
			if isDistinct {
				taken = st.up.used.count(f.sofar)
			}
			if taken == 0 || a.Distinct.Remaining(q, len(f.sofar)) > taken {
				return append(out, &stack{f, st.up})
			}
			return out
		}
	}
	if !st.mayEnd() {
		return out
	}
	up := st.up
	if _, ok := st.p.(*program.Array); ok {
		up = up.remember(st.sofar)
	}
	return s.stepStack(up, b, out)
}

// stepSpelled takes a further byte of one of a list of values, or the byte after
// it.
func (s *Schema) stepSpelled(st *stack, b byte, out config) config {
	if f, result := st.advance(st.frame, b); result == inside {
		out = append(out, &stack{f, st.up})
	}
	if st.m > 0 && st.mayEnd() {
		return s.stepStack(st.up.remember(st.list()[st.q]), b, out)
	}
	return out
}

// remember returns the container with one more word that may not come again.
func (s *stack) remember(word string) *stack {
	f := s.frame
	f.used = &used{word, f.used}
	return &stack{f, s.up}
}

// limit returns the words that a string may not be; nil if there are none.
func (s *stack) limit() *limit {
	if s.phase == plainString || s.up.used == nil {
		return nil
	}
	return &limit{text: s.p.(*program.Text), n: s.text.n, sofar: s.sofar, used: s.up.used}
}

func (s *Schema) stepInText(st *stack, b byte, out config) config {
	text, result := stepText(st.p.(*program.Text), st.text, b, st.limit())
	switch result {
	case inside:
		f := st.frame
		f.text = text
		if st.phase != plainString && text.n > st.text.n {
			f.sofar += string(codePoint(st.text, b))
		}
		return append(out, &stack{f, st.up})
	case closed:
		return append(out, s.closeText(st, st.sofar))
	}
	return out
}

// codePoint returns the code point that byte b completes in a string that has
// one spelling.
func codePoint(t textState, b byte) rune {
	switch {
	case t.rem > 0:
		return rune(t.acc<<6 | uint32(b&0x3F))
	case t.esc == backslash:
		r, _ := short(b)
		return r
	case t.esc == hex4:
		return rune(t.acc<<4) | rune(digit(b))
	}
	return rune(b)
}

// closeText returns the stack after the quote that closes a string.
func (s *Schema) closeText(st *stack, content string) *stack {
	switch st.phase {
	case freeKey, slotKey:
		o := st.up.remember(content)
		p := o.p.(*object)
		o.phase, o.space, o.q = afterValue, s.space.bracketed(), int32(len(p.Props))
		o.n++
		region := &p.Free
		if st.phase == slotKey {
			region = &p.Slots
			o.text.n++
		} else {
			o.m++
		}
		return &stack{frame{kind: colon, p: (*region)[st.region].Value, room: o.room - 1}, o}
	case distinct:
		return st.up.remember(content)
	}
	return s.wrote(st, nil, 0)
}

// closeWord returns the stack after the quote that closes one of a list of
// strings, or of names.
func (s *Schema) closeWord(st *stack) *stack {
	if st.kind == knownKey {
		return s.closeKey(st)
	}
	t := st.p.(*program.Text)
	if st.phase == plainString && t.Catalogue != nil {
		return s.wrote(st, t, st.q)
	}
	return s.closeText(st, st.list()[st.q])
}

// wrote returns what is below a value that is complete, with its id noted down
// where a name may have to be filled in.
func (s *Schema) wrote(st *stack, t *program.Text, word int32) *stack {
	up := st.up
	if up.kind != inObject {
		return up
	}
	o := up.p.(*object)
	if !o.fills || int(up.q) > len(o.Props) || up.m > 0 || up.text.n > 0 {
		return up
	}
	f := up.frame
	f.ids = &written{f.q - 1, t, word, f.ids}
	return &stack{f, up.up}
}
