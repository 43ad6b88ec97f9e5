package mapping

import "strings"

// The limits on cutting a sentence into clauses.
const (
	maxClauses   = 12
	leastClauses = 2 // words that a clause has
)

// joints are what stands between clauses and between the members of a list.
var joints = []string{", and ", ", then ", "; ", ", ", " and then ", " and ", " as well as ", " before ", " after "}

// clauses cuts a sentence at its joints, in bytes from its start. A sentence
// without any has none. Pieces of a word or so are left out.
func clauses(text string) [][2]int {
	var out [][2]int
	start := 0
	add := func(end int) {
		if len(out) < maxClauses && len(strings.Fields(text[start:end])) >= leastClauses {
			out = append(out, [2]int{start, end})
		}
	}
	for i := 0; i < len(text) && len(out) < maxClauses; {
		n := jointAt(text[i:])
		if n == 0 {
			i++
			continue
		}
		add(i)
		i += n
		start = i
	}
	if start == 0 {
		return nil
	}
	add(len(text))
	return out
}

// jointAt returns the length of the joint that text begins with, or 0.
func jointAt(text string) int {
	switch text[0] {
	case ',', ';', ' ':
	default:
		return 0
	}
	for _, j := range joints {
		if strings.HasPrefix(text, j) {
			return len(j)
		}
	}
	return 0
}
