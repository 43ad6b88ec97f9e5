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
