package tokenizerjson

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// spaceMark stands for a space in tokens of SentencePiece.
const spaceMark = "\u2581"

// step is one normalizer, pre-tokenizer or post-processor: the fields of all
// that are known.
type step struct {
	Type string `json:"type"`

	Normalizers   []step `json:"normalizers"`
	Pretokenizers []step `json:"pretokenizers"`
	Processors    []step `json:"processors"`

	Prepend string   `json:"prepend"`
	Pattern *pattern `json:"pattern"`
	Content string   `json:"content"`

	Behavior         string `json:"behavior"`
	Invert           bool   `json:"invert"`
	AddPrefixSpace   *bool  `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"`
	IndividualDigits bool   `json:"individual_digits"`

	Replacement   string  `json:"replacement"`
	PrependScheme *string `json:"prepend_scheme"`
	Split         *bool   `json:"split"`

	Single []piece `json:"single"`
}

// pattern is what a step looks for.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// piece is a part of a template.
type piece struct {
	Special *struct {
		ID string `json:"id"`
	} `json:"SpecialToken"`
	Sequence *struct {
		ID string `json:"id"`
	} `json:"Sequence"`
}

// readStep reads a section; nil if the file has none.
func readStep(section jsontext.Value, path string) (*step, error) {
	if len(section) == 0 || section.Kind() == 'n' {
		return nil, nil
	}
	if len(section) > MaxSection {
		return nil, fmt.Errorf("%s: %d bytes, limit %d", path, len(section), MaxSection)
	}
	s := &step{}
	if err := json.Unmarshal(section, s); err != nil {
		return nil, fmt.Errorf("%s%w", path, Plain(err))
	}
	return s, nil
}

// flatten returns the parts of a Sequence, or the one step, with their paths.
func flatten(s *step, path, list string, parts func(*step) []step) []located {
	if s == nil {
		return nil
	}
	if s.Type != "Sequence" {
		return []located{{s, path}}
	}
	var all []located
	inner := parts(s)
	for i := range inner {
		all = append(all, located{&inner[i], fmt.Sprintf("%s/%s/%d", path, list, i)})
	}
	return all
}

// located is a step and its path in the file.
type located struct {
	*step
	path string
}

// refuse is the error for a step that no Spec can hold.
func (l located) refuse(why string) error {
	return fmt.Errorf("%s: %.40s %s", l.path, l.Type, why)
}

// readSteps finds out which tokenizer this is by what is done to text.
func (d *document) readSteps(s *tokenizer.Spec) error {
	n, err := readStep(d.Normalizer, "/normalizer")
	if err != nil {
		return err
	}
	p, err := readStep(d.PreTokenizer, "/pre_tokenizer")
	if err != nil {
		return err
	}
	normalizers := flatten(n, "/normalizer", "normalizers", func(s *step) []step { return s.Normalizers })
	pretokenizers := flatten(p, "/pre_tokenizer", "pretokenizers", func(s *step) []step { return s.Pretokenizers })
	if len(pretokenizers) > 0 && pretokenizers[len(pretokenizers)-1].Type == "ByteLevel" {
		s.Kind = tokenizer.ByteLevel
		if err := byteLevelNormalizer(s, normalizers); err != nil {
			return err
		}
		return byteLevelCut(s, pretokenizers)
	}
	if !d.Model.ByteFallback {
		return errors.New("/pre_tokenizer: neither bytes (ByteLevel) nor characters with byte_fallback: not supported")
	}
	if s.IgnoreMerges {
		return errors.New("/model/ignore_merges: not supported with byte_fallback")
	}
	s.Kind = tokenizer.SentencePiece
	return sentencePiece(s, normalizers, pretokenizers)
}

// byteLevelNormalizer takes no normalizer, or form C.
func byteLevelNormalizer(s *tokenizer.Spec, steps []located) error {
	for _, l := range steps {
		if l.Type != "NFC" || s.Normalizer != "" {
			return l.refuse("is not supported before ByteLevel")
		}
		s.Normalizer = "nfc"
	}
	return nil
}

// contractions begin most patterns.
const contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`

// preNames names pre-tokenizers by their patterns, in GGUF's terms.
var preNames = map[string]string{
	contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`:        "llama-bpe",
	contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`:             "qwen2",
	contractions + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: "qwen35",
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`:                                    "gpt-2",
}

// byteLevelCut names the pre-tokenizer. The last step is ByteLevel.
func byteLevelCut(s *tokenizer.Spec, steps []located) error {
	last := steps[len(steps)-1]
	if last.AddPrefixSpace == nil || *last.AddPrefixSpace {
		return last.refuse("with add_prefix_space is not supported")
	}
	gpt2 := last.UseRegex == nil || *last.UseRegex
	switch before := steps[:len(steps)-1]; {
	case len(before) == 0 && gpt2:
		s.Pre = "gpt-2"
		return nil
	case len(before) == 1 && gpt2 && before[0].Type == "Digits" && before[0].IndividualDigits:
		s.Pre = "starcoder"
		return nil
	case len(before) == 1 && !gpt2 && before[0].Type == "Split":
		return splitCut(s, before[0])
	case len(before) > 0:
		return before[0].refuse("is not known in this place")
	}
	return last.refuse("without use_regex and without Split before it is not supported")
}

// splitCut names the pre-tokenizer by the pattern of its Split.
func splitCut(s *tokenizer.Spec, l located) error {
	if l.Behavior != "Isolated" || l.Invert {
		return l.refuse("is supported with behavior Isolated and without invert alone")
	}
	if l.Pattern == nil || l.Pattern.Regex == nil {
		return fmt.Errorf("%s/pattern/Regex: missing", l.path)
	}
	name, ok := preNames[*l.Pattern.Regex]
	if !ok {
		return fmt.Errorf("%s/pattern/Regex: the pattern %.200q is not known", l.path, *l.Pattern.Regex)
	}
	s.Pre = name
	return nil
}

// sentencePiece takes the two ways in which spaces become "▁": by normalizers,
// and by a Metaspace pre-tokenizer that does not cut.
func sentencePiece(s *tokenizer.Spec, normalizers, pretokenizers []located) error {
	replaced := false
	for i, l := range normalizers {
		switch {
		case l.Type == "Prepend" && l.Prepend == spaceMark && i == 0:
			s.AddSpacePrefix = true
		case l.Type == "Replace" && l.Content == spaceMark && l.Pattern != nil && l.Pattern.String != nil && *l.Pattern.String == " " && !replaced:
			replaced = true
		default:
			return l.refuse("is not supported with byte_fallback")
		}
	}
	switch {
	case replaced && len(pretokenizers) == 0:
		return nil
	case len(normalizers) == 0 && len(pretokenizers) == 1 && pretokenizers[0].Type == "Metaspace":
		return metaspace(s, pretokenizers[0])
	case len(pretokenizers) > 0:
		return pretokenizers[0].refuse("is not supported with byte_fallback")
	}
	return fmt.Errorf("/normalizer: spaces do not become %q, which is not supported with byte_fallback", spaceMark)
}

// metaspace reads when a space is put before text.
func metaspace(s *tokenizer.Spec, l located) error {
	if l.Replacement != spaceMark {
		return l.refuse("with another replacement than " + spaceMark + " is not supported")
	}
	if l.Split == nil || *l.Split {
		return l.refuse("with split is not supported")
	}
	scheme := "always"
	switch {
	case l.PrependScheme != nil:
		scheme = *l.PrependScheme
	case l.AddPrefixSpace != nil && !*l.AddPrefixSpace:
		scheme = "never"
	}
	switch scheme {
	case "always":
		s.AddSpacePrefix, s.SpacePrefixLean = true, true
	case "first":
		s.AddSpacePrefix, s.SpacePrefixLean, s.SpacePrefixOnce = true, true, true
	case "never":
	default:
		return fmt.Errorf("%s/prepend_scheme: %.40q is not known", l.path, scheme)
	}
	return nil
}

// readPostProcessor finds out which tokens begin and end a text.
func (d *document) readPostProcessor(s *tokenizer.Spec, v *vocabulary) error {
	p, err := readStep(d.PostProcessor, "/post_processor")
	if err != nil {
		return err
	}
	found := false
	for _, l := range flatten(p, "/post_processor", "processors", func(s *step) []step { return s.Processors }) {
		switch {
		case l.Type == "ByteLevel": // moves offsets alone
		case l.Type == "TemplateProcessing" && !found:
			found = true
			if err := template(s, v, l); err != nil {
				return err
			}
		default:
			return l.refuse("is not supported")
		}
	}
	return nil
}

// template takes [special] text [special].
func template(s *tokenizer.Spec, v *vocabulary, l located) error {
	text := -1
	var before, after []string
	for i, p := range l.Single {
		switch {
		case p.Sequence != nil && p.Sequence.ID == "A" && text < 0:
			text = i
		case p.Special != nil && text < 0:
			before = append(before, p.Special.ID)
		case p.Special != nil:
			after = append(after, p.Special.ID)
		default:
			return fmt.Errorf("%s/single/%d: not supported", l.path, i)
		}
	}
	if text < 0 || len(before) > 1 || len(after) > 1 {
		return fmt.Errorf("%s/single: only one token before and after the text is supported", l.path)
	}
	for _, end := range []struct {
		tokens []string
		id     *int
		add    *bool
	}{{before, &s.BOS, &s.AddBOS}, {after, &s.EOS, &s.AddEOS}} {
		if len(end.tokens) == 0 {
			continue
		}
		id, ok := v.ids[end.tokens[0]]
		if !ok {
			return fmt.Errorf("%s/single: there is no token %.60q", l.path, end.tokens[0])
		}
		*end.id, *end.add = id, true
	}
	return nil
}
