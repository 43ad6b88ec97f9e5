package eval

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// The limits on a file of questions.
const (
	maxQuestionFile = 256 << 20
	maxQuestionLine = 1 << 20
	maxFileOptions  = 10
)

// ReadQuestions reads a file of questions, JSON lines with "question",
// "options" and "answer" (a letter), and maybe "about" and "kind".
func ReadQuestions(r io.Reader) ([]Question, error) {
	in := bufio.NewScanner(io.LimitReader(r, maxQuestionFile))
	in.Buffer(make([]byte, 64<<10), maxQuestionLine)
	var out []Question
	for n := 1; in.Scan(); n++ {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		var q struct {
			About, Kind, Question, Answer string
			Options                       []string
		}
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if q.Kind == "" {
			q.Kind = catalogueOf(q.About)
		}
		item, err := newQuestion(q.Kind, q.About, q.Question, q.Options, q.Answer)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, item)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	return out, nil
}

// newQuestion checks a question that a file brought.
func newQuestion(kind, about, text string, options []string, answer string) (Question, error) {
	q := Question{Kind: kind, About: about, Text: text, Options: options}
	answer = strings.TrimSpace(answer)
	if len(answer) != 1 || answer[0] < 'A' || int(answer[0]-'A') >= len(options) {
		return q, fmt.Errorf("the answer %.20q names none of %d options", answer, len(options))
	}
	if text == "" || len(options) < 2 || len(options) > maxFileOptions {
		return q, fmt.Errorf("want a question and 2 to %d options, not %d", maxFileOptions, len(options))
	}
	q.Answer = int(answer[0] - 'A')
	return q, nil
}

// catalogueOf says which catalogue an id or a page's address belongs to.
func catalogueOf(about string) string {
	a := strings.ToLower(about)
	switch {
	case strings.Contains(a, "attack.mitre") || a != "" && strings.ContainsRune("tmgsd", rune(a[0])) && !strings.Contains(a, "://"):
		return "ATT&CK"
	case strings.Contains(a, "cwe"):
		return "CWE"
	case strings.Contains(a, "capec"):
		return "CAPEC"
	}
	return "other"
}

// ctiColumns are the columns of CTI-MCQA that are read.
var ctiColumns = []string{"URL", "Question", "Option A", "Option B", "Option C", "Option D", "GT"}

// ReadCTIMCQA reads the multiple-choice questions of CTIBench: a table with
// tabs, whose Prompt column is not used.
//
// Source: Alam and others 2024, "CTIBench: A Benchmark for Evaluating LLMs in
// Cyber Threat Intelligence", arXiv:2406.07599.
func ReadCTIMCQA(r io.Reader) ([]Question, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxQuestionFile))
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	out, err := ctiRows(quotedRows(data))
	if err != nil { // quotes that are part of the text
		out, err = ctiRows(plainRows(data))
	}
	return out, err
}

// quotedRows reads a table in which cells may be quoted.
func quotedRows(data []byte) ([][]string, error) {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.LazyQuotes, in.FieldsPerRecord = '\t', true, -1
	return in.ReadAll()
}

// plainRows reads a table in which a quote is a character like any other.
func plainRows(data []byte) ([][]string, error) {
	var out [][]string
	for line := range strings.SplitSeq(string(data), "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			out = append(out, strings.Split(line, "\t"))
		}
	}
	return out, nil
}

// ctiRows makes questions of rows, the first of which names the columns.
func ctiRows(rows [][]string, err error) ([]Question, error) {
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the file is empty")
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[strings.TrimSpace(strings.TrimPrefix(name, "\uFEFF"))] = i
	}
	for _, c := range ctiColumns {
		if _, there := at[c]; !there {
			return nil, fmt.Errorf("the first line has no column %q", c)
		}
	}
	var out []Question
	for n, row := range rows[1:] {
		cell := func(c string) string {
			if i := at[c]; i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		options := []string{cell("Option A"), cell("Option B"), cell("Option C"), cell("Option D")}
		q, err := newQuestion(catalogueOf(cell("URL")), cell("URL"), cell("Question"), options, cell("GT"))
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", n+1, err)
		}
		out = append(out, q)
	}
	return out, nil
}

// ReadCyberMetric reads the questions of CyberMetric.
//
// Source: Tihanyi and others 2024, "CyberMetric: A Benchmark Dataset based on
// Retrieval-Augmented Generation for Evaluating LLMs in Cybersecurity
// Knowledge", arXiv:2402.07688.
func ReadCyberMetric(r io.Reader) ([]Question, error) {
	var file struct {
		Questions []struct {
			Question string            `json:"question"`
			Answers  map[string]string `json:"answers"`
			Solution string            `json:"solution"`
		} `json:"questions"`
	}
	if err := json.NewDecoder(io.LimitReader(r, maxQuestionFile)).Decode(&file); err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	var out []Question
	for n, q := range file.Questions {
		var options []string
		for _, letter := range slices.Sorted(maps.Keys(q.Answers)) {
			options = append(options, q.Answers[letter])
		}
		item, err := newQuestion("general security", "", q.Question, options, q.Solution)
		if err != nil {
			return nil, fmt.Errorf("question %d: %w", n+1, err)
		}
		out = append(out, item)
	}
	return out, nil
}
