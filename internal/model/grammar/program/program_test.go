package program_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a": `"a"`, "\"\\/\n\x01é\u007f": "\"\\\"\\\\/\\n\\u0001é\u007f\"", "": `""`} {
		if got := program.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestArray counts the items of a kind, of which two or three must be among at
// most four.
func TestArray(t *testing.T) {
	plain, marked := &program.Node{Null: true}, &program.Node{Null: true}
	ways := []program.Item{{Node: plain}, {Node: marked, Kind: 1}}
	a := &program.Array{Max: 4, Rest: ways, Kinds: []program.Kind{{Min: 2, Max: 3}}}
	p := &program.Program{Root: &program.Node{Arrays: []*program.Array{a}}}
	p.Nodes = []*program.Node{p.Root, plain, marked}
	p.Measure(5)
	if p.Root.Height != 2 {
		t.Fatalf("the array has height %d, want 2", p.Root.Height)
	}
	for items := range 5 {
		for hits := range min(items, 3) + 1 {
			h := program.Hits{uint16(hits)}
			if got, want := a.Live(items, h, 1), hits+4-items >= 2; got != want {
				t.Errorf("after %d items, %d of the kind: live %v", items, hits, got)
			}
			if got, want := a.Complete(items, h), hits >= 2; got != want {
				t.Errorf("%d items, %d of the kind: complete %v", items, hits, got)
			}
			if a.Live(items, h, 0) != (hits >= 2) {
				t.Errorf("after %d items, %d of the kind, with no room for another: live %v", items, hits, hits < 2)
			}
		}
	}
	if h := a.After(program.Hits{3}, ways[1]); h[0] != 4 || a.Live(4, h, 1) {
		t.Errorf("a fourth of the kind counts %d and is live: %v", h[0], a.Live(4, h, 1))
	}
}
