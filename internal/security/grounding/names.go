package grounding

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/grounding/naming"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

// piece is a word of a statement, for names of several words.
type piece struct {
	low      string
	from, to int
	capital  bool
	first    bool // a sentence begins with it
}

var wordOf = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}'&+$]*(?:[-_./][\p{L}\p{N}&+$]+)*`)

func (r *reading) pieces() []piece {
	var out []piece
	first := true
	for _, m := range wordOf.FindAllStringIndex(r.text, maxStatement) {
		w := strings.TrimSuffix(r.low[m[0]:m[1]], "'s")
		first = len(out) == 0 || first
		gap := ""
		if len(out) > 0 {
			gap = r.text[out[len(out)-1].to:m[0]]
			first = strings.ContainsAny(gap, ".!?\n") && strings.ContainsAny(gap, " \n")
		}
		out = append(out, piece{low: w, from: m[0], to: m[0] + len(w), capital: capital(r.text[m[0]:m[1]]), first: first})
		first = false
	}
	return out
}

// names checks names of several words and known ones of one: techniques, tactics,
// actors, malware, tools, protocols, products.
func (r *reading) names() {
	ps := r.pieces()
	r.respelled(ps)
	for i := 0; i < len(ps); i++ {
		if r.looked > maxMentions {
			return
		}
		for n := min(7, len(ps)-i); n >= 1; n-- {
			p, q := ps[i], ps[i+n-1]
			if n > 1 && !joined(r.text, ps[i:i+n]) || !r.free(p.from, q.to) {
				continue
			}
			if r.named(ps[i:i+n], r.low[p.from:q.to]) {
				r.use(p.from, q.to)
				i += n - 1
				break
			}
		}
	}
}

// respelled passes names that the evidence has under another form: as an acronym, as
// one word, as the code of a country.
func (r *reading) respelled(ps []piece) {
	for _, e := range naming.Expansions(r.text) {
		if r.free(e.From, e.To) && r.has(e.Acronym) {
			r.use(e.From, e.To)
		}
	}
	for i := range ps {
		for n := min(3, len(ps)-i); n >= 1; n-- {
			p, q := ps[i], ps[i+n-1]
			if !p.capital || !q.capital || n > 1 && !joined(r.text, ps[i:i+n]) || !r.free(p.from, q.to) {
				continue
			}
			low := r.low[p.from:q.to]
			code := naming.Country(low)
			if one := strings.ReplaceAll(low, " ", ""); one != low && len(one) > 5 && r.has(one) || code != "" && slices.ContainsFunc(r.pool, func(x *index) bool { return naming.Coded(x.e.Text, code) }) {
				r.use(p.from, q.to)
				break
			}
		}
	}
	if name, at := naming.Means(r.text); name != "" && r.free(at, at+len(name)) {
		low := strings.ToLower(name)
		if _, term := vocab().terms[low]; !term && !vocab().general[low] && !vocab().common[low] && !r.has(low) && r.starts(stem.Of(low)) && !r.person(low) {
			r.missing(Software, name)
		}
	}
}

// joined reports whether only blanks, and what names have, stand between words.
func joined(text string, ps []piece) bool {
	for k := 1; k < len(ps); k++ {
		switch text[ps[k-1].to:ps[k].from] {
		case " ", ": ", "/", "-", ", ", " - ":
		default:
			return false
		}
	}
	return true
}

// named judges one run of words. It reports whether it was a name, right or wrong.
func (r *reading) named(ps []piece, low string) bool {
	text := r.text[ps[0].from:ps[len(ps)-1].to]
	caps := 0
	for _, p := range ps {
		if p.capital {
			caps++
		}
	}
	if t, ok := vocab().terms[low]; ok && !(vocab().capital[low] && !ps[0].capital) {
		if r.shows(t) || r.told && r.contains(low) {
			return true
		}
		if ps[0].first && len(ps) == 1 && vocab().capital[low] && text[1:] == low[1:] && !r.has(low) && !followedByVerb(r.low[ps[0].to:]) {
			return false
		}
		r.missing(t.kind, text)
		return true
	}
	if ids := r.c.book.names[low]; ids != nil && (len(ps) > 1 && caps > 0 && (caps > 1 || !ps[0].first) || len(ps) > 1 && !naming.Generic(low) && naming.Distinct(low) || naming.Coined(low)) {
		if r.techniqueShown(text, ids) {
			return true
		}
		if caps*2 < len(ps) && naming.Generic(low) {
			return false
		}
		if !strings.HasPrefix(ids[0], "T") { // a mitigation, a defence, a weakness: what is known
			return true
		}
		r.missing(Technique, text)
		return true
	}
	return r.actor(ps, low, text, caps)
}

var verbAfter = regexp.MustCompile(`^ (?:then |also |later |was |had )?[a-z]+(?:ed|t|n|d|s|w)\b`)

func followedByVerb(rest string) bool { return verbAfter.MatchString(rest) }

// techniqueShown reports whether the pool shows one of the entries with a name: by
// its id, by its name, or by every word of it.
func (r *reading) techniqueShown(text string, ids []string) bool {
	for _, id := range ids {
		if strings.HasPrefix(id, "T") && r.has(fold(id)) {
			return true
		}
	}
	low := fold(text)
	if r.has(low) {
		return true
	}
	ws := strings.FieldsFunc(low, func(c rune) bool { return c == ' ' || c == '-' || c == '/' || c == ':' })
	return len(ws) > 1 && slices.ContainsFunc(r.pool, func(x *index) bool {
		x.ready()
		for _, w := range ws {
			if len(w) > 3 && !stem.Begins(x.low, stem.Of(w)) {
				return false
			}
		}
		return true
	})
}

var (
	actorCode = regexp.MustCompile(`^(?:apt[- ]?\d{1,3}|fin\d{1,3}|unc\d{3,5}|ta\d{3}|storm-\d{4}|dev-\d{4}|uat-?\d{3,5}|temp\.[a-z]+|cl-[a-z]{3}-\d{4})$`)
	actorName = regexp.MustCompile(`^[a-z]+ (?:spider|panda|bear|kitten|chollima|typhoon|blizzard|sandstorm|sleet|tempest|group|buffalo|tiger|leopard|jackal|wolf|team)$`)
)

// actor judges names of groups and of software of the catalogue.
func (r *reading) actor(ps []piece, low, text string, caps int) bool {
	if actorCode.MatchString(low) {
		if !r.has(low) && !r.alias(low) {
			r.missing(Attribution, text)
		}
		return true
	}
	if caps == 0 || len(ps) > 4 || !ps[0].capital {
		return false
	}
	plainWord := len(ps) == 1 && text[1:] == low[1:] && !strings.ContainsAny(low, "0123456789")
	if len(ps) == 1 && (vocab().general[low] || vocab().common[low] || len(low) < 4 || plainWord && ps[0].first && (len(low) < 5 || naming.Ambiguous(low))) {
		return false
	}
	if caps < len(ps) {
		return false
	}
	cat := r.c.opt.Catalogue
	g, ok := cat.Group(low)
	if !ok && len(low) > 5 {
		g, ok = cat.Group(low + " group")
	}
	if ok {
		if !r.has(low) && !r.hasAny(foldAll(append([]string{g.Name}, g.Aliases...))...) {
			r.missing(Attribution, text)
		}
		return true
	}
	if len(ps) == 2 && actorName.MatchString(low) && !r.has(low) && !vocab().general[ps[1].low] {
		r.missing(Attribution, text)
		return true
	}
	if s, ok := cat.Software(low); ok {
		squashed := strings.NewReplacer(" ", "", "-", "").Replace(low)
		if !r.hasAny(low, squashed) && !r.hasAny(foldAll(append([]string{s.Name}, s.Aliases...))...) && !r.contains(squashed) {
			r.missing(Software, text)
		}
		return true
	}
	return false
}

func (r *reading) alias(name string) bool {
	g, ok := r.c.opt.Catalogue.Group(name)
	return ok && r.hasAny(foldAll(append([]string{g.Name}, g.Aliases...))...)
}

func foldAll(ss []string) []string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = fold(s)
	}
	return out
}
