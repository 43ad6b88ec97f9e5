// Package columns measures and fits text for a terminal, in columns: a wide
// character takes two, a mark that joins the one before it none. What it is given
// is clean text, as report.Terminal makes it.
package columns

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Of returns how many columns a text takes.
func Of(s string) int { return uniseg.StringWidth(s) }

// Head returns the longest beginning of s that takes at most n columns.
func Head(s string, n int) string {
	if len(s) <= n { // no character is wider than its bytes
		return s
	}
	rest, state, used := s, -1, 0
	for rest != "" {
		_, next, w, st := uniseg.FirstGraphemeClusterInString(rest, state)
		if used += w; used > n {
			break
		}
		rest, state = next, st
	}
	return s[:len(s)-len(rest)]
}

// Fit cuts s to n columns, with an ellipsis as the last of them where it cut.
func Fit(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if len(Head(s, n)) == len(s) {
		return s
	}
	return Head(s, n-1) + "…"
}

// Middle cuts s to n columns and leaves its beginning and its end, which is where
// paths and names differ.
func Middle(s string, n int) string {
	if Of(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	head := Head(s, (n-1)/2)
	tail, used := s, Of(s)
	for used > n-1-Of(head) {
		_, rest, w, _ := uniseg.FirstGraphemeClusterInString(tail, -1)
		tail, used = rest, used-w
	}
	return head + "…" + tail
}

// Pad fills s with spaces to n columns.
func Pad(s string, n int) string { return s + strings.Repeat(" ", max(n-Of(s), 0)) }

// PadLeft fills s with spaces before it.
func PadLeft(s string, n int) string { return strings.Repeat(" ", max(n-Of(s), 0)) + s }
