package modelfile

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// turnEnds are the spellings of tokens that end a turn, the likeliest first.
// Files do not say which token does; these are the ones that llama.cpp knows.
var turnEnds = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
	"<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>",
	"<end_of_utterance>",
}

// textEnds are spellings of other tokens after which a model says no more.
var textEnds = []string{"<|eom_id|>", "</s>", "<eos>", "[EOS]"}

// completeSpecial finds what no file says of special tokens: EOT by its spelling
// where s has none, and in EndOfGeneration, sorted, EOS, EOT and every token that
// is spelled like an end, besides those already in it.
func completeSpecial(s *tokenizer.Spec) {
	ids := map[string]int{}
	for _, text := range slices.Concat(turnEnds, textEnds) {
		ids[text] = tokenizer.None
	}
	for id, text := range s.Tokens {
		if have, ok := ids[text]; ok && have == tokenizer.None {
			ids[text] = id
		}
	}
	ends := append([]int{s.EOS, s.EOT}, s.EndOfGeneration...)
	for _, text := range slices.Concat(turnEnds, textEnds) {
		id := ids[text]
		if s.EOT == tokenizer.None && slices.Contains(turnEnds, text) {
			s.EOT = id
		}
		ends = append(ends, id)
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)
	s.EndOfGeneration = slices.DeleteFunc(ends, func(id int) bool { return id < 0 })
}
