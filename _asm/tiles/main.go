// Command tiles writes the assembly of internal/model/kernel/tiles: one part a
// run, with the flags of avo for where to.
package main

import (
	"flag"
	"log"

	"github.com/mmcloughlin/avo/build"
)

// parts are the files of assembly, each with its functions.
var parts = map[string]func(){
	"products": products,
	"pack":     pack,
	"numbers":  numbers,
}

func main() {
	part := flag.String("part", "", "which part to write")
	flag.Parse()
	write, ok := parts[*part]
	if !ok {
		log.Fatalf("no part %q", *part)
	}
	build.ConstraintExpr("amd64")
	build.ConstraintExpr("!purego")
	write()
	build.Generate()
}
