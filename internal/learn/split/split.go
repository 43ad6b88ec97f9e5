// Package split divides rows into those to learn from, to choose by and to test
// on. Rows that belong together, such as those of one report or near-duplicates,
// stay together, and each part has every label in its proportion as far as that
// allows.
package split

// Split is three parts of a table's rows, as ascending indices.
type Split struct {
	Train      []int `json:"train"`
	Validation []int `json:"validation"`
	Test       []int `json:"test"`
	// By says in a sentence how the parts were made.
	By string `json:"by"`
	// Notes are sentences on what is out of proportion: labels that a part lacks.
	Notes []string `json:"notes,omitempty"`
}

// Grouping is which rows belong together.
type Grouping struct {
	// Of has, for each row, the number of its group, from 0 in the order of the
	// rows that a group is first met in.
	Of []int
	// N is the number of groups.
	N int
	// By says in words what the rows of a group share: "the same CVE", …
	By []string
	// Unused says in words what rows share too and why they are not kept together
	// by it: "host: 41 % of the rows would be one group".
	Unused []string
	// Near are pairs of rows whose texts are the same or nearly the same.
	Near []Pair
}

// Pair is two rows, A before B, as indices, and how alike their texts are: the
// share of all their word pairs that they have in common.
type Pair struct {
	A, B  int
	Alike float64
}

// FindOptions say what rows share that belong together. The zero value finds it.
type FindOptions struct {
	// Column is the one whose equal cells belong together; near-duplicates and
	// what else is shared are then not looked at. "none" keeps only rows of the
	// very same text together.
	Column string
	// Keep uses what would make one group of more than MaxGroup of the rows.
	Keep bool
}

// Options say how to divide. Zero values take the defaults in parentheses.
type Options struct {
	Validation float64 // share of the rows (0.15)
	Test       float64 // share of the rows (0.2)
	Seed       uint64
	// Anew divides even where the table's files already give rows to parts.
	Anew bool
}
