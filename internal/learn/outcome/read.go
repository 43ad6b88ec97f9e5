package outcome

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of what a file may say: it may come from anywhere.
const (
	// MaxBytes is the size of the largest evaluation that is read.
	MaxBytes         = 512 << 20
	formatVersion    = 1
	maxRows          = 1_000_000
	maxLabels        = 10_000
	maxProbabilities = 50_000_000 // of all rows
	maxLabelBytes    = 1024
	maxOfRow         = 1000 // labels or spans of one row
	maxFigures       = 10_000
	maxBaselines     = 64
	maxNumber        = 1 << 53
	digestPrefix     = "sha256:"
	// slack is how far probabilities may be from what they must add up to: they
	// may have been rounded to two digits each way.
	slack = 0.02
)

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// IsDigest says whether s is "sha256:" and 64 hexadecimal digits.
func IsDigest(s string) bool { return digestPattern.MatchString(s) }

// Read reads an evaluation and checks all of it: nothing unknown, nothing twice,
// no number that is none.
func Read(r io.Reader) (*Evaluation, error) {
	data, err := readAll(r, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read evaluation: %w", err)
	}
	return Parse(data)
}

// Parse is Read of bytes, those that a signature is over.
func Parse(data []byte) (*Evaluation, error) {
	e := &Evaluation{}
	if err := unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("read evaluation: %w", err)
	}
	if err := e.Check(); err != nil {
		return nil, fmt.Errorf("read evaluation: %w", err)
	}
	return e, nil
}

// ParseBaselines reads an array of evaluations.
func ParseBaselines(data []byte) ([]*Evaluation, error) {
	var list []*Evaluation
	if err := unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read baselines: %w", err)
	}
	if len(list) > maxBaselines {
		return nil, fmt.Errorf("read baselines: there are %d, at most %d are read", len(list), maxBaselines)
	}
	for i, e := range list {
		if e == nil {
			return nil, fmt.Errorf("read baselines: number %d is null", i+1)
		}
		if err := e.Check(); err != nil {
			return nil, fmt.Errorf("read baselines: number %d: %w", i+1, err)
		}
	}
	return list, nil
}

// Write writes an evaluation after it has checked it. The same evaluation becomes
// the same bytes.
func Write(w io.Writer, e *Evaluation) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("write evaluation: %w", err)
	}
	return write(w, "evaluation", e)
}

// WriteBaselines writes an array of evaluations after it has checked each.
func WriteBaselines(w io.Writer, list []*Evaluation) error {
	for _, e := range list {
		if err := e.Check(); err != nil {
			return fmt.Errorf("write baselines: %w", err)
		}
	}
	return write(w, "baselines", list)
}

func write(w io.Writer, what string, v any) error {
	data, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// unmarshal reads one JSON value: no unknown members, none twice, none of another
// case, valid UTF-8. What it says of a fault names no value of the file.
func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic):
		return fmt.Errorf("the value at byte %d is not of the format", semantic.ByteOffset)
	case errors.As(err, &syntactic):
		return fmt.Errorf("the JSON is broken at byte %d", syntactic.ByteOffset)
	}
	return err
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	return data, nil
}

// Check returns what is wrong with an evaluation.
func (e *Evaluation) Check() error {
	switch {
	case e.Format != formatVersion:
		return fmt.Errorf("its format is %d, this program reads %d", e.Format, formatVersion)
	case e.Candidate == "" || !isLabel(e.Candidate):
		return errors.New("the candidate has no name, or none that can be shown")
	case e.Digest != "" && !IsDigest(e.Digest):
		return errors.New("the candidate's digest is none")
	case !isLabel(e.Base):
		return errors.New("the base's name cannot be shown")
	case !slices.Contains([]string{taskSingle, taskMulti, taskOrdinal, taskRegression, taskSpans, taskText, taskLoss}, e.Task):
		return errors.New("the task is not one of single, multi, ordinal, regression, spans, text, loss")
	case !IsDigest(e.Data):
		return errors.New("the digest of the data is none")
	case len(e.Rows) == 0 || len(e.Rows) > maxRows:
		return fmt.Errorf("it has %d rows, there must be 1 to %d", len(e.Rows), maxRows)
	}
	known, err := checkLabels(e.Labels)
	if err != nil {
		return err
	}
	before, probabilities := math.MinInt, 0
	for i := range e.Rows {
		r := &e.Rows[i]
		if r.Number <= before {
			return fmt.Errorf("the rows are not in order, or one is there twice: %d after %d", r.Number, before)
		}
		before = r.Number
		if probabilities += len(r.Probabilities); probabilities > maxProbabilities {
			return fmt.Errorf("it has more than %d probabilities", maxProbabilities)
		}
		if err := e.checkRow(r, known); err != nil {
			return fmt.Errorf("row %d: %w", r.Number, err)
		}
	}
	if e.Test != TestDigest(e.Rows) {
		return errors.New("the digest of the test part is not that of its rows")
	}
	return e.checkFigures()
}

// checkLabels returns the labels with their places.
func checkLabels(labels []string) (map[string]int, error) {
	if len(labels) > maxLabels {
		return nil, fmt.Errorf("it has %d labels, at most %d are read", len(labels), maxLabels)
	}
	known := make(map[string]int, len(labels))
	for i, l := range labels {
		if l == "" || !isLabel(l) {
			return nil, fmt.Errorf("label %d is empty or cannot be shown", i+1)
		}
		if _, twice := known[l]; twice {
			return nil, fmt.Errorf("label %d is there twice", i+1)
		}
		known[l] = i
	}
	return known, nil
}

// isLabel says whether a label is short and valid UTF-8. What is shown of it is
// cleaned where it is shown.
func isLabel(s string) bool { return len(s) <= maxLabelBytes && utf8.ValidString(s) }

func (e *Evaluation) checkRow(r *Row, known map[string]int) error {
	switch {
	case r.Number < 1 || r.Number > maxNumber:
		return errors.New("its number is out of range")
	case !IsDigest(r.Text):
		return errors.New("its text has no digest")
	case r.Group < 0 || r.Group > maxNumber:
		return errors.New("its group is out of range")
	case !(r.P >= 0 && r.P <= 1): // and not NaN
		return errors.New("the answer's probability is not in 0 to 1")
	}
	for _, list := range [][]string{r.Truth, r.Answer} {
		if err := e.checkAnswer(list); err != nil {
			return err
		}
	}
	if e.discrete() && len(known) > 0 {
		for _, l := range r.Answer {
			if _, ok := known[l]; !ok {
				return errors.New("its answer is not among the labels")
			}
		}
	}
	return e.checkProbabilities(r, known)
}

func (e *Evaluation) discrete() bool {
	return e.Task == taskSingle || e.Task == taskOrdinal || e.Task == taskMulti
}

// checkAnswer returns what is wrong with a truth or an answer. None is an answer:
// of a candidate that gave none.
func (e *Evaluation) checkAnswer(list []string) error {
	if len(list) > maxOfRow {
		return fmt.Errorf("it has %d labels, at most %d are read", len(list), maxOfRow)
	}
	for i, l := range list {
		if !isLabel(l) {
			return errors.New("a label is too long or not UTF-8")
		}
		if i > 0 && list[i-1] == l || i > 0 && e.Task == taskMulti && list[i-1] > l {
			return errors.New("its labels are not in order, or one is there twice")
		}
		if e.Task == taskSpans && !isSpan(l) {
			return errors.New(`a span is not "start-end label"`)
		}
	}
	if e.Task == taskMulti || e.Task == taskSpans {
		return nil
	}
	if len(list) > 1 {
		return errors.New("it has several labels where there is one")
	}
	if (e.Task == taskRegression || e.Task == taskLoss) && len(list) == 1 {
		x, err := strconv.ParseFloat(list[0], 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return errors.New("its value is no number")
		}
	}
	return nil
}

// isSpan says whether s is "start-end label" with 0 <= start < end.
func isSpan(s string) bool {
	place, label, ok := strings.Cut(s, " ")
	from, to, cut := strings.Cut(place, "-")
	start, err := strconv.ParseUint(from, 10, 31)
	end, err2 := strconv.ParseUint(to, 10, 31)
	return ok && cut && label != "" && err == nil && err2 == nil && start < end
}

func (e *Evaluation) checkProbabilities(r *Row, known map[string]int) error {
	if len(r.Probabilities) == 0 {
		return nil
	}
	if !e.discrete() || len(r.Probabilities) != len(known) {
		return fmt.Errorf("it has %d probabilities for %d labels", len(r.Probabilities), len(known))
	}
	sum := 0.0
	for _, p := range r.Probabilities {
		if !(p >= 0 && p <= 1) {
			return errors.New("a probability is not in 0 to 1")
		}
		sum += p
	}
	if e.Task == taskMulti {
		return nil
	}
	if room := slack + 0.005*float64(len(known)); math.Abs(sum-1) > min(room, 0.5) {
		return errors.New("its probabilities do not add up to 1")
	}
	if len(r.Answer) == 1 && math.Abs(r.Probabilities[known[r.Answer[0]]]-r.P) > slack {
		return errors.New("the answer's probability is not the one that stands under its label")
	}
	return nil
}

func (e *Evaluation) checkFigures() error {
	if len(e.Figures) > maxFigures {
		return fmt.Errorf("it has %d figures, at most %d are read", len(e.Figures), maxFigures)
	}
	for name, f := range e.Figures {
		if !isLabel(name) {
			return errors.New("a figure's name cannot be shown")
		}
		const rounding = 1e-9
		if !finite(f.Value, f.Low, f.High) || f.Low > f.Value+rounding || f.High < f.Value-rounding || f.N < 0 {
			return errors.New("a figure is no number, or lies outside its interval")
		}
	}
	return nil
}

func finite(list ...float64) bool {
	for _, x := range list {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}
