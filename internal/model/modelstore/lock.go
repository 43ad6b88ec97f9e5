package modelstore

import (
	"context"
	"fmt"
	"time"

	"github.com/casemate-ai/casemate/internal/files"
)

// lockPause is how long a process waits before it tries a lock again.
const lockPause = 50 * time.Millisecond

// lock makes this process the only one that changes the store, and waits for
// another one as long as ctx lives.
func (s *Store) lock(ctx context.Context) (unlock func() error, err error) {
	if err := s.disk.folder(s.dir); err != nil {
		return nil, fmt.Errorf("make the model store: %w", err)
	}
	for {
		unlock, ok, err := files.TryLock(s.path(lockFile))
		if err != nil {
			return nil, fmt.Errorf("lock the model store: %w", err)
		}
		if ok {
			return unlock, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that changes the model store: %w", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}
