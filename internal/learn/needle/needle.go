// Package needle measures how well rank-logs finds suspicious lines: in labelled
// files, and in stacks of lines that it makes from invented patterns, of any size
// and always the same for a seed.
package needle

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed stacks
var stacks embed.FS

// Line is one line of a stack.
type Line struct {
	Text       string `json:"text"`
	Suspicious bool   `json:"-"`
	Label      string `json:"label"`
}

// Stack is a kind of log: patterns of ordinary lines, of rare but honest ones, and
// of needles. Its file says:
//
//	# what it is
//	from 2026-05-12T06:10:00Z     the first line's time
//	time Jan _2 15:04:05          how lines write it
//	step 20s-240s                 between two lines
//	lines 120                     unless another number is asked for
//	pool user anna bert           words for {user}; parted by | where they hold blanks
//	8 PATTERN                     an ordinary line, eight times as likely as one with a 1
//	? PATTERN                     a rare and honest line, once
//	! PATTERN                     a needle, once
//
// In a pattern {time} is the time, {n:1-9} a number, {hex:8} so many hexadecimal
// digits, and {user} a word of the pool, the same all through the line.
type Stack struct {
	Name, About string
	Lines       int

	from           time.Time
	layout         string
	low, high      time.Duration
	pools          map[string][]string
	plain          []weighted
	honest, needle []string
}

type weighted struct {
	weight  int
	pattern string
}

// Stacks returns the embedded stacks, in the order of their names.
func Stacks() ([]*Stack, error) {
	names, err := fs.Glob(stacks, "stacks/*.txt")
	if err != nil {
		return nil, fmt.Errorf("find stacks: %w", err)
	}
	var out []*Stack
	for _, name := range names {
		data, err := stacks.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read stack %q: %w", name, err)
		}
		s, err := Parse(strings.TrimSuffix(path.Base(name), ".txt"), data)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Parse reads the file of a stack.
func Parse(name string, data []byte) (*Stack, error) {
	s := &Stack{Name: name, Lines: 100, layout: time.RFC3339, low: time.Second, high: time.Minute, pools: map[string][]string{}}
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimRight(in.Text(), " ")
		if line == "" {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if err := s.parse(word, rest); err != nil {
			return nil, fmt.Errorf("%s.txt:%d: %w", name, n, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read stack %q: %w", name, err)
	}
	if len(s.plain) == 0 || len(s.needle) == 0 {
		return nil, fmt.Errorf("%s.txt: it needs ordinary lines and needles", name)
	}
	return s, nil
}

func (s *Stack) parse(word, rest string) (err error) {
	switch word {
	case "#":
		s.About = rest
	case "from":
		s.from, err = time.Parse(time.RFC3339, rest)
	case "time":
		s.layout = rest
	case "step":
		low, high, _ := strings.Cut(rest, "-")
		if s.low, err = time.ParseDuration(low); err == nil {
			s.high, err = time.ParseDuration(high)
		}
	case "lines":
		s.Lines, err = strconv.Atoi(rest)
	case "pool":
		name, words, _ := strings.Cut(rest, " ")
		s.pools[name] = strings.Fields(words)
		if strings.Contains(words, "|") {
			s.pools[name] = strings.Split(words, "|")
		}
	case "?":
		s.honest = append(s.honest, rest)
	case "!":
		s.needle = append(s.needle, rest)
	default:
		var weight int
		if weight, err = strconv.Atoi(word); err == nil {
			s.plain = append(s.plain, weighted{weight, rest})
		}
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", word, err)
	}
	return nil
}

// Make makes n lines (0: as many as the stack's file says), among them each needle
// and each rare honest line once, at places that the seed decides.
func (s *Stack) Make(n int, seed uint64) []Line {
	if n <= 0 {
		n = s.Lines
	}
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	total := 0
	for _, p := range s.plain {
		total += p.weight
	}
	type planned struct {
		pattern    string
		suspicious bool
	}
	plan := make([]planned, 0, n)
	for _, p := range s.needle {
		plan = append(plan, planned{p, true})
	}
	for _, p := range s.honest {
		plan = append(plan, planned{p, false})
	}
	for len(plan) < n {
		at := r.IntN(total)
		i := slices.IndexFunc(s.plain, func(p weighted) bool { at -= p.weight; return at < 0 })
		plan = append(plan, planned{s.plain[i].pattern, false})
	}
	r.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	at := s.from
	out := make([]Line, len(plan))
	for i, p := range plan {
		out[i] = Line{Text: s.write(p.pattern, at, r), Suspicious: p.suspicious, Label: "benign"}
		if p.suspicious {
			out[i].Label = "malicious"
		}
		at = at.Add(s.low + time.Duration(r.Int64N(int64(s.high-s.low)+1)))
	}
	return out
}

// write fills a pattern.
func (s *Stack) write(pattern string, at time.Time, r *rand.Rand) string {
	var b strings.Builder
	chosen := map[string]string{}
	for {
		before, rest, open := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		value, known := s.value(name, at, r, chosen)
		if !closed || !known {
			// A brace of the line itself, as in JSON.
			b.WriteByte('{')
			pattern = rest
			continue
		}
		b.WriteString(value)
		pattern = after
	}
}

func (s *Stack) value(name string, at time.Time, r *rand.Rand, chosen map[string]string) (string, bool) {
	kind, arg, _ := strings.Cut(name, ":")
	switch kind {
	case "time":
		return at.Format(s.layout), true
	case "n":
		low, high, ok := strings.Cut(arg, "-")
		a, errA := strconv.Atoi(low)
		b, errB := strconv.Atoi(high)
		if !ok || errA != nil || errB != nil || b < a {
			return "", false
		}
		return strconv.Itoa(a + r.IntN(b-a+1)), true
	case "hex":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 || n > 64 {
			return "", false
		}
		digits := make([]byte, n)
		for i := range digits {
			digits[i] = "0123456789abcdef"[r.IntN(16)]
		}
		return string(digits), true
	}
	pool := s.pools[name]
	if len(pool) == 0 {
		return "", false
	}
	if chosen[name] == "" {
		chosen[name] = pool[r.IntN(len(pool))]
	}
	return chosen[name], true
}
