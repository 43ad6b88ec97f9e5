package library

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

const checkEvery = 256 // entries between two looks at the context

// staged is one publication as one path brought it, not yet part of the library.
type staged struct {
	feed.Publication
	part     int64
	siblings int // publications that the path brought
	faults   int // objects of the path that could not be used
	fault    string
}

// stage takes what feed reads, into rows that belong to no publication yet. It
// works inside the import's transaction. It implements feed.Sink.
type stage struct {
	ctx      context.Context
	conn     *sql.Conn
	nextPart int64
	parts    map[string]int64 // of the path at hand, by the publication's key
	entry    *sql.Stmt
	relation *sql.Stmt
	taken    int
	body     []byte
	step     func(point string, taken int) // called now and then; may be nil
	refused  error                         // what a statement said
}

const (
	insertEntry = `INSERT INTO entries(part, kind, id, hash, passages, name, domain, status, successor, parent, modified, body)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT(id, kind, part) DO UPDATE SET hash=?4, passages=?5, name=?6, domain=?7, status=?8, successor=?9, parent=?10, modified=?11, body=?12
WHERE (?8 = '' AND status <> '') OR (?8 = status AND ?11 > modified)`
	insertRelation = `INSERT OR IGNORE INTO relations(part, type, source, target, hash, text) VALUES(?, ?, ?, ?, ?, ?)`
	insertPassage  = `INSERT INTO passages(rowid, title, text, more) VALUES(?, ?, ?, ?)`
)

func newStage(ctx context.Context, conn *sql.Conn) (*stage, error) {
	s := &stage{ctx: ctx, conn: conn, parts: map[string]int64{}}
	err := conn.QueryRowContext(ctx, "SELECT coalesce(max(part), 0) + 1 FROM parts").Scan(&s.nextPart)
	if err == nil {
		s.entry, err = conn.PrepareContext(ctx, insertEntry)
	}
	if err == nil {
		s.relation, err = conn.PrepareContext(ctx, insertRelation)
	}
	return s, err
}

// close lets the statements go.
func (s *stage) close() {
	for _, stmt := range [...]*sql.Stmt{s.entry, s.relation} {
		if stmt != nil {
			stmt.Close() // nothing is left to write
		}
	}
}

// part returns the staged part of a publication.
func (s *stage) part(key string) int64 {
	p, ok := s.parts[key]
	if !ok {
		p = s.nextPart
		s.nextPart++
		s.parts[key] = p
	}
	return p
}

// check looks at the context now and then.
func (s *stage) check(point string) error {
	if s.taken++; s.taken%checkEvery != 0 {
		return nil
	}
	if s.step != nil {
		s.step(point, s.taken)
	}
	return s.ctx.Err()
}

// Entry implements feed.Sink.
func (s *stage) Entry(e *feed.Entry) error {
	if err := s.check("entry"); err != nil {
		return err
	}
	kind := kindNumber(e.Kind)
	if kind < 0 || kind == relationKind {
		return fmt.Errorf("entry %q: the library knows no kind %q", e.ID, e.Kind)
	}
	s.body = appendBody(s.body[:0], e)
	_, err := s.entry.Exec(s.part(e.Publication), kind, e.ID, hashEntry(e, s.body), len(passages(e)),
		e.Name, e.Domain, e.Status, e.Successor, e.Parent, e.Modified, s.body)
	return s.keep(err)
}

// Relation implements feed.Sink.
func (s *stage) Relation(r *feed.Relation) error {
	if err := s.check("relation"); err != nil {
		return err
	}
	_, err := s.relation.Exec(s.part(r.Publication), r.Type, r.From, r.To, hashRelation(r), r.Text)
	return s.keep(err)
}

// keep remembers an error of the database: feed may dress it as one of the file.
func (s *stage) keep(err error) error {
	if err != nil && s.refused == nil {
		s.refused = err
	}
	return err
}
