package modeltest

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// The patterns of the byte-level pre-tokenizers that Vocabulary names.
const (
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// object is a JSON object.
type object = map[string]any

// tokenizerConfig returns tokenizer_config.json.
func (o *Options) tokenizerConfig() object {
	s := Vocabulary(*o)
	config := object{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": o.Context,
		"bos_token": s.Tokens[s.BOS], "eos_token": s.Tokens[s.EOS], "add_bos_token": s.AddBOS,
	}
	if s.Pad != tokenizer.None {
		config["pad_token"] = s.Tokens[s.Pad]
	}
	if s.Unknown != tokenizer.None {
		config["unk_token"] = s.Tokens[s.Unknown]
	}
	if o.ChatTemplate != "" {
		config["chat_template"] = o.ChatTemplate
	}
	return config
}

// tokenizerJSON returns tokenizer.json.
func (o *Options) tokenizerJSON() object {
	s := Vocabulary(*o)
	var added []object
	for id, t := range s.Types {
		if t != tokenizer.Normal && t != tokenizer.Byte {
			added = append(added, object{
				"id": id, "content": s.Tokens[id], "special": t != tokenizer.UserDefined,
				"single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
			})
		}
	}
	model := object{"type": "BPE", "dropout": nil, "unk_token": nil, "ignore_merges": s.IgnoreMerges, "vocab": vocabularyJSON(&s)}
	doc := object{"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "model": model}
	if s.AddBOS {
		bos := s.Tokens[s.BOS]
		doc["post_processor"] = object{
			"type":   "TemplateProcessing",
			"single": []object{{"SpecialToken": object{"id": bos, "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}}},
			"pair": []object{
				{"SpecialToken": object{"id": bos, "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}},
				{"SpecialToken": object{"id": bos, "type_id": 1}}, {"Sequence": object{"id": "B", "type_id": 1}},
			},
			"special_tokens": object{bos: object{"id": bos, "ids": []int{s.BOS}, "tokens": []string{bos}}},
		}
	}
	if s.Kind == tokenizer.SentencePiece {
		model["unk_token"], model["byte_fallback"], model["fuse_unk"] = s.Tokens[s.Unknown], true, true
		model["merges"] = scoredMerges(&s)
		doc["normalizer"] = object{"type": "Sequence", "normalizers": []object{
			{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": object{"String": " "}, "content": "▁"},
		}}
		doc["decoder"] = object{"type": "Sequence", "decoders": []object{
			{"type": "Replace", "pattern": object{"String": "▁"}, "content": " "},
			{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
		}}
		return doc
	}
	model["merges"] = s.Merges
	pattern := llama3Pattern
	if s.Pre == "qwen2" {
		pattern = qwen2Pattern
		doc["normalizer"] = object{"type": "NFC"}
	}
	doc["pre_tokenizer"] = object{"type": "Sequence", "pretokenizers": []object{
		{"type": "Split", "pattern": object{"Regex": pattern}, "behavior": "Isolated", "invert": false},
		{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
	}}
	doc["decoder"] = object{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
	return doc
}

// vocabularyJSON returns the tokens that are not added ones, in the order of
// their ids; with SentencePiece all of them, as real files have it.
func vocabularyJSON(s *tokenizer.Spec) jsontext.Value {
	var out bytes.Buffer
	e := jsontext.NewEncoder(&out)
	tokens := []jsontext.Token{jsontext.BeginObject}
	for id, text := range s.Tokens {
		if s.Kind == tokenizer.SentencePiece || s.Types[id] == tokenizer.Normal {
			tokens = append(tokens, jsontext.String(text), jsontext.Int(int64(id)))
		}
	}
	for _, t := range append(tokens, jsontext.EndObject) {
		if err := e.WriteToken(t); err != nil {
			panic("modeltest: vocabulary: " + err.Error())
		}
	}
	return jsontext.Value(out.Bytes())
}

// scoredMerges returns every way to make a token of two others, the best score
// first, as converters from SentencePiece do.
func scoredMerges(s *tokenizer.Spec) []string {
	ids := map[string]int{}
	var made []int
	for id, text := range s.Tokens {
		ids[text] = id
		if s.Types[id] == tokenizer.Normal {
			made = append(made, id)
		}
	}
	slices.SortStableFunc(made, func(a, b int) int { return cmp.Compare(s.Scores[b], s.Scores[a]) })
	var all []string
	for _, id := range made {
		text := s.Tokens[id]
		for i := range text {
			if i == 0 {
				continue
			}
			_, left := ids[text[:i]]
			_, right := ids[text[i:]]
			if left && right {
				all = append(all, text[:i]+" "+text[i:])
			}
		}
	}
	return all
}
