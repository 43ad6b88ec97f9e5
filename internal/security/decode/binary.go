package decode

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
)

const (
	minString  = 6   // shortest readable run that describe keeps
	maxString  = 200 // longest
	maxStrings = 16
)

// magics are the beginnings that name a file type. Two-byte magics are not
// here: chance finds them too often.
var magics = []struct{ magic, kind string }{
	{"\x7fELF", "Linux executable (ELF)"},
	{"%PDF-", "PDF document"},
	{"PK\x03\x04", "ZIP archive (or Office, JAR, APK)"},
	{"Rar!\x1a\x07", "RAR archive"},
	{"7z\xbc\xaf\x27\x1c", "7-Zip archive"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE2 compound file (old Office, MSI)"},
	{"MSCF\x00\x00\x00\x00", "Microsoft cabinet"},
	{"L\x00\x00\x00\x01\x14\x02\x00", "Windows shortcut (LNK)"},
	{"\xcf\xfa\xed\xfe", "macOS executable (Mach-O)"},
	{"\xca\xfe\xba\xbe\x00\x00", "Java class or universal Mach-O"},
	{"\xac\xed\x00\x05", "serialized Java object"},
	{"\x00\x01\x00\x00\x00\xff\xff\xff\xff", "serialized .NET object (BinaryFormatter)"},
	{"\x89PNG\r\n\x1a\n", "PNG image"},
	{"\xff\xd8\xff\xe0", "JPEG image"},
	{"GIF87a", "GIF image"},
	{"GIF89a", "GIF image"},
	{"dex\n03", "Android executable (DEX)"},
	{"\x00asm\x01\x00\x00\x00", "WebAssembly module"},
	{"SQLite format 3\x00", "SQLite database"},
	{"regf", "Windows registry hive"},
	{"MDMP\x93\xa7", "Windows minidump"},
	{"\x01\x00\x00\x00\xd0\x8c\x9d\xdf\x01\x15\xd1\x11", "DPAPI-protected data"},
}

// shellcodes are the first bytes of common position-independent loaders.
var shellcodes = []string{
	"\xfc\xe8\x82\x00\x00\x00", "\xfc\xe8\x89\x00\x00\x00", "\xfc\xe8\x8f\x00\x00\x00",
	"\xfc\x48\x83\xe4\xf0", "\xfc\x48\x81\xe4\xf0", "\xd9\x74\x24\xf4", "\x31\xc0\x50\x68\x2f\x2f\x73\x68",
	"\x48\x31\xff\x57\x48\xbf", "\x6a\x29\x58\x99\x6a\x02\x5f", "\x90\x90\x90\x90\x90\x90\x90\x90",
}

// recognise names the file type of b, or returns "".
func recognise(b []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.kind
		}
	}
	for _, p := range shellcodes {
		if bytes.HasPrefix(b, []byte(p)) {
			return "shellcode-like"
		}
	}
	if len(b) >= 64 && b[0] == 'M' && b[1] == 'Z' {
		at := binary.LittleEndian.Uint32(b[0x3C:])
		if at < uint32(len(b)-3) && string(b[at:at+2]) == "PE" {
			return "Windows executable (PE)"
		}
	}
	// A pasted sample is often cut before the PE header; linkers all write this.
	if bytes.HasPrefix(b, []byte("MZ\x90\x00\x03\x00\x00\x00")) || bytes.HasPrefix(b, []byte("MZ")) && bytes.Contains(b[:min(len(b), 512)], []byte("This program ")) {
		return "Windows executable (PE)"
	}
	if len(b) >= 64 && b[0] == 0x30 && b[1] == 0x82 && b[4] == 0x30 {
		return "DER structure (certificate or key)"
	}
	return ""
}

// describe sums up binary content.
func describe(b []byte, kind string) *Binary {
	sum := sha256.Sum256(b)
	return &Binary{
		Kind: kind, Size: len(b), SHA256: hex.EncodeToString(sum[:]),
		Entropy: math.Round(entropy(b)*100) / 100, Strings: readable(b),
	}
}

// readable returns the first runs of printable ASCII that contain a few
// letters; a loader's server and user agent stand there.
func readable(b []byte) []string {
	var out []string
	start := 0
	for i := 0; i <= len(b) && len(out) < maxStrings; i++ {
		if i < len(b) && b[i] >= ' ' && b[i] < 0x7F {
			continue
		}
		if run := b[start:i]; len(run) >= minString {
			if c := count(run); (c.letters+c.digits)*10 >= c.runes*7 {
				out = append(out, string(run[:min(len(run), maxString)]))
			}
		}
		start = i + 1
	}
	return out
}

// inflate undoes gzip, zlib or, where the text speaks of it, raw deflate. A
// stream that is cut keeps what could be read; one that outgrows limit is cut.
func inflate(b []byte, raw bool, limit int) (out []byte, op string, cut bool) {
	var r io.Reader
	var err error
	switch {
	case len(b) > 18 && b[0] == 0x1F && b[1] == 0x8B && b[2] == 8:
		op = "gzip"
		r, err = gzip.NewReader(bytes.NewReader(b))
	case len(b) > 8 && b[0] == 0x78 && (uint(b[0])<<8|uint(b[1]))%31 == 0:
		op = "zlib"
		r, err = zlib.NewReader(bytes.NewReader(b))
	case raw && len(b) > 8:
		op = "deflate"
		r = flate.NewReader(bytes.NewReader(b))
	default:
		return nil, "", false
	}
	if err != nil {
		return nil, "", false
	}
	// A reader's error only says that the rest is damaged: what came before
	// it stands, and the caller judges whether that reads as anything.
	out, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(out) > limit {
		return out[:limit], op, true
	}
	if err != nil && len(out) < 16 {
		return nil, "", false
	}
	return out, op, err != nil
}
