//go:build !purego

package tiles

// Dots says whether the instruction for pairs is used where it is.
func Dots() bool { return dots() }
