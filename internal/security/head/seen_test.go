package head_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// TestSawTellsItsTrainingFromOthers: a description of ATT&CK that the attack head
// was trained on, in another case and with other marks, and invented sentences.
func TestSawTellsItsTrainingFromOthers(t *testing.T) {
	known := []string{
		"Adversaries may abuse PowerShell commands and scripts for execution. PowerShell is a powerful interactive command-line interface and scripting environment included in the Windows operating system.",
		"ADVERSARIES may attempt to access credential material stored in the process memory of the Local Security Authority Subsystem Service",
	}
	// The sample is one run in sixteen, so a few sentences of many techniques.
	known = append(known,
		"Adversaries may attempt to dump the contents of LSA secrets or the Security Account Manager database. Adversaries may search for common password storage locations to obtain user credentials.",
		"Adversaries may create or modify Windows services to repeatedly execute malicious payloads as part of persistence. When Windows boots up, it starts programs or applications called services that perform background system functions.",
		"Adversaries may search local system sources, such as file systems, configuration files, local databases, or virtual machine files, to find files of interest and sensitive data prior to Exfiltration.",
	)
	if share, saw, ok := head.Saw("attack", known); !saw {
		t.Errorf("known texts: share %v, saw %v, known %v", share, saw, ok)
	}
	var invented []string
	for n := range 200 {
		invented = append(invented, fmt.Sprintf("The printer on floor %d of the Lindenhof office hummed all night while Mrs Okonkwo counted %d green folders and drank tea", n, n*7))
	}
	if share, saw, ok := head.Saw("attack", invented); saw || !ok {
		t.Errorf("invented texts: share %v, saw %v, known %v", share, saw, ok)
	}
	if _, saw, ok := head.Saw("relevant", invented); saw || ok {
		t.Error("a head without a sample tells")
	}
	if _, _, ok := head.Saw("cwe", []string{"too short"}); ok {
		t.Error("two words tell")
	}
}

func TestSeenFile(t *testing.T) {
	text := strings.Repeat("one two three four five six seven eight nine ten eleven ", 3)
	file := head.SeenFile([]string{text}, 1, 10)
	const header, runs, size = 16, 11, 4 // eleven words in a circle
	if len(file) != header+runs*size {
		t.Errorf("%d bytes, want %d: each run once", len(file), header+runs*size)
	}
	if again := head.SeenFile([]string{strings.ToUpper(text)}, 1, 10); string(again) != string(file) {
		t.Error("upper case is another text")
	}
	if whole := head.SeenFile([]string{text, strings.ToUpper(text), "another"}, 1, 0); len(whole) != header+2*size {
		t.Errorf("%d bytes of two whole texts, want %d", len(whole), header+2*size)
	}
}
