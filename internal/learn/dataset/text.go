package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	sniffBytes = 1 << 16
	// A text of bytes of which more than this share are control characters is none.
	controlShare = 0.01
	// Of UTF-16 without a mark, one byte in two is zero where the text is Latin.
	zeroShare = 0.3
)

// decode makes UTF-8 of a text's bytes and says what they were.
func decode(data []byte) (text, name string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
		if utf8.Valid(data) {
			return finish(data, "UTF-8 with a mark")
		}
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return transform(data[2:], unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16LE")
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return transform(data[2:], unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "UTF-16BE")
	}
	even, odd := zeros(data)
	switch {
	case odd > zeroShare && even < zeroShare/3:
		return transform(data, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16LE without a mark")
	case even > zeroShare && odd < zeroShare/3:
		return transform(data, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "UTF-16BE without a mark")
	}
	if utf8.Valid(data) {
		return finish(data, "UTF-8")
	}
	return transform(data, charmap.Windows1252, "Windows-1252")
}

// transform decodes. UTF-16 of Latin text halves, of other scripts grows by half.
func transform(data []byte, e encoding.Encoding, name string) (string, string, error) {
	out, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return "", name, fmt.Errorf("decode %s: %w", name, err)
	}
	return finish(out, name)
}

var errBinary = errors.New("it is no text")

func finish(data []byte, name string) (string, string, error) {
	head := data[:min(len(data), sniffBytes)]
	control := 0
	for _, b := range head {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' && b != '\f' && b != '\v' && b != 0x1b {
			control++
		}
	}
	if float64(control) > controlShare*float64(len(head)) {
		return "", name, errBinary
	}
	return string(data), name, nil
}

// zeros returns the shares of zero bytes at even and odd places of the beginning.
func zeros(data []byte) (even, odd float64) {
	head := data[:min(len(data), sniffBytes)&^1]
	if len(head) == 0 {
		return 0, 0
	}
	for i, b := range head {
		if b == 0 && i%2 == 0 {
			even++
		} else if b == 0 {
			odd++
		}
	}
	half := float64(len(head) / 2)
	return even / half, odd / half
}

// refusedBinary names formats that people bring and that are not read.
func refusedBinary(data []byte) string {
	for _, m := range []struct{ magic, what string }{
		{"PK\x03\x04", "a zip archive or a spreadsheet"}, {"\xd0\xcf\x11\xe0", "an old spreadsheet"}, {"\x1f\x8b", "compressed with gzip"},
		{"\x28\xb5\x2f\xfd", "compressed with zstd"}, {"SQLite format 3\x00", "a database"}, {"\x80\x02", "a pickle, which could run code"},
		{"\x80\x03", "a pickle, which could run code"}, {"\x80\x04", "a pickle, which could run code"}, {"\x80\x05", "a pickle, which could run code"},
		{"ARROW1", "an Arrow file"}, {"%PDF-", "a PDF"}, {"PAR1\x15", "a Parquet file without its end"},
	} {
		if bytes.HasPrefix(data, []byte(m.magic)) {
			return m.what
		}
	}
	return ""
}

// sniff tells the format of a text from its beginning.
func sniff(text, name string) string {
	head := strings.TrimLeft(text[:min(len(text), sniffBytes)], " \t\r\n")
	switch {
	case strings.HasPrefix(head, "{"):
		return formatLines
	case strings.HasPrefix(head, "[") && strings.HasPrefix(strings.TrimLeft(head[1:], " \t\r\n"), "{"):
		return formatJSON
	case looksCoNLL(text[:min(len(text), sniffBytes)]):
		return formatCoNLL
	}
	if delimiter(text) == '\t' {
		return formatTSV
	}
	return formatCSV
}
