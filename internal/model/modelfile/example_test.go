package modelfile_test

import (
	"fmt"
	"os"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "model")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path, err := modeltest.Write(dir, modeltest.Options{Architecture: "qwen3"})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := modelfile.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	fmt.Println(m.Config.Architecture, m.Config.Layers, m.Config.Width, m.Tokenizer.Pre)
	fmt.Println(m.Tensor("blk.0.attn_k.weight").Shape, m.Tensor("blk.0.attn_k.weight").Type)
	fmt.Println(m.CheckFinite(nil), m.Changed())
	// Output:
	// qwen3 2 64 qwen2
	// [32 64] F32
	// <nil> <nil>
}
