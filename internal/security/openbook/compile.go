package openbook

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// The limits on a book. What lies beyond them is left out.
const (
	maxSectionBytes = 12_000 // of one section
	maxListed       = 120    // names in one list of an entry's relations
	maxEntities     = 200_000
	maxRelations    = 2_000_000
)

// errFull ends the reading of a source that is over the limits.
var errFull = errors.New("the knowledge base is too large for a book")

// Build makes a book from a source.
func Build(ctx context.Context, src Source) (*Book, error) {
	c := &compiler{entries: map[string]*feed.Entry{}, related: map[string][]*feed.Relation{}}
	if err := c.read(ctx, src); err != nil {
		return nil, fmt.Errorf("build the passages of the knowledge base: %w", err)
	}
	c.compose()
	return c.finish()
}

// compiler is a book in the making.
type compiler struct {
	entries map[string]*feed.Entry
	order   []*feed.Entry
	related map[string][]*feed.Relation // by both ends
	heirs   map[string][]*feed.Entry    // what an entry replaced

	sourceID map[string]string // data sources by name

	book    Book
	at      map[string]int32 // entities by id
	label   map[string]uint16
	text    strings.Builder
	post    map[string][]posting
	stems   map[string]string
	pending []pendingEdge
}

type pendingEdge struct{ from, label, to string }

// posting says where a term stands, and how.
type posting struct {
	sentence uint32
	level    uint8
}

// The levels of a posting: how a sentence holds a term.
const (
	levelLabel uint8 = iota // its section's name does
	levelTitle              // its entry's name does
	levelOnce
	levelTwice
	levelOften
	levelBoth // its entry's name and the sentence
	levels
)

// levelWeight is what a posting is worth.
var levelWeight = [levels]float32{0.3, 0.5, 1, 1.15, 1.25, 1.15}

func (c *compiler) read(ctx context.Context, src Source) error {
	c.heirs = map[string][]*feed.Entry{}
	err := src.EachEntry(ctx, Kinds(), func(e *feed.Entry) error {
		if len(c.order) >= maxEntities {
			return errFull
		}
		if c.entries[e.ID] != nil { // one id in two kinds: the first stands
			return nil
		}
		c.entries[e.ID] = e
		c.order = append(c.order, e)
		return nil
	})
	if err != nil {
		return err
	}
	n := 0
	return src.EachRelation(ctx, nil, func(r *feed.Relation) error {
		if n++; n > maxRelations {
			return errFull
		}
		if c.entries[r.From] == nil || c.entries[r.To] == nil {
			return nil
		}
		c.related[r.From] = append(c.related[r.From], r)
		if r.From != r.To {
			c.related[r.To] = append(c.related[r.To], r)
		}
		return nil
	})
}

// compose writes all entities with their sections.
func (c *compiler) compose() {
	c.at, c.label, c.post, c.stems = map[string]int32{}, map[string]uint16{}, map[string][]posting{}, map[string]string{}
	c.sourceID = map[string]string{}
	for _, e := range c.order {
		if e.Kind == feed.KindDataSource && c.sourceID[e.Name] == "" {
			c.sourceID[e.Name] = e.ID
		}
		if silent(e.Kind) {
			continue
		}
		if heir := c.heirOf(e); heir != nil {
			c.heirs[heir.ID] = append(c.heirs[heir.ID], e)
		}
	}
	for _, e := range c.order {
		if !silent(e.Kind) && c.heirOf(e) == nil {
			c.at[e.ID] = int32(len(c.at))
		}
	}
	for _, e := range c.order {
		if _, mine := c.at[e.ID]; mine {
			c.entry(e)
		}
	}
	c.primer()
}

// heirOf returns the entry that replaced e, at the end of the chain, or nil.
func (c *compiler) heirOf(e *feed.Entry) *feed.Entry {
	heir := e
	for range 20 {
		next := c.entries[heir.Successor]
		if next == nil || next == e || heir.Status == "" {
			break
		}
		heir = next
	}
	if heir == e {
		return nil
	}
	return heir
}

// standing returns the entity that stands for an id.
func (c *compiler) standing(id string) (*feed.Entry, int32) {
	e := c.entries[id]
	if e == nil {
		return nil, -1
	}
	if heir := c.heirOf(e); heir != nil {
		e = heir
	}
	at, ok := c.at[e.ID]
	if !ok {
		return nil, -1
	}
	return e, at
}

// entry writes one entity.
func (c *compiler) entry(e *feed.Entry) {
	ent := entity{id: e.ID, name: e.Name, kind: e.Kind, status: e.Status, aliases: slices.Clone(e.Aliases), first: int32(len(c.book.sections))}
	me := int32(len(c.book.entities))
	for _, old := range c.heirs[e.ID] {
		ent.aliases = append(ent.aliases, old.ID)
		if old.Name != e.Name {
			ent.aliases = append(ent.aliases, old.Name)
		}
	}
	c.book.entities = append(c.book.entities, ent)
	title := e.ID + " " + e.Name + " " + strings.Join(e.Aliases[:min(len(e.Aliases), 6)], " ")
	for _, s := range e.Sections {
		c.section(me, -1, title, strings.ReplaceAll(s.Name, "-", " "), s.Text)
	}
	c.facts(e, me, title)
	for _, old := range c.heirs[e.ID] {
		for _, s := range old.Sections {
			c.section(me, -1, title+" "+old.ID+" "+old.Name, "former "+s.Name, s.Text)
		}
	}
	c.relations(e, me, title)
	last := &c.book.entities[me]
	last.last = int32(len(c.book.sections))
	for _, s := range c.book.sections[last.first:] {
		last.words += s.words
	}
}

// section writes one piece of prose, sentence by sentence.
func (c *compiler) section(me, other int32, title, label, text string) {
	if len(text) > maxSectionBytes {
		text = strings.ToValidUTF8(text[:maxSectionBytes], "")
	}
	parts := sentences(text)
	if len(parts) == 0 {
		return
	}
	l, ok := c.label[label]
	if !ok {
		l = uint16(len(c.book.labels))
		c.label[label] = l
		c.book.labels = append(c.book.labels, label)
	}
	at := int32(len(c.book.sections))
	s := section{entity: me, other: other, label: l, first: int32(len(c.book.sentences))}
	head := map[string]uint8{}
	for _, w := range words(label) {
		if w.stem != "" {
			head[w.stem] = levelLabel
		}
	}
	for _, w := range words(title) {
		if w.stem != "" {
			head[w.stem] = levelTitle
		}
	}
	for _, p := range parts {
		s.words += c.sentence(at, p, head)
	}
	s.last = int32(len(c.book.sentences))
	c.book.sections = append(c.book.sections, s)
}

// sentence writes one sentence and its postings, and returns its words.
func (c *compiler) sentence(at int32, text string, head map[string]uint8) float32 {
	text = strings.Join(strings.Fields(text), " ")
	counts := map[string]int{}
	n := 0
	for _, w := range words(text) {
		if w.stem != "" {
			counts[w.stem]++
			n++
		}
	}
	me := uint32(len(c.book.sentences))
	from := uint32(c.text.Len())
	c.text.WriteString(text)
	c.text.WriteByte('\n')
	c.book.sentences = append(c.book.sentences, sentence{from: from, to: from + uint32(len(text)), section: at, words: uint16(min(n, 65535))})
	for term, count := range counts {
		level := levelOnce
		_, titled := head[term]
		switch {
		case titled && head[term] == levelTitle:
			level = levelBoth
		case count == 2:
			level = levelTwice
		case count > 2:
			level = levelOften
		}
		c.post[term] = append(c.post[term], posting{me, level})
	}
	for term, level := range head {
		if counts[term] == 0 {
			c.post[term] = append(c.post[term], posting{me, level})
		}
	}
	return float32(n)
}

// finish makes the postings and the maps.
func (c *compiler) finish() (*Book, error) {
	b := &c.book
	b.text = c.text.String()
	terms := make([]string, 0, len(c.post))
	for t := range c.post {
		terms = append(terms, t)
	}
	slices.Sort(terms)
	var all strings.Builder
	for _, t := range terms {
		b.termAt = append(b.termAt, uint32(all.Len()))
		b.postAt = append(b.postAt, uint32(len(b.postings)))
		all.WriteString(t)
		list := c.post[t]
		slices.SortFunc(list, func(x, y posting) int { return cmp.Compare(x.sentence, y.sentence) })
		before, df := uint32(0), uint32(0)
		for _, p := range list {
			b.postings = binary.AppendUvarint(b.postings, uint64(p.sentence-before)*uint64(levels)+uint64(p.level))
			before = p.sentence
			if p.level != levelLabel {
				df++
			}
		}
		b.df = append(b.df, max(df, 1))
	}
	b.terms = all.String()
	b.termAt = append(b.termAt, uint32(len(b.terms)))
	b.postAt = append(b.postAt, uint32(len(b.postings)))
	for _, p := range c.pending {
		_, from := c.standing(p.from)
		_, to := c.standing(p.to)
		if from < 0 || to < 0 || from == to {
			continue
		}
		l, ok := c.label[p.label]
		if !ok {
			l = uint16(len(b.labels))
			c.label[p.label] = l
			b.labels = append(b.labels, p.label)
		}
		b.edges = append(b.edges, edge{from, to, l})
	}
	slices.SortFunc(b.edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.label, y.label), cmp.Compare(x.to, y.to))
	})
	b.edges = slices.Compact(b.edges)
	b.settle()
	return b, nil
}

// settle makes what is not stored: names, means, and where edges begin.
func (b *Book) settle() {
	b.names, b.byID = map[string][]int32{}, map[string]int32{}
	for i := range b.entities {
		e := &b.entities[i]
		if _, taken := b.byID[e.id]; !taken {
			b.byID[e.id] = int32(i)
		}
		for _, n := range append([]string{e.id, e.name}, e.aliases...) {
			if k := key(n); k != "" && !slices.Contains(b.names[k], int32(i)) {
				b.names[k] = append(b.names[k], int32(i))
			}
		}
	}
	b.edgeAt = make([]int32, len(b.entities)+1)
	for _, e := range b.edges {
		b.edgeAt[e.from+1]++
	}
	for i := range b.entities {
		b.edgeAt[i+1] += b.edgeAt[i]
	}
	sum := func(n int, f func(i int) float32) float32 {
		total := float32(0)
		for i := range n {
			total += f(i)
		}
		return total / float32(max(n, 1))
	}
	b.meanSent = sum(len(b.sentences), func(i int) float32 { return float32(b.sentences[i].words) })
	b.meanSect = sum(len(b.sections), func(i int) float32 { return b.sections[i].words })
	b.meanEnt = sum(len(b.entities), func(i int) float32 { return b.entities[i].words })
	b.scratch.New = func() any { return &field{} }
}

// key is the form in which names are compared: its words, in lower case.
func key(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		if strings.ContainsAny(w.raw, "._") && !isID(w.raw) {
			continue // its parts follow
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.raw)
	}
	return b.String()
}
