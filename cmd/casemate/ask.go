package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/openbook"
)

const (
	maxAsked     = 64 << 10 // bytes of a question or an option that are read
	maxAskedLine = 4 << 20  // bytes of a line of --jsonl
	maxAskedAll  = 16 << 20 // bytes of a question from standard input
	maxPassages  = 100
)

type askCmd struct {
	dataFlag
	Question []string    `arg:"" optional:"" name:"question" help:"A question, in English; - reads standard input."`
	Options  restOptions `placeholder:"A B …" help:"Rank these options, two to ten: all arguments up to the next flag."`
	JSONL    string      `name:"jsonl" placeholder:"FILE" help:"Answer a file of lines {\"question\":…,\"options\":[…]}, one JSON object each; - for standard input."`
	Top      int         `default:"5" help:"How many passages to show."`
	JSON     bool        `help:"Print one JSON document."`
}

// restOptions takes all arguments up to the next flag.
type restOptions []string

// Decode reads the arguments after the flag.
func (o *restOptions) Decode(ctx *kong.DecodeContext) error {
	for {
		t := ctx.Scan.Peek()
		s, isText := t.Value.(string)
		if t.IsEOL() || !isText || len(*o) > 0 && t.Type != kong.FlagValueToken && strings.HasPrefix(s, "--") {
			break
		}
		ctx.Scan.Pop()
		*o = append(*o, s)
	}
	if len(*o) == 0 {
		return errors.New("--options needs the options after it")
	}
	return nil
}

// Run answers one question, or a file of them.
func (c *askCmd) Run(s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	question, err := c.question(s)
	if err != nil {
		return err
	}
	lib, err := c.openLibrary()
	if errors.Is(err, library.ErrEmpty) {
		return &casemate.Error{Code: casemate.CodeInput, Message: "the knowledge base is empty",
			Hint: "import ATT&CK, CWE and CAPEC first: casemate kb import FILE…; casemate kb status tells what is missing"}
	}
	if err != nil {
		return err
	}
	defer lib.Close()
	book, built, err := openbook.Open(s.ctx, lib)
	if err != nil {
		return err
	}
	if built && isTerminal(s.stderr) {
		fmt.Fprintln(s.stderr, "casemate: the index of passages was missing and has been built")
	}
	tellLacks(s, lib)
	a := asker{streams: s, lib: lib, book: book, top: c.Top}
	switch {
	case c.JSONL != "":
		return a.file(c.JSONL)
	case c.JSON:
		r, err := a.answer(asked{Question: question, Options: c.Options})
		if err != nil {
			return err
		}
		return writeJSON(s.stdout, r, true)
	}
	return a.show(asked{Question: question, Options: c.Options})
}

// check refuses what cannot be meant.
func (c *askCmd) check() error {
	usage := func(message, hint string) error {
		return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
	}
	switch {
	case c.JSONL != "" && (len(c.Question) > 0 || len(c.Options) > 0):
		return usage("--jsonl brings its own questions", "leave the question and --options out")
	case c.JSONL == "" && strings.TrimSpace(strings.Join(c.Question, " ")) == "":
		return usage("ask needs a question", "try: casemate ask 'What mitigates T1059.001?'")
	case c.Top < 1 || c.Top > maxPassages:
		return usage(fmt.Sprintf("--top %d", c.Top), fmt.Sprintf("1 to %d", maxPassages))
	}
	if len(c.Options) > 0 {
		if err := checkOptions(c.Options); err != nil {
			return usage(err.Error(), "give each option as one argument, in quotes")
		}
	}
	return nil
}

// question returns the question of the arguments or of standard input.
func (c *askCmd) question(s *streams) (string, error) {
	if len(c.Question) != 1 || c.Question[0] != "-" {
		return strings.Join(c.Question, " "), nil
	}
	b, err := io.ReadAll(io.LimitReader(s.stdin, maxAskedAll))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", &casemate.Error{Code: casemate.CodeUsage, Message: "standard input holds no question"}
	}
	return string(b), nil
}

// checkOptions says what is wrong with options.
func checkOptions(options []string) error {
	if n := len(options); n < openbook.MinOptions || n > openbook.MaxOptions {
		return fmt.Errorf("%d options: %d to %d can be ranked", n, openbook.MinOptions, openbook.MaxOptions)
	}
	for i, o := range options {
		if strings.TrimSpace(o) == "" {
			return fmt.Errorf("option %d is empty", i+1)
		}
	}
	return nil
}

// tellLacks names the catalogues that answers will lack.
func tellLacks(s *streams, lib *library.Library) {
	publications, err := lib.Publications(s.ctx)
	if err != nil {
		return // the answer itself will tell
	}
	have := map[string]bool{}
	for _, p := range publications {
		have[p.Key] = true
	}
	var lacks []string
	for _, want := range [][2]string{{"attack-enterprise", "ATT&CK"}, {"cwe", "CWE"}, {"capec", "CAPEC"}} {
		if !have[want[0]] {
			lacks = append(lacks, want[1])
		}
	}
	if len(lacks) > 0 {
		fmt.Fprintf(s.stderr, "casemate: answers lack %s: import it with casemate kb import\n", strings.Join(lacks, " and "))
	}
}

// asked is one question.
type asked struct {
	Question string   `json:"question"`
	Options  []string `json:"options"`
}

// reply is one answer. What a question with options has no use for is left out,
// and so the other way round.
type reply struct {
	Index    *int               `json:"index,omitempty"` // of the best option
	Scores   []float64          `json:"scores,omitempty"`
	Unsure   bool               `json:"unsure"`
	Negative bool               `json:"negative,omitempty"`
	Facts    []openbook.Fact    `json:"facts,omitempty"`
	Passages []openbook.Passage `json:"passages"`
	Note     string             `json:"note,omitempty"`

	Knowledge string `json:"knowledge"` // edition of the knowledge base
}

// asker answers questions from one knowledge base.
type asker struct {
	*streams
	lib  *library.Library
	book *openbook.Book
	top  int
}

// answer answers one question.
func (a asker) answer(q asked) (reply, error) {
	q, notes := readable(q)
	if len(q.Options) > 0 {
		c := a.book.Choose(q.Question, q.Options, nil)
		passages := append([]openbook.Passage{}, c.Passages[:min(len(c.Passages), a.top)]...) // never null
		return reply{Index: &c.Index, Scores: c.Scores, Unsure: c.Unsure, Negative: c.Negative, Passages: passages, Note: notes, Knowledge: a.lib.Edition()}, nil
	}
	facts, err := a.book.Facts(a.ctx, a.lib, q.Question)
	if err != nil {
		return reply{}, err
	}
	r := reply{Facts: facts, Passages: a.book.Answer(q.Question, a.top), Note: notes, Knowledge: a.lib.Edition()}
	r.Unsure = len(facts) == 0 && (len(r.Passages) == 0 || r.Passages[0].Score < openbook.MinAnswer)
	if r.Passages == nil {
		r.Passages = []openbook.Passage{}
	}
	return r, nil
}

// readable cuts what is too long, replaces bytes that are no text, and says so.
func readable(q asked) (asked, string) {
	var notes []string
	note := func(n string) {
		if len(notes) == 0 || notes[len(notes)-1] != n {
			notes = append(notes, n)
		}
	}
	fix := func(s string) string {
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "\uFFFD")
			note("bytes that are not UTF-8 were replaced")
		}
		if len(s) > maxAsked {
			s = strings.ToValidUTF8(s[:maxAsked], "")
			note(fmt.Sprintf("only the first %d KiB of the text were read", maxAsked>>10))
		}
		return s
	}
	out := asked{Question: fix(q.Question)}
	for _, o := range q.Options {
		out.Options = append(out.Options, fix(o))
	}
	if !english(out.Question) {
		note("the knowledge base is in English, and the question does not look like it")
	}
	return out, strings.Join(notes, "; ")
}

// english reports whether a text of some length may be English: mostly Latin
// letters, and now and then one of the commonest words.
func english(text string) bool {
	letters, foreign := 0, 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
			if r > unicode.MaxLatin1 {
				foreign++
			}
		}
	}
	if foreign*4 > letters {
		return false
	}
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(fields) < 5 {
		return true
	}
	for _, f := range fields {
		switch f {
		case "the", "of", "is", "a", "an", "to", "what", "which", "how", "that", "with", "for", "and", "by", "from", "does", "are", "who", "can", "it", "as", "on":
			return true
		}
	}
	return false
}

// plainJSON says what is wrong with JSON without the names of our types.
func plainJSON(err error) string {
	var other *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &other):
		return err.Error()
	case other.Field == "":
		return "want an object, found: " + other.Value
	}
	return fmt.Sprintf("%q cannot be: %s", other.Field, other.Value)
}

// lineFault stands in the place of an answer where a line is broken.
type lineFault struct {
	Error string `json:"error"`
	Line  int    `json:"line"` // from 1
}

// file answers the lines of a file, in order and as they come.
func (a asker) file(name string) error {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeInput, Message: "ask --jsonl", Err: err, Hint: "name a file, or - for standard input"}
		}
		defer f.Close()
		in = f
	}
	r := bufio.NewReaderSize(in, 64<<10)
	w := bufio.NewWriterSize(a.stdout, 64<<10)
	broken := 0
	for n := 1; a.ctx.Err() == nil; n++ {
		line, long, err := readLine(r, maxAskedLine)
		if err == io.EOF && len(line) == 0 && !long {
			break
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %q: %w", name, err)
		}
		if bad, err := a.line(w, line, long, n); err != nil {
			return err
		} else if bad {
			broken++
		}
		if r.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return fmt.Errorf("write answers: %w", err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if broken > 0 {
		fmt.Fprintf(a.stderr, "casemate: %d lines could not be answered\n", broken)
		return exitRequest(exitIncomplete)
	}
	return nil
}

// line answers one line. A blank one is passed over.
func (a asker) line(w io.Writer, line []byte, long bool, n int) (broken bool, err error) {
	text := strings.TrimSpace(strings.TrimPrefix(string(line), "\uFEFF"))
	if text == "" && !long {
		return false, nil
	}
	var q asked
	fault := ""
	switch {
	case long:
		fault = fmt.Sprintf("the line is longer than %d MiB", maxAskedLine>>20)
	default:
		if err := json.Unmarshal([]byte(text), &q); err != nil {
			fault = "the line is no question: " + plainJSON(err)
		} else if strings.TrimSpace(q.Question) == "" {
			fault = `no "question"`
		} else if q.Options != nil {
			if err := checkOptions(q.Options); err != nil {
				fault = err.Error()
			}
		}
	}
	if fault != "" {
		return true, writeJSON(w, lineFault{fault, n}, false)
	}
	r, err := a.answer(q)
	if err != nil {
		return false, err
	}
	return false, writeJSON(w, r, false)
}
