// Package decode finds and undoes the encodings and disguises that command
// lines, scripts and log fields hide behind, layer under layer: base64, hex,
// character codes, compression, split and reversed strings, cmd carets,
// PowerShell operators, shell quoting and the like.
//
// It never runs anything: every layer is the result of a small, bounded
// rewriting of text. False positives are worse than misses, so a piece is only
// decoded when its notation says what it is (FromBase64String, \x41, -enc) or
// when the result could hardly be chance: see the rules at reads and probable.
package decode

import (
	"crypto/sha256"
	"sort"
	"strings"
)

// The default limits. Input is hostile: it may nest, repeat and inflate.
const (
	DefaultDepth  = 12      // layers under each other
	DefaultLayers = 64      // layers in all
	DefaultInput  = 1 << 20 // bytes of the input that are looked at
	DefaultOutput = 1 << 20 // bytes that one layer may decode to
	DefaultWork   = 8 << 20 // bytes of text that are scanned in all
)

// Options bounds the work. The zero value means the defaults; a limit cannot
// be switched off.
type Options struct {
	MaxDepth  int
	MaxLayers int
	MaxInput  int
	MaxOutput int
	MaxWork   int
}

// Layer is one encoding that was undone.
type Layer struct {
	Op     string  `json:"op"`               // what was undone, in that order: "base64 + utf-16le"
	Why    string  `json:"why"`              // what called for it: "-enc", "FromBase64String", "its shape"
	Parent int     `json:"parent"`           // the index of the layer it came from, -1 for the input
	Start  int     `json:"start"`            // byte offsets in the parent's text
	End    int     `json:"end"`              //
	Depth  int     `json:"depth"`            // 1 for a layer of the input
	Whole  bool    `json:"whole,omitempty"`  // the parent's whole text, rewritten in place
	Text   string  `json:"text,omitempty"`   // the result, where it is text
	Binary *Binary `json:"binary,omitempty"` // the result, where it is not
	Cut    bool    `json:"cut,omitempty"`    // the result is longer than the limit
}

// Binary describes decoded bytes that are not text.
type Binary struct {
	Kind    string   `json:"kind"` // "Windows executable (PE)", "shellcode-like" … or "data"
	Size    int      `json:"size"`
	SHA256  string   `json:"sha256"`
	Entropy float64  `json:"entropy"`           // bits a byte, 0 to 8
	Strings []string `json:"strings,omitempty"` // a few readable runs inside
}

// found is a piece of a text that decodes to something.
type found struct {
	start, end int
	ops        []string
	why        string
	data       []byte
	binary     string // kind, "" for text
	cut        bool
}

// state is one call of Layers.
type state struct {
	opt    Options
	layers []Layer
	seen   map[[sha256.Size]byte]bool
	work   int
}

func (o Options) withDefaults() Options {
	set := func(p *int, def int) {
		if *p <= 0 || *p > def {
			*p = def
		}
	}
	set(&o.MaxDepth, DefaultDepth)
	set(&o.MaxLayers, DefaultLayers)
	set(&o.MaxInput, DefaultInput)
	set(&o.MaxOutput, DefaultOutput)
	set(&o.MaxWork, DefaultWork)
	return o
}

// Layers returns what text hides, each layer after its parent. Ordinary text
// has no layers. Its cost is linear in the input, with the limits of opt, which
// may only tighten the defaults.
func Layers(text string, opt Options) []Layer {
	s := &state{opt: opt.withDefaults(), seen: map[[sha256.Size]byte]bool{}}
	if len(text) > s.opt.MaxInput {
		text = text[:s.opt.MaxInput]
	}
	s.seen[sha256.Sum256([]byte(text))] = true
	s.peel(text, -1, 0)
	// The slice grows while it is walked: a layer's own layers follow it.
	for i := 0; i < len(s.layers); i++ {
		if s.layers[i].Binary == nil {
			s.peel(s.layers[i].Text, i, s.layers[i].Depth)
		}
	}
	return s.layers
}

// peel adds the layers directly under text. A text that is disguised as a whole
// (carets, split strings) is rewritten first; what is encoded inside is then
// found in the rewritten text, not twice.
func (s *state) peel(text string, parent, depth int) {
	if depth >= s.opt.MaxDepth || len(s.layers) >= s.opt.MaxLayers || s.work+len(text) > s.opt.MaxWork {
		return
	}
	s.work += len(text)
	if out, ops, apart := rewrite(text, s.opt.MaxOutput); len(ops) > 0 {
		f := found{start: 0, end: len(text), ops: ops, why: "its notation", data: []byte(out)}
		if s.add(f, parent, depth, true) {
			for _, a := range apart {
				f.data, f.why = []byte(a), "a string that it computes"
				s.add(f, parent, depth, false)
			}
			return
		}
	}
	h := readHints(text)
	var all []found
	for _, find := range []func(string, hints, int) []found{findBase64, findHex, findEscapes, findArrays, findReversed, findRot13} {
		all = append(all, find(text, h, s.opt.MaxOutput)...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].start < all[j].start })
	end := 0
	for _, f := range all {
		if f.start < end {
			continue
		}
		if s.add(f, parent, depth, false) {
			end = f.end
		}
	}
}

// add appends a layer unless its result is already there.
func (s *state) add(f found, parent, depth int, whole bool) bool {
	if len(s.layers) >= s.opt.MaxLayers || len(f.data) == 0 {
		return false
	}
	if len(f.data) > s.opt.MaxOutput {
		f.data, f.cut = f.data[:s.opt.MaxOutput], true
	}
	key := sha256.Sum256(f.data)
	if s.seen[key] {
		return false
	}
	s.seen[key] = true
	l := Layer{
		Op: strings.Join(f.ops, " + "), Why: f.why, Parent: parent, Start: f.start, End: f.end,
		Depth: depth + 1, Whole: whole, Cut: f.cut,
	}
	if f.binary != "" {
		l.Binary = describe(f.data, f.binary)
	} else {
		l.Text = strings.ToValidUTF8(string(f.data), "\uFFFD")
	}
	s.layers = append(s.layers, l)
	return true
}
