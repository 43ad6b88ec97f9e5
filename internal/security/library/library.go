// Package library keeps published knowledge in one SQLite file: the entries
// and relations that feed reads, in the editions that were imported last, and
// an index of their text. One import is one transaction. A Library shows one
// edition of everything from Open to Close, whatever others import meanwhile.
//
// docs/formats/library.md describes the file.
package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/casemate-ai/casemate"
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

const (
	// FileName is the library's file in the data directory. SQLite keeps
	// library.db-wal and library.db-shm beside it while it is open.
	FileName = "library.db"

	// writerName says which process is writing, for those who wait.
	writerName = "library.writer"

	defaultWait = 10 * time.Second
)

// Options say how to open a library. The zero value reads.
type Options struct {
	Write bool          // create the file where it is missing, and allow Import
	Wait  time.Duration // for another process that is writing; 0: ten seconds
}

// Library is an open knowledge base. It is safe for concurrent use.
type Library struct {
	dir, path string
	wait      time.Duration
	write     bool
	db        *sql.DB

	mu    sync.Mutex // guards what follows
	conn  *sql.Conn  // inside a read transaction from Open to Close
	stmts map[string]*sql.Stmt
	shown snapshot
}

// snapshot is what is known of the content that conn's transaction shows.
type snapshot struct {
	edition string
	parts   []part          // in the order in which publications are merged
	rank    map[int64]int   // of a part in parts
	gone    map[string]heir // of ids that no longer stand; nil until it is needed
	heirs   map[string][]string
	common  map[string]int // stems in very many passages; nil until it is needed
	hot     *cache
}

// Open opens the library in the folder dir. Where nothing has been imported and
// opt.Write is not set, it returns ErrEmpty.
func Open(dir string, opt Options) (*Library, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: "find the data directory", Err: err}
	}
	l := &Library{dir: abs, path: filepath.Join(abs, FileName), wait: opt.Wait, write: opt.Write}
	if l.wait <= 0 {
		l.wait = defaultWait
	}
	if err := l.prepareFile(); err != nil {
		return nil, err
	}
	if err := l.open(); err != nil {
		l.Close()
		return nil, err
	}
	if l.shown.edition == "" && !l.write {
		l.Close()
		return nil, ErrEmpty
	}
	return l, nil
}

// prepareFile makes sure of a file that only its owner can read, or returns
// ErrEmpty where a reader finds none.
func (l *Library) prepareFile() error {
	info, err := os.Stat(l.path)
	switch {
	case err == nil && info.Mode().IsRegular() && (info.Size() > 0 || l.write):
		return nil
	case err == nil && info.Mode().IsRegular():
		return ErrEmpty
	case err == nil:
		return &casemate.Error{Code: casemate.CodeInput, Message: "open " + l.path + ": not a regular file", Hint: "name another data directory with --data"}
	case errors.Is(err, os.ErrNotExist) && !l.write:
		return ErrEmpty
	case !errors.Is(err, os.ErrNotExist):
		return l.fault("open the knowledge base", err)
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return l.fault("make the data directory", err)
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return l.fault("make the knowledge base", err)
	}
	return f.Close()
}

// open connects, checks whose file it is, and takes the snapshot.
func (l *Library) open() error {
	ctx := context.Background()
	if err := l.connect(ctx, false); err != nil {
		return err
	}
	if l.write {
		if err := l.ensureSchema(ctx); err != nil {
			return err
		}
	} else if err := l.checkSchema(ctx, l.conn); err != nil {
		return err
	}
	return l.refresh(ctx)
}

// Close lets the file go.
func (l *Library) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == nil {
		return nil
	}
	for _, s := range l.stmts {
		s.Close() // the connection that it belongs to is closed next
	}
	if l.conn != nil {
		l.conn.Close()
	}
	err := l.db.Close()
	l.db, l.conn, l.stmts = nil, nil, nil
	return err
}

// Edition returns the digest of everything that the library holds: it changes
// with every change of content, and with nothing else. It is empty while the
// library is.
func (l *Library) Edition() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown.edition
}

// Publications returns what has been imported, in the order in which
// publications are merged.
func (l *Library) Publications(ctx context.Context) ([]feed.Publication, error) {
	held, err := l.Held(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]feed.Publication, len(held))
	for i, h := range held {
		out[i] = h.Publication
	}
	return out, nil
}

// The limits on attachments.
const (
	MaxAttachment     = 256 << 20 // bytes
	maxAttachmentName = 200       // bytes
)

// Attachment returns what SetAttachment stored under name for this edition, or
// ErrNotFound.
func (l *Library) Attachment(ctx context.Context, name string) ([]byte, error) {
	edition := l.Edition()
	db, err := l.database()
	if err != nil {
		return nil, err
	}
	// Outside the snapshot: it may be younger than the snapshot, yet of its edition.
	var data []byte
	err = db.QueryRowContext(ctx, "SELECT data FROM attachments WHERE name = ? AND edition = ? AND length(data) <= ?", name, edition, MaxAttachment).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, l.fault("read the knowledge base", err)
	}
	return data, nil
}

// SetAttachment keeps data that was derived from this edition, such as another
// index. The import that changes the edition drops it. A library that changed
// since it was opened refuses with ErrStale. What is derived can be derived
// again, so a caller may go on after an error.
func (l *Library) SetAttachment(ctx context.Context, name string, data []byte) error {
	edition := l.Edition()
	switch {
	case edition == "":
		return ErrEmpty
	case name == "" || len(name) > maxAttachmentName || len(data) > MaxAttachment:
		return &casemate.Error{Code: casemate.CodeInternal, Message: fmt.Sprintf("attach %q: %d bytes, limit %d; its name has %d, limit %d", name, len(data), MaxAttachment, len(name), maxAttachmentName)}
	}
	conn, err := l.connection(ctx, readCache)
	if err != nil {
		return l.fault("attach to the knowledge base", err)
	}
	defer conn.Close()
	if err := l.begin(ctx, conn); err != nil {
		return err
	}
	result, err := conn.ExecContext(ctx, `INSERT OR REPLACE INTO attachments(name, edition, data)
SELECT ?1, ?2, ?3 WHERE (SELECT value FROM meta WHERE key = 'edition') = ?2`, name, edition, data)
	var kept int64
	if err == nil {
		kept, err = result.RowsAffected()
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // the error above matters
		return l.fault("attach to the knowledge base", err)
	}
	if kept == 0 {
		return ErrStale
	}
	return nil
}
