package decode

import (
	"strconv"
	"strings"
)

// hints is what a text says about the encodings inside it.
type hints struct {
	lower   string
	base64  bool   // it calls a base64 decoder
	hex     bool   // it calls a hex decoder
	deflate bool   // it speaks of raw deflate
	reverse bool   // it reverses something
	rot13   bool   // it rotates letters
	keys    []byte // constants it xors with
}

const (
	maxKeys  = 4  // xor constants that are tried on each piece
	maxSites = 16 // places of each operator that are looked at for one
)

// The words that name a decoder, in lower case.
var (
	base64Words  = []string{"frombase64", "base64 -d", "base64 --d", "base64 -id", "base64 -i -d", "atob(", "b64decode", "base64_decode", "decode64", "base64.decode", "unbase64", "certutil -decode", "certutil /decode", "certutil.exe -decode", "certutil.exe /decode", "openssl enc", "openssl base64", "base64decode", "bin.base64", "buffer.from("}
	hexWords     = []string{"fromhex", "unhexlify", "hex2bin", "xxd -r", "xxd -p -r", "decodehex", "bin.hex", "toint32($_,16)", "toint16($_,16)", "tobyte($_,16)", "tobyte(", "unhex(", "'hex')", "\"hex\")"}
	reverseWords = []string{"]::reverse", "strreverse", "reverse()", "strrev(", "| rev", "|rev", "rev<<<", "rev <<<", "[::-1]", "righttoleft", "-1..-", ".reverse"}
	rot13Words   = []string{"rot13", "rot_13", "a-za-z n-za-m", "'a-za-z' 'n-za-mn-za-m'", "n-za-mn-za-m", "n-za-m"}
)

func readHints(text string) hints {
	h := hints{lower: lowerASCII(text)}
	h.base64 = containsAny(h.lower, base64Words)
	h.hex = containsAny(h.lower, hexWords)
	h.deflate = strings.Contains(h.lower, "deflate")
	h.reverse = containsAny(h.lower, reverseWords)
	h.rot13 = containsAny(h.lower, rot13Words)
	h.keys = xorKeys(h.lower)
	return h
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// lowerASCII folds ASCII only, so that every offset stays what it was.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// xorKeys returns the constants that a script xors with: "-bxor 35",
// "^ 0x23", "-bxor $k" where "$k = 35" stands before it.
func xorKeys(lower string) []byte {
	var keys []byte
	for _, op := range []string{"-bxor", " ^ 0x", "]^0x", "] ^ "} {
		at := 0
		for site := 0; site < maxSites && len(keys) < maxKeys; site++ {
			i := strings.Index(lower[at:], op)
			if i < 0 {
				break
			}
			at += i + len(op)
			from := at
			if strings.HasSuffix(op, "0x") {
				from -= 2
			}
			arg := strings.TrimLeft(lower[from:min(from+40, len(lower))], " \t('\"")
			if name, ok := variable(arg); ok {
				arg = assigned(lower, name)
			}
			if n, ok := leadingInt(arg); ok && n > 0 && n < 256 {
				keys = append(keys, byte(n))
			}
		}
	}
	return keys
}

// variable returns the PowerShell variable that s begins with.
func variable(s string) (string, bool) {
	if len(s) < 2 || s[0] != '$' {
		return "", false
	}
	n := 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return s[:n], n > 1
}

// assigned returns what follows "name =" in lower, cut short.
func assigned(lower, name string) string {
	i := strings.Index(lower, name)
	if i < 0 {
		return ""
	}
	rest := strings.TrimLeft(lower[i+len(name):min(i+len(name)+40, len(lower))], " \t")
	if !strings.HasPrefix(rest, "=") {
		return ""
	}
	return strings.TrimLeft(rest[1:], " \t('\"")
}

// leadingInt reads the decimal or 0x number that s begins with.
func leadingInt(s string) (int, bool) {
	n, base := 0, 10
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		base, n = 16, 2
	}
	end := n
	for end < len(s) && (base == 16 && hexDigit(s[end]) >= 0 || isDigit(s[end])) && end < 12 {
		end++
	}
	v, err := strconv.ParseUint(s[n:end], base, 31)
	return int(v), err == nil
}

// settle decides what decoded bytes are, undoing compression, UTF-16 and a
// constant xor on the way. named says that the notation itself called for the
// decoding, so that weaker evidence of text is enough and bytes of no known
// kind are kept as data.
func settle(b []byte, ops []string, why string, h hints, named bool, limit int) (found, bool) {
	f := found{why: why}
	judge := probable
	if named {
		judge = reads
	}
	unpack := func(b []byte, ops []string) bool {
		if out, op, cut := inflate(b, h.deflate, limit); op != "" && len(out) > 0 {
			if text, wide := fromUTF16(out); wide != "" {
				f.data, f.ops, f.cut = text, append(ops, op, wide), cut
				return true
			}
			if op != "deflate" || reads(out) || recognise(out) != "" {
				f.data, f.ops, f.cut = out, append(ops, op), cut
				if !reads(out) {
					f.binary = kindOf(out)
				}
				return true
			}
		}
		if text, wide := fromUTF16(b); wide != "" {
			f.data, f.ops = text, append(ops, wide)
			return true
		}
		return false
	}
	if unpack(b, ops) {
		return f, true
	}
	if judge(b) {
		f.data, f.ops = b, ops
		return f, true
	}
	for _, k := range h.keys {
		x := make([]byte, len(b))
		for i := range b {
			x[i] = b[i] ^ k
		}
		xops := append(append([]string(nil), ops...), "xor 0x"+strconv.FormatUint(uint64(k), 16))
		if unpack(x, xops) {
			return f, true
		}
		if kind := recognise(x); kind != "" || reads(x) {
			f.data, f.ops, f.binary = x, xops, kind
			return f, true
		}
	}
	kind := recognise(b)
	if kind == "" && named && len(b) >= minData {
		kind = "data"
	}
	if kind == "" || len(b) < 8 {
		return f, false
	}
	f.data, f.ops, f.binary = b, ops, kind
	return f, true
}

// minData is the least size of bytes of no known kind that are worth a layer.
const minData = 16

func kindOf(b []byte) string {
	if kind := recognise(b); kind != "" {
		return kind
	}
	return "data"
}
