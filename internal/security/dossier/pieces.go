package dossier

import (
	"bufio"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/words"
)

// How many pieces of people's words are held while they are read, and how many
// become evidence, the most telling of a large input; so many of each file are
// held in any case.
const (
	maxHeld    = 8_000
	maxPieces  = 1_500
	maxOfAPart = 200
)

// piece is what one person wrote, while it is kept.
type piece struct {
	words.Piece
	part  int // of reader.parts
	order int
	score int
}

// kept collects pieces; of a large input those that tell most.
type kept struct {
	list  []piece
	total int
	now   int // the part that is read
	count map[int]int
}

func newKept() *kept { return &kept{count: map[int]int{}} }

func (w *kept) add(p words.Piece) {
	q := piece{Piece: p, part: w.now, order: w.total, score: worth(&p)}
	w.total++
	w.count[w.now]++
	w.list = append(w.list, q)
	if len(w.list) >= 2*maxHeld {
		w.prune(maxHeld)
	}
}

// prune keeps the pieces that tell most, in their order, and some of each file.
func (w *kept) prune(limit int) {
	if len(w.list) <= limit {
		return
	}
	slices.SortStableFunc(w.list, func(a, b piece) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.order, b.order)) })
	seen := map[int]int{}
	var first, rest []piece
	for _, p := range w.list {
		if seen[p.part]++; seen[p.part] <= maxOfAPart && len(first) < limit {
			first = append(first, p)
		} else {
			rest = append(rest, p)
		}
	}
	w.list = append(first, rest[:limit-len(first)]...)
	slices.SortFunc(w.list, func(a, b piece) int { return cmp.Compare(a.order, b.order) })
	for i := range w.list { // what they share memory with is let go
		w.list[i].Text = strings.Clone(w.list[i].Text)
	}
}

// focus raises the pieces that are about the incidents: they name what these are
// about, or were written while they went on or on the day after.
func (w *kept) focus(list []casemate.Incident) {
	if len(w.list) <= maxPieces {
		return
	}
	names := map[string]bool{}
	var spans [][2]time.Time
	for _, in := range list {
		if in.Verdict != casemate.VerdictMalicious && in.Rank > 5 {
			continue
		}
		for _, h := range in.Hosts {
			names[canonical(casemate.EntityHost, h)] = true
		}
		for _, u := range in.Users {
			names[canonical(casemate.EntityUser, u)] = true
		}
		for _, x := range in.Indicators {
			names[strings.ToLower(x.Value)] = true
		}
		spans = append(spans, [2]time.Time{in.First.Add(-2 * time.Hour), in.Last.Add(24 * time.Hour)})
	}
	for i := range w.list {
		p := &w.list[i]
		hits := 0
		for _, word := range strings.FieldsFunc(strings.ToLower(p.Text), func(c rune) bool { return strings.ContainsRune(" \t\n,;:!?()<>[]\"'`", c) }) {
			if names[strings.TrimRight(word, ".")] && hits < 3 {
				hits++
			}
		}
		p.score += 4 * hits
		if !p.Time.IsZero() && slices.ContainsFunc(spans, func(s [2]time.Time) bool { return !p.Time.Before(s[0]) && !p.Time.After(s[1]) }) {
			p.score += 6
		}
	}
}

// telling are words of people who work on an incident.
var telling = []string{
	"attack", "malware", "phish", "ransom", "encrypt", "exfil", "stolen", "credential", "lsass", "isolat", "block", "disabled", "contain", "compromis",
	"lateral", "domain admin", "c2", "beacon", "impact", "decided", "decision", "agreed", "unknown", "question", "suspicious", "incident", "powershell", "customer",
}

// worth says how much a piece is likely to tell, by its form: cheap enough for
// every message of a year's chat.
func worth(p *words.Piece) int {
	score := 0
	if !p.Time.IsZero() {
		score += 2
	}
	switch p.Kind {
	case casemate.EvidenceNote, casemate.EvidenceTicket:
		score += 2
	case casemate.EvidenceMail:
		score += 3
	}
	if p.Code || p.Quoted {
		score--
	}
	if len(p.Text) < 24 {
		score -= 2
	}
	lower := strings.ToLower(p.Text[:min(len(p.Text), 600)])
	for _, w := range telling {
		if strings.Contains(lower, w) {
			score += 2
		}
	}
	if strings.ContainsRune(lower, '?') {
		score++
	}
	digits := strings.ContainsAny(lower, "0123456789")
	if digits && strings.ContainsAny(lower, `.-\`) {
		score++ // perhaps a host, an address, a time
	}
	return score
}

// written reads a file that people wrote.
func (r *reader) written(b *bufio.Reader, name string, k words.Kind) error {
	r.parts = append(r.parts, part{name: name, kind: k})
	r.words.now = len(r.parts) - 1
	n, err := words.Read(r.ctx, b, name, k, words.Sink{
		Piece: r.words.add,
		Fault: func(line int, reason string) { r.fault(name, line, reason) },
	})
	at := &r.parts[r.words.now]
	at.bytes, at.records = n, r.words.count[r.words.now]
	r.sum.Bytes += n
	if stop := r.ctx.Err(); stop != nil {
		return stop
	}
	if err != nil {
		r.fault(name, 0, "cannot be read to its end: "+err.Error())
	} else if at.records == 0 {
		r.fault(name, 0, "holds nothing that could be read")
	}
	return nil
}
