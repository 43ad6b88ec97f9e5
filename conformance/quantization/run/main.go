// Command run writes float32 numbers from standard input, little-endian, in the
// number format that its argument names, to standard output.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: run TYPE < NUMBERS > BLOCKS")
	}
	t, err := quant.Parse(args[0])
	if err != nil {
		return err
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	numbers := make([]float32, len(data)/4)
	quant.Dequantize(numbers, quant.F32, data)
	blocks := make([]byte, t.Size(len(numbers)))
	quant.Quantize(blocks, t, numbers)
	_, err = out.Write(blocks)
	return err
}
