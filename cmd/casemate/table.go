package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/report"
)

// The columns that a cell may take; the first of a row is its name.
const (
	maxName = 60
	maxCell = 24
)

// table is a plain table: numbers to the right, text to the left.
type table struct {
	head  []string
	rows  [][]string
	right []bool
}

func newTable(head ...string) *table { return &table{head: head, right: make([]bool, len(head))} }

// row adds a row of strings and integers.
func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		if _, number := c.(int); number {
			t.right[i] = true
		}
		limit := maxCell
		if i == 0 {
			limit = maxName
		}
		row[i] = report.TerminalFit(fmt.Sprint(c), limit)
	}
	t.rows = append(t.rows, row)
}

// write writes the table. What cannot be written shows at the next write.
func (t *table) write(w io.Writer) {
	width := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if t.right[i] {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
