package modelfile

import (
	"github.com/go-json-experiment/json"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// ParseFolderJSON runs each of the parsers of a folder's JSON files on data, for
// fuzzing.
func ParseFolderJSON(data []byte) (Config, error) {
	var index hfIndex
	_ = json.Unmarshal(data, &index)
	for _, name := range index.Weights.files {
		if !isShardName(name) {
			panic(name)
		}
	}
	g, err := readHFGeneration(data)
	if err == nil {
		g.generation()
	}
	c, err := readHFConfig(data)
	if err != nil {
		c = &hfConfig{}
	}
	s := &tokenizer.Spec{
		Tokens: []string{"a", "</s>"}, Types: []tokenizer.TokenType{1, 1},
		BOS: -1, EOS: -1, EOT: -1, Unknown: -1, Pad: -1,
	}
	if t, err := readHFTokenizer(data); err == nil && t.apply(s) == nil && setIDs(s, c, g) == nil {
		completeSpecial(s)
		for _, id := range append(s.EndOfGeneration, s.BOS, s.EOS, s.EOT, s.Unknown, s.Pad) {
			if id >= len(s.Tokens) {
				panic("an id out of range")
			}
		}
	}
	if err != nil {
		return Config{}, err
	}
	return c.config()
}
