package activation_test

import (
	"fmt"
	"os"

	"github.com/casemate-ai/casemate/internal/model/activation"
)

func Example() {
	dir, err := os.MkdirTemp("", "states")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s, err := activation.Open(dir, activation.Key{Model: "sha256:…", Width: 3}, activation.Options{})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	text := activation.TextDigest("the alert")
	if err := s.Put(text, 8, "text", []float32{.5, -1, 1000}); err != nil {
		panic(err)
	}
	vector := make([]float32, 3)
	found, err := s.Get(vector, text, 8, "text")
	fmt.Println(vector, found, err)
	// Output: [0.5 -1 1000] true <nil>
}
