package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate"
)

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
