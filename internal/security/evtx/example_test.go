package evtx_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

func Example() {
	log := one(usual(4688, str(`cmd.exe /c whoami`), u32v(4), strs("x"), str("User")))

	r, err := evtx.NewReader(bytes.NewReader(log))
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, f := range rec.Fields {
			if strings.HasPrefix(f.Name, "Event.EventData.") {
				fmt.Printf("%d %s = %s (%v)\n", rec.Number, f.Name, f.Value, f.Kind)
			}
		}
	}
	fmt.Println(r.Stats().FaultCount, "faults")
	// Output:
	// 1 Event.EventData.CommandLine = cmd.exe /c whoami (string)
	// 1 Event.EventData.Pid.#attributes.Type = n (string)
	// 1 Event.EventData.Pid = 4 (number)
	// 1 Event.EventData.Data = x (string)
	// 1 Event.EventData.User = cmd.exe /c whoami (string)
	// 0 faults
}
