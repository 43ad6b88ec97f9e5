package registry_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
)

func TestCompare(t *testing.T) {
	a, b := evaluation("old", "", "d", 1, 400, 8), evaluation("new", "", "d", 1, 400, 40)
	c, err := registry.Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	// 50 rows are wrong of the old, 10 of the new, each of those of the old, too.
	if c.Rows != 400 || c.Gain.OnlyFirst != 40 || c.Gain.OnlySecond != 0 || len(c.Differing) != 40 || c.Differing[0].Right != "b" || c.Differing[0].Number != 8 {
		t.Errorf("compared: %+v", c)
	}
	if !strings.HasPrefix(c.Says, "new is better than old: accuracy 97.5 % against 87.5 %") {
		t.Errorf("says %q", c.Says)
	}
	won := 0
	for _, class := range c.Classes {
		won += class.Won
		if class.Lost > 0 || class.FB < class.FA {
			t.Errorf("label %+v", class)
		}
	}
	if won != 40 || !c.MacroF1.Better() {
		t.Errorf("won %d rows, macro F1 %+v", won, c.MacroF1)
	}
	back, err := registry.Compare(b, a)
	if err != nil || !strings.HasPrefix(back.Says, "old is worse than new") {
		t.Errorf("the other way round it says %q, %v", back.Says, err)
	}
	if same, err := registry.Compare(a, a); err != nil || !strings.Contains(same.Says, "same answers to all 400 rows") {
		t.Errorf("with itself: %v, %v", same, err)
	}
	if _, err := registry.Compare(a, evaluation("new", "", "d", 10, 400, 40)); err == nil || !strings.Contains(err.Error(), "391 texts in both") {
		t.Errorf("other rows: %v", err)
	}
}

func TestCommon(t *testing.T) {
	a, b := evaluation("old", "", "d", 1, 100, 8), evaluation("new", "", "e", 51, 100, 40)
	b.Rows[0].Truth = []string{"another"}
	x, y := registry.Common(a, b)
	if x == nil || len(x.Rows) != 49 || x.Same(y) != nil || x.Rows[0].Number != 52 {
		t.Errorf("in both: %v, %v", x, y)
	}
	if x, _ := registry.Common(a, evaluation("new", "", "e", 901, 100, 40)); x != nil {
		t.Errorf("nothing in both: %v", x)
	}
}

func TestCompareNumbers(t *testing.T) {
	number := func(name string, off string) *outcome.Evaluation {
		e := evaluation(name, "", "d", 1, 40, 0)
		e.Task, e.Labels = "regression", nil
		for i := range e.Rows {
			e.Rows[i].Truth, e.Rows[i].Answer, e.Rows[i].Probabilities = []string{"5"}, []string{off}, nil
		}
		return e
	}
	c, err := registry.Compare(number("old", "7"), number("new", "5.5"))
	if err != nil || c.Gain.McNemar != nil || !strings.Contains(c.Says, "mean absolute error 0.5 against 2, smaller by 1.5") {
		t.Errorf("says %q, %v", c.Says, err)
	}
}
