package tokenizerjson

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// bpe is the section "model".
type bpe struct {
	Type         string   `json:"type"`
	Dropout      *float64 `json:"dropout"`
	Unknown      *string  `json:"unk_token"`
	Prefix       string   `json:"continuing_subword_prefix"`
	Suffix       string   `json:"end_of_word_suffix"`
	ByteFallback bool     `json:"byte_fallback"`
	IgnoreMerges bool     `json:"ignore_merges"`
	Vocab        words    `json:"vocab"`
	Merges       merges   `json:"merges"`
}

// check refuses what no Spec can hold.
func (m *bpe) check() error {
	switch {
	case m.Type != "BPE" && m.Type != "":
		return fmt.Errorf("/type: tokenizers of type %.40q are not supported, only BPE", m.Type)
	case m.Type == "" && m.Merges == nil:
		return errors.New("/type: missing")
	case m.Dropout != nil && *m.Dropout != 0:
		return errors.New("/dropout: not supported; tokens would be a matter of chance")
	case m.Prefix != "":
		return errors.New("/continuing_subword_prefix: not supported")
	case m.Suffix != "":
		return errors.New("/end_of_word_suffix: not supported")
	case len(m.Vocab) == 0:
		return errors.New("/vocab: it is empty")
	}
	return nil
}

// word is one token of the vocabulary.
type word struct {
	text string
	id   int
}

// words is the vocabulary in the file's order.
type words []word

// UnmarshalJSONFrom reads an object of ids by token, with every limit checked
// before more is kept.
func (w *words) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if err := open(dec, '{'); err != nil {
		return err
	}
	total := 0
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		text := token.String()
		total += len(text)
		switch {
		case len(*w) == tokenizer.MaxTokens:
			return fmt.Errorf("more than %d tokens", tokenizer.MaxTokens)
		case len(text) > tokenizer.MaxTokenBytes:
			return fmt.Errorf("a token of %d bytes, limit %d", len(text), tokenizer.MaxTokenBytes)
		case total > tokenizer.MaxVocabularyBytes:
			return fmt.Errorf("tokens of more than %d bytes together", tokenizer.MaxVocabularyBytes)
		}
		var id int
		if err := json.UnmarshalDecode(dec, &id); err != nil {
			return err
		}
		*w = append(*w, word{text, id})
	}
	_, err := dec.ReadToken()
	return err
}

// merges are "left right", the most urgent first.
type merges []string

// UnmarshalJSONFrom reads a list of merges, each a string of two tokens or a
// list of two.
func (m *merges) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if err := open(dec, '['); err != nil {
		return err
	}
	*m = merges{}
	for dec.PeekKind() != ']' {
		if len(*m) == tokenizer.MaxMerges {
			return fmt.Errorf("more than %d merges", tokenizer.MaxMerges)
		}
		merge, err := readMerge(dec)
		if err != nil {
			return err
		}
		*m = append(*m, merge)
	}
	_, err := dec.ReadToken()
	return err
}

// readMerge returns one merge as "left right".
func readMerge(dec *jsontext.Decoder) (string, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	if token.Kind() == '"' {
		merge := token.String()
		if strings.Count(merge, " ") != 1 {
			return "", fmt.Errorf("merge %.60q is not two tokens with a space between", merge)
		}
		return merge, nil
	}
	if token.Kind() != '[' {
		return "", fmt.Errorf("a merge is %s", kindName(token.Kind()))
	}
	var pair [2]string
	for i := range pair {
		token, err := dec.ReadToken()
		if err != nil {
			return "", err
		}
		if token.Kind() != '"' {
			return "", fmt.Errorf("a merge has %s for a token", kindName(token.Kind()))
		}
		pair[i] = token.String()
		if strings.Contains(pair[i], " ") {
			return "", fmt.Errorf("merge of %.60q: tokens with spaces cannot be merged", pair[i])
		}
	}
	if err := open(dec, ']'); err != nil {
		return "", err
	}
	return pair[0] + " " + pair[1], nil
}

// open reads a bracket.
func open(dec *jsontext.Decoder, kind jsontext.Kind) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != kind {
		return fmt.Errorf("%s where %v was expected", kindName(token.Kind()), kind)
	}
	return nil
}

// addedToken is one entry of "added_tokens".
type addedToken struct {
	ID         *int    `json:"id"`
	Content    *string `json:"content"`
	SingleWord bool    `json:"single_word"`
	Left       bool    `json:"lstrip"`
	Right      bool    `json:"rstrip"`
	Special    bool    `json:"special"`
}

type addedTokens []addedToken

// UnmarshalJSONFrom reads a list of added tokens.
func (a *addedTokens) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		_, err := dec.ReadToken()
		return err
	}
	if err := open(dec, '['); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if len(*a) == MaxAdded {
			return fmt.Errorf("more than %d added tokens", MaxAdded)
		}
		var t addedToken
		if err := json.UnmarshalDecode(dec, &t); err != nil {
			return err
		}
		if err := t.check(); err != nil {
			return err
		}
		*a = append(*a, t)
	}
	_, err := dec.ReadToken()
	return err
}

func (t *addedToken) check() error {
	switch {
	case t.ID == nil || t.Content == nil || *t.Content == "":
		return errors.New("an added token without id or content")
	case len(*t.Content) > tokenizer.MaxTokenBytes:
		return fmt.Errorf("an added token of %d bytes, limit %d", len(*t.Content), tokenizer.MaxTokenBytes)
	case t.SingleWord, t.Left, t.Right:
		return fmt.Errorf("added token %.60q: single_word, lstrip and rstrip are not supported", *t.Content)
	}
	return nil
}
