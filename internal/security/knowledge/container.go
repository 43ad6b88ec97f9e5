package knowledge

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// The sections of a catalogue, in the order in which they stand in it.
const (
	SectionVersions = "versions"
	SectionAttack   = "attack"
	SectionCollect  = "collect"
	SectionActors   = "actors"
	SectionCWE      = "cwe"
	SectionKEV      = "kev"
	SectionD3FEND   = "d3fend"
)

var sectionNames = [...]string{
	SectionVersions, SectionAttack, SectionCollect, SectionActors, SectionCWE, SectionKEV, SectionD3FEND,
}

const (
	magic      = "CMFACTS\x01"
	nameBytes  = 8
	entryBytes = nameBytes + 4 + 4 + sha256.Size
	// headBytes is where the bodies start: the number of sections is fixed.
	headBytes = len(magic) + len(sectionNames)*entryBytes

	// maxFile and maxSection bound what is read and what is inflated. Today's
	// catalogue needs about a tenth of them.
	maxFile    = 4 << 20
	maxSection = 4 << 20
)

// Section is one table of facts: rows of text, as docs/formats/facts.md has them.
type Section struct {
	Name string
	Text []byte
}

// Pack writes a catalogue. It wants each section once, in the order of the
// constants. The bytes depend on nothing but the sections and on the version of
// compress/flate; the digest depends on the sections alone.
func Pack(sections []Section) ([]byte, error) {
	if len(sections) != len(sectionNames) {
		return nil, fmt.Errorf("pack facts: %d sections, want %d", len(sections), len(sectionNames))
	}
	head := []byte(magic)
	var bodies bytes.Buffer
	for i, s := range sections {
		if s.Name != sectionNames[i] {
			return nil, fmt.Errorf("pack facts: section %d is %q, want %q", i, s.Name, sectionNames[i])
		}
		if len(s.Text) > maxSection {
			return nil, fmt.Errorf("pack section %q: %d bytes, limit %d", s.Name, len(s.Text), maxSection)
		}
		start := bodies.Len()
		w, err := flate.NewWriter(&bodies, flate.BestCompression)
		if err != nil {
			return nil, fmt.Errorf("pack section %q: %w", s.Name, err)
		}
		if _, err := w.Write(s.Text); err != nil {
			return nil, fmt.Errorf("pack section %q: %w", s.Name, err)
		}
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("pack section %q: %w", s.Name, err)
		}
		head = append(head, padded(s.Name)...)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(s.Text)))
		head = binary.LittleEndian.AppendUint32(head, uint32(bodies.Len()-start))
		sum := sha256.Sum256(s.Text)
		head = append(head, sum[:]...)
	}
	return append(head, bodies.Bytes()...), nil
}

func padded(name string) []byte {
	b := make([]byte, nameBytes)
	copy(b, name)
	return b
}

// packed is one section of a file, not yet inflated.
type packed struct {
	body []byte
	size int // inflated
	sum  [sha256.Size]byte
}

// contents is the header of a file.
type contents struct {
	sections map[string]packed
	digest   string
}

// parse reads the header and checks that the bodies fill the file exactly.
func parse(data []byte) (*contents, error) {
	switch {
	case len(data) > maxFile:
		return nil, fmt.Errorf("open facts: %d bytes, limit %d", len(data), maxFile)
	case !strings.HasPrefix(string(data[:min(len(data), len(magic))]), magic):
		return nil, errors.New("open facts: not a catalogue of facts, or of another version")
	case len(data) < headBytes:
		return nil, fmt.Errorf("open facts: read header: %w", io.ErrUnexpectedEOF)
	}
	c := &contents{sections: make(map[string]packed, len(sectionNames))}
	digest := sha256.New()
	entry, rest := data[len(magic):headBytes], data[headBytes:]
	for _, name := range sectionNames {
		if !bytes.Equal(entry[:nameBytes], padded(name)) {
			return nil, fmt.Errorf("open facts: found section %q, want %q", entry[:nameBytes], name)
		}
		size := binary.LittleEndian.Uint32(entry[nameBytes:])
		length := binary.LittleEndian.Uint32(entry[nameBytes+4:])
		if size > maxSection {
			return nil, fmt.Errorf("open section %q: %d bytes, limit %d", name, size, maxSection)
		}
		if uint64(length) > uint64(len(rest)) {
			return nil, fmt.Errorf("open section %q: %w", name, io.ErrUnexpectedEOF)
		}
		p := packed{body: rest[:length:length], size: int(size)}
		copy(p.sum[:], entry[nameBytes+8:])
		c.sections[name] = p
		digest.Write(entry[:nameBytes+4])
		digest.Write(p.sum[:])
		entry, rest = entry[entryBytes:], rest[length:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("open facts: %d bytes after the last section", len(rest))
	}
	c.digest = hex.EncodeToString(digest.Sum(nil))
	return c, nil
}

// inflate returns the text of a section after comparing it with its digest.
func (p packed) inflate() (string, error) {
	r := flate.NewReader(bytes.NewReader(p.body))
	// The size comes from the file, but parse has capped it at maxSection.
	text := make([]byte, p.size)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", fmt.Errorf("inflate: %w", err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != io.EOF {
		return "", fmt.Errorf("inflate: damaged, or more than the %d bytes stated", p.size)
	}
	if sha256.Sum256(text) != p.sum {
		return "", errors.New("inflate: the digest does not match")
	}
	if !utf8.Valid(text) {
		return "", errors.New("inflate: not UTF-8")
	}
	return string(text), nil
}

// lazy returns a function that decodes a section once. On a fault its first
// result is an empty section, so that lookups need no second path.
func lazy[T any](c *contents, name string, decode func(string) (*T, error)) func() (*T, error) {
	p := c.sections[name]
	return sync.OnceValues(func() (*T, error) {
		text, err := p.inflate()
		if err == nil {
			var t *T
			if t, err = decode(text); err == nil {
				return t, nil
			}
		}
		return new(T), fmt.Errorf("read section %q: %w", name, err)
	})
}
