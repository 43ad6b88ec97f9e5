package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/casemate-ai/casemate"
)

// Caps on Parquet, whose own lengths are not to be believed.
const (
	maxFooter    = 4 << 20  // bytes of the description at the file's end
	maxElements  = 10_000   // of the schema
	maxPage      = 64 << 20 // bytes of a page, as it is and unfolded
	maxValues    = MaxCells // values of all columns
	parquetBatch = 256      // rows that are read at once
)

var errParquet = errors.New("the file contradicts itself")

func isParquet(data []byte) bool {
	return len(data) > 12 && string(data[:4]) == "PAR1" && string(data[len(data)-4:]) == "PAR1"
}

// parquet reads the rows of a Parquet file. What the file says of its own sizes is
// checked before anything is made by it.
func (p *parser) parquet(data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil { // a decoder's panic on a hostile file is not ours to end by
			err = p.badParquet(errParquet)
		}
	}()
	if !isParquet(data) {
		return p.badParquet(errParquet)
	}
	if err := checkParquet(data, &p.sheet.left); err != nil {
		return p.badParquet(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return p.badParquet(err)
	}
	for _, field := range f.Schema().Fields() { // in the file's order; nested ones follow as they come
		if field.Leaf() {
			p.sheet.column(columnName(field.Name()))
		}
	}
	r := parquet.NewGenericReader[any](f)
	defer r.Close()
	rows := make([]any, parquetBatch)
	for {
		n, err := r.Read(rows)
		for _, row := range rows[:n] {
			if err := p.parquetRow(row); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return p.badParquet(err)
		}
		if n == 0 {
			return p.badParquet(errParquet)
		}
	}
}

func (p *parser) badParquet(err error) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read Parquet %q", p.name), Err: err, Hint: "write it anew, or save it as CSV or JSON lines"}
}

func columnName(name string) string {
	if len(name) > MaxName {
		name = name[:MaxName]
	}
	return strings.ToValidUTF8(name, "")
}

// parquetRow adds a row.
func (p *parser) parquetRow(row any) error {
	number, err := p.next()
	if err != nil {
		return err
	}
	budget := MaxCell
	object, ok := plainValue(row, 0, &budget).(map[string]any)
	if p.sheet.texts += MaxCell - budget; p.sheet.texts > MaxBytes {
		return tooLarge(p.name) // a dictionary's value may stand in every row
	}
	switch {
	case budget < 0:
		p.skip(number, 0, fmt.Sprintf("more than %d KiB, or nested deeper than %d", MaxCell>>10, MaxDepth))
		return nil
	case !ok:
		p.skip(number, 0, "no row of columns")
		return nil
	}
	cells := make([]cell, 0, len(p.sheet.columns))
	if !p.flatten(&cells, "", object) {
		p.skip(number, 0, fmt.Sprintf("keys beyond %d columns", MaxColumns))
		return nil
	}
	p.add(number, 0, cells)
	return nil
}

// plainValue makes of a Parquet value what JSON would have, within a budget of bytes.
func plainValue(v any, depth int, budget *int) any {
	if depth > MaxDepth {
		*budget = -1
	}
	if *budget < 0 {
		return nil
	}
	*budget -= 8
	switch v := v.(type) {
	case string:
		*budget -= len(v)
		return strings.Clone(v)
	case []byte:
		*budget -= len(v)
		if utf8.Valid(v) {
			return string(v)
		}
		return nil // bytes that are no text teach nothing
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			*budget -= len(k)
			out[k] = plainValue(e, depth+1, budget)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if *budget < 0 {
				return nil
			}
			out = append(out, plainValue(e, depth+1, budget))
		}
		return out
	case bool, nil:
		return v
	case int32:
		return json.Number(strconv.FormatInt(int64(v), 10))
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float32:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// checkParquet reads a file's description and the headers of all its pages, and
// holds every size that they claim against the file and the caps. left is what all
// files may still unfold to.
func checkParquet(data []byte, left *int) error {
	size := len(data) - 8
	footer := int(binary.LittleEndian.Uint32(data[size:]))
	if footer > maxFooter || footer > size-4 {
		return fmt.Errorf("a description of %d bytes: %w", footer, errParquet)
	}
	description := data[size-footer : size]
	if err := checkThrift(description); err != nil {
		return err
	}
	var m format.FileMetaData
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, bytes.Clone(description), &m); err != nil {
		return fmt.Errorf("read its description: %w", err)
	}
	if len(m.Schema) > maxElements || m.NumRows < 0 || m.NumRows > MaxRows {
		return fmt.Errorf("%d elements and %d rows: %w", len(m.Schema), m.NumRows, errParquet)
	}
	leaves, err := checkSchema(m.Schema)
	if err != nil {
		return err
	}
	u := &unfolder{left: left}
	defer u.close()
	rows := int64(0)
	for g := range m.RowGroups {
		group := &m.RowGroups[g]
		if len(group.Columns) != len(leaves) || group.NumRows < 0 || group.NumRows > MaxRows {
			return fmt.Errorf("a row group of %d columns: %w", len(group.Columns), errParquet)
		}
		rows += group.NumRows
		for c := range group.Columns {
			chunk := &group.Columns[c]
			if chunk.FilePath != "" {
				return fmt.Errorf("columns in another file: %w", errParquet)
			}
			if err := u.chunk(data[:size-footer], &chunk.MetaData, leaves[c]); err != nil {
				return err
			}
		}
	}
	if rows != m.NumRows {
		return fmt.Errorf("%d rows in its row groups, %d in all: %w", rows, m.NumRows, errParquet)
	}
	return nil
}
