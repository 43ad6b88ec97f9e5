package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// levels says which of the levels of nesting stand before a leaf's values.
type levels struct{ repeated, defined bool }

// checkSchema walks the tree that the elements are the flat form of, and returns
// its leaves.
func checkSchema(schema []format.SchemaElement) ([]levels, error) {
	type parent struct {
		children int32 // how many are still to come
		levels
	}
	var open []parent
	var leaves []levels
	for n := range schema {
		children := int32(0)
		if c := schema[n].NumChildren; c.Valid {
			children = c.V
		}
		if children < 0 || int(children) > len(schema) || n > 0 && len(open) == 0 || len(open) > MaxDepth {
			return nil, fmt.Errorf("a schema that is no tree, or deeper than %d: %w", MaxDepth, errParquet)
		}
		var l levels
		if len(open) > 0 {
			l = open[len(open)-1].levels
			open[len(open)-1].children--
		}
		if r := schema[n].RepetitionType; n > 0 && r.Valid {
			l.repeated = l.repeated || r.V == format.Repeated
			l.defined = l.defined || r.V != format.Required
		}
		if children > 0 {
			open = append(open, parent{children, l})
		} else {
			leaves = append(leaves, l)
		}
		for len(open) > 0 && open[len(open)-1].children == 0 {
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 || len(leaves) == 0 || len(leaves) > MaxColumns {
		return nil, fmt.Errorf("a schema of %d columns: %w", len(leaves), errParquet)
	}
	return leaves, nil
}

// unfolder looks at the pages of a file before the library does, which unfolds what
// it is given to whatever that becomes.
type unfolder struct {
	values int64 // of all pages
	left   *int  // bytes that pages may still unfold to
	zstd   *zstd.Decoder
	room   []byte
}

func (u *unfolder) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// chunk walks the pages of a column's part in a row group.
func (u *unfolder) chunk(data []byte, m *format.ColumnMetaData, l levels) error {
	at := m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 && d < at {
		at = d
	}
	if at < 4 || at > int64(len(data)) || m.TotalCompressedSize < 0 || m.TotalCompressedSize > int64(len(data))-at || m.NumValues < 0 {
		return fmt.Errorf("a column beyond the file: %w", errParquet)
	}
	if u.values += m.NumValues; u.values > maxValues {
		return fmt.Errorf("more than %d values: %w", maxValues, errParquet)
	}
	pages, seen := data[at:at+m.TotalCompressedSize], int64(0)
	for len(pages) > 0 {
		n, used, err := u.page(pages, m.Codec, l)
		if err != nil {
			return err
		}
		if seen += n; seen > m.NumValues {
			return fmt.Errorf("more values than said: %w", errParquet)
		}
		pages = pages[used:]
	}
	if seen != m.NumValues {
		return fmt.Errorf("fewer values than said: %w", errParquet)
	}
	return nil
}

// page looks at the page that pages begin with, and returns its values and its
// bytes.
func (u *unfolder) page(pages []byte, codec format.CompressionCodec, l levels) (values int64, used int, err error) {
	head := pages[:min(len(pages), maxHeader)]
	if err := checkThrift(head); err != nil {
		return 0, 0, err
	}
	var h format.PageHeader
	r := (&thrift.CompactProtocol{}).NewReaderFromBytes(head)
	if err := thrift.NewDecoder(r).Decode(&h); err != nil {
		return 0, 0, fmt.Errorf("read the header of a page: %w", err)
	}
	size, unfolded := int(h.CompressedPageSize), int(h.UncompressedPageSize)
	if used = r.BytesRead(); size < 0 || size > len(pages)-used || size > maxPage || unfolded < 0 || unfolded > maxPage {
		return 0, 0, fmt.Errorf("a page of %d bytes, unfolded %d: %w", size, unfolded, errParquet)
	}
	if *u.left -= unfolded; *u.left < 0 {
		return 0, 0, fmt.Errorf("more than %d MiB unfolded: %w", MaxBytes>>20, errParquet)
	}
	n, err := u.body(&h, pages[used:used+size], codec, l)
	return int64(n), used + size, err
}

// body looks at what follows a page's header, and returns how many values of rows
// it has.
func (u *unfolder) body(h *format.PageHeader, body []byte, codec format.CompressionCodec, l levels) (int32, error) {
	unfolded := int(h.UncompressedPageSize)
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		d := &h.DictionaryPageHeader.V
		if d.NumValues < 0 || int(d.NumValues) > unfolded {
			return 0, fmt.Errorf("a dictionary of more values than bytes: %w", errParquet)
		}
		plain, err := u.unfold(codec, body, unfolded)
		if err != nil {
			return 0, err
		}
		return 0, checkEncoding(d.Encoding, d.NumValues, plain)
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		d := &h.DataPageHeader.V
		if d.NumValues < 0 {
			return 0, fmt.Errorf("a page of %d values: %w", d.NumValues, errParquet)
		}
		plain, err := u.unfold(codec, body, unfolded)
		if err != nil {
			return 0, err
		}
		for _, there := range []bool{l.repeated, l.defined} {
			if there && isDelta(d.Encoding) { // the only ones whose values are looked at
				if len(plain) < 4 || int64(binary.LittleEndian.Uint32(plain)) > int64(len(plain)-4) {
					return 0, fmt.Errorf("levels beyond their page: %w", errParquet)
				}
				plain = plain[4+binary.LittleEndian.Uint32(plain):]
			}
		}
		return d.NumValues, checkEncoding(d.Encoding, d.NumValues, plain)
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		d := &h.DataPageHeaderV2.V
		before := int64(d.RepetitionLevelsByteLength) + int64(d.DefinitionLevelsByteLength)
		if d.NumValues < 0 || d.RepetitionLevelsByteLength < 0 || d.DefinitionLevelsByteLength < 0 || before > int64(len(body)) {
			return 0, fmt.Errorf("a page of %d values: %w", d.NumValues, errParquet)
		}
		if c := d.IsCompressed; c.Valid && !c.V {
			codec = format.Uncompressed
		}
		plain, err := u.unfold(codec, body[before:], unfolded)
		if err != nil {
			return 0, err
		}
		return d.NumValues, checkEncoding(d.Encoding, d.NumValues, plain)
	}
	return 0, fmt.Errorf("a page of the kind %s: %w", h.Type, errParquet)
}

// unfold returns what a page unfolds to if that is no more than it claims. The
// bytes are overwritten by the next call.
func (u *unfolder) unfold(codec format.CompressionCodec, body []byte, claimed int) (plain []byte, err error) {
	switch codec {
	case format.Uncompressed:
		return body, nil
	case format.Snappy:
		if n, used := binary.Uvarint(body); used <= 0 || n > uint64(claimed) {
			return nil, fmt.Errorf("a page that unfolds to more than it says: %w", errParquet)
		}
		plain, err = snappy.Decode(u.room[:cap(u.room)], body)
	case format.Gzip:
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			b := bytes.NewBuffer(u.room[:0])
			_, err = b.ReadFrom(io.LimitReader(r, int64(claimed)+1))
			plain = b.Bytes()
		}
	case format.Zstd:
		if u.zstd == nil {
			if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage)); err != nil {
				return nil, err
			}
		}
		plain, err = u.zstd.DecodeAll(body, u.room[:0])
	default:
		return nil, fmt.Errorf("it is compressed by %s, and snappy, gzip and zstd are read", codec)
	}
	if err != nil {
		return nil, fmt.Errorf("unfold a page: %w", err)
	}
	if len(plain) > claimed {
		return nil, fmt.Errorf("a page that unfolds to more than it says: %w", errParquet)
	}
	u.room = plain
	return plain, nil
}

func isDelta(e format.Encoding) bool {
	return e == format.DeltaBinaryPacked || e == format.DeltaLengthByteArray || e == format.DeltaByteArray
}

// checkEncoding refuses what a few bytes could make long of: texts that repeat the
// one before, and a number of differences that the page's header does not have.
func checkEncoding(e format.Encoding, values int32, plain []byte) error {
	if e == format.DeltaByteArray {
		return fmt.Errorf("it is encoded as %s, which is not read", e)
	}
	if !isDelta(e) || len(plain) == 0 {
		return nil
	}
	var n uint64 // block size, blocks, and then the number of values
	for range 3 {
		var used int
		if n, used = binary.Uvarint(plain); used <= 0 {
			return fmt.Errorf("a broken number in a page: %w", errParquet)
		}
		plain = plain[used:]
	}
	if n > uint64(values) {
		return fmt.Errorf("more values than said: %w", errParquet)
	}
	return nil
}
