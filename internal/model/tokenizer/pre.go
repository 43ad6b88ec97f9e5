package tokenizer

import "slices"

// Convention is what goes with the name of a pre-tokenizer in GGUF files, whose
// keys do not say it.
type Convention struct {
	// IgnoreMerges takes a piece that is a token as it is, see Spec.
	IgnoreMerges bool
	// AddBOS is whether the beginning-of-text token is wanted unless the file
	// says otherwise.
	AddBOS bool
}

// scheme is how one pre-tokenizer cuts text into pieces.
type scheme struct {
	names []string
	// wordLead lets any one character but a digit or a line break lead a word,
	// and keeps line breaks together, as Llama 3 and Qwen do; otherwise only a
	// space leads, as in GPT-2, and contractions are lower case alone.
	wordLead bool
	digits   int  // of a number's piece at most; 0 means all
	marks    bool // \p{M} counts as a letter; needs wordLead
	// apart cuts every digit out before all else, so that white space before a
	// digit ends a text; for GPT-2's cut alone.
	apart bool
	Convention
}

// schemes holds every pre-tokenizer by each name that GGUF files have for it.
// The names and what goes with them are those of llama.cpp's llama-vocab.cpp.
//
// The patterns, where C is (?i:'s|'t|'re|'ve|'m|'ll|'d):
//
//	llama-bpe  C|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//	qwen2      the same with \p{N} for \p{N}{1,3}
//	qwen35     as qwen2, and \p{M} counts as a letter
//	gpt-2      's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//	starcoder  \p{N} cut out first, then gpt-2 between
var schemes = [...]scheme{
	{
		names: []string{
			"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral",
			"midm-2.0", "lfm2", "jina-v5-nano",
		},
		wordLead: true, digits: 3,
		Convention: Convention{IgnoreMerges: true, AddBOS: true},
	},
	{names: []string{"smaug-bpe", "dbrx"}, wordLead: true, digits: 3},
	{
		names: []string{
			"qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan",
			"solar-open", "grok-2", "kormo", "f2llmv2",
		},
		wordLead: true, digits: 1,
	},
	{names: []string{"qwen35"}, wordLead: true, digits: 1, marks: true},
	{names: []string{
		"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling",
		"exaone4", "gigachat", "a.x-4.0", "mellum",
	}},
	{
		names: []string{
			"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone",
			"minerva-7b", "mellum2",
		},
		digits: 1, apart: true,
	},
}

// findScheme returns the pre-tokenizer that GGUF files call name.
func findScheme(name string) (*scheme, bool) {
	for i := range schemes {
		if slices.Contains(schemes[i].names, name) {
			return &schemes[i], true
		}
	}
	return nil, false
}

// Lookup says what goes with a pre-tokenizer's name, and whether New knows it.
func Lookup(pre string) (Convention, bool) {
	s, ok := findScheme(pre)
	if !ok {
		return Convention{}, false
	}
	return s.Convention, true
}

// Names returns every name of a pre-tokenizer that New takes, sorted.
func Names() []string {
	var all []string
	for i := range schemes {
		all = append(all, schemes[i].names...)
	}
	slices.Sort(all)
	return all
}
