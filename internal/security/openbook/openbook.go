// Package openbook answers questions from the knowledge base without a language
// model: it cuts what the catalogues say into sentences, finds those that bear
// on a question, and ranks options by how well the book supports question and
// option together. It quotes what it found and says how sure it is.
package openbook

import (
	"context"
	"sync"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// Source is what a book is made from. A library is one.
type Source interface {
	EachEntry(ctx context.Context, kinds []string, do func(*feed.Entry) error) error
	EachRelation(ctx context.Context, types []string, do func(*feed.Relation) error) error
}

// Kinds are the kinds of entry that a book holds. Vulnerabilities and rules are
// left to the library: they are many, and they are not what questions of
// principle are about.
func Kinds() []string {
	return []string{
		feed.KindTactic, feed.KindTechnique, feed.KindGroup, feed.KindSoftware, feed.KindCampaign, feed.KindMitigation,
		feed.KindDataSource, feed.KindDataComponent, feed.KindDetection, feed.KindAnalytic, feed.KindAsset,
		feed.KindWeakness, feed.KindCategory, feed.KindPattern, feed.KindDefence, feed.KindControl,
	}
}

// Book is an index of passages. It is safe for concurrent use.
type Book struct {
	entities  []entity
	sections  []section
	sentences []sentence
	labels    []string // what a section is: description, mitigation, …
	edges     []edge   // by from, type, to
	text      string   // all sentences, one after the other

	terms    string   // all terms in order, one after the other
	termAt   []uint32 // where each begins, and the end
	postAt   []uint32 // where the postings of each begin, and the end
	df       []uint32 // sentences with the term in their text
	postings []byte

	names    map[string][]int32 // entities by id, name and alias, as key makes them
	byID     map[string]int32
	edgeAt   []int32 // where the edges of each entity begin, and the end
	meanSent float32
	meanSect float32
	meanEnt  float32
	scratch  sync.Pool
}

// entity is an entry of the knowledge base or an article of the primer.
type entity struct {
	id, name, kind string
	status         string
	aliases        []string
	first, last    int32 // sections
	words          float32
}

// section is a piece of prose of an entity, or of a relation between two.
type section struct {
	entity, other int32 // other is -1 where there is no second
	label         uint16
	first, last   int32 // sentences
	words         float32
}

// sentence is a part of Book.text.
type sentence struct {
	from, to uint32
	section  int32
	words    uint16
}

// edge says that one entity does something to another.
type edge struct {
	from, to int32
	label    uint16
}

// Passage is a piece of the knowledge base that bears on a question.
type Passage struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Section string   `json:"section"`
	Other   string   `json:"other,omitempty"` // the second entry of a relation
	Text    string   `json:"text"`
	Answer  []string `json:"answer,omitempty"` // the sentences of Text that bear most on it
	Score   float64  `json:"score"`
	Option  *int     `json:"option,omitempty"` // the option that it supports
}

// Size says how much a book holds.
type Size struct {
	Entries   int `json:"entries"`
	Passages  int `json:"passages"`
	Sentences int `json:"sentences"`
	Terms     int `json:"terms"`
}

// Size returns how much the book holds.
func (b *Book) Size() Size {
	return Size{Entries: len(b.entities), Passages: len(b.sections), Sentences: len(b.sentences), Terms: len(b.df)}
}
