package main

import (
	"fmt"
	"io"
	"os"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/eval"
	"github.com/casemate-ai/casemate/internal/security/openbook"
)

type questionsCmd struct {
	dataFlag
	Seed    uint64 `default:"1" help:"Which questions are drawn."`
	PerKind int    `default:"150" placeholder:"N" help:"At most so many questions of a kind, both halves together."`
	File    string `placeholder:"FILE" help:"Ask the questions of a file instead: JSON lines with question, options, answer."`
	Print   bool   `help:"Print the questions as JSON lines instead of asking them."`
	Train   bool   `help:"Fit the weights to the tuning half and print them, before asking the other half with the weights built in."`
	JSON    bool   `help:"Print one JSON document."`
}

type ctiMCQACmd struct {
	dataFlag
	File string `required:"" placeholder:"FILE" help:"cti-mcq.tsv of CTIBench."`
	JSON bool   `help:"Print one JSON document."`
}

type cyberMetricCmd struct {
	dataFlag
	File string `required:"" placeholder:"FILE" help:"A JSON file of CyberMetric."`
	JSON bool   `help:"Print one JSON document."`
}

// Run generates questions from the knowledge base and asks those about the half
// of the entries that trained nothing.
func (c *questionsCmd) Run(s *streams) error {
	lib, err := c.openLibrary()
	if err != nil {
		return errNoLibrary(err)
	}
	defer lib.Close()
	book, _, err := openbook.Open(s.ctx, lib)
	if err != nil {
		return err
	}
	if c.File != "" {
		questions, err := readQuestionFile(c.File, eval.ReadQuestions)
		if err != nil {
			return err
		}
		return ask(s, book, questions, c.JSON)
	}
	all, err := eval.Questions(s.ctx, lib, eval.QuestionOptions{Seed: c.Seed, PerKind: c.PerKind})
	if err != nil {
		return err
	}
	var tuning, test []eval.Question
	for _, q := range all {
		if eval.TestHalf(q.About) {
			test = append(test, q)
		} else {
			tuning = append(tuning, q)
		}
	}
	if c.Print {
		for _, q := range all {
			if err := writeJSON(s.stdout, q, false); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Train {
		weights, err := eval.TrainWeights(s.ctx, book, tuning)
		if err != nil {
			return err
		}
		if err := eval.WriteWeights(s.stdout, weights); err != nil {
			return err
		}
	}
	if !c.JSON {
		fmt.Fprintln(s.stdout, "Open book: the questions were written from the catalogue text that the answerer reads. The column \"its passage")
		fmt.Fprintln(s.stdout, "hidden\" takes away the very passages. Only entries are asked about that trained nothing.")
	}
	return ask(s, book, test, c.JSON)
}

// Run asks CTI-MCQA.
func (c *ctiMCQACmd) Run(s *streams) error {
	return c.measure(s, c.File, eval.ReadCTIMCQA, c.JSON)
}

// Run asks CyberMetric.
func (c *cyberMetricCmd) Run(s *streams) error {
	return c.measure(s, c.File, eval.ReadCyberMetric, c.JSON)
}

// measure asks the questions of a file.
func (d dataFlag) measure(s *streams, name string, read func(io.Reader) ([]eval.Question, error), asJSON bool) error {
	questions, err := readQuestionFile(name, read)
	if err != nil {
		return err
	}
	lib, err := d.openLibrary()
	if err != nil {
		return errNoLibrary(err)
	}
	defer lib.Close()
	book, _, err := openbook.Open(s.ctx, lib)
	if err != nil {
		return err
	}
	return ask(s, book, questions, asJSON)
}

// readQuestionFile opens and reads a file of questions.
func readQuestionFile(name string, read func(io.Reader) ([]eval.Question, error)) ([]eval.Question, error) {
	bad := func(err error) error {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read questions %q", name), Err: err, Hint: "casemate eval --help tells which command reads which file"}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	questions, err := read(f)
	if err != nil {
		return nil, bad(err)
	}
	if len(questions) == 0 {
		return nil, bad(fmt.Errorf("no questions in it"))
	}
	return questions, nil
}

// ask asks questions and prints the table.
func ask(s *streams, book *openbook.Book, questions []eval.Question, asJSON bool) error {
	rep, err := eval.Ask(s.ctx, book, questions)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(s.stdout, rep, true)
	}
	return eval.WriteQuestions(s.stdout, rep)
}
