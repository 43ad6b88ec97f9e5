package tokenizer_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// A marker that data spells stays text; one that the program writes does not.
func Example() {
	tok, err := tokenizer.New(smallSpec("llama-bpe", 300))
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := tok.EncodeSpans([]tokenizer.Span{
		{Text: "<|begin_of_text|>", Special: true},
		{Text: "Log line: <|end_of_text|>"},
		{Text: "<|end_of_text|>", Special: true},
	})
	fmt.Println(tok.Text(ids[0]), tok.Text(ids[len(ids)-1]))
	fmt.Printf("%s\n", tok.Decode(ids))
	// Output:
	// <|begin_of_text|> <|end_of_text|>
	// Log line: <|end_of_text|>
}
