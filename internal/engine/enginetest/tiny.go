// Package enginetest makes a tiny real model for tests.
package enginetest

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// Tiny returns the native engine on a tiny model with random weights, which the
// test closes at its end. Its answers are noise, and always the same noise.
func Tiny(tb testing.TB, m modeltest.Options, o native.Options) *native.Engine {
	tb.Helper()
	if m.ChatTemplate == "" {
		m.ChatTemplate = modeltest.ChatTemplate
	}
	e, err := native.Open(modeltest.GGUF(tb, m), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}
