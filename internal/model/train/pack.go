package train

import (
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/gradient"
)

// Example is one text to learn from.
type Example struct {
	Tokens []int
	// Learn says which tokens are to be predicted from those before them; nil
	// means all. The first never is.
	Learn []bool
}

// Sequence returns an example as a model reads it: each target is the token
// behind. The last token is only a target.
func (e Example) Sequence() gradient.Sequence {
	n := max(len(e.Tokens)-1, 0)
	s := gradient.Sequence{Tokens: e.Tokens[:n], Targets: make([]int, n)}
	for i := range n {
		s.Targets[i] = -1
		if e.Learn == nil || e.Learn[i+1] {
			s.Targets[i] = e.Tokens[i+1]
		}
	}
	return s
}

// TooLongError says that an example is longer than a row. Nothing was cut.
type TooLongError struct {
	Example        int // from 0
	Tokens, Length int
}

// Error says by how much.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("example %d has %d tokens, more than the %d of a row", e.Example+1, e.Tokens, e.Length)
}

// PackOptions say how examples become rows.
type PackOptions struct {
	Length int // tokens of a row at most
	// SkipLong leaves examples out that are longer than a row, and counts them;
	// otherwise they are an error.
	SkipLong bool
	// Apart gives each example a row of its own.
	Apart bool
}

// Packed is examples in rows.
type Packed struct {
	Rows []gradient.Sequence
	// Of has, for each row, the examples that it holds, in their order.
	Of [][]int
	// Long are the examples that were left out for their length, Empty those that
	// have nothing to predict.
	Long, Empty []int
	Tokens      int // in all rows
	Targets     int
}

// Pack puts examples into rows: the longest first, each into the first row that
// has room, as documents of their own. Nothing is cut. The same examples give
// the same rows.
func Pack(examples []Example, o PackOptions) (*Packed, error) {
	if o.Length < 1 {
		return nil, fmt.Errorf("pack examples into rows of %d tokens", o.Length)
	}
	p := &Packed{}
	var order []int
	sequences := make([]gradient.Sequence, len(examples))
	for i, e := range examples {
		s := e.Sequence()
		sequences[i] = s
		switch {
		case !slices.ContainsFunc(s.Targets, func(t int) bool { return t >= 0 }):
			p.Empty = append(p.Empty, i)
		case len(s.Tokens) <= o.Length:
			order = append(order, i)
		case o.SkipLong:
			p.Long = append(p.Long, i)
		default:
			return nil, &TooLongError{i, len(s.Tokens), o.Length}
		}
	}
	p.fill(sequences, p.assign(sequences, order, o))
	return p, nil
}

// assign returns, for each row, its examples.
func (p *Packed) assign(sequences []gradient.Sequence, order []int, o PackOptions) [][]int {
	rows := make([][]int, 0, len(order))
	if o.Apart {
		for _, i := range order {
			rows = append(rows, []int{i})
		}
		return rows
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(sequences[b].Tokens) - len(sequences[a].Tokens) })
	room := newRooms(len(order), o.Length)
	for _, i := range order {
		r := room.take(len(sequences[i].Tokens))
		if r == len(rows) {
			rows = append(rows, nil)
		}
		rows[r] = append(rows[r], i)
	}
	return rows
}

// fill writes the rows.
func (p *Packed) fill(sequences []gradient.Sequence, rows [][]int) {
	for _, of := range rows {
		slices.Sort(of)
		var s gradient.Sequence
		for _, i := range of {
			s.Starts = append(s.Starts, len(s.Tokens))
			s.Tokens = append(s.Tokens, sequences[i].Tokens...)
			s.Targets = append(s.Targets, sequences[i].Targets...)
		}
		for _, t := range s.Targets {
			if t >= 0 {
				p.Targets++
			}
		}
		p.Tokens += len(s.Tokens)
		p.Rows, p.Of = append(p.Rows, s), append(p.Of, of)
	}
}

// rooms finds the first row with room: a tree whose nodes hold the most room of
// any row below them. Rows that nobody has used yet have all of it.
type rooms struct {
	size int // leaves: a power of two
	most []int
}

func newRooms(rows, length int) *rooms {
	r := &rooms{size: 1}
	for r.size < rows {
		r.size *= 2
	}
	r.most = make([]int, 2*r.size)
	for i := range r.most {
		r.most[i] = length
	}
	return r
}

// take takes n from the first row that has so much and returns its number.
func (r *rooms) take(n int) int {
	i := 1
	for i < r.size {
		if i *= 2; r.most[i] < n {
			i++
		}
	}
	row := i - r.size
	r.most[i] -= n
	for i /= 2; i > 0; i /= 2 {
		r.most[i] = max(r.most[2*i], r.most[2*i+1])
	}
	return row
}
