package feed

import (
	"bytes"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
)

// detect returns the reader for a file that begins with head, or nil.
func (r *reader) detect(head []byte) func(*unpack.File) error {
	head = bytes.TrimLeft(head, " \t\r\n")
	switch head[0] {
	case '{', '[':
		return r.json
	}
	return nil
}
