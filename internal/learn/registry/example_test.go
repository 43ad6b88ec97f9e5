package registry_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/learn/registry"
)

func ExampleCompare() {
	// A is wrong in each tenth of 200 rows, B in each fortieth.
	a, b := evaluation("A", "", "rows", 1, 200, 10), evaluation("B", "", "rows", 1, 200, 40)
	c, err := registry.Compare(a, b)
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Says)
	// Output: B is better than A: accuracy 97.5 % against 90.0 %, a difference of +7.5 points (95 % interval +4.0 to +11.5); it alone is right in 15 rows, the other alone in 0 (McNemar p < 0.001).
}

func ExampleParseLive() {
	for _, line := range []string{`{"text":"mail with a link","label":"phishing"}`, "login from two countries", `{"no":"text"}`} {
		x, ok := registry.ParseLive([]byte(line), "text", "label")
		fmt.Println(ok, x.Text, x.Truth)
	}
	// Output:
	// true mail with a link [phishing]
	// true login from two countries []
	// false  []
}
