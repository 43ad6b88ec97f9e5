package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/casemate-ai/casemate"
)

// source is a file's name and bytes.
type source struct {
	name string
	data []byte
}

// Read reads files of labelled rows as one table. Their content decides the
// format, unless Options.Format does.
func Read(ctx context.Context, paths []string, o Options) (*Table, error) {
	if len(paths) == 0 || len(paths) > MaxFiles {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read rows: %d files, want 1 to %d", len(paths), MaxFiles)}
	}
	left := int64(MaxBytes)
	sources := make([]source, 0, len(paths))
	for _, path := range paths {
		data, err := readFile(path, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(data))
		sources = append(sources, source{path, data})
	}
	return parse(ctx, sources, o)
}

// Parse reads a file of labelled rows from its bytes; name is what errors call it.
func Parse(ctx context.Context, name string, data []byte, o Options) (*Table, error) {
	return parse(ctx, []source{{name, data}}, o)
}

// readFile reads a regular file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q", path), Err: os.ErrNotExist, Hint: "give a CSV, TSV, JSON lines or Parquet file of labelled rows"}
		}
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q: it is no regular file", path), Hint: "give a CSV, TSV, JSON lines or Parquet file of labelled rows"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(path)
	}
	return data, nil
}

func tooLarge(path string) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: more than %d MiB of rows", path, MaxBytes>>20), Hint: "take a sample: a head seldom gains from more than a hundred thousand rows"}
}

// sheet is what the parsers of the formats leave: rows of cells, the meaning of
// whose columns is not known yet.
type sheet struct {
	columns   []string
	index     map[string]int
	records   []record
	skipped   []Problem
	lost      int // problems in all
	files     []File
	why       map[string]string
	left      int  // bytes that compressed formats may still unfold to
	texts     int  // bytes of the rows of compressed formats
	undivided bool // no file's name gives its rows to a part
}

// record is a row of a sheet.
type record struct {
	number, line, file int
	cells              []cell // may be shorter than the columns
}

// cell is a value of a row.
type cell struct {
	text string // of a scalar; of a list or an object its JSON
	// any is what JSON has, where it is no scalar: []any or map[string]any.
	any any
}

func (r *record) cell(column int) cell {
	if column < 0 || column >= len(r.cells) {
		return cell{}
	}
	return r.cells[column]
}

func (c *cell) empty() bool { return c.any == nil && strings.TrimSpace(c.text) == "" }

// column returns the index of a column, which it adds if it is new, or -1 if there
// are too many.
func (s *sheet) column(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	if len(s.columns) >= MaxColumns {
		return -1
	}
	s.index[name] = len(s.columns)
	s.columns = append(s.columns, name)
	return len(s.columns) - 1
}

// skip notes a row that cannot be used. reason must not have the row's words.
func (s *sheet) skip(number, line, file int, reason string) {
	s.lost++
	if len(s.skipped) < MaxSkipped {
		s.skipped = append(s.skipped, Problem{number, line, file, reason})
	}
}

func parse(ctx context.Context, sources []source, o Options) (*Table, error) {
	s := &sheet{index: map[string]int{}, why: map[string]string{}, left: MaxBytes}
	number := 0
	for i, src := range sources {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(src.data)
		f := File{Path: src.name, Digest: "sha256:" + hex.EncodeToString(sum[:]), Bytes: int64(len(src.data))}
		s.files = append(s.files, f)
		before := len(s.records)
		p := &parser{ctx: ctx, sheet: s, file: i, number: number, name: src.name, o: o}
		if err := p.parse(src.data); err != nil {
			return nil, err
		}
		number = p.number
		s.files[i].Rows = len(s.records) - before
	}
	t := &Table{Files: s.files, Format: s.files[0].Format, Digest: s.files[0].Digest, Columns: s.columns, Why: s.why}
	var names, digests []string
	for _, f := range s.files {
		names, digests = append(names, f.Path), append(digests, f.Digest)
	}
	t.Path = strings.Join(names, ", ")
	if len(digests) > 1 {
		sum := sha256.Sum256([]byte(strings.Join(digests, "\n")))
		t.Digest = "sha256:" + hex.EncodeToString(sum[:])
	}
	if err := fill(ctx, t, s, o); err != nil {
		return nil, err
	}
	t.Skipped, t.SkippedRows = s.skipped, s.lost
	return t, nil
}

// parser reads one file into a sheet.
type parser struct {
	ctx       context.Context
	sheet     *sheet
	file      int
	number    int // of the last row
	cellsRead int
	name      string
	o         Options
}

// The formats.
const (
	formatCSV     = "csv"
	formatTSV     = "tsv"
	formatLines   = "jsonl"
	formatJSON    = "json"
	formatCoNLL   = "conll"
	formatParquet = "parquet"
)

func (p *parser) parse(data []byte) error {
	f := &p.sheet.files[p.file]
	format := strings.ToLower(p.o.Format)
	if format == formatParquet || format == "" && isParquet(data) {
		f.Format = formatParquet
		return p.parquet(data)
	}
	if what := refusedBinary(data); what != "" {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: it is %s", p.name, what), Hint: "save it as CSV (UTF-8), or as JSON lines"}
	}
	text, encoding, err := decode(data)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q", p.name), Err: err, Hint: "save it as CSV (UTF-8), or as JSON lines"}
	}
	f.Encoding = encoding
	if format == "" {
		format = sniff(text, p.name)
	}
	f.Format = format
	switch format {
	case formatLines:
		return p.lines(text)
	case formatJSON:
		return p.document(text)
	case formatCoNLL:
		return p.conll(text)
	case formatCSV, formatTSV:
		return p.delimited(text)
	}
	return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q: no format is called %q", p.name, format), Hint: "formats are csv, tsv, jsonl, json, conll and parquet"}
}

// next numbers a row and holds to the cap on rows.
func (p *parser) next() (int, error) {
	p.number++
	if p.number > MaxRows {
		return 0, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: more than %d rows", p.name, MaxRows), Hint: "take a sample: a head seldom gains from more than a hundred thousand rows"}
	}
	if p.cellsRead > MaxCells {
		return 0, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: more than %d cells", p.name, MaxCells), Hint: "leave out columns that are not needed, or take a sample of the rows"}
	}
	if p.number%4096 == 0 {
		return p.number, p.ctx.Err()
	}
	return p.number, nil
}

func (p *parser) add(number, line int, cells []cell) {
	p.cellsRead += len(cells)
	p.sheet.records = append(p.sheet.records, record{number, line, p.file, cells})
}

func (p *parser) skip(number, line int, reason string) { p.sheet.skip(number, line, p.file, reason) }

// partOf returns the part that a file's name gives its rows to.
func partOf(path string) string {
	name := strings.ToLower(filepath.Base(path))
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		for _, w := range strings.Split(word, "_") {
			if part := partWords[w]; part != "" {
				return part
			}
		}
	}
	return ""
}

// partWords are the words for parts, in cells and names of files.
var partWords = map[string]string{
	"train": PartTrain, "training": PartTrain,
	"validation": PartValidation, "valid": PartValidation, "val": PartValidation, "dev": PartValidation, "eval": PartValidation,
	"test": PartTest, "testing": PartTest, "holdout": PartTest,
}
