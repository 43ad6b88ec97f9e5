package activation

import "io"

// Scan is scan, with how many records it gives.
func Scan(r io.ReaderAt, size int64, k Key) (records int, err error) {
	err = scan(r, size, k, func(entry, int64) { records++ })
	return records, err
}

// Header and RecordSize are header and recordSize.
func Header(k Key) []byte      { return header(k) }
func RecordSize(w int) int     { return recordSize(w) }
func SegmentSuffix() string    { return suffix }
func HeaderBytes() int         { return headerSize }
func StoreName(k Key) string   { return k.name() }
func (s *Store) Segments() int { return len(s.files) }
