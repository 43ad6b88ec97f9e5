package evtx_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"unicode/utf16"
)

// This file writes event logs: as much of the format as the tests need, from
// its description, sharing nothing with the reader.

var le = binary.LittleEndian

// node is a piece of binary XML: element, text, cdata, charRef, entity, pi,
// hole or optional.
type node interface{ write(c *chunkWriter) }

type element struct {
	name       string
	dependency int // the index of a value plus one, 0 for none
	attrs      []attr
	content    []node
	bare       bool // without the dependency, as in fragments outside templates
}

type attr struct {
	name  string
	parts []node
}

type (
	text     string
	cdata    string
	charRef  uint16
	entity   string
	hole     uint16
	optional uint16
	pi       struct{ target, data string }
)

// el returns an element of a template.
func el(name string, content ...node) element { return element{name: name, content: content} }

// with returns the element with one attribute more.
func (e element) with(name string, parts ...node) element {
	e.attrs = append(e.attrs[:len(e.attrs):len(e.attrs)], attr{name, parts})
	return e
}

// naked returns the element and those in it as they stand outside templates.
func naked(e element) element {
	e.bare = true
	e.content = append([]node(nil), e.content...)
	for i, n := range e.content {
		if child, ok := n.(element); ok {
			e.content[i] = naked(child)
		}
	}
	return e
}

// value is one value of a template instance: bytes, or a fragment that is
// written where it stands.
type value struct {
	typ  byte
	data []byte
	body func(c *chunkWriter)
}

// chunkWriter writes one chunk.
type chunkWriter struct {
	b         []byte
	names     map[string]int
	templates map[string]int
	first     uint64
	last      uint64
	start     int // of the last record
	free      int // overrides the free space offset, unless 0
}

func newChunk() *chunkWriter {
	return &chunkWriter{b: make([]byte, 512), names: map[string]int{}, templates: map[string]int{}}
}

func (c *chunkWriter) u8(v ...byte)   { c.b = append(c.b, v...) }
func (c *chunkWriter) u16(v int)      { c.b = le.AppendUint16(c.b, uint16(v)) }
func (c *chunkWriter) u32(v int)      { c.b = le.AppendUint32(c.b, uint32(v)) }
func (c *chunkWriter) u64(v uint64)   { c.b = le.AppendUint64(c.b, v) }
func (c *chunkWriter) utf16(s string) { c.b = append(c.b, utf16le(s)...) }

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// name writes a reference to a name and, the first time, the name behind it.
func (c *chunkWriter) name(s string) {
	if at, ok := c.names[s]; ok {
		c.u32(at)
		return
	}
	at := len(c.b) + 4
	c.names[s] = at
	c.u32(at)
	c.u32(0)
	c.u16(0x1234) // a hash, which no reader needs
	c.u16(len(utf16.Encode([]rune(s))))
	c.utf16(s)
	c.u16(0)
}

func (e element) write(c *chunkWriter) {
	token := byte(0x01)
	if len(e.attrs) > 0 {
		token = 0x41
	}
	c.u8(token)
	if !e.bare {
		c.u16(e.dependency - 1)
	}
	size := len(c.b)
	c.u32(0)
	c.name(e.name)
	if len(e.attrs) > 0 {
		list := len(c.b)
		c.u32(0)
		for i, a := range e.attrs {
			if i < len(e.attrs)-1 {
				c.u8(0x46)
			} else {
				c.u8(0x06)
			}
			c.name(a.name)
			for _, p := range a.parts {
				p.write(c)
			}
		}
		le.PutUint32(c.b[list:], uint32(len(c.b)-list-4))
	}
	if len(e.content) == 0 {
		c.u8(0x03)
	} else {
		c.u8(0x02)
		for _, n := range e.content {
			n.write(c)
		}
		c.u8(0x04)
	}
	le.PutUint32(c.b[size:], uint32(len(c.b)-size-4))
}

func (t text) write(c *chunkWriter) {
	c.u8(0x05, 0x01)
	c.u16(len(utf16.Encode([]rune(string(t)))))
	c.utf16(string(t))
}

func (t cdata) write(c *chunkWriter) {
	c.u8(0x07)
	c.u16(len(utf16.Encode([]rune(string(t)))))
	c.utf16(string(t))
}

func (r charRef) write(c *chunkWriter) { c.u8(0x08); c.u16(int(r)) }
func (e entity) write(c *chunkWriter)  { c.u8(0x09); c.name(string(e)) }

func (p pi) write(c *chunkWriter) {
	c.u8(0x0a)
	c.name(p.target)
	c.u8(0x0b)
	c.u16(len(p.data))
	c.utf16(p.data)
}

func (h hole) write(c *chunkWriter)     { c.u8(0x0d); c.u16(int(h)); c.u8(0x01) }
func (o optional) write(c *chunkWriter) { c.u8(0x0e); c.u16(int(o)); c.u8(0x01) }

// instance writes a template instance and, the first time it meets the id, the
// template.
func (c *chunkWriter) instance(id string, root element, values ...value) {
	c.u8(0x0c, 0x01)
	c.u32(7)
	at, known := c.templates[id]
	if !known {
		at = len(c.b) + 4
		c.templates[id] = at
	}
	c.u32(at)
	if !known {
		c.u32(0)
		c.b = append(c.b, make([]byte, 16)...)
		size := len(c.b)
		c.u32(0)
		c.u8(0x0f, 1, 1, 0)
		root.write(c)
		c.u8(0)
		le.PutUint32(c.b[size:], uint32(len(c.b)-size-4))
	}
	c.u32(len(values))
	descriptors := len(c.b)
	c.b = append(c.b, make([]byte, 4*len(values))...)
	for i, v := range values {
		start := len(c.b)
		if v.body != nil {
			v.body(c)
		} else {
			c.u8(v.data...)
		}
		le.PutUint16(c.b[descriptors+4*i:], uint16(len(c.b)-start))
		c.b[descriptors+4*i+2] = v.typ
	}
}

// record writes a record around a body.
func (c *chunkWriter) record(number, filetime uint64, body func(c *chunkWriter)) {
	if c.first == 0 {
		c.first = number
	}
	c.last = number
	start := len(c.b)
	c.start = start
	c.u8(0x2a, 0x2a, 0, 0)
	c.u32(0)
	c.u64(number)
	c.u64(filetime)
	c.u8(0x0f, 1, 1, 0)
	body(c)
	c.u8(0)
	for (len(c.b)-start+4)%8 != 0 {
		c.u8(0)
	}
	size := len(c.b) - start + 4
	c.u32(size)
	le.PutUint32(c.b[start+4:], uint32(size))
}

// bytes returns the chunk with its header and both checksums.
func (c *chunkWriter) bytes() []byte {
	b := append(bytes.Clone(c.b), make([]byte, 65536-len(c.b))...)
	free := len(c.b)
	if c.free != 0 {
		free = c.free
	}
	copy(b, "ElfChnk\x00")
	le.PutUint64(b[8:], c.first)
	le.PutUint64(b[16:], c.last)
	le.PutUint64(b[24:], c.first)
	le.PutUint64(b[32:], c.last)
	le.PutUint32(b[40:], 128)
	le.PutUint32(b[44:], uint32(c.start))
	le.PutUint32(b[48:], uint32(free))
	le.PutUint32(b[52:], crc32.ChecksumIEEE(b[512:free]))
	sealChunk(b)
	return b
}

// sealChunk writes the checksum of a chunk's header.
func sealChunk(b []byte) {
	le.PutUint32(b[124:], crc32.ChecksumIEEE(append(bytes.Clone(b[:120]), b[128:512]...)))
}

// file returns a file of chunks with a header that claims count of them.
func file(flags uint32, count int, chunks ...[]byte) []byte {
	b := make([]byte, 4096)
	copy(b, "ElfFile\x00")
	le.PutUint64(b[16:], uint64(max(count, 1)-1))
	le.PutUint64(b[24:], 1)
	le.PutUint32(b[32:], 128)
	le.PutUint16(b[36:], 1)
	le.PutUint16(b[38:], 3)
	le.PutUint16(b[40:], 4096)
	le.PutUint16(b[42:], uint16(count))
	le.PutUint32(b[120:], flags)
	le.PutUint32(b[124:], crc32.ChecksumIEEE(b[:120]))
	return append(b, bytes.Join(chunks, nil)...)
}

// Values of the common types.

func str(s string) value  { return value{typ: 0x01, data: utf16le(s)} }
func null() value         { return value{typ: 0x00} }
func u32v(v uint32) value { return value{typ: 0x08, data: le.AppendUint32(nil, v)} }
func strs(s ...string) value {
	var b []byte
	for _, s := range s {
		b = append(append(b, utf16le(s)...), 0, 0)
	}
	return value{typ: 0x81, data: b}
}

// fragment returns a binary XML value.
func fragment(body func(c *chunkWriter)) value { return value{typ: 0x21, body: body} }

// plain returns a body that is one element without a template.
func plain(e element) func(c *chunkWriter) {
	return func(c *chunkWriter) { naked(e).write(c) }
}

// templated returns a body that is one template instance.
func templated(id string, root element, values ...value) func(c *chunkWriter) {
	return func(c *chunkWriter) { c.instance(id, root, values...) }
}

// one returns a file of one chunk with one record.
func one(body func(c *chunkWriter)) []byte {
	c := newChunk()
	c.record(1, 0, body)
	return file(0, 1, c.bytes())
}

// sealFile writes the checksum of a file's header.
func sealFile(b []byte) { le.PutUint32(b[124:], crc32.ChecksumIEEE(b[:120])) }
