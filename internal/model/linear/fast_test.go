package linear_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/linear"
)

// vocabularyOf returns invented words, of which the first few are common.
func vocabularyOf(n int) []string {
	words := []string{"the", "of", "and", "used", "files", "running"}
	for i := len(words); i < n; i++ {
		words = append(words, fmt.Sprintf("%c%cl%curna%cs", 'a'+i%26, 'a'+i/26%26, 'a'+i*7%26, 'a'+i*11%26))
	}
	return words
}

// mixed is a model of two groups, of 41 and 3 labels, whose rows have weights
// for few labels and for many; the vectors' length is not a multiple of 4.
func mixed(t testing.TB, dim, labels int) (*linear.Model, []string) {
	t.Helper()
	words := vocabularyOf(300)
	random := rand.New(rand.NewPCG(3, 5))
	var texts []string
	var examples []linear.Example
	groups := []linear.Group{{Name: "many"}, {Name: "few", Labels: []string{"x", "y", "z"}}}
	for k := range labels {
		groups[0].Labels = append(groups[0].Labels, fmt.Sprint(k))
	}
	for n := range 12 * labels {
		var text []string
		for range 14 {
			text = append(text, words[random.IntN(6)], words[(n%labels*5+random.IntN(30))%len(words)])
		}
		texts = append(texts, strings.Join(text, " "))
		examples = append(examples, linear.Example{Text: texts[n], Labels: []int{n % labels}})
		if n%4 == 0 {
			examples = append(examples, linear.Example{Text: texts[n], Group: 1, Labels: []int{n % 3}})
		}
	}
	m, err := linear.Train(examples, linear.LearnVectors(texts, linear.VectorConfig{Dim: dim}),
		linear.Config{Name: "mixed", Groups: groups, Epochs: 3, Keep: 150 * 300 * labels / 41}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, words
}

// TestReadAndDeletionAreThePlainOnes wants the very bits of the plain sums, of
// whole texts and of texts less a word.
func TestReadAndDeletionAreThePlainOnes(t *testing.T) {
	m, words := mixed(t, 23, 41)
	if added, kept, lists := linear.Rows(m); added < 20 || kept < 20 || lists < 20 {
		t.Fatalf("%d, %d and %d rows of the three kinds: the test needs all", added, kept, lists)
	}
	s := m.NewScores()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(words[:80:80], "zebra")), 1, 60).Draw(t, "words"), " ")
		group := rapid.IntRange(0, 1).Draw(t, "group")
		m.Read(s, text, group)
		for k, want := range linear.PlainLogits(s, -1) {
			if got := s.Logits()[k]; got != want {
				t.Fatalf("logit %d of %q = %v, want %v", k, text, got, want)
			}
		}
		i := rapid.IntRange(0, s.Words-1).Draw(t, "word")
		if !linear.FirstWord(s, i) {
			return
		}
		want := linear.PlainLogits(s, i)
		logits, at := linear.Without(s, []int{rapid.IntRange(0, 2).Draw(t, "label")}, i)
		for n, k := range at {
			if logits[n] != want[k] {
				t.Fatalf("logit %d of %q without word %d = %v, want %v", k, text, i, logits[n], want[k])
			}
		}
	})
}

func TestExpIsThePlainOne(t *testing.T) {
	for i := range 1 << 20 {
		x := -87 + float32(i)*(175.0/(1<<20))
		if got, want := linear.Exp(x), linear.PlainExp(x); got != want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
}

// BenchmarkSentences prints texts a second, of invented sentences of 23 words
// and as many labels as there are techniques, with and without reasons.
func BenchmarkSentences(b *testing.B) {
	m, words := mixed(b, 64, 691)
	random := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for range 200 {
		var text []string
		for len(text) < 23 {
			text = append(text, words[random.IntN(6)], words[random.IntN(len(words))])
		}
		texts = append(texts, strings.Join(text[:23], " "))
	}
	for n, name := range []string{"plain", 3: "reasons"} {
		if name == "" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			s := m.NewScores()
			i := 0
			for b.Loop() {
				m.Read(s, texts[i%len(texts)], 0)
				m.Because(s, []int{i % 691}, n)
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
		})
	}
}
