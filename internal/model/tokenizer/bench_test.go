package tokenizer_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// sentences are written for these tests. Repeating them flatters a processor's
// caches, so prose shuffles their words.
const sentences = `The analyst opened the alert a little after nine and read it twice before
she called anyone. A service account had signed in from a country where the company has no
office, and four minutes later the same account listed every mailbox in the finance group.
Nothing in the change calendar explained it; the account's owner was on leave, the password
was two years old, and the conditional access policy that should have stopped the login had
been switched to report-only during a migration that nobody had finished. She isolated the
host, revoked the tokens, kept a copy of the volatile memory and wrote down what she knew and
what she merely suspected, because in the morning other people would have to continue from
her notes. Whether the attacker had already taken documents could not be decided from the
logs at hand: the proxy keeps seven days, retention elsewhere is shorter, and the archive was
incomplete. The recommendation was therefore cautious. Treat the contents as disclosed, tell
the owners, rotate every secret that the mailboxes mention, and look for the same pattern in
other tenants. Containment took forty minutes, understanding it took the rest of the week.`

// prose is English text of n bytes, the words of the sentences in some order.
func prose(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields(sentences)
	var b strings.Builder
	for b.Len() < n {
		for range 8 + r.IntN(16) {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(' ')
		}
		b.WriteString("\n")
	}
	return b.String()[:n]
}

// logLines are lines of an invented firewall, n bytes of them.
func logLines(n int) string {
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "2026-03-%02dT%02d:%02d:%02d.%03dZ fw%d kernel: [%d.%06d] DROP IN=eth%d SRC=10.%d.%d.%d DST=192.0.2.%d LEN=%d PROTO=TCP SPT=%d DPT=%d id=%08x\n",
			1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(9), r.IntN(1e6), r.IntN(1e6), r.IntN(4),
			r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), 40+r.IntN(1460), 1024+r.IntN(60000), r.IntN(1024), r.Uint32())
	}
	return b.String()[:n]
}

// anyUnicode is n random code points of all planes.
func anyUnicode(n int) string {
	r := rand.New(rand.NewPCG(5, 6))
	runes := make([]rune, n)
	for i := range runes {
		runes[i] = rune(r.IntN(0x32400))
	}
	return string(runes)
}

func BenchmarkEncode(b *testing.B) {
	spec := llama3Spec(b)
	merging := spec
	merging.IgnoreMerges, merging.Pre = false, "qwen2"
	texts := []struct{ name, text string }{
		{"english", prose(1 << 20)}, {"logs", logLines(1 << 20)},
		{"unicode", anyUnicode(1 << 18)}, {"letter", strings.Repeat("a", 1<<20)},
		{"space", strings.Repeat(" ", 1<<20)}, {"nospace", strings.ReplaceAll(strings.ReplaceAll(prose(1<<20), " ", ""), "\n", "")},
	}
	// Real prose has more words than these; CASEMATE_BENCH_TEXT names a file of it.
	if path := os.Getenv("CASEMATE_BENCH_TEXT"); path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		texts = append(texts, struct{ name, text string }{"file", string(raw)})
	}
	for _, v := range []struct {
		name string
		spec tokenizer.Spec
	}{{"llama3", spec}, {"merging", merging}} {
		tok := build(b, v.spec)
		for _, text := range texts {
			b.Run(v.name+"/"+text.name, func(b *testing.B) {
				b.SetBytes(int64(len(text.text)))
				var ids []int
				for b.Loop() {
					ids = tok.AppendEncode(ids[:0], text.text)
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	spec := llama3Spec(b)
	b.ReportAllocs()
	for b.Loop() {
		build(b, spec)
	}
}

func BenchmarkDecode(b *testing.B) {
	tok := llama3(b)
	text := prose(1 << 20)
	ids := tok.Encode(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Decode(ids)
	}
}
