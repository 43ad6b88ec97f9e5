package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

// eager proposes a technique for whatever it is given.
type eager struct{}

func (eager) Info() head.Info { return head.Info{Name: "eager"} }

func (eager) Classify(text string, _ head.Options) head.Decision {
	return head.Decision{Label: "T1140", P: 0.9}
}

func (eager) Reasons(text, _ string, _ int) []head.Reason {
	word := strings.Fields(text)[0]
	return []head.Reason{{Text: word, Start: 0, End: len(word), Weight: 1}}
}

// TestForeignSentences checks that the classifier is not asked about another
// language, that the result says so, and that ids are still found.
func TestForeignSentences(t *testing.T) {
	for text, foreign := range map[string]bool{
		"Les voleurs posent une échelle contre le mur du verger et montent.":        true,
		"Die Diebe stellen eine Leiter an die Mauer und steigen in den Garten.":     true,
		"Los ladrones ponen una escalera en el muro del huerto para entrar.":        true,
		"I ladri mettono una scala contro il muro della casa che non è chiusa.":     true,
		"Злодеи ставят лестницу к стене сада.":                                      true,
		"小偷把梯子靠在果园的墙上爬进去。":                                                          true,
		"اللصوص يضعون سلما على جدار البستان ليلا.":                                  true,
		"Hırsızlar gece bahçe duvarına merdiven dayayıp içeri gizlice girdiler.":    true,
		"The thieves put a ladder against the wall of the garden and climbed.":      false,
		"Thieves of the De la Cruz gang put ladders at Los Muros del Rey.":          false,
		"Ladders, ropes, hooks, spades, lamps, sacks.":                              false,
		"Attackers from the Café Müller group climbed over the wall of the garden.": false,
		"Diebe mit Leiter.": false,
	} {
		d, err := document.Parse(t.Context(), "note.txt", []byte(text+"\n"), document.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := mapping.Map(t.Context(), d, mapping.Options{Head: eager{}})
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(fmt.Sprint(r.Notes), "not in English")
		if said != foreign || (len(r.Techniques) == 0) != foreign {
			t.Errorf("%q: techniques %v, notes %q; want it to count as foreign: %v", text, r.Techniques, r.Notes, foreign)
		}
	}
	d, err := document.Parse(t.Context(), "note.txt", []byte("Les voleurs utilisent T1059.001 pour entrer dans le verger avec une échelle.\n"), document.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := mapping.Map(t.Context(), d, mapping.Options{Head: eager{}})
	if err != nil || len(r.Techniques) != 1 || r.Techniques[0].ID != "T1059.001" {
		t.Errorf("the id in a French sentence gave %+v, %v", r, err)
	}
}
