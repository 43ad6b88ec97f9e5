package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/casemate-ai/casemate"
)

const (
	applicationID = 0x434D4B42 // "CMKB", in the file's header
	schemaVersion = 1          // in the file's user_version

	pageSize    = 8192
	readCache   = 16 << 10 // KiB
	writeCache  = 64 << 10 // KiB
	lockPause   = 50 * time.Millisecond
	maxWriterID = 256 // bytes of the file that names the writer
)

// schema makes an empty library. The words of a passage are made by Words, so
// the tokenizer has only to cut at spaces.
const schema = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts(
  part INTEGER PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, date TEXT NOT NULL,
  digest TEXT NOT NULL, entries INTEGER NOT NULL, relations INTEGER NOT NULL, dangling INTEGER NOT NULL);
CREATE TABLE files(
  part INTEGER NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL, siblings INTEGER NOT NULL, PRIMARY KEY(part, source)) WITHOUT ROWID;
CREATE TABLE entries(
  entry INTEGER PRIMARY KEY, part INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL, hash BLOB NOT NULL,
  passages INTEGER NOT NULL, name TEXT NOT NULL, domain TEXT NOT NULL, status TEXT NOT NULL, successor TEXT NOT NULL,
  parent TEXT NOT NULL, modified TEXT NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX entries_id ON entries(id, kind, part);
CREATE INDEX entries_kind ON entries(kind, id, part);
CREATE INDEX entries_part ON entries(part, hash);
CREATE INDEX entries_gone ON entries(id, status, successor) WHERE status <> '';
CREATE TABLE relations(
  relation INTEGER PRIMARY KEY, part INTEGER NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
  hash BLOB NOT NULL, text TEXT NOT NULL);
CREATE INDEX relations_source ON relations(source, part);
CREATE INDEX relations_target ON relations(target, source);
CREATE UNIQUE INDEX relations_part ON relations(part, hash);
CREATE TABLE attachments(name TEXT PRIMARY KEY, edition TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE common(term TEXT PRIMARY KEY, passages INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE passages USING fts5(title, text, more, content='', contentless_delete=1, tokenize="ascii tokenchars '-_.'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(passages, 'row');
`

// connect opens the file and its read connection. frozen reads a file in a
// place where nothing can be written, so no lock can be taken either.
func (l *Library) connect(ctx context.Context, frozen bool) error {
	query := url.Values{"mode": {"rw"}}
	if frozen {
		query = url.Values{"mode": {"ro"}, "immutable": {"1"}}
	}
	path := filepath.ToSlash(l.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return l.fault("open the knowledge base", err)
	}
	l.db, l.stmts = db, map[string]*sql.Stmt{}
	if l.conn, err = l.connection(ctx, readCache); err == nil {
		_, err = l.conn.ExecContext(ctx, "SELECT count(*) FROM sqlite_schema")
	}
	if err == nil {
		return nil
	}
	if code := primary(err); !frozen && !l.write && (code == sqlite3.SQLITE_CANTOPEN || code == sqlite3.SQLITE_READONLY) {
		if l.conn != nil {
			l.conn.Close()
		}
		db.Close()
		return l.connect(ctx, true)
	}
	return l.fault("open the knowledge base", err)
}

var errClosed = &casemate.Error{Code: casemate.CodeInternal, Message: "the knowledge base is closed"}

// database returns the open file.
func (l *Library) database() (*sql.DB, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == nil {
		return nil, errClosed
	}
	return l.db, nil
}

// connection returns a connection of its own with a page cache of so many KiB.
func (l *Library) connection(ctx context.Context, cacheKiB int) (*sql.Conn, error) {
	db, err := l.database()
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range []string{
		fmt.Sprintf("busy_timeout=%d", l.wait.Milliseconds()), fmt.Sprintf("cache_size=-%d", cacheKiB),
		"trusted_schema=OFF", "temp_store=MEMORY", "synchronous=FULL",
	} {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+p); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// ensureSchema makes the tables of a new file. Two processes may try at once.
func (l *Library) ensureSchema(ctx context.Context) error {
	if info, err := os.Stat(l.path); err == nil && info.Size() > 0 {
		// A file with nothing in it is one that another process is about to fill,
		// or was killed before it did.
		if err := l.checkSchema(ctx, l.conn); !errors.Is(err, ErrEmpty) {
			return err
		}
	}
	for _, p := range []string{fmt.Sprintf("PRAGMA page_size=%d", pageSize), "PRAGMA journal_mode=WAL"} {
		if _, err := l.conn.ExecContext(ctx, p); err != nil {
			return l.fault("make the knowledge base", err)
		}
	}
	if err := l.begin(ctx, l.conn); err != nil {
		return err
	}
	err := l.checkSchema(ctx, l.conn)
	if errors.Is(err, ErrEmpty) {
		if _, err = l.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d; %s", applicationID, schemaVersion, schema)); err == nil {
			_, err = l.conn.ExecContext(ctx, "COMMIT")
		}
		if err == nil {
			return nil
		}
		err = l.fault("make the knowledge base", err)
	}
	l.conn.ExecContext(ctx, "ROLLBACK") // whatever it says, the error above matters
	return err
}

// checkSchema says whether conn's file is a library of this version. It returns
// ErrEmpty for a file without any table.
func (l *Library) checkSchema(ctx context.Context, conn *sql.Conn) error {
	var id, version, tables int64
	err := conn.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&tables, &id, &version)
	switch {
	case err != nil:
		return l.fault("open the knowledge base", err)
	case tables == 0 && id == 0 && version == 0:
		return ErrEmpty
	case id != applicationID:
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open %s: a database of another program (application id %#x)", l.path, uint32(id)),
			Hint: "name another data directory with --data, or move that file away"}
	case version > schemaVersion:
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open %s: written by a newer casemate (schema %d; this one reads %d)", l.path, version, schemaVersion),
			Hint: "use that casemate, or import into another data directory with --data"}
	case version < schemaVersion:
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open %s: schema %d, which no casemate has written", l.path, version),
			Hint: "move the file away and import again"}
	}
	return nil
}

// begin takes the write lock. It waits for another process that holds it, then
// says which one that is.
func (l *Library) begin(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout=%d", lockPause.Milliseconds())); err != nil {
		return l.fault("lock the knowledge base", err)
	}
	waited, stop := context.WithTimeout(ctx, l.wait)
	defer stop()
	for {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "BEGIN IMMEDIATE")
		if err == nil {
			break
		}
		if primary(err) != sqlite3.SQLITE_BUSY {
			return l.fault("lock the knowledge base", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if waited.Err() != nil {
			return l.locked(err)
		}
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout=%d", l.wait.Milliseconds()))
	return err
}

// locked names the process that writes.
func (l *Library) locked(err error) error {
	who := "another process"
	if data, readErr := os.ReadFile(filepath.Join(l.dir, writerName)); readErr == nil && len(data) > 0 && len(data) <= maxWriterID {
		who = strings.ToValidUTF8(strings.TrimSpace(string(data)), "?")
	}
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("the knowledge base in %s is being written by %s; waited %v", l.dir, who, l.wait),
		Hint: "wait for that import to end and try again; if it hangs, end that process: nothing is lost", Err: err}
}

// sign says that this process is writing, and returns how to unsay it. A note
// that a killed process left is never read: the lock went with the process.
func (l *Library) sign() func() {
	host, _ := os.Hostname() // a nameless machine needs no name here
	path := filepath.Join(l.dir, writerName)
	if os.WriteFile(path, fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0o600) != nil {
		return func() {} // the note is a courtesy
	}
	return func() { os.Remove(path) }
}

// stmt returns the read connection's prepared statement for a query. The caller
// holds l.mu.
func (l *Library) stmt(query string) (*sql.Stmt, error) {
	if l.conn == nil {
		return nil, errClosed
	}
	if s := l.stmts[query]; s != nil {
		return s, nil
	}
	s, err := l.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, l.fault("read the knowledge base", err)
	}
	l.stmts[query] = s
	return s, nil
}

// query runs a prepared query and calls scan for each row. The caller holds l.mu.
//
// The context is looked at only before: a driver that watches one costs more
// than a lookup.
func (l *Library) query(ctx context.Context, query string, scan func(*sql.Rows) error, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := l.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return l.fault("read the knowledge base", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return l.fault("read the knowledge base", err)
		}
	}
	if err := rows.Err(); err != nil {
		return l.fault("read the knowledge base", err)
	}
	return nil
}

// primary returns SQLite's primary result code of err, or 0.
func primary(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// fault makes of err what a person can act on: what was being done, why it went
// wrong, and what to try.
func (l *Library) fault(doing string, err error) error {
	var already *casemate.Error
	if errors.As(err, &already) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	say := func(why, hint string) error {
		return &casemate.Error{Code: casemate.CodeInput, Message: doing + ": " + l.path + " " + why, Hint: hint, Err: err}
	}
	switch primary(err) {
	case sqlite3.SQLITE_NOTADB:
		return say("is not a knowledge base", "name another data directory with --data, or move that file away")
	case sqlite3.SQLITE_CORRUPT:
		return say("is damaged", "move the file away and import again; casemate kb status tells what to import")
	case sqlite3.SQLITE_FULL:
		return say("cannot grow: the disk is full", "make room and import again; what was there before still stands")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return l.locked(err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return say("cannot be opened or written", "check who owns the data directory and whether it may be written")
	case sqlite3.SQLITE_IOERR:
		if errors.Is(err, syscall.ENOSPC) {
			return say("cannot grow: the disk is full", "make room and import again; what was there before still stands")
		}
		return say("cannot be read or written", "check the disk, its free space and its permissions; what was there before still stands")
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM:
		return say("has no room for so large a value", "leave the file out that brings it")
	}
	var file *fs.PathError
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return say("cannot grow: the disk is full", "make room and import again; what was there before still stands")
	case errors.As(err, &file):
		return say("cannot be opened or written", "check who owns the data directory and whether it may be written, or name another with --data")
	}
	return &casemate.Error{Code: casemate.CodeInternal, Message: doing + " in " + l.dir, Err: err}
}
