// Package evtx reads Windows event logs (EVTX, format 3.1 and 3.2) from any
// stream, chunk by chunk, and turns their binary XML into flat named fields.
//
// # The file
//
// A file is a 4,096-byte header block, of which 128 bytes are used, and then
// chunks of exactly 65,536 bytes. All integers are little-endian. A chunk is
// self-contained: a 512-byte header, then event records, then free space. Every
// offset inside a chunk counts from the chunk's first byte, so a chunk can be
// read without any other and one that is damaged costs no other.
//
// A record is the signature 2a 2a 00 00, its size, its number, the time it was
// written (FILETIME), binary XML, and its size again. Element names and
// templates are stored once per chunk, inside the first record that needs them;
// later records point back at them.
//
// # The binary XML
//
// A record is nearly always one template instance: the template is a tree of
// elements with holes, the instance lists the type, size and bytes of what goes
// into each hole. A hole may be filled with a binary XML fragment, which is how
// the template of one provider's EventData sits inside the template of System.
// The package compiles each template of a chunk once and then fills it for each
// record. docs/formats/evtx.md lists every byte that is read.
//
// # Fields
//
// A record becomes leaves in document order. A name is the path of elements,
// joined by dots:
//
//	Event.System.EventID                        the text of an element
//	Event.System.Provider.#attributes.Name      an attribute
//	Event.EventData.CommandLine                 <Data Name="CommandLine">
//	Event.EventData.Data                        <Data> without a name, repeated
//	Event.UserData.LogFileCleared.SubjectUserName
//
// The text of an element always stands under its own path, whether or not it
// also has attributes. A value that is an array repeats the name, once for each
// item. An element with neither text, attributes nor children is a Null leaf.
// As Windows does, an element or attribute is left out when its optional
// substitution, or the substitution it depends on, is null.
//
// # Trust
//
// Nothing in a file is trusted. Every offset and length is checked against the
// chunk, references between strings are never followed, a template cannot
// contain another, and the work that one chunk can cause is capped, so that the
// cost stays linear in the size of the file. What cannot be read is counted and
// described in Stats, with its offset; everything else is returned.
//
// Sources: [MS-EVEN6] sections 2.2.12 to 2.2.14 and 3.1.4.7 for the binary XML,
// and the format description of the libevtx project for the file, both read as
// descriptions only.
package evtx

import (
	"strconv"
	"time"
)

// The limits on what one file can make the reader do. They are far above what
// Windows writes: a chunk holds 64 KiB.
const (
	// ChunkSize is the size of a chunk in bytes; the format fixes it.
	ChunkSize = 65536
	// MaxDepth is the number of elements and fragments that may be open at once.
	MaxDepth = 64
	// MaxName is the number of UTF-16 units in the name of an element,
	// attribute or entity.
	MaxName = 1024
	// MaxPath is the length of a field's name in bytes.
	MaxPath = 8192
	// MaxFields is the number of fields of one record.
	MaxFields = 16384
	// MaxWork bounds what one chunk, or one call of XML, may expand to: a unit
	// is a node visited or a byte written. Records behind it are damaged.
	MaxWork = 1 << 20
	// MaxFaults is the number of faults that Stats describes; it counts them all.
	MaxFaults = 100

	// maxNames bounds the table of names shared between chunks, in bytes.
	maxNames = 4 << 20
	// maxReason bounds the text of a fault in bytes: names in it are the file's.
	maxReason = 400
)

// Kind is the type of a field's value.
type Kind uint8

// The kinds of value. Hexadecimal integers, times, GUIDs, SIDs and binary data
// are strings: they are not numbers in JSON either.
const (
	String Kind = iota
	Number
	Bool
	Null
)

// String returns "string", "number", "bool" or "null".
func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Number:
		return "number"
	case Bool:
		return "bool"
	case Null:
		return "null"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Field is one leaf of a record: a path and the text found there. Value is ""
// where Kind is Null. Both texts come from the file and may hold anything but
// invalid UTF-8.
type Field struct {
	Name  string
	Value string
	Kind  Kind
}

// Record is one event.
type Record struct {
	Number  uint64    // the number in the record's header, which Event.System.EventRecordID usually repeats
	Written time.Time // UTC, from the record's header; the zero time where that is 0, as in logs that were exported
	Offset  int64     // of the record's first byte in the file
	Chunk   int       // 0-based position of the chunk in the file
	Fields  []Field   // the leaves in document order; the slice is used again by the next call of Next, the strings are not
	Raw     []byte    // the record's bytes; used again by the next call of Next

	r          *Reader
	start, end int    // of the binary XML in the chunk
	turn       uint64 // the call of Next that returned it
}

// Fault is something in a file that could not be read, or did not agree with
// its checksum.
type Fault struct {
	Offset int64  // in the file, of the header, chunk or record it is about
	Chunk  int    // 0-based, -1 for the file header
	Record uint64 // the record's number where it could be read, otherwise 0
	Reason string
}

// String returns the fault with its offset.
func (f Fault) String() string {
	s := "offset " + strconv.FormatInt(f.Offset, 10)
	if f.Chunk >= 0 {
		s += ", chunk " + strconv.Itoa(f.Chunk)
	}
	if f.Record > 0 {
		s += ", record " + strconv.FormatUint(f.Record, 10)
	}
	return s + ": " + f.Reason
}

// Stats is what a Reader has met so far. A file without faults has FaultCount 0.
type Stats struct {
	Bytes          int64 // read from the source
	Dirty          bool  // the header says that the log was open when it was copied
	HeaderChunks   int   // the number of chunks that the header claims; a dirty file may have more
	Chunks         int   // chunks whose header was recognised
	EmptyChunks    int   // chunks of zeros, which Windows reserves ahead
	DamagedChunks  int   // chunks without a signature, skipped
	BadChecksums   int   // headers and record areas that disagree with their CRC32, read all the same
	Records        int   // records returned
	DamagedRecords int   // records, or runs of bytes where one must be, that could not be read
	Truncated      bool  // the file ends inside a chunk
	Faults         []Fault
	FaultCount     int // exact, even where Faults was cut at MaxFaults
}
