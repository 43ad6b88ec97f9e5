package outcome_test

import (
	"fmt"
	"os"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

func ExampleKey_Sign() {
	data, err := os.MkdirTemp("", "data-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(data)
	key, err := outcome.OpenKey(data) // made on first use
	if err != nil {
		panic(err)
	}
	evaluation := []byte(`{"format":1}`)
	signature, err := key.Sign(outcome.SubjectEvaluation, evaluation)
	if err != nil {
		panic(err)
	}
	trust, err := outcome.OpenTrust(data)
	if err != nil {
		panic(err)
	}
	who, err := trust.Verify(outcome.SubjectEvaluation, evaluation, signature)
	fmt.Println(who.Name, err)
	_, err = trust.Verify(outcome.SubjectEvaluation, append(evaluation, ' '), signature)
	fmt.Println(err)
	// Output:
	// this data directory <nil>
	// the signature is not of these bytes
}

func ExampleTextDigest() {
	fmt.Println(outcome.TextDigest("Pay  the INVOICE") == outcome.TextDigest("pay the\ninvoice"))
	// Output: true
}
