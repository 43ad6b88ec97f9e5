// Package library keeps published knowledge in one SQLite file: the entries
// and relations that feed reads, in the editions that were imported last, and
// an index of their text. One import is one transaction. Readers see one
// edition of everything from Open to Close, whatever is imported meanwhile.
package library

import (
	"context"
	"errors"
	"time"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// The errors that callers branch on.
var (
	// ErrEmpty says that nothing has been imported yet: commands that only
	// read go on without a library, and say what their answers lack.
	ErrEmpty = errors.New("the knowledge base is empty")
	// ErrNotFound says that the library holds no such entry or attachment.
	ErrNotFound = errors.New("not in the knowledge base")
	// ErrStale says that the library was changed after it was opened.
	ErrStale = errors.New("the knowledge base was changed meanwhile")
)

// Options say how to open a library. The zero value reads.
type Options struct {
	Write bool          // create the file where it is missing, and allow Import
	Wait  time.Duration // for another process that is writing; 0: ten seconds
}

// Library is an open knowledge base. It is safe for concurrent use.
type Library struct{}

// Open opens the library in the folder dir. Where nothing has been imported and
// opt.Write is not set, it returns ErrEmpty.
func Open(dir string, opt Options) (*Library, error) { return nil, ErrEmpty }

// Close lets the file go.
func (l *Library) Close() error { return nil }

// Edition returns the digest of everything that the library holds: it changes
// with every change of content, and with nothing else.
func (l *Library) Edition() string { return "" }

// Publications returns what has been imported, by key and name.
func (l *Library) Publications(ctx context.Context) ([]feed.Publication, error) {
	return nil, ErrEmpty
}

// Remap says that an id no longer stands, and what stands for it.
type Remap struct {
	From   string   `json:"from"`             // as asked
	To     string   `json:"to,omitempty"`     // empty: nothing replaced it
	Name   string   `json:"name,omitempty"`   // of To
	Status string   `json:"status,omitempty"` // of From
	Chain  []string `json:"chain,omitempty"`  // the ids between, in order
	Note   string   `json:"note,omitempty"`   // what is wrong with the chain: a cycle, a missing end
}

// Entry returns the entry that stands for id today, merged from all
// publications, or ErrNotFound. The remap is nil where id itself stands. The
// entry is shared: the caller must not change it.
func (l *Library) Entry(ctx context.Context, id string) (*feed.Entry, *Remap, error) {
	return nil, nil, ErrNotFound
}

// Relations returns all relations from and to id, by type, from and to. Ends
// that no longer stand are given as what replaced them.
func (l *Library) Relations(ctx context.Context, id string) ([]feed.Relation, error) {
	return nil, nil
}

// SearchOptions narrow a search. The zero value searches everything.
type SearchOptions struct {
	Kinds []string // of entries; relation passages count as KindRelation
	Limit int      // 0: ten
}

// KindRelation is the kind of a passage that belongs to a relation.
const KindRelation = "relation"

// Hit is one passage that a search found.
type Hit struct {
	EntryID string  `json:"entry_id"` // of a relation: its From
	Kind    string  `json:"kind"`     // of the entry, or KindRelation
	Name    string  `json:"name"`     // of the entry
	Section string  `json:"section"`  // of the entry; of a relation: its type
	Text    string  `json:"text"`
	Score   float64 `json:"score"` // higher is better
	From    string  `json:"from,omitempty"`
	To      string  `json:"to,omitempty"`
}

// Search returns the passages that match a person's query, the best first. The
// query is words, never syntax.
func (l *Library) Search(ctx context.Context, query string, opt SearchOptions) ([]Hit, error) {
	return nil, nil
}

// EachEntry calls do with every entry of the kinds, merged, by kind and id. No
// kinds means all.
func (l *Library) EachEntry(ctx context.Context, kinds []string, do func(*feed.Entry) error) error {
	return nil
}

// EachRelation calls do with every relation of the types, by type, from, to and
// text, each once. No types means all.
func (l *Library) EachRelation(ctx context.Context, types []string, do func(*feed.Relation) error) error {
	return nil
}

// Attachment returns what SetAttachment stored under name for this edition, or
// ErrNotFound.
func (l *Library) Attachment(ctx context.Context, name string) ([]byte, error) {
	return nil, ErrNotFound
}

// SetAttachment keeps data that was derived from this edition, such as another
// index. The import that changes the edition drops it. A library that changed
// since it was opened refuses with ErrStale.
func (l *Library) SetAttachment(ctx context.Context, name string, data []byte) error { return nil }
