package tokenizerjson_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelfile/tokenizerjson"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// object is a JSON object.
type object = map[string]any

// list is a JSON array.
type list = []any

const llama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// split is the pre-tokenizer that byte-level tokenizers have.
func split(pattern string) object {
	return object{"type": "Sequence", "pretokenizers": list{
		object{"type": "Split", "pattern": object{"Regex": pattern}, "behavior": "Isolated", "invert": false},
		object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
	}}
}

// letters is a vocabulary of ten.
func letters() object {
	vocab := object{}
	for i, r := range "abcdefghij" {
		vocab[string(r)] = i
	}
	return vocab
}

// small is a valid file; with changes single fields by path.
func small(change ...any) []byte {
	doc := object{
		"version": "1.0", "truncation": object{"max_length": 4}, "padding": nil, "normalizer": nil,
		"added_tokens": list{
			object{"id": 14, "content": "<|end|>", "special": true},
			object{"id": 16, "content": "<think>", "special": false},
		},
		"pre_tokenizer":  split(llama3),
		"post_processor": object{"type": "ByteLevel"},
		"decoder":        object{"type": "ByteLevel"},
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": "",
			"byte_fallback": false, "ignore_merges": true,
			"vocab": letters(), "merges": list{"a b", list{"ab", "c"}},
		},
	}
	vocab := doc["model"].(object)["vocab"].(object)
	vocab["ab"], vocab["abc"] = 10, 11
	for i := 0; i < len(change); i += 2 {
		at := doc
		path := strings.Split(change[i].(string), "/")
		for _, key := range path[:len(path)-1] {
			at = at[key].(object)
		}
		at[path[len(path)-1]] = change[i+1]
	}
	data, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return data
}

func TestParse(t *testing.T) {
	got, err := tokenizerjson.Parse(small("post_processor", object{"type": "Sequence", "processors": list{
		object{"type": "ByteLevel"},
		object{"type": "TemplateProcessing", "single": list{
			object{"SpecialToken": object{"id": "<|end|>", "type_id": 0}}, object{"Sequence": object{"id": "A", "type_id": 0}},
		}},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	normal, unused := tokenizer.Normal, tokenizer.Unused
	want := &tokenizer.Spec{
		Kind: tokenizer.ByteLevel, Pre: "llama-bpe",
		Tokens: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "ab", "abc", "[PAD12]", "[PAD13]", "<|end|>", "[PAD15]", "<think>"},
		Types: append(slices.Repeat([]tokenizer.TokenType{normal}, 12),
			unused, unused, tokenizer.Control, unused, tokenizer.UserDefined),
		Merges: []string{"a b", "ab c"},
		BOS:    14, EOS: -1, EOT: -1, Unknown: -1, Pad: -1,
		AddBOS: true, IgnoreMerges: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

// A marker that its authors did not call special is a control token, as in GGUF.
func TestParseTakesMarkersForControlTokens(t *testing.T) {
	s, err := tokenizerjson.Parse(small("added_tokens", list{object{"id": 12, "content": "<|fim_prefix|>", "special": false}}))
	if err != nil {
		t.Fatal(err)
	}
	if s.Types[12] != tokenizer.Control {
		t.Errorf("<|fim_prefix|> has type %d, want control", s.Types[12])
	}
}

func TestParseNamesPretokenizers(t *testing.T) {
	gpt2 := object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}
	for want, pre := range map[string]any{
		"gpt-2":     gpt2,
		"llama-bpe": split(llama3),
		"qwen2":     split(strings.Replace(llama3, "{1,3}", "", 1)),
		"starcoder": object{"type": "Sequence", "pretokenizers": list{object{"type": "Digits", "individual_digits": true}, gpt2}},
	} {
		s, err := tokenizerjson.Parse(small("pre_tokenizer", pre))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if s.Pre != want || s.Kind != tokenizer.ByteLevel {
			t.Errorf("pre-tokenizer is %q of kind %q, want %q", s.Pre, s.Kind, want)
		}
		if _, known := tokenizer.Lookup(s.Pre); !known {
			t.Errorf("package tokenizer does not know %q", s.Pre)
		}
	}
}

// pieces is a valid file of the kind that Llama 2 has.
func pieces(change ...any) []byte {
	vocab := object{"<unk>": 0, "<s>": 1, "</s>": 2}
	for b := range 256 {
		vocab[fmt.Sprintf("<0x%02X>", b)] = 3 + b
	}
	for i, text := range []string{"▁", "a", "b", "▁a", "ab", "▁ab"} {
		vocab[text] = 259 + i
	}
	return small(append([]any{
		"added_tokens", list{
			object{"id": 0, "content": "<unk>", "special": true}, object{"id": 1, "content": "<s>", "special": true},
			object{"id": 2, "content": "</s>", "special": true},
		},
		"normalizer", object{"type": "Sequence", "normalizers": list{
			object{"type": "Prepend", "prepend": "▁"}, object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"},
		}},
		"pre_tokenizer", nil,
		"post_processor", nil,
		"model", object{
			"type": "BPE", "byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>", "vocab": vocab,
			"merges": list{"a b", "▁ a", "▁ ab", "▁a b"},
		},
	}, change...)...)
}

func TestParseSentencePiece(t *testing.T) {
	s, err := tokenizerjson.Parse(pieces())
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != tokenizer.SentencePiece || !s.AddSpacePrefix || s.SpacePrefixLean || s.Unknown != 0 || s.Merges != nil {
		t.Errorf("Parse = %+v", s)
	}
	if got, want := s.Types[:5], []tokenizer.TokenType{2, 3, 3, 6, 6}; !slices.Equal(got, want) {
		t.Errorf("types begin %v, want %v", got, want)
	}
	if got, want := s.Scores[259:], []float32{-4, -4, -4, -2, -1, -3}; !slices.Equal(got, want) {
		t.Errorf("scores are %v, want %v", got, want)
	}
	for scheme, want := range map[string][2]bool{"always": {true, false}, "first": {true, true}, "never": {false, false}} {
		s, err := tokenizerjson.Parse(pieces("normalizer", nil, "pre_tokenizer",
			object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false}))
		if err != nil {
			t.Errorf("%s: %v", scheme, err)
			continue
		}
		if got := [2]bool{s.AddSpacePrefix, s.SpacePrefixOnce}; got != want || s.SpacePrefixLean != s.AddSpacePrefix {
			t.Errorf("%s: %v, lean %v, want %v", scheme, got, s.SpacePrefixLean, want)
		}
	}
}

// refused are files that are not read, with a part of what is said of each.
func refused() map[string]struct {
	data []byte
	want string
} {
	type bad = struct {
		data []byte
		want string
	}
	added := func(fields ...any) []byte {
		token := object{"id": 12, "content": "x"}
		for i := 0; i < len(fields); i += 2 {
			token[fields[i].(string)] = fields[i+1]
		}
		return small("added_tokens", list{token})
	}
	long := strings.Repeat("a", tokenizer.MaxTokenBytes+1)
	return map[string]bad{
		"empty":             {nil, "ends within"},
		"cut":               {small()[:100], "ends within"},
		"a list":            {[]byte("[]"), "cannot stand here"},
		"no UTF-8":          {[]byte("{\"version\":\"\xff\"}"), "UTF-8"},
		"two documents":     {append(small(), "{}"...), "byte"},
		"model twice":       {[]byte(`{"model":{},"model":{}}`), "one name"},
		"token twice":       {[]byte(`{"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}}`), "/model/vocab/a: two keys"},
		"no model":          {[]byte("{}"), "/model: /type: missing"},
		"unigram":           {small("model/type", "Unigram"), `"Unigram"`},
		"wordpiece":         {small("model/type", "WordPiece"), `"WordPiece"`},
		"no vocabulary":     {small("model/vocab", object{}), "empty"},
		"dropout":           {small("model/dropout", 0.1), "/dropout"},
		"subword prefix":    {small("model/continuing_subword_prefix", "##"), "/continuing_subword_prefix"},
		"word suffix":       {small("model/end_of_word_suffix", "</w>"), "/end_of_word_suffix"},
		"long token":        {small("model/vocab/"+long, 12), "a token of 4097 bytes"},
		"negative id":       {small("model/vocab/a", -1), "id -1"},
		"huge id":           {small("model/vocab/a", 1<<40), "limit"},
		"many holes":        {small("model/vocab/a", tokenizer.MaxTokens-1), "have no token"},
		"fractional id":     {small("model/vocab/a", 0.5), "/model/vocab/a"},
		"id a string":       {small("model/vocab/a", "0"), "/model/vocab/a"},
		"same id":           {small("model/vocab/a", 1), "have the id 1"},
		"absent left":       {small("model/merges", list{"z a"}), `no token "z"`},
		"absent right":      {small("model/merges", list{"a z"}), `no token "z"`},
		"absent result":     {small("model/merges", list{"a c"}), `no token "ac"`},
		"merge twice":       {small("model/merges", list{"a b", list{"a", "b"}}), "occurs twice"},
		"merge of one":      {small("model/merges", list{"ab"}), "not two tokens"},
		"merge of three":    {small("model/merges", list{"a b c"}), "not two tokens"},
		"list of one":       {small("model/merges", list{list{"a"}}), "a merge"},
		"list of three":     {small("model/merges", list{list{"a", "b", "c"}}), "where"},
		"merge with spaces": {small("model/merges", list{list{"a ", "b"}}), "spaces"},
		"merge a number":    {small("model/merges", list{1}), "a merge is a number"},
		"merges an object":  {small("model/merges", object{}), "where"},
		"unknown absent":    {small("model/unk_token", "<unk>"), "/model/unk_token"},
		"added without id":  {added("id", nil), "without id"},
		"added no content":  {added("content", ""), "without id or content"},
		"added long":        {added("content", long), "4097 bytes"},
		"added elsewhere":   {added("content", "a"), "in the vocabulary"},
		"added over":        {added("id", 3), "in the vocabulary"},
		"added negative":    {added("id", -5), "/added_tokens/0/id"},
		"added huge":        {added("id", 1<<31), "/added_tokens/0/id"},
		"added twice":       {small("added_tokens", list{object{"id": 12, "content": "x"}, object{"id": 13, "content": "x"}}), "/added_tokens/1"},
		"lstrip":            {added("lstrip", true), "lstrip"},
		"rstrip":            {added("rstrip", true), "rstrip"},
		"single word":       {added("single_word", true), "single_word"},
		"unknown pattern":   {small("pre_tokenizer", split(`\w+`)), "/pre_tokenizer/pretokenizers/0/pattern/Regex"},
		"removed": {small("pre_tokenizer", object{"type": "Sequence", "pretokenizers": list{
			object{"type": "Split", "pattern": object{"Regex": llama3}, "behavior": "Removed", "invert": true},
			object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
		}}), "/pre_tokenizer/pretokenizers/0"},
		"no pre-tokenizer":    {small("pre_tokenizer", nil), "/pre_tokenizer"},
		"whitespace":          {small("pre_tokenizer", object{"type": "Whitespace"}), "/pre_tokenizer"},
		"prefix space":        {small("pre_tokenizer", object{"type": "ByteLevel", "add_prefix_space": true}), "add_prefix_space"},
		"no cut at all":       {small("pre_tokenizer", object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}), "use_regex"},
		"NFKC":                {small("normalizer", object{"type": "NFKC"}), "/normalizer: NFKC"},
		"lower case":          {small("normalizer", object{"type": "Sequence", "normalizers": list{object{"type": "NFC"}, object{"type": "Lowercase"}}}), "/normalizer/normalizers/1: Lowercase"},
		"section too long":    {small("normalizer", object{"type": strings.Repeat("x", tokenizerjson.MaxSection)}), "/normalizer: 65"},
		"section deep":        {small("normalizer", json.RawMessage(strings.Repeat(`{"normalizers":[`, 3000)+strings.Repeat("]}", 3000))), "/normalizer"},
		"deep":                {[]byte(strings.Repeat("[", 100_000)), ""},
		"deep in model":       {[]byte(`{"model":{"x":` + strings.Repeat(`{"a":`, 1_000_000)), ""},
		"roberta":             {small("post_processor", object{"type": "RobertaProcessing"}), "/post_processor: Roberta"},
		"template unknown":    {small("post_processor", object{"type": "TemplateProcessing", "single": list{object{"SpecialToken": object{"id": "<x>"}}, object{"Sequence": object{"id": "A"}}}}), `no token "<x>"`},
		"template of two":     {small("post_processor", object{"type": "TemplateProcessing", "single": list{object{"SpecialToken": object{"id": "a"}}, object{"SpecialToken": object{"id": "a"}}, object{"Sequence": object{"id": "A"}}}}), "only one token"},
		"template of nothing": {small("post_processor", object{"type": "TemplateProcessing", "single": list{}}), "only one token"},
		"template B":          {small("post_processor", object{"type": "TemplateProcessing", "single": list{object{"Sequence": object{"id": "B"}}}}), "/post_processor/single/0"},
		"no byte tokens":      {pieces("model/vocab", object{"<unk>": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5, "▁": 6, "▁a": 7, "▁ab": 8}), "byte 0x00"},
		"metaspace cuts":      {pieces("normalizer", nil, "pre_tokenizer", object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true}), "split"},
		"metaspace old":       {pieces("normalizer", nil, "pre_tokenizer", object{"type": "Metaspace", "replacement": "▁", "add_prefix_space": true}), "split"},
		"metaspace other":     {pieces("normalizer", nil, "pre_tokenizer", object{"type": "Metaspace", "replacement": "_", "split": false}), "replacement"},
		"metaspace scheme":    {pieces("normalizer", nil, "pre_tokenizer", object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "x", "split": false}), "prepend_scheme"},
		"spaces stay":         {pieces("normalizer", nil), "/normalizer"},
		"missing split":       {pieces("model/merges", list{"a b", "▁ a", "▁ ab"}), `"▁ab" can be made in 2 ways, but 1`},
		"merges apart":        {pieces("model/merges", list{"▁ ab", "a b", "▁ a", "▁a b"}), "apart"},
	}
}

func TestParseRefuses(t *testing.T) {
	for name, bad := range refused() {
		s, err := tokenizerjson.Parse(bad.data)
		if err == nil {
			t.Errorf("%s: Parse = %d tokens, want an error", name, len(s.Tokens))
			continue
		}
		if !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: Parse: %v, want %q in it", name, err, bad.want)
		}
		if len(err.Error()) > 1000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

// What is long is refused, and not only when the test runs out of time.
func TestParseRefusesWhatIsLong(t *testing.T) {
	var vocab strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&vocab, `"%d":%d,`, i, i)
	}
	long := strings.Repeat("a", 4000)
	for name, data := range map[string]string{
		"million merges": `{"model":{"type":"BPE","vocab":{"a":0},"merges":[` + strings.Repeat(`"a a",`, 1_000_000) + `"a a"]}}`,
		"same id":        `{"model":{"type":"BPE","merges":[],"vocab":{` + vocab.String() + `"x":0}}}`,
		"million added":  `{"added_tokens":[` + strings.Repeat(`{"id":1,"content":"a"},`, 200_000) + `{}]}`,
		"long tokens":    `{"model":{"type":"BPE","byte_fallback":true,"merges":[],"vocab":{"` + long + `":0}}}`,
	} {
		if _, err := tokenizerjson.Parse([]byte(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A vocabulary that merging makes, written in both spellings of merges.
func TestParseRandomVocabularies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		want := modeltest.Vocabulary(modeltest.Options{})
		want.Merges, want.Tokens, want.Types = nil, want.Tokens[:256:256], want.Types[:256:256]
		known := map[string]bool{}
		for range r.IntN(60) {
			left, right := want.Tokens[r.IntN(len(want.Tokens))], want.Tokens[r.IntN(len(want.Tokens))]
			if !known[left+right] {
				known[left+right] = true
				want.Tokens, want.Types = append(want.Tokens, left+right), append(want.Types, tokenizer.Normal)
				want.Merges = append(want.Merges, left+" "+right)
			}
		}
		vocab := object{}
		for id, text := range want.Tokens {
			vocab[text] = id
		}
		all := list{}
		for _, m := range want.Merges {
			left, right, _ := strings.Cut(m, " ")
			if r.IntN(2) == 0 {
				all = append(all, list{left, right})
			} else {
				all = append(all, m)
			}
		}
		got, err := tokenizerjson.Parse(small("added_tokens", nil, "model/vocab", vocab, "model/merges", all))
		if err != nil {
			t.Fatal(err)
		}
		got.Merges = append([]string(nil), got.Merges...)
		if diff := cmp.Diff([]any{want.Tokens, want.Types, want.Merges}, []any{got.Tokens, got.Types, got.Merges}); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if _, err := tokenizer.New(*got); err != nil {
			t.Fatal(err)
		}
	})
}

// Tokenizers of the test's models are the same by either road.
func TestParseTestModels(t *testing.T) {
	for _, o := range []modeltest.Options{{}, {Architecture: "qwen2"}, {SentencePiece: true}} {
		data, err := os.ReadFile(filepath.Join(modeltest.Folder(t, o), "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := tokenizerjson.Parse(data)
		if err != nil {
			t.Errorf("%+v: %v", o, err)
			continue
		}
		want := modeltest.Vocabulary(o)
		if diff := cmp.Diff([]any{want.Tokens, want.Types, want.Merges, want.Pre}, []any{got.Tokens, got.Types, got.Merges, got.Pre}); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", o, diff)
		}
		if normal := got.Normalizer == "nfc"; normal != (o.Architecture == "qwen2") {
			t.Errorf("%+v: normalizer %q", o, got.Normalizer)
		}
		if !o.SentencePiece {
			continue
		}
		a, b := newTokenizer(t, want), newTokenizer(t, *got)
		for _, text := range []string{"the  attacker", "", " ", "user host é\x00 highlow", "systemsystem the"} {
			if x, y := a.Encode(text), b.Encode(text); !slices.Equal(x, y) {
				t.Errorf("%q: %v by scores, %v by merges", text, x, y)
			}
		}
	}
}

func newTokenizer(t *testing.T, s tokenizer.Spec) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func FuzzParse(f *testing.F) {
	for _, bad := range refused() {
		if len(bad.data) < 20_000 {
			f.Add(bad.data)
		}
	}
	f.Add(small())
	f.Add(pieces())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := tokenizerjson.Parse(data)
		if err != nil {
			return
		}
		if len(s.Types) != len(s.Tokens) || s.Kind == tokenizer.SentencePiece && len(s.Scores) != len(s.Tokens) {
			t.Fatalf("%d tokens, %d types, %d scores", len(s.Tokens), len(s.Types), len(s.Scores))
		}
		for _, id := range []int{s.BOS, s.EOS, s.Unknown} {
			if id < tokenizer.None || id >= len(s.Tokens) {
				t.Fatalf("id %d of %d", id, len(s.Tokens))
			}
		}
		if len(s.Tokens) < 10_000 {
			tokenizer.New(*s) // may refuse, must not panic
		}
	})
}
