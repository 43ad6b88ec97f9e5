// Package split divides rows into those to learn from, to choose by and to test
// on. Rows that belong together, such as those of one report or near-duplicates,
// stay together, and each part has every label in its proportion as far as that
// allows.
package split

// Split is three parts of a table's rows, as ascending indices.
type Split struct {
	Train, Validation, Test []int
}

// Grouping is which rows belong together.
type Grouping struct {
	// Of has, for each row, the number of its group.
	Of []int
	// By says in words what the rows of a group share: "the same CVE", …
	By []string
}
