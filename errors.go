package casemate

// Code classes an Error: the server makes an HTTP status of it, the command an
// exit code.
type Code string

// The codes.
const (
	CodeUsage      Code = "usage"      // the request is wrong: exit 2
	CodeInput      Code = "input"      // the input cannot be read at all: exit 3
	CodeIncomplete Code = "incomplete" // parts of the input could not be used: exit 4
	CodeInternal   Code = "internal"   // our fault: exit 3
)

// Error is a fault that a person must act on.
type Error struct {
	Code    Code
	Message string // what failed, and on what
	Hint    string // what to try
	Err     error  // the cause, may be nil
}

// Error returns the message and its cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fault is one piece of input that could not be used. The rest went on.
type Fault struct {
	At     Location `json:"at"`
	Offset int64    `json:"offset,omitempty"` // byte offset in the (decompressed) file, where known
	Reason string   `json:"reason"`
}

// String returns "file:line: reason".
func (f Fault) String() string { return f.At.String() + ": " + f.Reason }
