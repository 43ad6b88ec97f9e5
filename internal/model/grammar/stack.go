package grammar

import (
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// kind is what a frame waits for.
type kind uint8

const (
	atEnd    kind = iota // nothing: the document is complete
	value                // the first byte of a value; p is *program.Node, or *program.Array for one of distinct items
	literal              // lit from q on
	number               // more of a number, or what follows it; p is *automaton.DFA, or *program.Array
	inText               // the inside of a string; p is *program.Text
	inWord               // the same, of a string that is one of a list; p is *program.Text
	spelled              // more of one of a list of spelled values; p is *program.Array
	knownKey             // the inside of a name; p is *object
	colon                // a colon, then a *program.Node in p, or lit
	inObject             // p is *object
	inArray              // p is *program.Array
)

// The phases of inObject and inArray.
const (
	opened     = iota // after the bracket
	afterValue        // after a property or an item
	afterComma        // of an object
)

// The phases of inText and inWord: what the string is.
const (
	plainString = iota
	freeKey     // the name of a property of Object.Free[region]
	slotKey     // the same of Object.Slots[region]
	distinct    // an item of an array without repeats
)

// frame is a place in one value. Frames are compared with ==.
type frame struct {
	kind  kind
	phase uint8
	space uint8 // what white space may come; see spaces
	room  int32 // how many values inside one another may stand here
	text  textState
	// Of inObject: the next known property, properties, those of Free; slots are
	// in text.n. Of inArray: n items. Of literal: q bytes are read. Of words:
	// the words from q to n share m bytes.
	q, n, m int32
	region  int32 // of a name in Object.Free or Slots
	hits    program.Hits
	p       any
	lit     string
	sofar   string // what a string is so far, where words may not repeat
	used    *used  // names or items that may not come again
	ids     *written
}

// used is a list of words.
type used struct {
	word string
	next *used
}

func (u *used) has(word string) bool {
	for ; u != nil; u = u.next {
		if u.word == word {
			return true
		}
	}
	return false
}

// count returns how many words begin with prefix.
func (u *used) count(prefix string) int {
	n := 0
	for ; u != nil; u = u.next {
		if len(u.word) >= len(prefix) && u.word[:len(prefix)] == prefix {
			n++
		}
	}
	return n
}

// written is a list of the ids in the properties of an object; text is nil for
// null.
type written struct {
	prop int32
	text *program.Text
	word int32
	next *written
}

func (w *written) find(prop int) *written {
	for ; w != nil; w = w.next {
		if int(w.prop) == prop {
			return w
		}
	}
	return nil
}

// stack is the values that are open at one place, the innermost on top. Stacks
// share what is below and do not change.
type stack struct {
	frame
	up *stack
}

// object is a program.Object with its names sorted.
type object struct {
	*program.Object
	names []string
	index []int32 // of names in Props
	fills bool    // some property has a name filled in
}

// textState is a place inside a string.
type textState struct {
	q, n int32  // state of the automaton, code points so far
	acc  uint32 // bits of a code point that is not complete
	esc  uint8  // place in an escape; see the constants
	rem  uint8  // bytes that are still to come of it
	size uint8  // bytes that it has
}

// The white space that may come: nothing; a space; exactly one space; a line
// feed; either; or, from indent on, more spaces after a line feed.
const (
	noSpace = iota
	maySpace
	mustSpace
	mayBreak
	maySpaceOrBreak
	indent
)

// spaceStep takes a byte of white space.
func spaceStep(space uint8, b byte) (uint8, bool) {
	switch {
	case b == ' ' && (space == maySpace || space == mustSpace || space == maySpaceOrBreak):
		return noSpace, true
	case b == '\n' && (space == mayBreak || space == maySpaceOrBreak):
		return indent, true
	case b == ' ' && space >= indent && space < indent+MaxIndent:
		return space + 1, true
	}
	return space, false
}

// separated is the white space after a comma or, with colon set, after a colon.
func (w Whitespace) separated(colon bool) uint8 {
	switch {
	case w == Compact:
		return noSpace
	case w == Spaced:
		return mustSpace
	case w == Pretty && !colon:
		return maySpaceOrBreak
	}
	return maySpace
}

// bracketed is the white space next to a bracket.
func (w Whitespace) bracketed() uint8 {
	if w == Pretty {
		return mayBreak
	}
	return noSpace
}
