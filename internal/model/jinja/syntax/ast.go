package syntax

// Node is a statement.
type Node interface{ At() int }

// Expr is an expression.
type Expr interface{ At() int }

// Line is where a node stands, from 1.
type Line int

// At returns the line.
func (l Line) At() int { return int(l) }

// The expressions.
type (
	// Constant is nil, a bool, an int64, a float64 or a string.
	Constant struct {
		Line
		Value any
	}
	// Name is a variable.
	Name struct {
		Line
		Name string
	}
	// Sequence is a list or a tuple.
	Sequence struct {
		Line
		Tuple bool
		Items []Expr
	}
	// Mapping is {key: value, …}.
	Mapping struct {
		Line
		Keys, Values []Expr
	}
	// Attribute is of.name.
	Attribute struct {
		Line
		Of   Expr
		Name string
	}
	// Item is of[key].
	Item struct {
		Line
		Of, Key Expr
	}
	// Slice is of[from:to:step]; each part may be nil.
	Slice struct {
		Line
		Of             Expr
		From, To, Step Expr
	}
	// Call is of(args).
	Call struct {
		Line
		Of   Expr
		Args CallArgs
	}
	// Filter is of|name(args). In a block, Of is nil and stands for the text.
	Filter struct {
		Line
		Of   Expr
		Name string
		Args CallArgs
	}
	// Test is of is name(args).
	Test struct {
		Line
		Of   Expr
		Name string
		Args CallArgs
	}
	// Unary is "not", "-" or "+" before an expression.
	Unary struct {
		Line
		Op string
		Of Expr
	}
	// Binary is an arithmetic operator between two expressions.
	Binary struct {
		Line
		Op   string
		A, B Expr
	}
	// Logic is "and" or "or": the second operand is not always computed.
	Logic struct {
		Line
		Op   string
		A, B Expr
	}
	// Concat is a ~ b ~ …
	Concat struct {
		Line
		Parts []Expr
	}
	// Comparison is first op rest op rest …: each op compares neighbours.
	Comparison struct {
		Line
		First Expr
		Ops   []string
		Rest  []Expr
	}
	// Choice is A if Test else B; B may be nil.
	Choice struct {
		Line
		Test, A, B Expr
	}
)

// CallArgs are the arguments of a call as written. Star and Star2 are those of
// * and **, or nil.
type CallArgs struct {
	Pos         []Expr
	Names       []string
	Named       []Expr
	Star, Star2 Expr
}

// Target is what an assignment assigns to: a name, a field of the namespace
// called Name, or a tuple of targets.
type Target struct {
	Name  string
	Field string
	Tuple bool
	Parts []Target
}

// Signature is the parameters of a macro; Defaults are those of the last ones.
type Signature struct {
	Names    []string
	Defaults []Expr
}

// The statements.
type (
	// Output writes text as it is.
	Output struct {
		Line
		Text string
	}
	// Show writes expressions.
	Show struct {
		Line
		Parts []Expr
	}
	// If is if, elif, else: Bodies[i] runs where Tests[i] is the first to hold.
	If struct {
		Line
		Tests  []Expr
		Bodies [][]Node
		Others []Node
	}
	// For is a loop; Only is its if, or nil.
	For struct {
		Line
		Target    Target
		Of        Expr
		Only      Expr
		Recursive bool
		Body      []Node
		Others    []Node
	}
	// Set assigns an expression.
	Set struct {
		Line
		Target Target
		Value  Expr
	}
	// SetBlock assigns what its body writes, through a filter that may be nil.
	SetBlock struct {
		Line
		Target Target
		Filter Expr
		Body   []Node
	}
	// FilterBlock writes what its body writes through a filter.
	FilterBlock struct {
		Line
		Filter Expr
		Body   []Node
	}
	// With sets variables for its body alone.
	With struct {
		Line
		Targets []Target
		Values  []Expr
		Body    []Node
	}
	// Macro defines a macro.
	Macro struct {
		Line
		Name      string
		Signature Signature
		Body      []Node
		Uses      Special
	}
	// CallBlock calls a macro and gives it its body as a macro named caller.
	CallBlock struct {
		Line
		Call   *Call
		Caller *Macro
	}
	// Scoped is a body whose assignments stay within: a generation block.
	Scoped struct {
		Line
		Body []Node
	}
	// Jump is break, or else continue.
	Jump struct {
		Line
		Break bool
	}
)

// Special says which of the names that macros get for nothing a macro uses.
type Special struct{ Caller, Kwargs, Varargs bool }
