package native_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/enginetest"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// TestHidden wants every layer and pooling of one pass to be what single forward
// passes give, alone and among many texts.
func TestHidden(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Layers: 3}, native.Options{})
	texts := []string{"the alert on host", "is this phishing", ""}
	for i := range 40 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("alert %d on the host ", i), 1+i%7))
	}
	layers := []int{1, -1, 0}
	got, err := e.Hidden(ctx, engine.HiddenRequest{Texts: texts, Layers: layers, Tokens: true,
		Pools: []engine.Pool{engine.PoolLast, engine.PoolMean, engine.PoolText}})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		tokens := append([]int{e.Tokenizer().BOS()}, e.Tokenizer().Encode(text)...)
		if len(got[i].Tokens) != len(tokens)-1 {
			t.Fatalf("text %d: states of %d tokens, want %d", i, len(got[i].Tokens), len(tokens)-1)
		}
		all, own := make([][]float64, len(layers)), make([][]float64, len(layers))
		for n := range tokens {
			out, err := e.Logits(ctx, tokens[:n+1], []int{1, -1})
			if err != nil {
				t.Fatal(err)
			}
			for l, row := range [][]float32{out.Layers[0], out.Layers[1], out.Hidden} {
				all[l] = add(all[l], row)
				if n > 0 || len(tokens) == 1 {
					own[l] = add(own[l], row)
				}
				if n > 0 {
					if diff := cmp.Diff(row, got[i].Tokens[n-1].States[l]); diff != "" {
						t.Errorf("text %d, token %d, layer %d:\n%s", i, n, layers[l], diff)
					}
				}
				if n < len(tokens)-1 {
					continue
				}
				want := [][]float32{row, over(all[l], len(tokens)), over(own[l], max(1, len(tokens)-1))}
				if diff := cmp.Diff(want, got[i].Pooled[l]); diff != "" {
					t.Errorf("text %d, layer %d (-want +got):\n%s", i, layers[l], diff)
				}
			}
		}
		if i > 8 {
			break // the others are company
		}
	}
}

func add(sum []float64, row []float32) []float64 {
	if sum == nil {
		sum = make([]float64, len(row))
	}
	for i, v := range row {
		sum[i] += float64(v)
	}
	return sum
}

func over(sum []float64, n int) []float32 {
	out := make([]float32, len(sum))
	for i, v := range sum {
		out[i] = float32(v / float64(n))
	}
	return out
}

// TestHiddenDefaults wants the mean of the text after the output norm, and no
// vector where tokens are asked for.
func TestHiddenDefaults(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Layers: 2}, native.Options{})
	plain, err := e.Hidden(ctx, engine.HiddenRequest{Texts: []string{"the alert"}})
	if err != nil {
		t.Fatal(err)
	}
	full, err := e.Hidden(ctx, engine.HiddenRequest{Texts: []string{"the alert"}, Layers: []int{0}, Pools: []engine.Pool{engine.PoolText}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, plain); diff != "" || len(plain[0].Pooled[0]) != 1 {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	tokens, err := e.Hidden(ctx, engine.HiddenRequest{Texts: []string{"the alert"}, Tokens: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens[0].Pooled) != 1 || len(tokens[0].Pooled[0]) != 0 || len(tokens[0].Tokens) == 0 {
		t.Errorf("tokens alone: %d layers, %d tokens", len(tokens[0].Pooled), len(tokens[0].Tokens))
	}
}

// TestHiddenRefuses wants a text too long refused by its number, and wrong layers
// and poolings.
func TestHiddenRefuses(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Layers: 2}, native.Options{Context: 20})
	for want, r := range map[string]engine.HiddenRequest{
		"text 1 has":  {Texts: []string{"short", strings.Repeat("alert ", 99)}},
		"no layer 3":  {Texts: []string{"a"}, Layers: []int{1, 3}},
		"no pooling ": {Texts: []string{"a"}, Pools: []engine.Pool{"max"}},
	} {
		if _, err := e.Hidden(ctx, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", r.Layers, err, want)
		}
	}
}

// TestTokenExtents wants tokens to cover a text from its first byte to its last,
// and each to have the bytes that it spells.
func TestTokenExtents(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Layers: 1, Width: 32}, native.Options{})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune(" abcdefgh.-é▁ü中\n\u0301")), 1, 40, -1).Draw(t, "text")
		got, err := e.Hidden(ctx, engine.HiddenRequest{Texts: []string{text}, Tokens: true})
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for i, tok := range got[0].Tokens {
			if tok.Start != at || tok.End < tok.Start {
				t.Fatalf("token %d of %q is %d to %d, the one before ended at %d", i, text, tok.Start, tok.End, at)
			}
			at = tok.End
		}
		if at != len(text) {
			t.Fatalf("tokens of %q end at %d of %d", text, at, len(text))
		}
	})
}

// TestAlign wants extents of tokens whose spelling is not the text's.
func TestAlign(t *testing.T) {
	for _, c := range []struct {
		text             string
		spelled          []string
		pieces, composed bool
		want             []native.Extent
	}{
		{"ab c", []string{"ab", " c"}, false, false, []native.Extent{{0, 2}, {2, 4}}},
		{"ab c", []string{" ab", " c"}, true, false, []native.Extent{{0, 2}, {2, 4}}},
		{" ab", []string{"  ab"}, true, false, []native.Extent{{0, 3}}},
		{"a▁b", []string{" a", " b"}, true, false, []native.Extent{{0, 1}, {1, 5}}},
		{"cafe\u0301 x", []string{"caf", "é", " x"}, false, true, []native.Extent{{0, 3}, {3, 6}, {6, 8}}},
		{"e\u0301a", []string{"\xc3", "\xa9a"}, false, true, []native.Extent{{0, 3}, {0, 4}}},
		{"\xffa", []string{"\xff", "a"}, false, true, []native.Extent{{0, 1}, {1, 2}}},
		{"abc", []string{"a", "", "xy"}, false, false, []native.Extent{{0, 1}, {1, 1}, {1, 3}}},
		{"abc", []string{"abc", "d"}, false, false, []native.Extent{{0, 3}, {3, 3}}},
	} {
		if diff := cmp.Diff(c.want, native.Align(c.text, c.spelled, c.pieces, c.composed)); diff != "" {
			t.Errorf("%q of %q (-want +got):\n%s", c.spelled, c.text, diff)
		}
	}
}

// FuzzAlign wants extents within the text, in order, whatever tokens spell.
func FuzzAlign(f *testing.F) {
	f.Add("cafe\u0301 x", " cafe x", true, true)
	f.Add("\xff▁", " ", true, false)
	f.Fuzz(func(t *testing.T, text, joined string, pieces, composed bool) {
		var spelled []string
		for i, r := range strings.SplitAfter(joined, "e") {
			if i%3 != 1 {
				spelled = append(spelled, r)
			}
		}
		before := 0
		for _, x := range native.Align(text, spelled, pieces, composed) {
			if x.Start < before || x.End < x.Start || x.End > len(text) {
				t.Fatalf("%+v after %d of %d", x, before, len(text))
			}
			before = x.Start
		}
	})
}
