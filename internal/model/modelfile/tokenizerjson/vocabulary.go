package tokenizerjson

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// vocabulary is all tokens by their ids.
type vocabulary struct {
	tokens []string
	types  []tokenizer.TokenType // 0 where an id has no token
	ids    map[string]int        // of the model's own tokens, and added ones
}

// newVocabulary puts the model's tokens and the added ones in their places.
func newVocabulary(m *bpe, added addedTokens) (*vocabulary, error) {
	size, err := countIDs(m.Vocab, added)
	if err != nil {
		return nil, err
	}
	v := &vocabulary{
		tokens: make([]string, size), types: make([]tokenizer.TokenType, size),
		ids: make(map[string]int, len(m.Vocab)+len(added)),
	}
	for _, w := range m.Vocab {
		if v.types[w.id] != 0 {
			return nil, fmt.Errorf("/model/vocab: %.60q and %.60q have the id %d", v.tokens[w.id], w.text, w.id)
		}
		v.tokens[w.id], v.types[w.id], v.ids[w.text] = w.text, tokenizer.Normal, w.id
	}
	if m.Merges != nil {
		if err := v.checkMerges(m.Merges); err != nil {
			return nil, fmt.Errorf("/model/merges: %w", err)
		}
	}
	for i, t := range added {
		if err := v.add(t); err != nil {
			return nil, fmt.Errorf("/added_tokens/%d: %w", i, err)
		}
	}
	v.fillHoles()
	return v, nil
}

// countIDs returns one more than the largest id.
func countIDs(vocab words, added addedTokens) (int, error) {
	size := 0
	for _, w := range vocab {
		if w.id < 0 || w.id >= tokenizer.MaxTokens {
			return 0, fmt.Errorf("/model/vocab: %.60q has the id %d, limit %d", w.text, w.id, tokenizer.MaxTokens)
		}
		size = max(size, w.id+1)
	}
	for i, t := range added {
		if *t.ID < 0 || *t.ID >= tokenizer.MaxTokens {
			return 0, fmt.Errorf("/added_tokens/%d/id: %d, limit %d", i, *t.ID, tokenizer.MaxTokens)
		}
		size = max(size, *t.ID+1)
	}
	if holes := size - len(vocab) - len(added); holes > MaxHoles {
		return 0, fmt.Errorf("%d ids have no token, limit %d", holes, MaxHoles)
	}
	return size, nil
}

// add puts an added token in its place. It may be one of the model's own.
func (v *vocabulary) add(t addedToken) error {
	id, text := *t.ID, *t.Content
	if own, ok := v.ids[text]; ok && own != id {
		return fmt.Errorf("%.60q has the id %d, and %d in the vocabulary", text, id, own)
	}
	if v.types[id] != 0 && v.tokens[id] != text {
		return fmt.Errorf("id %d is %.60q, and %.60q in the vocabulary", id, text, v.tokens[id])
	}
	kind := tokenizer.UserDefined
	if t.Special || looksSpecial(text) {
		kind = tokenizer.Control
	}
	v.tokens[id], v.types[id], v.ids[text] = text, kind, id
	return nil
}

// looksSpecial says whether an added token is a marker that its authors forgot
// to call special; converters to GGUF take the same ones for control tokens.
func looksSpecial(text string) bool {
	switch text {
	case "<pad>", "<mask>", "<2mass>", "[@BOS@]":
		return true
	}
	return strings.HasPrefix(text, "<|") && strings.HasSuffix(text, "|>") ||
		strings.HasPrefix(text, "<｜") && strings.HasSuffix(text, "｜>") ||
		strings.HasPrefix(text, "<unused") && strings.HasSuffix(text, ">")
}

// fillHoles names ids that have no token as converters to GGUF do.
func (v *vocabulary) fillHoles() {
	for id, kind := range v.types {
		if kind == 0 {
			v.tokens[id], v.types[id] = fmt.Sprintf("[PAD%d]", id), tokenizer.Unused
		}
	}
}

// checkMerges refuses merges of tokens, or into tokens, that do not exist, and
// those that occur twice.
func (v *vocabulary) checkMerges(all merges) error {
	seen := make(map[[2]int]bool, len(all))
	for i, merge := range all {
		left, right, _ := strings.Cut(merge, " ")
		var ids [2]int
		for k, text := range []string{left, right, left + right} {
			id, ok := v.ids[text]
			if !ok {
				return fmt.Errorf("merge %d is %.60q, but there is no token %.60q", i, merge, text)
			}
			if k < len(ids) {
				ids[k] = id
			}
		}
		if seen[ids] {
			return fmt.Errorf("merge %d, %.60q, occurs twice", i, merge)
		}
		seen[ids] = true
	}
	return nil
}

// fill writes the tokens into a Spec whose kind is known.
func (v *vocabulary) fill(s *tokenizer.Spec, m *bpe) error {
	s.Tokens, s.Types = v.tokens, v.types
	if m.Unknown != nil {
		id, ok := v.ids[*m.Unknown]
		if !ok {
			return fmt.Errorf("/model/unk_token: there is no token %.60q", *m.Unknown)
		}
		s.Unknown = id
	}
	if s.Kind == tokenizer.ByteLevel {
		s.Merges = m.Merges
		return nil
	}
	if s.Unknown != tokenizer.None {
		s.Types[s.Unknown] = tokenizer.Unknown
	}
	for b := range 256 {
		id, ok := v.ids[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			return fmt.Errorf("/model/vocab: there is no token for the byte %#02x", b)
		}
		s.Types[id] = tokenizer.Byte
	}
	scores, err := v.scores(m.Merges)
	if err != nil {
		return fmt.Errorf("/model/merges: %w", err)
	}
	s.Scores = scores
	return nil
}

// maxSplitWork bounds what looking for the ways to make long tokens costs: the
// sum of their lengths' squares, far above what any known vocabulary has.
const maxSplitWork = 1 << 30

// scores returns scores by which SentencePiece merges as the list of merges
// does: the k-th token that is made has -k. This is possible if merges into one
// token follow one another, and if each way to make a token of two others is in
// the list, as it is where the list was made of scores.
func (v *vocabulary) scores(all merges) ([]float32, error) {
	scores := make([]float32, len(v.tokens))
	made := make(map[string]int, len(v.tokens)) // how many merges make a token
	last := ""
	for i, merge := range all {
		left, right, _ := strings.Cut(merge, " ")
		text := left + right
		if !v.mergeable(left) || !v.mergeable(right) || !v.mergeable(text) {
			continue // text cannot become one of them
		}
		if text != last {
			if made[text] > 0 {
				return nil, fmt.Errorf("merge %d, %.60q, is apart from the others into this token; no scores can say this order", i, merge)
			}
			scores[v.ids[text]] = -float32(len(made) + 1)
			last = text
		}
		made[text]++
	}
	return scores, v.checkScores(scores, made)
}

// checkScores makes sure that scores merge into a token wherever merges do and
// nowhere else, and gives those that are never made the last place.
func (v *vocabulary) checkScores(scores []float32, made map[string]int) error {
	work := 0
	for id, text := range v.tokens {
		if v.types[id] != tokenizer.Normal {
			continue
		}
		if work += len(text) * len(text); work > maxSplitWork {
			return errors.New("the tokens are too long to check")
		}
		if splits := v.splits(text); splits != made[text] {
			return fmt.Errorf("token %.60q can be made in %d ways, but %d merges make it; no scores can say this", text, splits, made[text])
		}
		if made[text] == 0 {
			scores[id] = -float32(len(made) + 1)
		}
	}
	return nil
}

// splits counts the ways to make text of two tokens.
func (v *vocabulary) splits(text string) int {
	n := 0
	for i := range text {
		if i > 0 && v.mergeable(text[:i]) && v.mergeable(text[i:]) {
			n++
		}
	}
	return n
}

// mergeable says whether text is a token that plain text can become.
func (v *vocabulary) mergeable(text string) bool {
	id, ok := v.ids[text]
	return ok && v.types[id] == tokenizer.Normal
}
