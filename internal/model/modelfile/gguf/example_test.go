package gguf_test

import (
	"bytes"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

func Example() {
	var file bytes.Buffer
	err := gguf.Write(&file,
		[]gguf.Property{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(2)}},
		[]gguf.Tensor{{Name: "output_norm.weight", Type: quant.F32, Shape: []int{2}, Data: []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := gguf.Parse(file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	layers, _ := f.Value("llama.block_count")
	fmt.Printf("version %d, %v layers, %s %v at %d of %d\n",
		f.Version, layers, f.Tensors[0].Name, f.Tensors[0].Shape, f.DataStart, file.Len())

	_, err = gguf.Parse([]byte("\x7fELF\x02\x01\x01\x00"))
	fmt.Println(err)
	// Output:
	// version 3, 2 layers, output_norm.weight [2] at 160 of 192
	// not a GGUF file: it begins with "\x7fELF"
}
