package train_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/train"
)

func ExamplePack() {
	examples := []train.Example{
		{Tokens: []int{1, 20, 21, 22}, Learn: []bool{false, false, true, true}},
		{Tokens: []int{1, 30}},
		{Tokens: []int{1, 40, 41, 42, 43}},
	}
	p, err := train.Pack(examples, train.PackOptions{Length: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range p.Rows {
		fmt.Println(row.Tokens, row.Targets, row.Starts)
	}
	// Output:
	// [1 1 40 41 42] [30 40 41 42 43] [0 1]
	// [1 20 21] [-1 21 22] [0]
}
