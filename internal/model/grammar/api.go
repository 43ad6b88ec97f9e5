package grammar

import (
	"errors"
	"fmt"
)

// ErrSchema is what every error of Compile wraps: the schema is at fault.
var ErrSchema = errors.New("schema cannot be used")

// ErrNothing is returned for a schema that no document satisfies, at least none
// within the limits.
var ErrNothing = fmt.Errorf("%w: no document satisfies it", ErrSchema)

// KeywordError says which keyword of a schema cannot be honoured, and why.
type KeywordError struct {
	Pointer string // JSON pointer of the keyword, such as "/properties/id/pattern"
	Reason  string // what cannot be done
}

// Error names the keyword and the reason.
func (e *KeywordError) Error() string {
	return fmt.Sprintf("compile schema at %.1000q: %s", "#"+e.Pointer, e.Reason)
}

// Unwrap returns ErrSchema.
func (e *KeywordError) Unwrap() error { return ErrSchema }

// Whitespace is where the output may hold white space outside strings.
type Whitespace int

// The kinds of white space. Whatever the kind, there is none before the first
// byte and none after the last.
const (
	// Single allows one space or none after a colon and after a comma.
	Single Whitespace = iota
	// Compact allows none.
	Compact
	// Spaced wants exactly one space after a colon and after a comma, so that
	// more of the text is forced.
	Spaced
	// Pretty allows what Single does and, next to brackets and after a comma,
	// a line feed and then at most MaxIndent spaces.
	Pretty
)

// Options says how a schema is read and what its documents look like. The zero
// value works.
type Options struct {
	// Catalogue returns the catalogue of a kind that "x-casemate-id" names.
	// Nil knows none.
	Catalogue func(kind string) (Catalogue, bool)
	// Whitespace is Single by default.
	Whitespace Whitespace
	// Open lets an object whose schema declares properties and says nothing of
	// additionalProperties hold undeclared ones too. By default it holds the
	// declared ones alone. An object that declares none is always open.
	Open bool
	// Strict refuses a format that is not known. By default it is ignored, as
	// JSON Schema says.
	Strict bool
	// Limits bounds the documents.
	Limits Limits
}

// Limits bounds documents whose schema does not: a model that may go on for
// ever does. A zero field means its default. A schema that asks for more
// (minLength, minItems, minProperties) gets what it asks for.
type Limits struct {
	MaxString     int // code points of a string; default DefaultMaxString
	MaxItems      int // items of an array; default DefaultMaxItems
	MaxProperties int // undeclared properties of an object; default DefaultMaxProperties
	MaxDepth      int // values inside one another; default DefaultMaxDepth
	MaxDigits     int // digits before and after the point of a number, each; default DefaultMaxDigits
}

// The defaults of Limits.
const (
	DefaultMaxString     = 4096
	DefaultMaxItems      = 1024
	DefaultMaxProperties = 64
	DefaultMaxDepth      = 64
	DefaultMaxDigits     = 16
)

// MaxIndent is how many spaces may follow a line feed in Pretty documents.
const MaxIndent = 32
