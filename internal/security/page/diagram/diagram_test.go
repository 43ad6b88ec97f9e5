package diagram_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/page/diagram"
)

func options(names []string) diagram.Options {
	return diagram.Options{
		Kinds: []string{"Accounts", "Hosts", "Network"}, Columns: func(s string) int { return len(s) },
		Label: func(node, columns int) string { return names[node][:min(len(names[node]), columns)] },
	}
}

func Example() {
	names := []string{"alice", "ws-1", "ws-2", "198.51.100.7"}
	d := diagram.New([]int{0, 1, 1, 2}, []diagram.Wire{{0, 1, "logged on to"}, {1, 2, "reached"}, {2, 3, "connected to"}}, options(names))
	for _, c := range d.Columns {
		fmt.Println(c.Name)
	}
	fmt.Println(d.Unlabelled, "labels without a place")
	fmt.Println(d.Boxes[0].X < d.Boxes[1].X, d.Boxes[1].X == d.Boxes[2].X, d.Boxes[2].X < d.Boxes[3].X)
	// Output:
	// Accounts
	// Hosts
	// Network
	// 0 labels without a place
	// true true true
}

// TestChain holds wires between nodes of one kind to the way from where they begin.
func TestChain(t *testing.T) {
	var kinds []int
	var names []string
	var wires []diagram.Wire
	for i := range 5 {
		kinds, names = append(kinds, 1), append(names, "host-"+strconv.Itoa(i))
		if i > 0 {
			wires = append(wires, diagram.Wire{From: i - 1, To: i, Label: "moved to"})
		}
	}
	d := diagram.New(kinds, wires, options(names))
	if len(d.Columns) != 0 {
		t.Errorf("the columns are named %v, want none", d.Columns)
	}
	for i := range wires {
		if a, b := d.Boxes[i], d.Boxes[i+1]; a.X+a.Width >= b.X || a.Y != b.Y {
			t.Errorf("box %d at %v is not left of and level with box %d at %v", i, a, i+1, b)
		}
	}
}

// TestNew lays out graphs without sense: boxes keep apart and inside, labels
// keep off the boxes and one another, and the same graph is the same picture.
func TestNew(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(rt, "nodes")
		kinds, names := make([]int, n), make([]string, n)
		for i := range n {
			kinds[i] = rapid.IntRange(0, 2).Draw(rt, "kind")
			names[i] = fmt.Sprintf("%0*d", rapid.IntRange(1, 40).Draw(rt, "length"), i)
		}
		var wires []diagram.Wire
		for range rapid.IntRange(1, 50).Draw(rt, "wires") {
			a, b := rapid.IntRange(0, n-1).Draw(rt, "from"), rapid.IntRange(0, n-2).Draw(rt, "to")
			if b >= a {
				b++
			}
			wires = append(wires, diagram.Wire{From: a, To: b, Label: rapid.SampledFrom([]string{"", "ran on", "connected to"}).Draw(rt, "label")})
		}
		d := diagram.New(kinds, wires, options(names))
		checkApart(t, d, wires)
		if diff := cmp.Diff(d, diagram.New(kinds, wires, options(names))); diff != "" {
			t.Errorf("the same graph is laid out in two ways:\n%s", diff)
		}
	})
}

func checkApart(t *testing.T, d *diagram.Diagram, wires []diagram.Wire) {
	t.Helper()
	type rect struct{ x0, y0, x1, y1 float64 }
	var taken []rect
	take := func(what string, r rect) {
		if r.x0 < 0 || r.y0 < 0 || r.x1 > d.Width || r.y1 > d.Height {
			t.Errorf("%s at %v is outside of %v by %v", what, r, d.Width, d.Height)
		}
		for _, o := range taken {
			if r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1 {
				t.Errorf("%s at %v lies over %v", what, r, o)
			}
		}
		taken = append(taken, r)
	}
	for _, b := range d.Boxes {
		take("box "+b.Label, rect{b.X, b.Y, b.X + b.Width, b.Y + diagram.BoxHeight})
	}
	unlabelled := 0
	for i, l := range d.Lines {
		switch half := 3 * float64(len(wires[i].Label)); {
		case l.Labelled:
			take("label "+wires[i].Label, rect{l.X - half, l.Y - 6, l.X + half, l.Y + 6})
		case wires[i].Label != "":
			unlabelled++
		}
	}
	if unlabelled != d.Unlabelled {
		t.Errorf("%d labels have no place, the diagram says %d", unlabelled, d.Unlabelled)
	}
}
