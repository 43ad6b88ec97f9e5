package openbook_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/openbook"
)

// shelf is an invented catalogue in memory.
type shelf struct {
	entries   []*feed.Entry
	relations []*feed.Relation
	fails     error
}

func (s *shelf) EachEntry(_ context.Context, kinds []string, do func(*feed.Entry) error) error {
	for _, k := range kinds {
		for _, e := range s.entries {
			if e.Kind == k {
				if err := do(e); err != nil {
					return err
				}
			}
		}
	}
	return s.fails
}

func (s *shelf) EachRelation(_ context.Context, _ []string, do func(*feed.Relation) error) error {
	for _, r := range s.relations {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// Entry and Relations make a shelf a Catalogue.
func (s *shelf) Entry(_ context.Context, id string) (*feed.Entry, *library.Remap, error) {
	var remap *library.Remap
	for range 5 {
		i := slices.IndexFunc(s.entries, func(e *feed.Entry) bool { return e.ID == id })
		if i < 0 {
			return nil, nil, library.ErrNotFound
		}
		e := s.entries[i]
		if e.Successor == "" {
			if remap != nil {
				remap.To, remap.Name = e.ID, e.Name
			}
			return e, remap, nil
		}
		remap = &library.Remap{From: id, Status: e.Status}
		id = e.Successor
	}
	return nil, nil, library.ErrNotFound
}

func (s *shelf) Relations(_ context.Context, id string) ([]feed.Relation, error) {
	var out []feed.Relation
	for _, r := range s.relations {
		if r.From == id || r.To == id {
			out = append(out, *r)
		}
	}
	return out, nil
}

func entry(kind, id, name, text string, fields ...string) *feed.Entry {
	e := &feed.Entry{Kind: kind, ID: id, Name: name, Sections: []feed.Section{{Name: "description", Text: text}}}
	for i := 0; i+1 < len(fields); i += 2 {
		e.Fields = append(e.Fields, feed.Field{Key: fields[i], Value: fields[i+1]})
	}
	return e
}

// orchard is a catalogue about thieves of fruit.
func orchard() *shelf {
	return &shelf{
		entries: []*feed.Entry{
			entry(feed.KindTactic, "TA9001", "Fence Crossing", "The thief wants to get into the orchard."),
			entry(feed.KindTechnique, "T9001", "Ladder Climb", "Thieves lean a ladder against the wall and climb into the orchard at night. Rungs are wrapped in cloth to muffle the noise.", "tactic", "fence-crossing", "platform", "Walls"),
			entry(feed.KindTechnique, "T9002", "Tunnel Dig", "Thieves dig a tunnel below the hedge with garden spades. The soil is scattered on the road.", "tactic", "fence-crossing", "platform", "Hedges"),
			entry(feed.KindTechnique, "T9003", "Gate Persuasion", "Thieves pose as inspectors of plums and ask the keeper to open the gate.", "tactic", "fence-crossing", "platform", "Gates"),
			{Kind: feed.KindTechnique, ID: "T9000", Name: "Rope Climb", Status: feed.StatusRevoked, Successor: "T9001", Sections: []feed.Section{{Name: "description", Text: "Thieves throw a grapnel over the wall."}}},
			entry(feed.KindMitigation, "M9001", "Dog Patrol", "Dogs walk along the wall."),
			entry(feed.KindMitigation, "M9002", "Keeper Training", "Keepers learn to check the badges of visitors."),
			entry(feed.KindMitigation, "M9003", "Gravel Beds", "Beds of gravel show where the soil was disturbed."),
			entry(feed.KindGroup, "G9001", "Plum Wolves", "A gang from the valley that only takes plums."),
			entry(feed.KindWeakness, "CWE-90001", "Rotten Hinge", "The hinge of the gate rots and gives way under pressure.", "likelihood", "High"),
			{Kind: feed.KindWeakness, ID: "CWE-90002", Name: "Loose Timber", Fields: []feed.Field{{Key: "likelihood", Value: "Low"}},
				Sections: []feed.Section{{Name: "description", Text: "Timber of the fence is loose."}, {Name: "mode-of-introduction", Text: "Carpentry: nails are saved on."}, {Name: "mode-of-introduction", Text: "Delivery"}}},
			{Kind: feed.KindWeakness, ID: "CWE-90003", Name: "Wet Paint", Sections: []feed.Section{{Name: "description", Text: "The paint is wet."}, {Name: "mode-of-introduction", Text: "Painting"}}},
			entry(feed.KindVulnerability, "CVE-2099-0001", "Hinge of Model Nine", "", "kev-added", "2099-01-02"),
		},
		relations: []*feed.Relation{
			{From: "M9001", Type: "mitigates", To: "T9001", Text: "Barking wakes the keeper when someone climbs."},
			{From: "M9002", Type: "mitigates", To: "T9003", Text: "A keeper who asks for the badge of an inspector is hard to fool."},
			{From: "M9003", Type: "mitigates", To: "T9002", Text: "Gravel sinks above a tunnel and betrays the digging."},
			{From: "G9001", Type: "uses", To: "T9002", Text: "Plum Wolves dug below the hedge of the abbey."},
			{From: "CWE-90001", Type: "child-of", To: "CWE-90002"},
			{From: "G9001", Type: "uses", To: "T0000-lost"},
		},
	}
}

func build(t testing.TB, s *shelf) *openbook.Book {
	t.Helper()
	b, err := openbook.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChoose(t *testing.T) {
	b := build(t, orchard())
	for _, c := range []struct {
		question string
		want     int
		options  []string
	}{
		{"Which mitigation helps against Ladder Climb?", 0, []string{"Dog Patrol", "Keeper Training", "Gravel Beds"}},
		{"Which technique lets intruders enter by means of spades?", 1, []string{"Ladder Climb", "Tunnel Dig", "Gate Persuasion"}},
		{"How do thieves lower the noise of a ladder?", 2, []string{"They wait for thunder", "They oil the hinges", "They wrap the rungs in cloth"}},
		{"What did the gang from the valley do at the abbey?", 1, []string{"Climbed the wall", "Dug below the hedge", "Asked the keeper"}},
		{"Which mitigation does NOT help against Gate Persuasion?", 1, []string{"Keeper Training", "Snow Chains", "Keeper Training of a kind"}},
		{"What likelihood has CWE-90001?", 1, []string{"Very High", "High", "Low"}},
		{"When is CWE-90002 introduced?", 0, []string{"Carpentry", "Harvest", "Painting"}},
		{"Which technique was formerly called Rope Climb?", 1, []string{"T9002", "T9001", "T9003"}},
		{"Thieves dig a tunnel below the hedge with garden spades.", 0, []string{"True", "False"}},
		{"Submarines photograph volcanoes from orbit quarterly.", 1, []string{"True", "False"}},
		{"What do thieves use to dig a tunnel?", 3, []string{"Garden spades", "Spades from the garden", "Spades", "All of the above"}},
	} {
		got := b.Choose(c.question, c.options, nil)
		if got.Index != c.want {
			t.Errorf("Choose(%q) = %q %.2f, want %q", c.question, c.options[got.Index], got.Scores, c.options[c.want])
		}
	}
}

func TestChooseKnowsWhatIsDenied(t *testing.T) {
	b := build(t, orchard())
	for question, want := range map[string]bool{
		"Which of the following is NOT a mitigation of T9001?":                     true,
		"Which of the following is not a mitigation of T9001?":                     true,
		"All of the following mitigate T9001 EXCEPT":                               true,
		"Which mitigation does not help against tunnels?":                          true,
		"Which is the least likely tool of thieves?":                               true,
		"Which of these isn't a technique?":                                        true,
		"Which statement about ladders is false?":                                  true,
		"Which weakness occurs when a gate does not close?":                        false,
		"What weakness is described: the product does not check the hinge?":        false,
		"Which technique involves thieves that are not seen?":                      false,
		"What weakness is this? The gate does not close.":                          false,
		"What happens if the keeper is not at the gate?":                           false,
		"Which of these is a parent of Incorrect Check of Hinges?":                 false,
		"Which mitigation helps against Ladder Climb?":                             false,
		"A fence is not painted and does not hold. Which weakness does this show?": false,
	} {
		if got := b.Choose(question, []string{"Dog Patrol", "Keeper Training"}, nil).Negative; got != want {
			t.Errorf("Choose(%q) took it for negative: %v, want %v", question, got, want)
		}
	}
}

func TestChooseQuotesWhatSupportsTheAnswer(t *testing.T) {
	c := build(t, orchard()).Choose("How do thieves lower the noise of a ladder?", []string{"They oil the hinges", "They wrap the rungs in cloth"}, nil)
	if len(c.Passages) == 0 {
		t.Fatal("no passages")
	}
	p := c.Passages[0]
	if p.ID != "T9001" || p.Option == nil || *p.Option != 1 || !slices.Contains(p.Answer, "Rungs are wrapped in cloth to muffle the noise.") {
		t.Errorf("the best option rests on %+v", p)
	}
}

func TestChooseSaysWhenItGuesses(t *testing.T) {
	c := build(t, orchard()).Choose("Who composed the opera about the lighthouse?", []string{"Zyxwv", "Qwrtz", "Plmkn", "Bvcxy"}, nil)
	if !c.Unsure || len(c.Passages) != 0 {
		t.Errorf("Choose about what the book lacks = %+v, want unsure and no passages", c)
	}
}

func TestHiddenPassagesAreNotUsed(t *testing.T) {
	b := build(t, orchard())
	question, options := "How do thieves lower the noise of a ladder?", []string{"They wrap the rungs in cloth", "They ask the keeper"}
	hide := map[int32]bool{}
	for _, s := range b.Holding("T9001", "Thieves lean a ladder against the wall and climb into the orchard at night. Rungs are wrapped in cloth to muffle the noise.") {
		hide[s] = true
	}
	if len(hide) == 0 {
		t.Fatal("Holding finds nothing")
	}
	open, hidden := b.Choose(question, options, nil), b.Choose(question, options, hide)
	if hidden.Scores[0] >= open.Scores[0] {
		t.Errorf("with its passage hidden the right option scores %.3f, with it %.3f", hidden.Scores[0], open.Scores[0])
	}
	for _, p := range hidden.Passages {
		if strings.Contains(p.Text, "muffle") {
			t.Errorf("a hidden passage is quoted: %q", p.Text)
		}
	}
}

func TestAnswer(t *testing.T) {
	b := build(t, orchard())
	got := b.Answer("What is Tunnel Dig?", 3)
	if len(got) == 0 || got[0].ID != "T9002" || got[0].Section != "description" {
		t.Errorf("Answer = %+v, want the description of T9002 first", got)
	}
	if got := b.Answer("xqzzy", 3); got != nil {
		t.Errorf("Answer about nothing known = %+v", got)
	}
}

func TestFacts(t *testing.T) {
	s := orchard()
	b := build(t, s)
	for _, c := range []struct {
		question string
		want     []openbook.Fact
	}{
		{"What mitigates T9001?", []openbook.Fact{{ID: "T9001", Name: "Ladder Climb", About: "mitigated by", Values: []openbook.Item{{ID: "M9001", Name: "Dog Patrol", Kind: feed.KindMitigation}}}}},
		{"Which tactic is Tunnel Dig?", []openbook.Fact{{ID: "T9002", Name: "Tunnel Dig", About: "tactic", Values: []openbook.Item{{Name: "fence crossing"}}}}},
		{"What is T9000?", []openbook.Fact{{ID: "T9001", Name: "Ladder Climb", About: "is", Note: "T9000 is revoked; T9001 Ladder Climb stands for it",
			Values: []openbook.Item{{Name: "Thieves lean a ladder against the wall and climb into the orchard at night. Rungs are wrapped in cloth to muffle the noise."}}}}},
		{"Parents of CWE-90001?", []openbook.Fact{{ID: "CWE-90001", Name: "Rotten Hinge", About: "child of", Values: []openbook.Item{{ID: "CWE-90002", Name: "Loose Timber", Kind: feed.KindWeakness}}}}},
		{"Is CVE-2099-0001 in KEV?", []openbook.Fact{{ID: "CVE-2099-0001", Name: "Hinge of Model Nine", About: "in KEV", Values: []openbook.Item{{Name: "yes, since 2099-01-02"}}}}},
		{"Is CVE-2099-4444 in KEV?", []openbook.Fact{{ID: "CVE-2099-4444", About: "in KEV", Values: []openbook.Item{{Name: "no: the knowledge base does not hold it"}}}}},
		{"Because of users, is T9003 subdued?", nil},
	} {
		got, err := b.Facts(t.Context(), s, c.question)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Facts(%q) (-want +got):\n%s", c.question, diff)
		}
	}
}

// TestFactsStandByKind checks that ATT&CK's own entries come before what other
// catalogues add, unless those are asked for, and that no id is its own name.
func TestFactsStandByKind(t *testing.T) {
	s := orchard()
	s.entries = append(s.entries,
		entry(feed.KindControl, "AA-1", "Wall Paint", "Paint the wall with grease."),
		entry(feed.KindDefence, "D9-WH", "Wall Heightening", "Build the wall higher."),
		entry(feed.KindCampaign, "C9001", "C9001", "A long summer."),
		entry(feed.KindGroup, "G9002", "APPLE77", "A gang from the hill."))
	for _, r := range [][3]string{
		{"AA-1", "mitigates", "T9001"}, {"D9-WH", "mitigates", "T9001"}, {"AA-9", "mitigates", "T9001"},
		{"C9001", "uses", "T9001"}, {"G9002", "uses", "T9001"}, {"G9002", "uses", "S9001"},
	} {
		s.relations = append(s.relations, &feed.Relation{From: r[0], Type: r[1], To: r[2]})
	}
	b := build(t, s)
	for _, c := range []struct {
		question string
		want     []openbook.Item
	}{
		{"What mitigates T9001?", []openbook.Item{{ID: "M9001", Name: "Dog Patrol", Kind: feed.KindMitigation}, {ID: "D9-WH", Name: "Wall Heightening", Kind: feed.KindDefence},
			{ID: "AA-1", Name: "Wall Paint", Kind: feed.KindControl}, {ID: "AA-9"}}},
		{"Which controls counter T9001?", []openbook.Item{{ID: "AA-1", Name: "Wall Paint", Kind: feed.KindControl}, {ID: "M9001", Name: "Dog Patrol", Kind: feed.KindMitigation},
			{ID: "D9-WH", Name: "Wall Heightening", Kind: feed.KindDefence}, {ID: "AA-9"}}},
		{"Who uses T9001?", []openbook.Item{{ID: "G9002", Name: "APPLE77", Kind: feed.KindGroup}, {ID: "C9001", Kind: feed.KindCampaign}}},
		{"Which techniques does APPLE77 use?", []openbook.Item{{ID: "T9001", Name: "Ladder Climb", Kind: feed.KindTechnique}, {ID: "S9001"}}},
	} {
		got, err := b.Facts(t.Context(), s, c.question)
		if err != nil || len(got) != 1 {
			t.Fatalf("Facts(%q) = %+v, %v, want one fact", c.question, got, err)
		}
		if diff := cmp.Diff(c.want, got[0].Values); diff != "" {
			t.Errorf("Facts(%q) (-want +got):\n%s", c.question, diff)
		}
	}
}

func TestPrimerExplainsTheCatalogues(t *testing.T) {
	c := build(t, &shelf{}).Choose("Which STIX object recommends what to do in response to an attack?",
		[]string{"Sighting", "Course of Action", "Observed Data", "Infrastructure"}, nil)
	if c.Index != 1 {
		t.Errorf("Choose = %d, want 1: %.2f", c.Index, c.Scores)
	}
	if len(c.Passages) == 0 || c.Passages[0].Kind != openbook.KindArticle {
		t.Errorf("passages = %+v, want an article", c.Passages)
	}
}

func TestEncodeDecode(t *testing.T) {
	b := build(t, orchard())
	data := b.Encode()
	again, err := openbook.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Encode(), data) {
		t.Error("a book that was read is written otherwise")
	}
	if !slices.Equal(build(t, orchard()).Encode(), data) {
		t.Error("the same source gives two books")
	}
	question, options := "Which mitigation helps against Ladder Climb?", []string{"Dog Patrol", "Keeper Training"}
	if diff := cmp.Diff(b.Choose(question, options, nil), again.Choose(question, options, nil)); diff != "" {
		t.Errorf("a stored book answers otherwise (-built +stored):\n%s", diff)
	}
	if diff := cmp.Diff(b.Size(), again.Size()); diff != "" {
		t.Error(diff)
	}
	for _, bad := range [][]byte{nil, []byte("x"), data[:len(data)-1], data[:40], append(slices.Clone(data), 0)} {
		if _, err := openbook.Decode(bad); !errors.Is(err, openbook.ErrFormat) && err == nil {
			t.Errorf("Decode of %d damaged bytes: %v", len(bad), err)
		}
	}
}

// TestDecodeDamaged changes single bytes: a damaged book is refused or answers
// nonsense, but never panics.
func TestDecodeDamaged(t *testing.T) {
	data := build(t, orchard()).Encode()
	r := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 400 {
		bad := slices.Clone(data)
		at := 20 + min(r.IntN(len(bad)-20), r.IntN(len(bad)-20)) // mostly in the tables at its beginning
		bad[at] ^= byte(1 + r.IntN(255))
		b, err := openbook.Decode(bad)
		if err != nil {
			refused++
			continue
		}
		b.Choose("Which technique uses spades?", []string{"T9001", "Tunnel Dig"}, nil)
		b.Answer("Which technique uses spades?", 3)
	}
	if refused == 0 {
		t.Error("no damaged book was refused")
	}
}

func TestBuildPassesErrorsOn(t *testing.T) {
	s := orchard()
	s.fails = errors.New("disk gone")
	if _, err := openbook.Build(t.Context(), s); !errors.Is(err, s.fails) {
		t.Errorf("Build = %v", err)
	}
}

// TestChooseIsFair checks what must hold for any text: probabilities that sum to
// one, and the same answer wherever an option stands.
func TestChooseIsFair(t *testing.T) {
	b := build(t, orchard())
	word := rapid.SampledFrom(strings.Fields("thieves ladder wall keeper gate T9001 CWE-90001 plum Tunnel Dig dogs NOT xyz é 日本 \xff ( : ../ all of the above"))
	phrase := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(word, 1, 6).Draw(t, "words"), " ") })
	rapid.Check(t, func(t *rapid.T) {
		question := phrase.Draw(t, "question")
		options := rapid.SliceOfNDistinct(phrase, openbook.MinOptions, 6, func(s string) string { return s }).Draw(t, "options")
		c := b.Choose(question, options, nil)
		sum := 0.0
		for _, p := range c.Scores {
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 || math.IsNaN(sum) {
			t.Fatalf("scores %v sum to %v", c.Scores, sum)
		}
		turned := slices.Clone(options)
		slices.Reverse(turned)
		back := b.Choose(question, turned, nil)
		for i, p := range c.Scores {
			if q := back.Scores[len(options)-1-i]; math.Abs(p-q) > 1e-4 {
				t.Fatalf("option %q scores %v, and %v in the other order", options[i], p, q)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	b, err := openbook.Build(context.Background(), orchard())
	if err != nil {
		f.Fatal(err)
	}
	data := b.Encode()
	f.Add(data)
	f.Add(data[:30])
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := openbook.Decode(data)
		if err != nil {
			return
		}
		b.Choose("Which technique uses spades?", []string{"T9001", "Tunnel Dig"}, nil)
		b.Answer("Which technique uses spades?", 3)
	})
}

func FuzzAnswer(f *testing.F) {
	s := orchard()
	b, err := openbook.Build(context.Background(), s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("What is T9001?", "Ladder", "Tunnel")
	f.Add("\xff\xfe.'’_-", "", "../")
	f.Fuzz(func(t *testing.T, question, x, y string) {
		if c := b.Choose(question, []string{x, y}, nil); c.Index < 0 || c.Index > 1 {
			t.Errorf("Choose = %d", c.Index)
		}
		b.Answer(question, 2)
		if _, err := b.Facts(context.Background(), s, question); err != nil {
			t.Error(err)
		}
	})
}

func Example() {
	b, err := openbook.Build(context.Background(), orchard())
	if err != nil {
		fmt.Println(err)
		return
	}
	c := b.Choose("Which mitigation betrays the digging of a tunnel?", []string{"Dog Patrol", "Gravel Beds"}, nil)
	fmt.Println(c.Index, c.Passages[0].ID, c.Passages[0].Answer)
	// Output: 1 T9002 [Gravel sinks above a tunnel and betrays the digging.]
}
