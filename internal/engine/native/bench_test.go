package native_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native"
)

// BenchmarkHidden reads sentences of 20 to 60 tokens with the model that
// CASEMATE_BENCH_MODEL names, and takes the vectors of several layers and
// poolings. What it reaches is to be held against "prompt": 512 tokens computed
// together, as casemate model bench has them. Tokens a second of the processor's
// time can be compared on a machine that does other work, too, with
// CASEMATE_BENCH_THREADS=1.
func BenchmarkHidden(b *testing.B) {
	path := os.Getenv("CASEMATE_BENCH_MODEL")
	if path == "" {
		b.Skip("CASEMATE_BENCH_MODEL names no model")
	}
	threads, _ := strconv.Atoi(os.Getenv("CASEMATE_BENCH_THREADS"))
	e, err := native.Open(path, native.Options{Context: 2048, Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	r := rand.New(rand.NewPCG(1, 1))
	words := strings.Fields("the attacker used a stolen account to log in on host and moved files into an archive before the alert was raised by sensor")
	var texts []string
	tokens := 0
	for range 12 {
		n := 20 + r.IntN(41)
		var s []string
		for len(e.Tokenizer().Encode(strings.Join(s, " "))) < n-1 {
			s = append(s, words[r.IntN(len(words))])
		}
		texts = append(texts, strings.Join(s, " "))
		tokens += len(e.Tokenizer().Encode(strings.Join(s, " "))) + 1
	}
	L := e.Info().Layers
	run := func(name string, tokens int, do func() error) {
		b.Run(name, func(b *testing.B) {
			before := processorTime()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*tokens)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(b.N*tokens)/(processorTime()-before), "tokens/cpu-s")
		})
	}
	prompt := make([]int, 512)
	for i := range prompt {
		prompt[i] = r.IntN(e.Info().Vocabulary)
	}
	for _, round := range []string{"", "-again"} {
		run("prompt"+round, len(prompt), func() error {
			_, err := e.Logits(ctx, prompt, nil)
			return err
		})
		hidden := func(name string, q engine.HiddenRequest) {
			q.Texts = texts
			run(name+round, tokens, func() error {
				_, err := e.Hidden(ctx, q)
				return err
			})
		}
		hidden("one", engine.HiddenRequest{Layers: []int{0}})
		hidden("half", engine.HiddenRequest{Layers: []int{L / 2}})
		hidden("several", engine.HiddenRequest{Layers: []int{L / 4, L / 2, 5 * L / 8, 3 * L / 4, L, 0}, Pools: []engine.Pool{engine.PoolText, engine.PoolLast}})
		hidden("tokens", engine.HiddenRequest{Layers: []int{L}, Tokens: true})
	}
}
