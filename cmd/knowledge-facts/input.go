package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxInput bounds each data set, decompressed. The largest, Enterprise ATT&CK, has about 50 MB.
const maxInput = 256 << 20

// readAll reads r to its end and refuses more than maxInput bytes.
func readAll(r io.Reader, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("read %s: more than %d bytes", path, maxInput)
	}
	return data, nil
}

// readPlain reads a file as it is.
func readPlain(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

// readGzip reads a compressed file.
func readGzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return readAll(z, path)
}

// readMember reads one file of an archive.
func readMember(path, member string) ([]byte, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer f.Close()
	return readAll(f, path+"!"+member)
}

// versioned finds the one file of folder whose name is prefix, a version and
// suffix. Several would make the result depend on what else lies there.
func versioned(folder, prefix, suffix string) (path, version string, err error) {
	found, err := filepath.Glob(filepath.Join(folder, prefix+"*"+suffix))
	if err != nil {
		return "", "", err
	}
	if len(found) != 1 {
		return "", "", fmt.Errorf("find %s*%s in %s: %d files, want 1", prefix, suffix, folder, len(found))
	}
	version = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), prefix), suffix)
	if !isVersion.MatchString(version) {
		return "", "", fmt.Errorf("find version in the name of %s: %q is none", found[0], version)
	}
	return found[0], version, nil
}

var (
	isVersion = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)
	isDate    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// day returns the date of a timestamp, or "".
func day(timestamp string) string {
	if date := timestamp[:min(len(timestamp), 10)]; isDate.MatchString(date) {
		return date
	}
	return ""
}

// rows writes one section. The first fault stays in err.
type rows struct {
	text bytes.Buffer
	err  error
}

// add writes a row. No field may hold what separates fields or rows.
func (r *rows) add(kind byte, fields ...string) {
	r.text.WriteByte(kind)
	for _, f := range fields {
		if strings.ContainsAny(f, "\t\n\r") || !utf8.ValidString(f) {
			r.fail(fmt.Errorf("field %q holds a tab, a line break or bytes that are not UTF-8", f))
		}
		r.text.WriteByte('\t')
		r.text.WriteString(f)
	}
	r.text.WriteByte('\n')
}

// list joins values, none of which may hold the separator.
func (r *rows) list(values []string, separator string) string {
	for _, v := range values {
		if strings.Contains(v, separator) || v == "" {
			r.fail(fmt.Errorf("value %q of a list is empty or holds %q", v, separator))
		}
	}
	return strings.Join(values, separator)
}

func (r *rows) fail(err error) { r.err = errors.Join(r.err, err) }

// dataset writes a row of the versions section.
func (r *rows) dataset(key, name, version, date string, count int, source []byte) {
	sum := sha256.Sum256(source)
	r.add('V', key, name, version, date, strconv.Itoa(count), hex.EncodeToString(sum[:]))
}

// clean makes one line of a name: publishers leave spaces at the ends.
func clean(s string) string { return strings.Join(strings.Fields(s), " ") }
