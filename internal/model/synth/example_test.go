package synth_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/synth"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	r, err := synth.Write(context.Background(), filepath.Join(dir, "model.gguf"), synth.Options{Shape: "tiny", Mixture: quantize.Q8_0})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s in %v: %d layers, %d parameters, %.1f MB\n", r.Shape, r.Mixture, r.Layers, r.Parameters, float64(r.FileBytes)/1e6)
	// Output: tiny in Q8_0: 2 layers, 1705248 parameters, 1.8 MB
}
