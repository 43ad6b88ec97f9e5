package grammar_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
)

// benchTokens is the size of Foundation-Sec's vocabulary.
const benchTokens = 128384

// synthetic makes a vocabulary of the size and the lengths of a large one: all
// bytes, words with and without a space before them, numbers, punctuation of
// code, and characters of other scripts, some cut in the middle.
func synthetic() [][]byte {
	rng := rand.New(rand.NewPCG(4, 128384))
	seen := map[string]bool{}
	var tokens [][]byte
	add := func(s string) {
		if !seen[s] && len(tokens) < benchTokens-256 {
			seen[s] = true
			tokens = append(tokens, []byte(s))
		}
	}
	for b := range 256 {
		add(string([]byte{byte(b)}))
	}
	for i := range 1000 {
		add(fmt.Sprint(i))
	}
	punctuation := []string{`"`, `":`, `",`, `"}`, `{`, `}`, `[`, `]`, `,`, `:`, `\`, `/`, `(`, `)`, `.`, `-`, `_`, ` `, "\n", "\t", `'`, `=`, `<`, `>`, `;`, `#`, `$`, `%`, `*`, `+`, `!`, `?`, `&`, `|`, `@`}
	for range 6000 {
		s := ""
		for range 1 + rng.IntN(4) {
			s += punctuation[rng.IntN(len(punctuation))]
		}
		add(s)
	}
	for n := range 120 {
		add(strings.Repeat(" ", n+1))
	}
	syllables := strings.Fields("a e i o u an en in on er re ing ion ti st th he ar al le nt ed is or at te it ve se co de ra ro ma ne li la ni ta di pro con com per ent able ment ness log net sec file host user path reg key 's")
	for len(tokens) < 105000 {
		s := ""
		if rng.IntN(2) == 0 {
			s = " "
		}
		for range 1 + rng.IntN(4) {
			s += syllables[rng.IntN(len(syllables))]
		}
		if rng.IntN(4) == 0 {
			s = strings.ToUpper(s)
		}
		if rng.IntN(30) == 0 {
			s += punctuation[rng.IntN(len(punctuation))]
		}
		add(s)
	}
	for len(tokens) < benchTokens-256 {
		s := ""
		base := []int{0x400, 0x4E00, 0x3040, 0x600, 0xAC00, 0x1F600}[rng.IntN(6)]
		for range 1 + rng.IntN(3) {
			s += string(rune(base + rng.IntN(200)))
		}
		if rng.IntN(10) == 0 {
			s = s[:len(s)-1]
		}
		add(s)
	}
	return append(tokens, make([][]byte, 256)...)
}

// llama3 returns the vocabulary in the shared folder, or nil.
func llama3(tb testing.TB) [][]byte {
	tb.Helper()
	root := os.Getenv("CASEMATE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(root, "ref", "tokenizer", "llama3-vocab.gguf.gz"))
	if err != nil {
		return nil
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	file, err := gguf.Parse(data)
	if err != nil {
		tb.Fatal(err)
	}
	var texts []string
	var types []int32
	for _, p := range file.Properties {
		switch v := p.Value.(type) {
		case []string:
			if p.Key == "tokenizer.ggml.tokens" {
				texts = v
			}
		case []int32:
			if p.Key == "tokenizer.ggml.token_type" {
				types = v
			}
		}
	}
	if len(texts) == 0 || len(types) != len(texts) {
		tb.Fatalf("%d tokens, %d types", len(texts), len(types))
	}
	bytesOf := byteLevel()
	tokens := make([][]byte, len(texts))
	for i, s := range texts {
		if types[i] == 3 { // control
			continue
		}
		for _, r := range s {
			tokens[i] = append(tokens[i], bytesOf[r])
		}
	}
	return tokens
}

// byteLevel is the alphabet in which byte-level vocabularies are written:
// printable bytes stand for themselves, the others for code points from 256 on.
func byteLevel() map[rune]byte {
	m := map[rune]byte{}
	n := rune(256)
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE {
			m[rune(b)] = byte(b)
			continue
		}
		m[n] = byte(b)
		n++
	}
	return m
}

// cves is a catalogue of a quarter of a million ids.
type cves []string

func newCVEs() cves {
	var ids cves
	for year := 1999; year < 2026; year++ {
		for n := range 9260 {
			ids = append(ids, fmt.Sprintf("CVE-%d-%04d", year, n+1))
		}
	}
	return ids
}

func (c cves) IDs() []string         { return c }
func (c cves) Name(id string) string { return "Vulnerability " + id }

// task is a schema and a document that a model might write.
type task struct{ name, schema, document string }

var tasks = []task{
	{"triage", `{"type":"object","properties":{"verdict":{"enum":["benign","suspicious","malicious"]},"confidence":{"type":"number","minimum":0,"maximum":1},"techniques":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string","x-casemate-id":"attack"},"name":{"type":"string","x-casemate-name-of":"id"},"evidence":{"type":"array","items":{"type":"string","pattern":"^e[0-9]{1,4}$"},"maxItems":8}},"required":["id","name","evidence"],"additionalProperties":false},"maxItems":5},"cves":{"type":"array","items":{"type":"string","x-casemate-id":"cve"},"uniqueItems":true,"maxItems":5},"severity":{"type":"integer","minimum":0,"maximum":100},"summary":{"type":"string","maxLength":400}},"required":["verdict","confidence","techniques","cves","severity","summary"],"additionalProperties":false}`,
		`{"verdict": "malicious", "confidence": 0.92, "techniques": [{"id": "T1059.001", "name": "PowerShell", "evidence": ["e12", "e7"]}, {"id": "T1566", "name": "Phishing", "evidence": ["e3"]}], "cves": ["CVE-2021-4428", "CVE-2024-0012"], "severity": 87, "summary": "A phishing mail delivered a document that started PowerShell with an encoded command, which downloaded a second stage from an unknown host."}`},
	{"maxLength", `{"type":"string","maxLength":160}`, `"The host contacted an address that no other host in the network has contacted before, and it did so every sixty seconds, give or take one, for nine hours."`},
	{"pattern", `{"type":"string","pattern":"^[A-Z][a-z]+( [a-z]+)*\\.$","maxLength":200}`, `"The host contacted an address that no other host in the network has contacted before and it did so every sixty seconds."`},
	{"ids", `{"type":"array","items":{"type":"string","x-casemate-id":"cve"},"uniqueItems":true}`, `["CVE-2021-4428", "CVE-2024-0012", "CVE-1999-0001", "CVE-2014-0160", "CVE-2017-0144", "CVE-2019-0708", "CVE-2020-1472"]`},
	{"recursion", `{"$defs":{"n":{"type":"object","properties":{"op":{"enum":["and","or","not","is"]},"args":{"type":"array","items":{"$ref":"#/$defs/n"}},"field":{"type":"string"}},"required":["op"]}},"$ref":"#/$defs/n"}`,
		strings.Repeat(`{"op": "and", "args": [{"op": "is", "field": "user"}, `, 20) + `{"op": "is"}` + strings.Repeat(`]}`, 20)},
	{"open", `{"type":"object","additionalProperties":{"type":["string","number","null"]}}`, `{"host": "web01", "user": null, "count": 12, "process name": "cmd.exe", "parent": "explorer.exe", "score": 0.5, "user name": "x"}`},
	{"any", `true`, `{"a": [1, 2, {"b": "text that is long enough to matter", "c": null}], "d": {"e": [true, false]}}`},
}

// encode cuts a document into tokens, the longest first.
func encode(tb testing.TB, tokens [][]byte, doc string) []int {
	tb.Helper()
	ids := map[string]int{}
	for id, t := range tokens {
		if len(t) > 0 {
			ids[string(t)] = id
		}
	}
	var out []int
	for doc != "" {
		n := min(len(doc), 24)
		for ; n > 0; n-- {
			if id, ok := ids[doc[:n]]; ok {
				out = append(out, id)
				break
			}
		}
		if n == 0 {
			tb.Fatalf("no token begins %q", doc)
		}
		doc = doc[n:]
	}
	return out
}

// BenchmarkMask measures a token: Mask, then Accept; and the slowest Mask of a
// document, on the mean over documents. Cold is with an empty cache of masks.
func BenchmarkMask(b *testing.B) {
	for _, vocabulary := range []struct {
		name   string
		tokens [][]byte
	}{{"synthetic", synthetic()}, {"llama3", llama3(b)}} {
		if vocabulary.tokens == nil {
			continue
		}
		tokens := vocabulary.tokens
		end := len(tokens) - 1
		v, err := grammar.NewVocabulary(tokens, []int{end})
		if err != nil {
			b.Fatal(err)
		}
		ids := newCVEs()
		for _, task := range tasks {
			s, err := grammar.Compile([]byte(task.schema), grammar.Options{Catalogue: func(kind string) (grammar.Catalogue, bool) {
				if kind == "cve" {
					return ids, true
				}
				return catalogues(kind)
			}})
			if err != nil {
				b.Fatal(err)
			}
			doc := encode(b, tokens, task.document)
			var slowest time.Duration // of each run, summed
			run := func(b *testing.B, g *grammar.Grammar) {
				m := g.Start()
				worst := time.Duration(0)
				defer func() { slowest += worst }()
				for _, id := range doc {
					start := time.Now()
					mask := m.Mask()
					worst = max(worst, time.Since(start))
					if mask[id/64]>>(id%64)&1 == 0 {
						b.Fatalf("token %q is not allowed", tokens[id])
					}
					if err := m.Accept(id); err != nil {
						b.Fatal(err)
					}
				}
				m.Mask()
			}
			report := func(b *testing.B) {
				b.ReportMetric(float64(slowest.Microseconds())/float64(b.N), "µs/slowest")
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(doc)+1), "µs/token")
			}
			b.Run(vocabulary.name+"/cold/"+task.name, func(b *testing.B) {
				slowest = 0
				for b.Loop() {
					b.StopTimer()
					g, err := s.Bind(v)
					if err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
					run(b, g)
				}
				report(b)
			})
			b.Run(vocabulary.name+"/warm/"+task.name, func(b *testing.B) {
				g, err := s.Bind(v)
				if err != nil {
					b.Fatal(err)
				}
				run(b, g)
				slowest = 0
				b.ReportAllocs()
				for b.Loop() {
					run(b, g)
				}
				report(b)
			})
		}
	}
}

// BenchmarkVocabulary measures building the tree of tokens.
func BenchmarkVocabulary(b *testing.B) {
	tokens := synthetic()
	size := 0
	for _, t := range tokens {
		size += len(t)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := grammar.NewVocabulary(tokens, []int{len(tokens) - 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompile measures the schema of a verdict, and one of 250,000 ids.
func BenchmarkCompile(b *testing.B) {
	ids := newCVEs()
	for _, task := range tasks {
		b.Run(task.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := grammar.Compile([]byte(task.schema), grammar.Options{Catalogue: func(kind string) (grammar.Catalogue, bool) {
					if kind == "cve" {
						return ids, true
					}
					return catalogues(kind)
				}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
