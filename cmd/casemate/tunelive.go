package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Limits of live inputs: beyond them the rest is left unread, which is said.
const (
	maxLiveLine  = 1 << 20
	maxLive      = 200_000
	maxLiveBytes = 512 << 20
)

// read reads the live inputs: a table as it is read for training, else lines.
func (c *tuneWatchCmd) read(s *streams, card tuned.Card) (live []registry.Live, notes []string, err error) {
	switch kindOfInput(c.Input) {
	case "table":
		return c.readTable(s, card)
	case "json": // objects with the usual fields, or others, which are then found
		live, notes, err = c.readLines(s)
		var e *casemate.Error
		if errors.As(err, &e) && c.Text == "" {
			return c.readTable(s, card)
		}
		return live, notes, err
	}
	return c.readLines(s)
}

// kindOfInput says by the ending of a file's name whether it is a table.
func kindOfInput(name string) string {
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(name, ".gz"))) {
	case ".csv", ".tsv", ".tab", ".parquet":
		return "table"
	case ".json", ".jsonl", ".ndjson":
		return "json"
	}
	return "lines"
}

// readTable reads a table as it is read for training. Where it has no labels, the
// texts alone are read.
func (c *tuneWatchCmd) readTable(s *streams, card tuned.Card) ([]registry.Live, []string, error) {
	o := dataset.Options{Text: c.Text, Label: c.Label, Kind: dataset.Kind(card.Task)}
	if card.Task == tuned.TaskOrdinal {
		o.Order = card.Labels
	}
	t, err := dataset.Read(s.ctx, []string{c.Input}, o)
	labelled := err == nil
	if err != nil && c.Label == "" {
		o.Kind, o.Order, o.Unlabelled = "", nil, true
		t, err = dataset.Read(s.ctx, []string{c.Input}, o)
	}
	if err != nil {
		return nil, nil, err
	}
	words := "read without labels"
	if labelled {
		words = fmt.Sprintf("true labels in %q", t.Label)
	}
	notes := []string{fmt.Sprintf("Texts were read from the column %q, %s.", t.Text, words)}
	if t.SkippedRows > 0 {
		notes = append(notes, fmt.Sprintf("%s could not be used, such as one without a text or label.", phrase.Upper(phrase.Count(t.SkippedRows, "row"))))
	}
	rows := t.Rows
	if len(rows) > maxLive {
		rows = rows[:maxLive]
		notes = append(notes, fmt.Sprintf("Only the first %s were read.", phrase.Count(maxLive, "input")))
	}
	live := make([]registry.Live, len(rows))
	for i := range rows {
		live[i].Text, live[i].Truth, live[i].Labelled = rows[i].Text, rows[i].Labels, labelled
	}
	if len(live) == 0 {
		return nil, nil, errNoLive()
	}
	return live, notes, nil
}

func errNoLive() error {
	return &casemate.Error{Code: casemate.CodeInput, Message: "watch: there is no input that can be used", Hint: "give a table, a text a line, or JSON objects with the field that --text names"}
}

// readLines reads texts or JSON objects, one a line.
func (c *tuneWatchCmd) readLines(s *streams) (live []registry.Live, notes []string, err error) {
	in, done, err := openInput(s, c.Input)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	text, label := c.Text, c.Label
	if text == "" {
		text = "text"
	}
	if label == "" {
		label = "label"
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLiveLine)
	broken, size, number := 0, 0, 0
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		number++
		if len(line) == 0 {
			continue
		}
		if size += len(line); len(live) == maxLive || size > maxLiveBytes {
			notes = append(notes, fmt.Sprintf("Only the first %s were read.", phrase.Count(len(live), "input")))
			break
		}
		x, ok := registry.ParseLive(line, text, label)
		if !ok {
			broken++
			continue
		}
		live = append(live, x)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read line %d: it is longer than %s", number+1, phrase.Bytes(maxLiveLine)), Hint: "cut it"}
		}
		return nil, nil, err
	}
	if broken > 0 {
		notes = append(notes, fmt.Sprintf("%s could not be used: no JSON, no text in %q, or no UTF-8.", phrase.Upper(phrase.Count(broken, "line")), text))
	}
	if len(live) == 0 {
		return nil, nil, errNoLive()
	}
	return live, notes, nil
}
