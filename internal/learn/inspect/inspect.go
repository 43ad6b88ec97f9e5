// Package inspect says what is wrong with a table before anything is learnt from
// it, and what to do: duplicates, conflicting labels, leakage, balance, secrets,
// languages, rows whose label is probably wrong.
package inspect

// Level is how much a finding matters.
type Level string

// The levels.
const (
	LevelRefuse Level = "refuse" // a result would be false: training stops unless it is allowed by name
	LevelWarn   Level = "warn"   // a result would be worse
	LevelNote   Level = "note"   // worth knowing
)

// Finding is one thing that is wrong.
type Finding struct {
	Code    string   `json:"code"` // what --allow names: "conflicts", "secrets", …
	Level   Level    `json:"level"`
	Message string   `json:"message"`         // a sentence: what, how much
	Advice  string   `json:"advice"`          // a sentence: what to do
	Rows    []int    `json:"rows,omitempty"`  // numbers, as dataset.Row has them
	Shown   []string `json:"shown,omitempty"` // a few, side by side, safe to print
	Allowed bool     `json:"allowed,omitempty"`
}
