package sample_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/sample"
)

func Example() {
	s, err := sample.New(sample.Options{Temperature: 0.6, TopP: 0.95, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := []float32{0.1, 2, 1.5, -1} // of the model's next token
	for range 5 {
		c, err := s.Next(logits, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %.3f\n", c.ID, c.Logprob)
		if err := s.Accept(c.ID); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// 2 -1.091
	// 2 -1.091
	// 1 -0.591
	// 1 -0.591
	// 1 -0.591
}

func ExampleStopper() {
	s, err := sample.NewStopper([]string{"\nUser:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, piece := range []string{"Hello.", "\nUs", "ually", "\nUser", ": hi"} {
		out, stopped, err := s.Feed(nil, []byte(piece))
		fmt.Printf("%q %v %v\n", out, stopped, err)
	}
	// Output:
	// "Hello." false <nil>
	// "" false <nil>
	// "\nUsually" false <nil>
	// "" false <nil>
	// "" true <nil>
}
