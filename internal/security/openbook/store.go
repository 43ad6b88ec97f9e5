package openbook

import (
	"context"
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/library"
)

// attachment is the name under which a library keeps its book.
const attachment = "openbook"

// Open returns the book of a library: the one that the library keeps or, where
// there is none for this edition, a new one, which built reports. A new one is
// kept for the next time if the library can be written to.
func Open(ctx context.Context, lib *library.Library) (book *Book, built bool, err error) {
	data, err := lib.Attachment(ctx, attachment)
	if err == nil {
		if book, err = Decode(data); err == nil {
			return book, false, nil
		}
	}
	if !errors.Is(err, library.ErrNotFound) && !errors.Is(err, ErrFormat) {
		return nil, false, fmt.Errorf("read the passages of the knowledge base: %w", err)
	}
	if book, err = Build(ctx, lib); err != nil {
		return nil, false, err
	}
	// Not keeping it costs the next call a few seconds, and is no fault of this one.
	_ = lib.SetAttachment(ctx, attachment, book.Encode())
	return book, true, nil
}

// Attach builds the book of a library and keeps it there, after an import.
func Attach(ctx context.Context, lib *library.Library) error {
	book, err := Build(ctx, lib)
	if err != nil {
		return err
	}
	if err := lib.SetAttachment(ctx, attachment, book.Encode()); err != nil {
		return fmt.Errorf("keep the passages of the knowledge base: %w", err)
	}
	return nil
}
