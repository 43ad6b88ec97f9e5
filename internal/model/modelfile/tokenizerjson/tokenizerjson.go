// Package tokenizerjson reads tokenizer.json, in which Hugging Face's tokenizers
// are kept: byte-pair encoding over bytes, as Llama 3, GPT-2 and Qwen have, and
// over characters with a fall back to bytes, as Llama 2 and Mistral have. What
// it cannot represent exactly is refused by the path of its field.
package tokenizerjson

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// Limits of what Parse takes, besides those of package tokenizer.
const (
	// MaxFile is the bytes of a file.
	MaxFile = 64 << 20
	// MaxSection is the bytes of a normalizer, a pre-tokenizer or a
	// post-processor.
	MaxSection = 64 << 10
	// MaxAdded is how many added tokens there may be.
	MaxAdded = 1 << 16
	// MaxHoles is how many ids may have no token.
	MaxHoles = 1 << 16
)

// document is the whole file. The decoder, truncation and padding are not read:
// decoding follows from the kind of the tokenizer, and a text is never cut.
type document struct {
	AddedTokens   addedTokens    `json:"added_tokens"`
	Normalizer    jsontext.Value `json:"normalizer"`
	PreTokenizer  jsontext.Value `json:"pre_tokenizer"`
	PostProcessor jsontext.Value `json:"post_processor"`
	Model         bpe            `json:"model"`
}

// Parse reads a file. BOS and EOS are set where the post-processor adds them;
// other files of a model's folder name them, too. EOT, Pad and EndOfGeneration
// are for the caller to find.
func Parse(data []byte) (*tokenizer.Spec, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%d bytes, limit %d", len(data), MaxFile)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, Plain(err)
	}
	if err := d.Model.check(); err != nil {
		return nil, fmt.Errorf("/model: %w", err)
	}
	s := &tokenizer.Spec{
		BOS: tokenizer.None, EOS: tokenizer.None, EOT: tokenizer.None,
		Unknown: tokenizer.None, Pad: tokenizer.None,
		IgnoreMerges: d.Model.IgnoreMerges,
	}
	if err := d.readSteps(s); err != nil {
		return nil, err
	}
	v, err := newVocabulary(&d.Model, d.AddedTokens)
	if err != nil {
		return nil, err
	}
	if err := v.fill(s, &d.Model); err != nil {
		return nil, err
	}
	if err := d.readPostProcessor(s, v); err != nil {
		return nil, err
	}
	return s, nil
}

// Plain returns an error of the JSON decoder as people need it: the path of the
// field and what is wrong there, without the types of this program.
func Plain(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		if errors.As(err, &syntactic) {
			return fmt.Errorf("%.200s: two keys have one name", syntactic.JSONPointer)
		}
		return errors.New("two keys have one name")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends within a value")
	case errors.As(err, &syntactic):
		return fmt.Errorf("byte %d: it is no valid JSON in UTF-8", syntactic.ByteOffset)
	case errors.As(err, &semantic):
		return plainSemantic(semantic)
	}
	return err
}

func plainSemantic(err *json.SemanticError) error {
	at := string(err.JSONPointer)
	if at == "" {
		at = "/"
	}
	switch {
	case err.Err != nil && err.GoType == nil:
		return fmt.Errorf("%.200s: %w", at, err.Err)
	case err.Err != nil && err.JSONValue == nil:
		return fmt.Errorf("%.200s: %w", at, err.Err)
	case err.JSONValue != nil:
		return fmt.Errorf("%.200s: %.60s cannot stand here", at, err.JSONValue)
	}
	return fmt.Errorf("%.200s: %s cannot stand here", at, kindName(err.JSONKind))
}

// kindName is what a person calls a kind of JSON value.
func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	}
	return "this value"
}
