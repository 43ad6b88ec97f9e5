package lexical_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// fruit returns examples of two labels that a few words decide, in two styles
// that name one of the labels differently.
func fruit() ([]lexical.Example, lexical.Config) {
	var out []lexical.Example
	for i := range 60 {
		text, label := fmt.Sprintf("the sweet red cherry number %d from basket_%d", i, i%7), 0
		if i%2 == 1 {
			text, label = fmt.Sprintf("a sour yellow lemon number %d of crate_%d", i, i%5), 1
		}
		style := i / 30
		if label == 1 && style == 1 {
			label = 2
		}
		out = append(out, lexical.Example{Text: text, Style: style, Targets: []lexical.Target{
			{Group: 0, Label: label}, {Group: 1, Label: min(label, 1)},
		}})
	}
	return out, lexical.Config{
		Name:   "fruit",
		Styles: []string{"plain", "fancy"},
		Groups: []lexical.Group{
			{Name: "kind", Labels: []string{"cherry", "lemon", "citrus"}},
			{Name: "trait", Labels: []string{"sweet", "sour"}, Multi: true},
		},
		Features: lexical.Features{Pairs: true, Skips: true, Shapes: true, Bits: 14},
		Dim:      16, Epochs: 30, Rate: 0.2, RowRate: 0.3, Dropout: 0.2,
	}
}

func TestMembersBecomeOne(t *testing.T) {
	examples, config := fruit()
	config.Members, config.MemberDim, config.Dim = 3, 8, 8
	m, err := lexical.Train(examples, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScores()
	for i, e := range examples {
		m.Read(s, e.Text, e.Style)
		if got, p := s.Best(0); got != e.Targets[0].Label || p < 0.6 {
			t.Errorf("example %d: Best = %d with %.2f, want %d", i, got, p, e.Targets[0].Label)
		}
	}
	again, err := lexical.Train(examples, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded(t, m), encoded(t, again)) {
		t.Error("two trainings with three members differ")
	}
}

func trained(t testing.TB, bits int) *lexical.Model {
	t.Helper()
	examples, config := fruit()
	config.Bits = bits
	m, err := lexical.Train(examples, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(t testing.TB, m *lexical.Model) []byte {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTrainTwiceGivesSameBytes(t *testing.T) {
	if !bytes.Equal(encoded(t, trained(t, 8)), encoded(t, trained(t, 8))) {
		t.Error("two trainings on the same examples differ")
	}
}

func TestReadSaysWhatWasTaught(t *testing.T) {
	for _, bits := range []int{4, 8} {
		m := trained(t, bits)
		s := m.NewScores()
		for _, c := range []struct {
			text  string
			style int
			want  int
		}{
			{"red cherry", 0, 0}, {"red cherry", 1, 0}, {"a sour lemon", 0, 1}, {"a sour lemon", 1, 2},
		} {
			m.Read(s, c.text, c.style)
			if got, p := s.Best(0); got != c.want || p < 0.5 {
				t.Errorf("%d bits: Best(%q in style %d) = %d with %.2f, want %d", bits, c.text, c.style, got, p, c.want)
			}
		}
		m.Read(s, "sour", 0)
		if p := s.P(1); p[1] < 0.5 || p[0] > 0.5 {
			t.Errorf("%d bits: traits of sour = %v, want the second alone", bits, p)
		}
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for _, bits := range []int{4, 8} {
		m := trained(t, bits)
		m.SetInfo(lexical.Info{Version: "1", Threshold: 0.4, Sources: []lexical.Source{{Name: "a", SHA256: "b"}}})
		data := encoded(t, m)
		again, err := lexical.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m.Info(), again.Info()); d != "" {
			t.Error(d)
		}
		if !bytes.Equal(data, encoded(t, again)) {
			t.Error("decoded and encoded again, the file differs")
		}
		a, b := m.NewScores(), again.NewScores()
		m.Read(a, "red cherry from basket_3", 1)
		again.Read(b, "red cherry from basket_3", 1)
		if d := cmp.Diff(a.P(0), b.P(0)); d != "" {
			t.Errorf("%d bits: probabilities changed on the way: %s", bits, d)
		}
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	data := encoded(t, trained(t, 8))
	for name, bad := range map[string][]byte{
		"empty": nil, "short": data[:40], "cut": data[:len(data)-1], "longer": append(bytes.Clone(data), 0),
		"flipped": flip(data, len(data)/2), "resealed header": seal(flip(data, 14)), "resealed length": seal(flip(data, 9)),
		"resealed bucket": seal(flip(data, bytes.Index(data, []byte(`"rows":`))+60)),
	} {
		if m, err := lexical.Decode(bad); err == nil {
			t.Errorf("%s: decoded to a model of %d rows, want an error", name, m.Rows())
		}
	}
}

func flip(data []byte, i int) []byte {
	out := bytes.Clone(data)
	out[i] ^= 1 << 3
	return out
}

// seal makes the checksum right.
func seal(data []byte) []byte {
	body := data[:len(data)-sha256.Size]
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

func TestProbabilitiesSumToOne(t *testing.T) {
	m := trained(t, 8)
	s := m.NewScores()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		m.Read(s, text, rapid.IntRange(0, 1).Draw(t, "style"))
		sum := float32(0)
		for _, p := range s.P(0) {
			sum += p
		}
		if math.Abs(float64(sum-1)) > 1e-5 {
			t.Errorf("probabilities of %q sum to %v", text, sum)
		}
		for _, p := range s.P(1) {
			if !(p >= 0 && p <= 1) {
				t.Errorf("probability of %q is %v", text, p)
			}
		}
	})
}

func TestBecauseNamesTheWord(t *testing.T) {
	m := trained(t, 8)
	s := m.NewScores()
	text := "we found, of all things, a LEMON there"
	m.Read(s, text, 0)
	why := m.Because(s, []lexical.Output{{Group: 0, Label: 1}}, 1, nil)
	if len(why) != 1 || text[why[0].Start:why[0].End] != "LEMON" || why[0].Weight <= 0 {
		t.Fatalf("Because = %v, want LEMON with a positive weight", why)
	}
	odds := func(text string) float64 {
		m.Read(s, text, 0)
		p := float64(s.P(0)[1])
		return math.Log(p / (1 - p))
	}
	// "a" and "there" stay two words apart whatever stands between them.
	with, without := odds(text), odds("we found, of all things, a unseenword there")
	if got := with - without; math.Abs(got-why[0].Weight) > 1e-3 {
		t.Errorf("weight %v, but taking the word away moves the log-odds by %v", why[0].Weight, got)
	}
}

func TestVulnerabilityNumberIsNoWord(t *testing.T) {
	m := trained(t, 8)
	a, b := m.NewScores(), m.NewScores()
	m.Read(a, "CVE-2024-12345: red cherry", 0)
	m.Read(b, "red cherry", 0)
	if d := cmp.Diff(a.P(0), b.P(0)); d != "" {
		t.Error(d)
	}
	m.Read(a, "CVE-20x4-12 red cherry", 0)
	if a.Words == b.Words {
		t.Error("CVE-20x4-12 is not a vulnerability's number, but was left out")
	}
}

func TestReadBoundsItsInput(t *testing.T) {
	m := trained(t, 8)
	s := m.NewScores()
	m.Read(s, strings.Repeat("red cherry ", 1_000_000), 0)
	if s.Words > lexical.MaxWords || s.Bytes > lexical.MaxText {
		t.Errorf("read %d words in %d bytes", s.Words, s.Bytes)
	}
	m.Read(s, "", 0)
	if s.Words != 0 || s.Known != 0 {
		t.Errorf("an empty text has %d words", s.Words)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	m := trained(t, 8)
	s := m.NewScores()
	read := func() { m.Read(s, "the sweet red cherry number 5 from basket_3", 1) }
	read()
	if n := testing.AllocsPerRun(20, read); n != 0 {
		t.Errorf("Read allocates %v times", n)
	}
}

func TestCalibrateLowersTheLoss(t *testing.T) {
	m := trained(t, 8)
	// One in four of these contradicts its words: a sure model is wrong.
	var examples []lexical.Example
	for i := range 40 {
		label := 0
		if i%4 == 0 {
			label = 1
		}
		examples = append(examples, lexical.Example{Text: "red cherry", Targets: []lexical.Target{{Group: 0, Label: label}}})
	}
	s := m.NewScores()
	m.Read(s, "red cherry", 0)
	before := s.P(0)[0]
	if err := m.Calibrate(examples); err != nil {
		t.Fatal(err)
	}
	m.Read(s, "red cherry", 0)
	if after := s.P(0)[0]; math.Abs(float64(after)-0.75) > 0.1 {
		t.Errorf("probability %.3f before and %.3f after, want about 0.75", before, after)
	}
}

func TestTrainRefuses(t *testing.T) {
	good := []lexical.Example{{Text: "a b", Targets: []lexical.Target{{}}}}
	group := []lexical.Group{{Name: "g", Labels: []string{"x"}}}
	for name, c := range map[string]struct {
		examples []lexical.Example
		config   lexical.Config
	}{
		"no examples":   {nil, lexical.Config{Groups: group}},
		"no group":      {good, lexical.Config{}},
		"odd dimension": {good, lexical.Config{Groups: group, Dim: 7}},
		"odd bits":      {good, lexical.Config{Groups: group, Bits: 5}},
		"no such style": {[]lexical.Example{{Text: "a", Style: 1}}, lexical.Config{Groups: group}},
		"no such label": {[]lexical.Example{{Text: "a", Targets: []lexical.Target{{Label: 1}}}}, lexical.Config{Groups: group}},
		"rare words":    {good, lexical.Config{Groups: group}},
	} {
		if _, err := lexical.Train(c.examples, c.config, nil); err == nil {
			t.Errorf("%s: trained, want an error", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data := encoded(f, trained(f, 8))
	f.Add(data)
	f.Add(data[:100])
	f.Add(encoded(f, trained(f, 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range [][]byte{data, sealed(data)} {
			m, err := lexical.Decode(d)
			if err != nil {
				continue
			}
			s := m.NewScores()
			m.Read(s, "red cherry a b c CVE-2024-1234 f() x=1", 0)
			m.Because(s, []lexical.Output{{}}, 2, nil)
		}
	})
}

func sealed(data []byte) []byte {
	if len(data) < sha256.Size {
		return data
	}
	return seal(data)
}

func ExampleTrain() {
	var examples []lexical.Example
	for range 20 {
		examples = append(examples,
			lexical.Example{Text: "ripe and sweet", Targets: []lexical.Target{{Label: 0}}},
			lexical.Example{Text: "green and sour", Targets: []lexical.Target{{Label: 1}}})
	}
	m, err := lexical.Train(examples, lexical.Config{
		Name:   "taste",
		Groups: []lexical.Group{{Name: "taste", Labels: []string{"good", "bad"}}},
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := m.NewScores()
	m.Read(s, "quite sour", 0)
	label, _ := s.Best(0)
	fmt.Println(m.Config().Groups[0].Labels[label])
	// Output: bad
}
