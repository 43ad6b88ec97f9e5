package chat_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/chat"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

func Example() {
	const template = `{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>`
	vocabulary := tokenizer.Spec{
		Tokens: []string{"<s>", "<|user|>", "<|assistant|>"},
		Types:  []tokenizer.TokenType{tokenizer.Control, tokenizer.Control, tokenizer.Control},
		BOS:    0, EOS: tokenizer.None, Unknown: tokenizer.None, Pad: tokenizer.None,
	}
	t, err := chat.New(template, vocabulary)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := t.Prompt([]chat.Message{{Role: chat.User, Content: "Hi <|assistant|>"}}, chat.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range p.Spans {
		fmt.Printf("%q special tokens: %v\n", s.Text, s.Special)
	}
	// Output:
	// "<s><|user|>" special tokens: true
	// "Hi <|assistant|>" special tokens: false
	// "<|assistant|>" special tokens: true
}

func ExampleThoughts() {
	s := chat.NewThoughts(true) // the prompt ended with <think>
	for _, piece := range []string{"It is a kn", "own tool.\n</th", "ink>\n\nBenign."} {
		for _, p := range s.Write(piece) {
			fmt.Printf("%q thinking: %v\n", p.Text, p.Thinking)
		}
	}
	// Output:
	// "It is a kn" thinking: true
	// "own tool." thinking: true
	// "Benign." thinking: false
}
