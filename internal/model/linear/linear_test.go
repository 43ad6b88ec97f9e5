package linear_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/linear"
)

// meals are sentences about three matters, with words of their own and shared
// ones.
func meals() (texts []string, examples []linear.Example) {
	kinds := [][]string{
		{"boils the soup slowly", "simmers broth in a pot", "stirred the soup and the broth", "boiling broth with a lid on the pot"},
		{"bakes bread in the oven", "kneads dough for bread", "the dough was baking in the oven", "baked a loaf of dough"},
		{"freezes berries for ice cream", "churns cream with ice", "frozen cream and berries", "the freezer keeps ice"},
	}
	for n := range 12 {
		for label, lines := range kinds {
			for _, l := range lines {
				t := fmt.Sprintf("cook %d %s", n, l)
				texts = append(texts, t)
				examples = append(examples, linear.Example{Text: t, Labels: []int{label}})
			}
		}
	}
	return texts, examples
}

func trained(t testing.TB) *linear.Model {
	t.Helper()
	texts, examples := meals()
	m, err := linear.Train(examples, linear.LearnVectors(texts, linear.VectorConfig{Dim: 8}),
		linear.Config{Name: "meals", Groups: []linear.Group{{Name: "meal", Labels: []string{"soup", "bread", "ice"}}}}, nil)
	if err != nil {
		t.Fatalf("Train: %v", err)
	}
	return m
}

func best(m *linear.Model, text string) (string, float32) {
	s := m.Borrow()
	defer m.Return(s)
	m.Read(s, text, 0)
	k := 0
	for i, p := range s.P() {
		if p > s.P()[k] {
			k = i
		}
	}
	return m.Config().Groups[0].Labels[k], s.P()[k]
}

func TestModelLearnsWordsAndTheirForms(t *testing.T) {
	m := trained(t)
	for text, want := range map[string]string{
		"She boiled a soup.":          "soup",
		"Kneading of the dough":       "bread",
		"BERRIES, freezing":           "ice",
		"an oven for loaves of bread": "bread",
	} {
		if got, p := best(m, text); got != want {
			t.Errorf("best of %q = %s (%.2f), want %s", text, got, p, want)
		}
	}
}

func TestTrainingIsDeterministicAndSurvivesTheFile(t *testing.T) {
	one, err := trained(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	two, err := trained(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two trainings gave different bytes")
	}
	m, err := linear.Decode(one)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	if again, err := m.Encode(); err != nil || !bytes.Equal(one, again) {
		t.Errorf("a decoded model does not encode to the same bytes (error %v)", err)
	}
	text := "the broth of cook 3 with ice"
	label, p := best(trained(t), text)
	if l, q := best(m, text); l != label || math.Abs(float64(p-q)) > 1e-6 {
		t.Errorf("decoded model says %s %v, want %s %v", l, q, label, p)
	}
}

// TestBecauseIsWhatDeletionShows compares a reason with the text without the
// word, where the word has no neighbour to lose.
func TestBecauseIsWhatDeletionShows(t *testing.T) {
	m := trained(t)
	s := m.NewScores()
	text := "broth"
	m.Read(s, text, 0)
	with := append([]float32(nil), s.P()...)
	reasons := m.Because(s, []int{0}, 3)
	if len(reasons) != 1 || text[reasons[0].Start:reasons[0].End] != "broth" {
		t.Fatalf("Because of %q = %v, want the word itself", text, reasons)
	}
	m.Read(s, "", 0)
	odds := func(p float32) float64 { return math.Log(float64(p) / (1 - float64(p))) }
	if want := odds(with[0]) - odds(s.P()[0]); math.Abs(reasons[0].Weight-want) > 0.01 {
		t.Errorf("weight %.3f, want %.3f by deletion", reasons[0].Weight, want)
	}
}

func TestBecauseNamesWordsOfTheText(t *testing.T) {
	m := trained(t)
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.String().Draw(r, "text")
		s := m.Borrow()
		defer m.Return(s)
		m.Read(s, text, 0)
		sum := float32(0)
		for _, p := range s.P() {
			sum += p
		}
		if math.Abs(float64(sum)-1) > 1e-4 {
			r.Fatalf("probabilities of %q sum to %v", text, sum)
		}
		for _, why := range m.Because(s, []int{1}, 5) {
			if why.Start < 0 || why.End > len(text) || why.Start >= why.End || why.Weight <= 0 {
				r.Fatalf("reason %+v of %q", why, text)
			}
		}
	})
}

func TestGroupsAreReadApart(t *testing.T) {
	texts, examples := meals()
	for i := range 12 {
		examples = append(examples, linear.Example{Text: fmt.Sprintf("cook %d plays chess", i), Group: 1, Labels: []int{i % 2}})
	}
	m, err := linear.Train(examples, linear.LearnVectors(texts, linear.VectorConfig{Dim: 4}), linear.Config{
		Name: "two", Groups: []linear.Group{{Name: "meal", Labels: []string{"soup", "bread", "ice"}}, {Name: "game", Labels: []string{"white", "black"}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScores()
	m.Read(s, "soup and chess", 1)
	if len(s.P()) != 2 {
		t.Errorf("%d probabilities of the second group, want 2", len(s.P()))
	}
	m.Read(s, "soup and chess", 0)
	if len(s.P()) != 3 || s.P()[0] < s.P()[1] {
		t.Errorf("probabilities %v of the first group, want soup first of 3", s.P())
	}
}

func TestLongTextsAreCut(t *testing.T) {
	m := trained(t)
	s := m.NewScores()
	m.Read(s, strings.Repeat("soup ", linear.MaxWords+10), 0)
	if s.Words != linear.MaxWords || s.Bytes >= linear.MaxText {
		t.Errorf("read %d words, %d bytes", s.Words, s.Bytes)
	}
}

func TestTrainRefusesWhatIsNoExample(t *testing.T) {
	texts, examples := meals()
	v := linear.LearnVectors(texts, linear.VectorConfig{Dim: 4})
	groups := []linear.Group{{Name: "meal", Labels: []string{"soup", "bread", "ice"}}}
	cases := map[string]func() error{
		"no examples": func() error { _, err := linear.Train(nil, v, linear.Config{Groups: groups}, nil); return err },
		"no groups":   func() error { _, err := linear.Train(examples, v, linear.Config{}, nil); return err },
		"no vectors":  func() error { _, err := linear.Train(examples, nil, linear.Config{Groups: groups}, nil); return err },
		"a label out of range": func() error {
			_, err := linear.Train([]linear.Example{{Text: "x", Labels: []int{3}}}, v, linear.Config{Groups: groups}, nil)
			return err
		},
		"a rate that is no number": func() error {
			_, err := linear.Train(examples, v, linear.Config{Groups: groups, Rate: float32(math.NaN())}, nil)
			return err
		},
	}
	for name, train := range cases {
		if train() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	data, err := trained(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 7, 12, 40, len(data) / 2, len(data) - 1} {
		if _, err := linear.Decode(data[:n]); err == nil {
			t.Errorf("Decode took the first %d of %d bytes", n, len(data))
		}
	}
	for _, at := range []int{8, 20, len(data) / 2, len(data) - 1} {
		bad := bytes.Clone(data)
		bad[at] ^= 0x40
		if _, err := linear.Decode(bad); err == nil {
			t.Errorf("Decode took a file with byte %d changed", at)
		}
	}
}

// FuzzDecode repairs the checksum, so that what lies behind it is reached.
func FuzzDecode(f *testing.F) {
	data, err := trained(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, 30, byte(1))
	f.Add(data[:200], 9, byte(255))
	f.Fuzz(func(t *testing.T, data []byte, at int, with byte) {
		data = bytes.Clone(data)
		if at >= 0 && at < len(data) {
			data[at] = with
		}
		if len(data) > 44 {
			sum := sha256.Sum256(data[:len(data)-32])
			copy(data[len(data)-32:], sum[:])
		}
		m, err := linear.Decode(data)
		if err != nil {
			return
		}
		s := m.NewScores()
		m.Read(s, "boil the soup, bake bread", 0)
		m.Because(s, []int{0}, 3)
		if len(m.Config().Groups) == 0 || binary.Size(s.P()) == 0 {
			t.Error("a model without labels was decoded")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	m := trained(b)
	s := m.NewScores()
	for b.Loop() {
		m.Read(s, "The cook stirred the broth, baked a loaf and put berries into the freezer.", 0)
	}
}
