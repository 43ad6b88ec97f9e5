package modelfile

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/modelfile/tokenizerjson"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// Limits of what tokenizer_config.json may say.
const (
	// maxChatTemplate is the bytes of a chat template.
	maxChatTemplate = 1 << 20
	// maxChatTemplates is how many of them may have names.
	maxChatTemplates = 64
)

// errRemoteCode is why a folder with programs of its own is refused.
var errRemoteCode = errors.New("/auto_map: the model wants to run its own program, which is never done; use a model of a supported architecture")

// hfTokenizer is tokenizer_config.json.
type hfTokenizer struct {
	AutoMap  jsontext.Value `json:"auto_map"`
	Remote   bool           `json:"trust_remote_code"`
	BOS      spelling       `json:"bos_token"`
	EOS      spelling       `json:"eos_token"`
	Unknown  spelling       `json:"unk_token"`
	Pad      spelling       `json:"pad_token"`
	AddBOS   *bool          `json:"add_bos_token"`
	AddEOS   *bool          `json:"add_eos_token"`
	Template chatTemplates  `json:"chat_template"`
	Added    addedDecoder   `json:"added_tokens_decoder"`
}

// spelling is a token as text, or an object with its text as content; "" for
// null.
type spelling string

// UnmarshalJSONFrom reads a string, an object or null.
func (s *spelling) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*s = ""
	if dec.PeekKind() == '{' {
		var token struct {
			Content string `json:"content"`
		}
		err := json.UnmarshalDecode(dec, &token)
		*s = spelling(token.Content)
		return err
	}
	return json.UnmarshalDecode(dec, (*string)(s))
}

// chatTemplates is one template, or several with names, of which the one called
// "default" counts.
type chatTemplates string

// UnmarshalJSONFrom reads a string, a list of named templates or null.
func (c *chatTemplates) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*c = ""
	if dec.PeekKind() != '[' {
		return json.UnmarshalDecode(dec, (*string)(c))
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	n, found := 0, false
	for ; dec.PeekKind() != ']'; n++ {
		if n == maxChatTemplates {
			return fmt.Errorf("more than %d templates", maxChatTemplates)
		}
		var named struct {
			Name     string `json:"name"`
			Template string `json:"template"`
		}
		if err := json.UnmarshalDecode(dec, &named); err != nil {
			return err
		}
		if named.Name == "default" {
			*c, found = chatTemplates(named.Template), true
		}
	}
	if n > 0 && !found {
		return errors.New(`no template is called "default"`)
	}
	_, err := dec.ReadToken()
	return err
}

// addedDecoder is the added tokens by their ids, in the file's order.
type addedDecoder []addedEntry

// addedEntry is one of them.
type addedEntry struct {
	id      int
	Content string `json:"content"`
	Special bool   `json:"special"`
}

// UnmarshalJSONFrom reads an object of tokens by their ids, or null.
func (a *addedDecoder) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*a = nil
	token, err := dec.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '{' {
		return errors.New("want an object of tokens by their ids")
	}
	for dec.PeekKind() == '"' {
		if len(*a) == tokenizerjson.MaxAdded {
			return fmt.Errorf("more than %d tokens", tokenizerjson.MaxAdded)
		}
		key, err := dec.ReadToken()
		if err != nil {
			return err
		}
		e := addedEntry{}
		if e.id, err = strconv.Atoi(key.String()); err != nil {
			return fmt.Errorf("%.40q is no id", key.String())
		}
		if err := json.UnmarshalDecode(dec, &e); err != nil {
			return err
		}
		*a = append(*a, e)
	}
	_, err = dec.ReadToken()
	return err
}

// readHFTokenizer reads tokenizer_config.json.
func readHFTokenizer(data []byte) (*hfTokenizer, error) {
	t := &hfTokenizer{}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, tokenizerjson.Plain(err)
	}
	if remoteCode(t.AutoMap) || t.Remote {
		return nil, errRemoteCode
	}
	if len(t.Template) > maxChatTemplate {
		return nil, fmt.Errorf("/chat_template: %d bytes, limit %d", len(t.Template), maxChatTemplate)
	}
	return t, nil
}

// apply completes what tokenizer.json says of the tokenizer.
func (t *hfTokenizer) apply(s *tokenizer.Spec) error {
	for i, e := range t.Added {
		if e.id < 0 || e.id >= len(s.Tokens) || s.Tokens[e.id] != e.Content {
			return fmt.Errorf("/added_tokens_decoder/%d: entry %d, %.60q, is not in tokenizer.json", e.id, i, e.Content)
		}
		if e.Special && s.Types[e.id] != tokenizer.Unknown {
			s.Types[e.id] = tokenizer.Control
		}
	}
	for _, f := range []struct {
		field string
		text  spelling
		id    *int
		fixed bool // a token that the post-processor adds is this one
	}{
		{"bos_token", t.BOS, &s.BOS, s.AddBOS},
		{"eos_token", t.EOS, &s.EOS, s.AddEOS},
		{"unk_token", t.Unknown, &s.Unknown, false},
		{"pad_token", t.Pad, &s.Pad, false},
	} {
		if f.text == "" {
			continue
		}
		id := findSpecial(s, string(f.text))
		switch {
		case id == tokenizer.None:
			return fmt.Errorf("/%s: there is no token %.60q", f.field, f.text)
		case f.fixed && id != *f.id:
			return fmt.Errorf("/%s: %.60q, but tokenizer.json adds %.60q", f.field, f.text, s.Tokens[*f.id])
		}
		*f.id = id
	}
	if t.AddBOS != nil {
		s.AddBOS = *t.AddBOS
	}
	if t.AddEOS != nil {
		s.AddEOS = *t.AddEOS
	}
	return nil
}

// findSpecial returns the id of a token by its text, the last one of that text:
// added tokens come last.
func findSpecial(s *tokenizer.Spec, text string) int {
	for id := len(s.Tokens) - 1; id >= 0; id-- {
		if s.Tokens[id] == text && s.Types[id] != tokenizer.Unused {
			return id
		}
	}
	return tokenizer.None
}

// hfGeneration is generation_config.json.
type hfGeneration struct {
	Temperature *float64 `json:"temperature"`
	TopP        *float64 `json:"top_p"`
	TopK        *int     `json:"top_k"`
	Penalty     *float64 `json:"repetition_penalty"`
	Sample      *bool    `json:"do_sample"`
	EOS         ids      `json:"eos_token_id"`
}

// readHFGeneration reads generation_config.json.
func readHFGeneration(data []byte) (*hfGeneration, error) {
	g := &hfGeneration{}
	if err := json.Unmarshal(data, g); err != nil {
		return nil, tokenizerjson.Plain(err)
	}
	for _, f := range []struct {
		field     string
		value     *float64
		low, high float64
	}{
		{"temperature", g.Temperature, 0, 100},
		{"top_p", g.TopP, 0, 1},
		{"repetition_penalty", g.Penalty, math.SmallestNonzeroFloat64, 100},
	} {
		if f.value != nil && !(*f.value >= f.low && *f.value <= f.high) {
			return nil, fmt.Errorf("/%s: %g, want %g to %g", f.field, *f.value, f.low, f.high)
		}
	}
	if g.TopK != nil && (*g.TopK < 0 || *g.TopK > maxDimension) {
		return nil, fmt.Errorf("/top_k: %d, want 0 to %d", *g.TopK, maxDimension)
	}
	return g, nil
}

// generation returns how the authors would have the model sampled.
func (g *hfGeneration) generation() Generation {
	return Generation{
		Temperature: g.Temperature, TopP: g.TopP, RepetitionPenalty: g.Penalty, TopK: g.TopK,
		Greedy: g.Sample != nil && !*g.Sample,
	}
}

// setIDs fills in special tokens that only config.json names, by their ids, and
// the ends of generation that it and generation_config.json list. An id that is
// no token's is an error, but for padding, where old files have -1.
func setIDs(s *tokenizer.Spec, c *hfConfig, g *hfGeneration) error {
	for _, f := range []struct {
		field string
		ids   ids
		id    *int
	}{{"bos_token_id", c.BOS, &s.BOS}, {"eos_token_id", c.EOS, &s.EOS}, {"pad_token_id", c.Pad, &s.Pad}} {
		for _, id := range f.ids {
			if id < 0 && f.id == &s.Pad {
				continue
			}
			if id < 0 || id >= len(s.Tokens) {
				return fmt.Errorf("config.json: /%s: %d is no token's id", f.field, id)
			}
			if *f.id == tokenizer.None {
				*f.id = id
			}
		}
	}
	s.EndOfGeneration = append(s.EndOfGeneration, c.EOS...)
	if g == nil {
		return nil
	}
	for _, id := range g.EOS {
		if id < 0 || id >= len(s.Tokens) {
			return fmt.Errorf("generation_config.json: /eos_token_id: %d is no token's id", id)
		}
	}
	s.EndOfGeneration = append(s.EndOfGeneration, g.EOS...)
	return nil
}
