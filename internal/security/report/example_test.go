package report_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/report"
)

func ExampleTerminal() {
	fmt.Println(report.Terminal("invoice\u202egpj.exe \x1b[2J from http://evil.example"))
	// Output: invoice\u{202e}gpj.exe \x1b[2J from http[:]//evil.example
}

func ExampleMarkdown() {
	fmt.Println(report.Markdown("![pixel](https://evil.example/p.png) | <b>"))
	// Output: \!\[pixel\]\(https\[:\]//evil\.example/p\.png) \| &lt;b&gt;
}

func ExampleCSVCell() {
	fmt.Println(report.CSVCell("=HYPERLINK(\"https://evil.example\")"))
	// Output: '=HYPERLINK("https[:]//evil.example")
}
