package tuned

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
)

// EncoderAdapter is a language model with a low-rank adapter that is asked for the
// label in words.
const EncoderAdapter = "adapter"

// AdapterFiles are those of an adapter's folder that its digest is over, in this
// order.
func AdapterFiles() []string { return []string{"adapter_config.json", "adapter_model.safetensors"} }

const (
	maxAdapterBytes = 8 << 30
	maxQuestion     = 64 << 10 // bytes
)

// Ask is the question that an adapter was taught to answer, in the very words of
// its training. It is put as a conversation, or, to a model that has no template
// for one, as one text.
type Ask struct {
	System string `json:"system,omitzero"` // what stands before the text in a conversation
	// Before and After stand around the text where there is no conversation.
	Before string `json:"before,omitzero"`
	After  string `json:"after,omitzero"`
}

func (a *Ask) check() error {
	for _, s := range []string{a.System, a.Before, a.After} {
		if len(s) > maxQuestion || !utf8.ValidString(s) {
			return errors.New("its question is too long or no UTF-8")
		}
	}
	if (a.System == "") == (a.Before == "" && a.After == "") {
		return errors.New("its question is neither a conversation nor one text")
	}
	return nil
}

// request puts the question about a text. Options are the labels.
func (a *Ask) request(text, adapter string, labels []string) engine.ScoreRequest {
	r := engine.ScoreRequest{Options: labels, Adapter: adapter, End: true}
	if a.System == "" {
		r.Prefix = a.Before + strings.TrimSpace(text) + a.After
		return r
	}
	r.Messages = []engine.Message{{Role: "system", Content: a.System}, {Role: "user", Content: text}}
	return r
}

// Logits returns how probable a model finds each label as its answer: natural
// logarithms that no temperature has touched. Adapter is the name under which the
// engine has it.
func (a *Ask) Logits(ctx context.Context, e engine.Engine, adapter, text string, labels []string) ([]float64, error) {
	scores, err := e.Score(ctx, a.request(text, adapter, labels))
	if err != nil {
		return nil, err
	}
	if len(scores) != len(labels) {
		return nil, fmt.Errorf("the model gave %d scores for %d labels", len(scores), len(labels))
	}
	out := make([]float64, len(labels))
	for k, s := range scores {
		if math.IsNaN(s.Logprob) {
			return nil, errors.New("the model's numbers are none")
		}
		out[k] = s.Logprob
	}
	return out, nil
}

// scoreAsk answers a text by asking for its label.
func (h *Head) scoreAsk(ctx context.Context, e engine.Engine, text string) (Scores, error) {
	s := Scores{}
	if len(text) == 0 {
		s.Unfit = "text is empty"
	}
	logits, err := h.card.Ask.Logits(ctx, e, h.Adapter(), text, h.card.Labels)
	if err != nil {
		if !refused(err) {
			return s, err
		}
		s.Unfit, logits = "longer than the model reads", make([]float64, len(h.card.Labels))
	}
	s.P = Softmax(temper(logits, h.card.Temperature))
	return s, nil
}

// temper divides logits by a temperature. What is impossible stays a number.
func temper(logits []float64, t float64) []float64 {
	const least = -1e6
	out := make([]float64, len(logits))
	for k, x := range logits {
		out[k] = max(x/t, least)
	}
	return out
}

// refused says whether an error is that of a text which the model does not take.
func refused(err error) bool {
	var fault *casemate.Error
	return errors.As(err, &fault) && fault.Code == casemate.CodeUsage
}

// Adapter returns the name under which the engine must have the head's adapter: the
// digits of its digest. It is empty for a head that needs none.
func (h *Head) Adapter() string {
	if h.card.Encoder != EncoderAdapter {
		return ""
	}
	return strings.TrimPrefix(h.card.Weights, "sha256:")
}

// Dir returns the folder of the head's adapter; it is empty for other heads.
func (h *Head) Dir() string { return h.dir }

// NewAdapter makes a head of a card, whose Format, Encoder and Weights it sets, and
// the adapter in a folder.
func NewAdapter(card Card, dir string) (*Head, error) {
	weights, err := adapterDigest(dir)
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	card.Format, card.Encoder, card.Weights = formatVersion, EncoderAdapter, weights
	text, err := card.encode()
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	h, err := parseAdapter(text, dir, weights)
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	return h, nil
}

// OpenAdapter reads the card of an adapter's folder, which must be of the adapter
// beside it. An adapter that answers no question has none; the error is then
// os.ErrNotExist.
func OpenAdapter(dir string) (*Head, error) {
	h, err := openAdapter(dir)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open adapter %q", dir), Err: err,
			Hint: "classify asks adapters that `casemate tune train --lora` made, whole and unchanged"}
	}
	return h, nil
}

func openAdapter(dir string) (*Head, error) {
	card, err := readCard(dir)
	if err != nil {
		return nil, err
	}
	weights, err := adapterDigest(dir)
	if err != nil {
		return nil, err
	}
	return parseAdapter(card, dir, weights)
}

func parseAdapter(card []byte, dir, weights string) (*Head, error) {
	c, err := ParseCard(card)
	switch {
	case err != nil:
		return nil, err
	case c.Encoder != EncoderAdapter:
		return nil, errors.New("its card is of a head without an adapter")
	case c.Weights != weights:
		return nil, fmt.Errorf("the adapter is %s, and its card names %s", weights, c.Weights)
	}
	return &Head{card: c, digest: weights, cardBytes: bytes.Clone(card), dir: dir}, nil
}

// adapterDigest returns what `sha256sum FILES | sha256sum` prints in a folder.
func adapterDigest(dir string) (string, error) {
	lines := sha256.New()
	for _, name := range AdapterFiles() {
		sum, err := hashFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("take the digest of %s: %w", name, err)
		}
		fmt.Fprintf(lines, "%s  %s\n", sum, name)
	}
	return "sha256:" + hex.EncodeToString(lines.Sum(nil)), nil
}

func hashFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxAdapterBytes {
		return "", errors.New("it is no plain file, or too large")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}
