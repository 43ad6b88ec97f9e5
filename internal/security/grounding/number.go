package grounding

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
	"github.com/casemate-ai/casemate/internal/security/grounding/rough"
	"github.com/casemate-ai/casemate/internal/security/label"
)

var (
	figure     = regexp.MustCompile(`\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?`)
	hexed      = regexp.MustCompile(`\b0[xX][0-9a-fA-F]{1,16}\b`)
	spelledOut = regexp.MustCompile(`(?i)\b` + numeral.Words + `\b`)
)

// numbers returns the numbers of a piece of evidence, sorted. Those inside names,
// addresses and ids do not count.
func (x *index) numbers() []float64 {
	x.numbersOnce.Do(func() {
		text := x.e.Text + "\n" + x.e.Name
		for _, m := range figure.FindAllStringIndex(text, -1) {
			if m[0] > 0 && (wordNoLine(text[m[0]-1]) || text[m[0]-1] == '.' && m[0] > 1 && digit(text[m[0]-2])) {
				continue
			}
			if m[1] < len(text)-1 && text[m[1]] == '.' && digit(text[m[1]+1]) {
				continue
			}
			s := text[m[0]:m[1]]
			x.values = append(x.values, numeral.Value(s))
			for _, part := range strings.Split(s, ",") {
				x.values = append(x.values, numeral.Value(part))
			}
		}
		for _, s := range hexed.FindAllString(text, -1) {
			if n, err := strconv.ParseUint(s[2:], 16, 64); err == nil {
				x.values = append(x.values, float64(n))
			}
		}
		if written(x.e.Kind) || len(text) < 4096 {
			for _, s := range spelledOut.FindAllString(text, -1) {
				x.values = append(x.values, numeral.Value(s))
			}
		}
		if x.e.Count > 0 {
			x.values = append(x.values, float64(x.e.Count))
		}
		if x.e.At.Line > 0 {
			x.values = append(x.values, float64(x.e.At.Line))
		}
		slices.Sort(x.values)
	})
	return x.values
}

func wordNoLine(c byte) bool { return word(c) && c != '_' }

// anyNumber reports whether the pool has a number between two bounds.
func (r *reading) anyNumber(from, to float64) bool {
	for _, x := range r.pool {
		v := x.numbers()
		if i, _ := slices.BinarySearch(v, from); i < len(v) && v[i] <= to {
			return true
		}
	}
	return false
}

// amount is a number in a statement, with what follows it.
type amount struct {
	n         float64
	digits    string // as written
	noun      string
	from, to  int     // of the number
	low, high float64 // what it may be, as it is rounded
	end       int     // of its noun or unit
}

var byteUnits = map[string][2]float64{"b": {1, 1}, "byte": {1, 1}, "bytes": {1, 1}, "kb": {1e3, 1 << 10}, "kib": {1 << 10, 1 << 10}, "kilobytes": {1e3, 1 << 10},
	"mb": {1e6, 1 << 20}, "mib": {1 << 20, 1 << 20}, "megabytes": {1e6, 1 << 20}, "gb": {1e9, 1 << 30}, "gib": {1 << 30, 1 << 30}, "gigabytes": {1e9, 1 << 30},
	"tb": {1e12, 1 << 40}, "tib": {1 << 40, 1 << 40}, "terabytes": {1e12, 1 << 40}}

var nextWord = regexp.MustCompile(`^[ -]?([A-Za-z%]+)`)

// numbers checks what is left of numbers after times, names and ids.
func (r *reading) numbers() {
	for _, re := range []*regexp.Regexp{figure, spelledOut} {
		for _, m := range re.FindAllStringIndex(r.text, -1) {
			if !r.free(m[0], m[1]) || m[0] > 0 && (word(r.text[m[0]-1]) || strings.IndexByte(`-.\/@`, r.text[m[0]-1]) >= 0) ||
				m[1] < len(r.text)-1 && r.text[m[1]] == '.' && digit(r.text[m[1]+1]) ||
				m[1] < len(r.text) && (r.text[m[1]] == '_' || r.text[m[1]] == '@' || r.text[m[1]] == '\\') {
				continue
			}
			r.amount(m[0], m[1])
		}
	}
	r.vague()
	for _, w := range rough.Wrong(r.text, r.low, r.sources) {
		r.report(Number, w, "nothing in the evidence comes to it")
	}
}

func (r *reading) sources() []rough.Source {
	out := make([]rough.Source, len(r.pool))
	for i, x := range r.pool {
		x.ready()
		out[i] = rough.Source{Text: x.low, Numbers: x.numbers(), Times: []time.Time{x.e.First, x.e.Last}}
	}
	return out
}

func (r *reading) amount(from, to int) {
	a := amount{n: numeral.Value(r.text[from:to]), digits: r.text[from:to], from: from, to: to, end: to}
	if math.IsNaN(a.n) {
		return
	}
	if r.looked++; r.looked > maxMentions {
		return
	}
	next := ""
	if m := nextWord.FindStringSubmatchIndex(r.low[to:]); m != nil {
		next = r.low[to+m[2] : to+m[3]]
	}
	scale, rounded := numeral.Scale(next), 0.0
	if scale > 0 && digit(a.digits[0]) { // "1.2 million"
		_, frac, _ := strings.Cut(a.digits, ".")
		rounded = 0.5 * math.Pow10(-len(frac)) * scale
		a.n, a.digits, a.to = a.n*scale, plain(a.n*scale), to+1+len(next)
		to, next = a.to, ""
	}
	a.low, a.high = a.n-rounded, a.n+rounded
	if next == "th" || next == "st" || next == "nd" || next == "rd" || next == "x" && digit(a.digits[0]) {
		return
	}
	if a.n == 365 && (strings.HasSuffix(r.low[:from], "office ") || strings.HasSuffix(r.low[:from], "microsoft ")) {
		return
	}
	inWords := !digit(a.digits[0])
	if labelled.MatchString(r.low[max(0, from-16):from]) || inWords && a.n == 1 { // "one of them", "the one that"
		return
	}
	a.noun, a.end = r.counted(to)
	r.use(from, to)
	if !r.amounts(a, next) && !r.remains(a.n) {
		kind := Number
		if port.MatchString(r.low[max(0, from-24):from]) || next == "tcp" || next == "udp" {
			kind = Port
		}
		text := strings.TrimSpace(r.text[from:a.end])
		r.report(kind, text, "the evidence has no such number and does not add up to it")
	}
}

// labelled matches what a number only tells apart: "stage 2".
var labelled = regexp.MustCompile(`\b(?:stage|phase|step|tier|part|wave|option|hypothesis|figure|table|point|section|day)s? $`)

var port = regexp.MustCompile(`\bports?(?: number)?\s*(?:\d+\s*(?:,|and|or)\s*)*$|\b(?:tcp|udp)[ /]$`)

// amounts reports whether the evidence bears a number out.
func (r *reading) amounts(a amount, next string) bool {
	lead := r.low[max(0, a.from-24):a.from]
	if next == "%" || next == "percent" || next == "per" {
		return r.anyNumber(a.low, a.high) || r.cites > 0 && slices.ContainsFunc(r.pool, func(x *index) bool { return numeral.Share(x.numbers(), a.n) })
	}
	if u, ok := byteUnits[next]; ok {
		return r.sized(a, u, lead)
	}
	low, high := a.low, a.high
	switch {
	case fewer.MatchString(lead):
		low = a.n / 2
	case greater.MatchString(lead):
		high = a.n * 2
	case loosely.MatchString(lead):
		low, high = a.n*0.85, a.n*1.15
	}
	if strings.Contains(a.digits, ".") {
		a.noun = ""
	}
	if f := numeral.Counts(a.noun); f != "" {
		return r.counts(a, f, low, high)
	}
	if a.noun != "" && a.n <= 12 {
		return r.few(a, low, high)
	}
	if strings.HasSuffix(a.digits, ".0") {
		return r.has(a.digits)
	}
	if next == "" && a.noun == "" || !strings.Contains(a.digits, ".") {
		return r.anyNumber(low, high) || r.total(low, high)
	}
	return r.has(fold(a.digits)) || r.anyNumber(low, high)
}

// sized compares a number of bytes, rounded as written, with the evidence.
func (r *reading) sized(a amount, unit [2]float64, lead string) bool {
	half := 0.5
	if _, frac, ok := strings.Cut(a.digits, "."); ok {
		half = 0.5 * math.Pow10(-len(frac))
	}
	for _, u := range unit {
		low, high := (a.n-half)*u, (a.n+half)*u
		if unit[0] == 1 {
			low, high = a.n, a.n
		}
		switch {
		case fewer.MatchString(lead):
			low = a.n * u / 2
		case greater.MatchString(lead):
			low, high = a.n*u, a.n*u*2
		case loosely.MatchString(lead):
			low, high = min(low, a.n*u*0.9), max(high, a.n*u*1.1)
		}
		if r.anyNumber(low, high) {
			return true
		}
	}
	for _, x := range r.pool { // "3.9 GB" where the evidence says so
		x.ready()
		for _, s := range sizes.FindAllStringSubmatch(x.own, 64) {
			u := byteUnits[strings.TrimRight(s[2], "ib")+"b"]
			if s[2] == "bytes" {
				u = byteUnits["b"]
			}
			if v := numeral.Value(s[1]); u[0] == unit[0] && math.Abs(v-a.n) <= half {
				return true
			}
		}
	}
	return false
}

var sizes = regexp.MustCompile(`(\d+(?:\.\d+)?) ?([kmgt](?:i?b)?|bytes)\b`)

// total reports whether the counts of the pool, or its pieces, add up to a number.
func (r *reading) total(low, high float64) bool {
	if r.cites == 0 {
		return false
	}
	in := func(n int) bool { return float64(n) >= low && float64(n) <= high }
	sum := 0
	for _, x := range r.pool {
		sum += max(1, x.e.Count)
		if x.e.Count > 1 && in(x.e.Count) {
			return true
		}
	}
	return in(len(r.pool)) || in(sum)
}

var vagueCount = regexp.MustCompile(`\b(dozens|hundreds|thousands|millions)\b`)

// vague checks "hundreds of" against the largest number that could be meant.
func (r *reading) vague() {
	least := map[string]float64{"dozens": 24, "hundreds": 100, "thousands": 1000, "millions": 1e6}
	for _, m := range vagueCount.FindAllStringIndex(r.low, -1) {
		n := least[r.low[m[0]:m[1]]]
		if !r.free(m[0], m[1]) || r.has(r.low[m[0]:m[1]]) || r.total(n, n*1e3) {
			continue
		}
		r.report(Number, r.text[m[0]:m[1]], "the evidence does not add up to it")
	}
	if m := twice.FindStringIndex(r.low); m != nil && r.free(m[0], m[1]) && !r.has("twice") && !r.total(2, 2) && !r.said(amount{n: 2}) {
		r.report(Number, r.text[m[0]:m[1]], "the evidence does not add up to it")
	}
}

var twice = regexp.MustCompile(`\btwice\b`)

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func valueOfHex(s string) float64 {
	n, err := strconv.ParseUint(s[2:], 16, 64)
	if err != nil {
		return math.NaN()
	}
	return float64(n)
}

var nouns = regexp.MustCompile(`^((?:[ -][a-z]+){0,3}?)[ -]([a-z]+?s|people|persons|times)\b`)

// counted returns the plural noun that a number counts, and where it ends.
func (r *reading) counted(at int) (string, int) {
	m := nouns.FindStringSubmatchIndex(r.low[at:])
	if m == nil {
		return "", at
	}
	for _, w := range strings.FieldsFunc(r.low[at+m[2]:at+m[3]], func(c rune) bool { return c == ' ' || c == '-' }) {
		if numeral.Ends(w) {
			return "", at
		}
	}
	noun := r.low[at+m[4] : at+m[5]]
	if numeral.Ends(noun) {
		return "", at
	}
	return noun, at + m[5]
}

// counts compares a number with what can be counted in the pool, or with a text
// that says it.
func (r *reading) counts(a amount, family string, low, high float64) bool {
	in := func(n int) bool { return float64(n) >= low && float64(n) <= high }
	if r.said(a) || (low != a.n || high != a.n) && a.n > 20 && r.anyNumber(low, high) {
		return true
	}
	switch family {
	case "record":
		alerts, events := 0, 0
		for _, x := range r.pool {
			if x.e.Kind == casemate.EvidenceAlert {
				alerts += max(1, x.e.Count)
			} else {
				events += max(1, x.e.Count)
			}
		}
		return r.cites > 0 && (r.total(low, high) || in(alerts) || in(events))
	case "technique":
		set := map[string]bool{}
		for _, x := range r.pool {
			for _, t := range x.e.Techniques {
				set[t] = true
			}
		}
		return in(len(set))
	case "source":
		return r.cites > 0 && len(r.pool) >= int(low)
	}
	if r.enumerated(a) {
		return true
	}
	ns := r.distinct(strings.TrimPrefix(family, "some-"))
	for _, n := range ns {
		if in(n) || (strings.HasPrefix(family, "some-") || r.subset(a)) && float64(n) >= low && low > 1 {
			return true
		}
	}
	return false
}

// subset reports whether a number counts some of its kind: "the two machines", "two
// compromised accounts".
func (r *reading) subset(a amount) bool {
	return a.n <= 3 && (some.MatchString(r.low[:a.from]) || strings.Contains(strings.TrimSpace(r.low[a.to:a.end]), " "))
}

var some = regexp.MustCompile(`\b(?:the|these|those|both|other|its|their|all) $`)

// distinct counts hosts, users, addresses or domains of the pool in the ways that
// a writer may: all, those in each part, and those that a record is about.
func (r *reading) distinct(family string) []int {
	sets := map[string]map[string]bool{}
	put := func(group, v string) {
		if v == "" {
			return
		}
		if sets[group] == nil {
			sets[group] = map[string]bool{}
		}
		sets[group][v] = true
	}
	for _, x := range r.pool {
		switch family {
		case "host":
			put("primary", shortHost(x.e.Host))
			put("all", shortHost(x.e.Host))
		case "user":
			put("primary", shortUser(x.e.User))
			put("all", shortUser(x.e.User))
		}
		for _, n := range x.e.Entities {
			v := strings.ToLower(n.Value)
			switch {
			case family == "host" && n.Type == casemate.EntityHost && n.Role != casemate.RoleObserver:
				v = shortHost(v)
			case family == "user" && n.Type == casemate.EntityUser:
				v = shortUser(v)
			case family == "host" && n.Type == casemate.EntityAddress && n.Role != casemate.RoleNone:
				put("address "+string(n.Role), v)
				continue
			case family == "address" && n.Type == casemate.EntityAddress, family == "domain" && n.Type == casemate.EntityDomain:
			default:
				continue
			}
			put("all", v)
			put(string(n.Role), v)
		}
	}
	var out []int
	for _, s := range sets {
		out = append(out, len(s))
	}
	return out
}

func shortHost(s string) string { return label.Host(s) }

func shortUser(s string) string { return label.Account(s) }

// said reports whether a text of the pool has the number with the same noun a few
// words behind it, or before it.
func (r *reading) said(a amount) bool {
	nouns := []string{strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(a.noun, "s"), "e"), "ie")}
	if f := numeral.Counts(a.noun); f == "user" || f == "some-user" {
		nouns = append(nouns, "recipient", "mailbox", "user", "account", "people", "person", "employee")
	}
	forms := []string{plain(a.n)}
	if w := numeral.InWords(a.n); w != "" {
		forms = append(forms, w)
	}
	for _, x := range r.pool {
		x.ready()
		for _, f := range forms {
			for from := 0; ; {
				i := strings.Index(x.own[from:], f)
				if i < 0 {
					break
				}
				i += from
				from = i + len(f)
				if i > 0 && (word(x.own[i-1]) || x.own[i-1] == '.') || from < len(x.own) && (word(x.own[from]) || x.own[from] == '.' && from+1 < len(x.own) && digit(x.own[from+1])) {
					continue
				}
				line := x.own[from:min(len(x.own), from+40)]
				line, _, _ = strings.Cut(line, "\n")
				lead := x.own[max(0, i-24):i]
				lead = lead[strings.LastIndexByte(lead, '\n')+1:]
				if slices.ContainsFunc(nouns, func(s string) bool { return strings.Contains(line, s) || len(s) > 2 && strings.Contains(lead, s) }) || r.cites == 1 && written(x.e.Kind) {
					return true
				}
			}
		}
	}
	return false
}

// few judges a small number of things that nobody can count in general: connections,
// guesses, files. It must stand in the text beside its noun, be the number of
// records, or be that of the names in the statement.
func (r *reading) few(a amount, low, high float64) bool {
	return a.n == 2 || r.said(a) || r.total(low, high) || r.found >= 2 && float64(r.found) == a.n || r.enumerated(a)
}

var lacking = regexp.MustCompile(`\b(?:missing|fewer|less|more|short|lacks?|remain\w*|left|difference|still|yet|waiting|outstanding)\b`)

var summed = regexp.MustCompile(`\b(?:together|total|sum|combined|altogether|overall|both|in all|added up)\b`)

// sum reports whether a number is that of two numbers of two pieces.
func (r *reading) sum(n float64) bool {
	for i, x := range r.pool {
		if slices.ContainsFunc(r.pool[:i], func(y *index) bool { return numeral.Sum(x.numbers(), y.numbers(), n) }) {
			return true
		}
	}
	return false
}

var averaged = regexp.MustCompile(`\b(?:on average|in the mean|average of|(?:per|for each|to each|against each|each) (?:account|user|host|address|machine|server|mailbox)|each time|apiece)\b`)

// remains reports whether a number is what is between two numbers of one piece of
// evidence, where the statement tells of a difference.
func (r *reading) remains(n float64) bool {
	if r.cites > 1 && summed.MatchString(r.low) && r.sum(n) {
		return true
	}
	if r.cites > 0 && averaged.MatchString(r.low) && slices.ContainsFunc(r.pool, func(x *index) bool { return numeral.Ratio(append([]float64{float64(x.e.Count)}, x.numbers()...), n) }) {
		return true
	}
	return r.cites > 0 && lacking.MatchString(r.low) && slices.ContainsFunc(r.pool, func(x *index) bool { return numeral.Difference(x.numbers(), n) })
}

// enumerated reports whether the statement itself lists so many things behind a colon.
func (r *reading) enumerated(a amount) bool {
	_, list, ok := strings.Cut(r.low[a.to:], ": ")
	if !ok {
		return false
	}
	list, _, _ = strings.Cut(list, ";")
	items := strings.Split(strings.NewReplacer(", and ", ", ", " and ", ", ").Replace(list), ", ")
	return float64(len(items)) == a.n
}

// written reports whether a person or a rule of ours wrote it: no attacker's text.
func written(k casemate.EvidenceKind) bool {
	switch k {
	case casemate.EvidenceNote, casemate.EvidenceChat, casemate.EvidenceTicket, casemate.EvidenceReport, casemate.EvidenceFinding, casemate.EvidenceKnowledge:
		return true
	}
	return false
}
