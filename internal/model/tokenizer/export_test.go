package tokenizer

// The tests of the class table and of hostile input look at what no caller
// needs: the table itself, the pieces and the counted work.

// Classes of RuneClass.
const (
	Other, Letter, Number, Mark, Space, Wide = int(other), int(letter), int(number), int(mark), int(space), int(wide)
	ClassBlock                               = classBlock
)

// RuneClass is the class of a code point.
func RuneClass(r rune) int { return int(runeClass(r)) }

// ByteClass is the class of an ASCII character.
func ByteClass(b byte) int { return int(byteClasses[b]) }

// MergeSteps is how many pairs were looked at to merge one piece by the queue;
// the ids must be Encode's.
func MergeSteps(t *Tokenizer, piece string) (ids []int, steps int) {
	switch e := t.model.(type) {
	case *byteLevel:
		m := &longMerge{}
		ids = m.merge(e, nil, piece)
		return ids, m.steps
	case *sentencePiece:
		m := &spmMerge{}
		ids = m.encode(e, nil, piece)
		return ids, m.steps
	}
	return nil, 0
}

// Split is the pieces that a pre-tokenizer cuts text into.
func Split(pre, text string) []string {
	s, _ := findScheme(pre)
	var all []string
	for i := 0; i < len(text); {
		end := s.next(text, i)
		all = append(all, text[i:end])
		i = end
	}
	return all
}

// Composed is form C, ComposedSlowly the same by the annex's steps.
func Composed(text string) string { return composed(text) }

// ComposedSlowly is what Composed does for many marks.
func ComposedSlowly(text string) string { return composeSlowly(text) }

// Queue is the queue of pairs.
type Queue struct{ q queue }

// NewQueue is a queue that begins with some numbers.
func NewQueue(first ...uint64) *Queue {
	q := &Queue{}
	q.q.start(append(q.q.reset(), first...))
	return q
}

// Push adds a number.
func (q *Queue) Push(v uint64) { q.q.push(v) }

// Pop takes the smallest.
func (q *Queue) Pop() (uint64, bool) { return q.q.pop() }
