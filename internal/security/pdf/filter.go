package pdf

import (
	"bytes"
	"compress/flate"
	"encoding/ascii85"
	"encoding/hex"
	"io"
)

// decode returns the bytes of a stream without its filters. A damaged stream
// gives what could be read of it; a picture gives nothing.
func (f *file) decode(s stream) []byte {
	data := s.raw
	if f.crypt != nil {
		data = f.crypt.stream(s)
	}
	filters := f.array(s.dict["Filter"])
	if n := f.name(s.dict["Filter"]); n != "" {
		filters = array{n}
	}
	params := f.array(s.dict["DecodeParms"])
	if params == nil {
		params = array{s.dict["DecodeParms"]}
	}
	for i, filter := range filters {
		if i >= 8 {
			return nil
		}
		var param dict
		if i < len(params) {
			param = f.dict(params[i])
		}
		limit := min(maxDecoded, maxAllDecoded-f.decoded)
		switch f.name(filter) {
		case "FlateDecode", "Fl":
			data = f.unpredict(inflate(data, limit), param)
		case "LZWDecode", "LZW":
			early := 1
			if e, ok := f.resolve(param["EarlyChange"]).(float64); ok {
				early = int(e)
			}
			data = f.unpredict(unLZW(data, early, limit), param)
		case "ASCII85Decode", "A85":
			data = un85(data)
		case "ASCIIHexDecode", "AHx":
			data = unHex(data)
		case "RunLengthDecode", "RL":
			data = unRun(data, limit)
		case "Crypt":
		default:
			return nil // DCT, JPX, CCITT, JBIG2: pictures
		}
		if f.decoded += len(data); f.decoded >= maxAllDecoded || len(data) >= maxDecoded {
			f.limited = true
		}
	}
	return data
}

// inflate unpacks zlib's format. Its header may be damaged and its checksum is
// not looked at: text that can be read is read.
func inflate(data []byte, limit int) []byte {
	if limit <= 0 {
		return nil
	}
	data = bytes.TrimLeft(data, "\r\n")
	if len(data) > 2 && data[0]&0x0f == 8 {
		data = data[2:]
	}
	out, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), int64(limit))) // what was read before an error is kept
	return out
}

// unpredict undoes the PNG predictors.
func (f *file) unpredict(data []byte, param dict) []byte {
	if f.int(param["Predictor"]) < 10 {
		return data
	}
	or := func(v, otherwise int) int {
		if v <= 0 || v > 1<<16 {
			return otherwise
		}
		return v
	}
	colors, bits, columns := or(f.int(param["Colors"]), 1), or(f.int(param["BitsPerComponent"]), 8), or(f.int(param["Columns"]), 1)
	width, step := (colors*bits*columns+7)/8, max((colors*bits+7)/8, 1)
	if width <= 0 || width > 1<<24 {
		return nil
	}
	prior := make([]byte, width)
	out := make([]byte, 0, len(data))
	for len(data) > 1 {
		row := data[1:min(len(data), width+1)]
		kind := data[0]
		data = data[1+len(row):]
		for i := range row {
			var left, up, corner byte
			if i >= step {
				left, corner = row[i-step], prior[i-step]
			}
			up = prior[i]
			switch kind {
			case 1:
				row[i] += left
			case 2:
				row[i] += up
			case 3:
				row[i] += byte((int(left) + int(up)) / 2)
			case 4:
				row[i] += paeth(left, up, corner)
			}
		}
		copy(prior, row)
		out = append(out, row...)
	}
	return out
}

// paeth returns the neighbour nearest to left + up - corner.
func paeth(left, up, corner byte) byte {
	distance := func(v byte) int {
		d := int(left) + int(up) - int(corner) - int(v)
		return max(d, -d)
	}
	l, u, c := distance(left), distance(up), distance(corner)
	switch {
	case l <= u && l <= c:
		return left
	case u <= c:
		return up
	}
	return corner
}

// unLZW unpacks LZW as PDF and TIFF write it: most significant bit first, codes
// of 9 to 12 bits, each grown one code early.
func unLZW(data []byte, early, limit int) []byte {
	const clear, end = 256, 257
	type entry struct {
		prefix int16
		last   byte
		size   int32
	}
	var table [4096]entry
	for i := range 256 {
		table[i] = entry{-1, byte(i), 1}
	}
	next, width, prev := 258, 9, -1
	var out []byte
	bits, held := 0, 0
	for _, c := range data {
		bits, held = bits<<8|int(c), held+8
		if held < width {
			continue
		}
		code := bits >> (held - width)
		held -= width
		bits &= 1<<held - 1
		switch {
		case code == end || len(out) >= limit:
			return out
		case code == clear:
			next, width, prev = 258, 9, -1
			continue
		case code > next || code == next && prev < 0 || code >= 4096:
			return out
		}
		source := code
		if code == next {
			source = prev
		}
		size := int(table[source].size)
		start := len(out)
		out = append(out, make([]byte, size)...)
		for at, i := source, size-1; i >= 0 && at >= 0; i-- {
			out[start+i] = table[at].last
			at = int(table[at].prefix)
		}
		first := out[start]
		if code == next {
			out = append(out, first)
		}
		if prev >= 0 && next < 4096 {
			table[next] = entry{int16(prev), first, table[prev].size + 1}
			next++
		}
		prev = code
		if next+early >= 1<<width && width < 12 {
			width++
		}
	}
	return out
}

func un85(data []byte) []byte {
	data = bytes.TrimPrefix(bytes.TrimSpace(data), []byte("<~"))
	if end := bytes.IndexByte(data, '~'); end >= 0 {
		data = data[:end]
	}
	out := make([]byte, len(data)/5*4+len(data)+8)
	n, _, _ := ascii85.Decode(out, data, true) // what was read before an error is kept
	return out[:n]
}

func unHex(data []byte) []byte {
	if end := bytes.IndexByte(data, '>'); end >= 0 {
		data = data[:end]
	}
	digits := make([]byte, 0, len(data)+1)
	for _, c := range data {
		if !isSpace(c) {
			digits = append(digits, c)
		}
	}
	if len(digits)%2 == 1 {
		digits = append(digits, '0')
	}
	n, _ := hex.Decode(digits, digits) // what was read before an error is kept
	return digits[:n]
}

func unRun(data []byte, limit int) []byte {
	var out []byte
	for i := 0; i < len(data) && data[i] != 128 && len(out) < limit; {
		n := int(data[i])
		i++
		if n < 128 {
			end := min(i+n+1, len(data))
			out = append(out, data[i:end]...)
			i = end
			continue
		}
		if i < len(data) {
			out = append(out, bytes.Repeat(data[i:i+1], 257-n)...)
			i++
		}
	}
	return out
}
