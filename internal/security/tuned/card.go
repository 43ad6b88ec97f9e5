package tuned

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of what a folder may say. Each is far above what training writes.
const (
	MaxCardBytes    = 8 << 20
	MaxWeightsBytes = 512 << 20
	MaxLabels       = 4096
	MaxLabelBytes   = 1024
	maxLimits       = 256
	maxSentence     = 4096
	maxNumber       = 1e15 // of values
	maxScale        = 1e4  // of what logits are multiplied by
	formatVersion   = 1
)

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// IsName says whether s can name a head: lower-case letters, digits, dots, dashes
// and underscores, a letter or a digit first, at most 64.
func IsName(s string) bool { return namePattern.MatchString(s) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ParseCard reads a card and checks all of it.
func ParseCard(data []byte) (Card, error) {
	var c Card
	if len(data) > MaxCardBytes {
		return c, fmt.Errorf("read card: %d bytes, limit %d", len(data), MaxCardBytes)
	}
	if err := json.Unmarshal(data, &c, json.RejectUnknownMembers(true)); err != nil {
		var semantic *json.SemanticError
		var syntactic *jsontext.SyntacticError
		switch {
		case errors.As(err, &semantic): // its text quotes the file
			err = fmt.Errorf("the value at byte %d is none of a card", semantic.ByteOffset)
		case errors.As(err, &syntactic):
			err = fmt.Errorf("the JSON is broken at byte %d", syntactic.ByteOffset)
		}
		return Card{}, fmt.Errorf("read card: %w", err)
	}
	if err := c.check(); err != nil {
		return Card{}, fmt.Errorf("read card: %w", err)
	}
	return c, nil
}

// encode writes a card as card.json has it: the same card is the same bytes.
func (c *Card) encode() ([]byte, error) {
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, c, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return nil, fmt.Errorf("write card: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// check returns what is wrong with a card.
func (c *Card) check() error {
	switch {
	case c.Format != formatVersion:
		return fmt.Errorf("its format is %d, this program reads %d", c.Format, formatVersion)
	case !IsName(c.Name):
		return errors.New("its name is none that a head can have")
	case !digestPattern.MatchString(c.Weights):
		return errors.New("the digest of its weights is none")
	case len(c.Labels) > MaxLabels || len(c.Values) > MaxLabels:
		return fmt.Errorf("%d labels and %d values, limit %d", len(c.Labels), len(c.Values), MaxLabels)
	case len(c.Limits) > maxLimits:
		return fmt.Errorf("%d sentences on its limits, limit %d", len(c.Limits), maxLimits)
	case !within(c.LeastKnown, 0, 1) || !within(c.Precision, 0, 1):
		return errors.New("the least share of known words or the precision is not in 0 to 1")
	}
	for _, s := range append([]string{c.Data.Path}, c.Limits...) {
		if len(s) > maxSentence || !utf8.ValidString(s) {
			return errors.New("a sentence is too long or no UTF-8")
		}
	}
	if err := c.checkLabels(); err != nil {
		return err
	}
	if err := c.checkTask(); err != nil {
		return err
	}
	return c.checkBase()
}

func within(x, low, high float64) bool { return x >= low && x <= high } // and not NaN

func (c *Card) checkLabels() error {
	known := make(map[string]bool, len(c.Labels))
	for i, l := range c.Labels {
		switch {
		case l == "" || len(l) > MaxLabelBytes || !utf8.ValidString(l):
			return fmt.Errorf("label %d is empty, too long or no UTF-8", i+1)
		case known[l]:
			return fmt.Errorf("label %d is there twice", i+1)
		}
		known[l] = true
	}
	for l, t := range c.Thresholds {
		if !known[l] || !within(t, 0, 1) {
			return errors.New("a threshold is of no label, or not in 0 to 1")
		}
	}
	return nil
}

func (c *Card) checkTask() error {
	switch c.Task {
	case TaskSingle, TaskOrdinal:
		if len(c.Labels) == 0 || !within(c.Temperature, 1/maxScale, maxScale) {
			return errors.New("it has no labels, or its temperature is out of range")
		}
	case TaskMulti:
		if len(c.Labels) == 0 || len(c.Scales) != len(c.Labels) {
			return fmt.Errorf("it has %d labels and %d scales", len(c.Labels), len(c.Scales))
		}
		for i, s := range c.Scales {
			if !within(s.Slope, 1/maxScale, maxScale) || !within(s.Offset, -maxScale, maxScale) {
				return fmt.Errorf("scale %d is out of range", i+1)
			}
		}
	case TaskRegression:
		if len(c.Labels) > 0 || c.Temperature != 0 && !within(c.Temperature, 1/maxScale, maxScale) {
			return errors.New("a head of numbers has labels, or its temperature is out of range")
		}
		for i, v := range c.Values {
			if !within(v, -maxNumber, maxNumber) {
				return fmt.Errorf("value %d is out of range", i+1)
			}
		}
	case TaskSpans:
		if len(c.Labels) == 0 {
			return errors.New("it has no labels")
		}
	default:
		return errors.New("its task is not one of single, multi, ordinal, regression, spans")
	}
	if (c.Ask != nil) != (c.Encoder == EncoderAdapter) || c.Ask != nil && c.Task != TaskSingle && c.Task != TaskOrdinal {
		return errors.New("it has a question without an adapter, or the other way round, or one that cannot be answered with one label")
	}
	if c.Ask != nil {
		if err := c.Ask.check(); err != nil {
			return err
		}
	}
	if c.Stack != nil {
		return c.checkStack()
	}
	return nil
}

func (c *Card) checkStack() error {
	switch {
	case c.Task != TaskSingle || c.Encoder != EncoderLexical:
		return errors.New("only a head of one label on the embedded encoder stands beside an embedded head")
	case !digestPattern.MatchString(c.Stack.Digest):
		return errors.New("the digest of the embedded head is none")
	case !within(c.Stack.Own, 0, maxScale) || !within(c.Stack.Other, 0, maxScale):
		return errors.New("the shares of the two heads are out of range")
	}
	return nil
}

func (c *Card) checkBase() error {
	b := c.Base
	switch c.Encoder {
	case EncoderLexical:
		if b != nil {
			return errors.New("a head on the embedded encoder has a base")
		}
		return nil
	case EncoderModel, EncoderAdapter:
	default:
		return errors.New("its encoder is not one of lexical, model, adapter")
	}
	switch {
	case b == nil || !digestPattern.MatchString(b.Digest):
		return errors.New("it names no base by digest")
	case len(b.Name) > MaxLabelBytes || !utf8.ValidString(b.Name):
		return errors.New("the name of its base is too long or no UTF-8")
	case b.Layer < 0 || b.Layer > math.MaxInt16 || b.Width < 1 || b.Width > 1<<20:
		return errors.New("the layer or the width of its base is out of range")
	case b.Pool != "last" && b.Pool != "mean" && b.Pool != "text" && b.Pool != "":
		return errors.New("the pooling of its base is not one of last, mean, text")
	}
	return nil
}
