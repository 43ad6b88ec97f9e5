package indicator_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/indicator"
)

func ExampleExtract() {
	text := "dropper hxxps://cdn[.]evil-updates[.]net/a.exe on 10.0.0.5 (Chrome/120.0.0.0), see CVE-2021-44228"
	for _, i := range indicator.Extract(nil, "message", text) {
		fmt.Println(i.Type, i.Value, i.Scope)
	}
	// Output:
	// url https://cdn.evil-updates.net/a.exe public
	// domain cdn.evil-updates.net public
	// ipv4 10.0.0.5 private
	// cve CVE-2021-44228
}

func ExampleDefang() {
	fmt.Println(indicator.Defang("see http://evil.com/a and 192.0.2.1"))
	fmt.Println(indicator.Refang("hxxp://evil[.]com/a"))
	// Output:
	// see hxxp://evil[.]com/a and 192[.]0[.]2[.]1
	// http://evil.com/a
}
