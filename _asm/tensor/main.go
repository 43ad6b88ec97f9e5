// Generates the wait of package tensor's workers.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	ConstraintExpr("amd64,!purego")
	TEXT("pause", NOSPLIT, "func(n uint32)")
	Doc("pause waits n times as long as PAUSE does, some 10 to 50 ns: n is at least 1.")
	n := Load(Param("n"), GP32())
	Label("again")
	PAUSE()
	DECL(n)
	JNE(LabelRef("again"))
	RET()
	Generate()
}
