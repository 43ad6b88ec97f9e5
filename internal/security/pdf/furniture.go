package pdf

import (
	"math"
	"slices"
	"strings"
)

// edge is how many lines at the top and at the bottom of a page may be headers
// or footers.
const edge = 3

// dropFurniture takes running headers, footers and page numbers out of pages,
// and returns how many lines it took. What stands at the same height of several
// pages, digits aside, is furniture; so is a lone number at the edge.
func dropFurniture(pages [][]row) int {
	type spot struct {
		text string
		y    int
	}
	at := func(r *row) spot { return spot{withoutDigits(r.text()), int(math.Round(r.y / 4))} }
	seen := map[spot]int{}
	for _, rows := range pages {
		on := map[spot]bool{}
		for _, i := range edges(rows) {
			if s := at(&rows[i]); !on[s] {
				on[s] = true
				seen[s]++
			}
		}
	}
	dropped := 0
	for p, rows := range pages {
		var kept []row
		drop := map[int]bool{}
		for _, i := range edges(rows) {
			s := at(&rows[i])
			n := seen[s]
			for _, near := range []int{s.y - 1, s.y + 1} {
				n = max(n, seen[spot{s.text, near}])
			}
			drop[i] = n >= 2 && (n >= 3 || n*2 >= len(pages)) || isPageNumber(rows[i].text())
		}
		if len(drop) > 0 && len(rows) > 0 {
			for i := range rows {
				if drop[i] {
					dropped++
				} else {
					kept = append(kept, rows[i])
				}
			}
			pages[p] = kept
		}
	}
	return dropped
}

// edges returns the lines of a page that stand highest and lowest.
func edges(rows []row) []int {
	heights := make([]float64, len(rows))
	for i := range rows {
		heights[i] = rows[i].y
	}
	slices.Sort(heights)
	var out []int
	for i := range rows {
		if n := len(rows); n <= 2*edge || rows[i].y < heights[edge]-1 || rows[i].y > heights[n-1-edge]+1 {
			out = append(out, i)
		}
	}
	return out
}

// withoutDigits writes a line such that only the number of the page may differ:
// the one at its start, or those among its last three words, as in "3 of 12".
func withoutDigits(s string) string {
	words := strings.Fields(s)
	for i := range words {
		if i == 0 || i >= len(words)-3 {
			words[i] = strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return -1
				}
				return r
			}, words[i])
		}
	}
	return strings.Join(words, " ")
}

// isPageNumber says whether a line only counts pages: 3, - 3 -, Page 3 of 12, iv.
func isPageNumber(s string) bool {
	s = strings.ToLower(strings.Trim(s, " -–—|[]()"))
	if s == "" || len(s) > 20 {
		return false
	}
	digits := 0
	for word := range strings.FieldsSeq(strings.ReplaceAll(s, "/", " ")) {
		switch {
		case word == "page" || word == "of" || word == "p." || word == "pg":
		case strings.Trim(word, "0123456789") == "" && len(word) <= 4:
			digits++
		case strings.Trim(word, "ivxl") == "" && len(word) <= 6:
			digits++
		default:
			return false
		}
	}
	return digits > 0 && digits <= 2
}
