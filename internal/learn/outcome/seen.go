package outcome

import (
	"errors"
	"fmt"
	"io"
)

// MaxSeenBytes is the size of the largest Seen that is read.
const MaxSeenBytes = 1 << 30

// maxSeen is how many rows a head may have learnt from.
const maxSeen = 10_000_000

// Seen is the rows that a head or adapter learnt from or was chosen by: those for
// training and for validation. It stands beside the head, so that an evaluation
// can be checked for rows that the head knew.
type Seen struct {
	Format int    `json:"format"` // 1
	Data   string `json:"data"`   // digest of the file
	// Texts are TextDigests, in any order; a text may be there more than once.
	Texts []string `json:"texts"`
	// Groups are the texts' groups, numbered as Row.Group for the same data.
	Groups []int `json:"groups"`
}

// WriteSeen writes the rows that were seen.
func WriteSeen(w io.Writer, s *Seen) error {
	whole := *s
	whole.Format = formatVersion
	if err := whole.check(); err != nil {
		return fmt.Errorf("write rows seen: %w", err)
	}
	return write(w, "rows seen", &whole)
}

// ParseSeen reads what WriteSeen wrote.
func ParseSeen(data []byte) (*Seen, error) {
	s := &Seen{}
	if err := unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read rows seen: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("read rows seen: %w", err)
	}
	return s, nil
}

func (s *Seen) check() error {
	switch {
	case s.Format != formatVersion:
		return fmt.Errorf("its format is %d, this program reads %d", s.Format, formatVersion)
	case !IsDigest(s.Data):
		return errors.New("the digest of the data is none")
	case len(s.Texts) == 0 || len(s.Texts) > maxSeen:
		return fmt.Errorf("it has %d rows, there must be 1 to %d", len(s.Texts), maxSeen)
	case len(s.Groups) != len(s.Texts):
		return fmt.Errorf("it has %d groups for %d rows", len(s.Groups), len(s.Texts))
	}
	for i, t := range s.Texts {
		if !IsDigest(t) {
			return fmt.Errorf("text %d has no digest", i+1)
		}
		if s.Groups[i] < 0 {
			return fmt.Errorf("text %d has no group", i+1)
		}
	}
	return nil
}

// Knew returns the numbers of the rows of an evaluation that had been seen: those
// whose text was, and, of the same data, those whose group was, since the rows of
// a group say nearly the same.
func (s *Seen) Knew(e *Evaluation) (texts, groups []int) {
	known := make(map[string]bool, len(s.Texts))
	together := make(map[int]bool, len(s.Groups))
	for i, t := range s.Texts {
		known[t] = true
		together[s.Groups[i]] = true
	}
	for i := range e.Rows {
		r := &e.Rows[i]
		switch {
		case known[r.Text]:
			texts = append(texts, r.Number)
		case e.Data == s.Data && together[r.Group]:
			groups = append(groups, r.Number)
		}
	}
	return texts, groups
}
