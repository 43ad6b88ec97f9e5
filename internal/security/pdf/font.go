package pdf

import (
	"strings"
)

// The limits on a font's maps.
const (
	maxMapped = 1 << 17 // codes of one character map
	maxWidths = 1 << 16 // entries of one table of widths
)

// font says what the codes of a string are and how far each moves the pen.
type font struct {
	bytes   int // of a code, unless spaces say otherwise
	spaces  []codeSpace
	unicode map[uint32]string
	table   [256]string // of a simple font
	wide    bool        // codes are UTF-16
	widths  map[int]float64
	fixed   func(code int) float64 // where the font states none
	normal  float64                // width of what widths does not have
	bold    bool
}

// codeSpace is a range of codes of one length.
type codeSpace struct {
	size   int
	lo, hi uint32
}

// font returns the font that a dictionary describes, made once.
func (f *file) font(o any, made map[int]*font) *font {
	r, isRef := o.(ref)
	if isRef && made[r.num] != nil {
		return made[r.num]
	}
	d := f.dict(o)
	if d == nil {
		return nil
	}
	out := &font{bytes: 1}
	base := string(f.name(d["BaseFont"]))
	out.bold = strings.Contains(strings.ToLower(base), "bold") || strings.Contains(strings.ToLower(base), "black")
	if s, ok := f.resolve(d["ToUnicode"]).(stream); ok {
		out.characterMap(f.decode(s))
	}
	if f.name(d["Subtype"]) == "Type0" {
		out.composite(f, d)
	} else {
		out.simple(f, d, base)
	}
	if isRef {
		made[r.num] = out
	}
	return out
}

// simple reads a font of one byte a character.
func (t *font) simple(f *file, d dict, base string) {
	t.bytes, t.spaces = 1, nil
	enc := f.resolve(d["Encoding"])
	var named name
	var differences array
	switch enc := enc.(type) {
	case name:
		named = enc
	case dict:
		named = f.name(enc["BaseEncoding"])
		differences = f.array(enc["Differences"])
	}
	if named == "" && f.name(d["Subtype"]) == "TrueType" {
		named = "WinAnsiEncoding"
	}
	t.table = baseEncoding(named)
	if strings.Contains(base, "Symbol") || strings.Contains(base, "Dingbats") || strings.Contains(base, "Wingdings") {
		t.table[0xa7], t.table[0xb7] = "•", "•"
	}
	code := 0
	for _, o := range differences {
		switch o := f.resolve(o).(type) {
		case float64:
			code = int(o)
		case name:
			if code >= 0 && code < 256 {
				t.table[code] = glyphText(string(o))
			}
			code++
		}
	}
	widths := f.array(d["Widths"])
	if len(widths) == 0 {
		t.fixed = standardWidths(base)
		return
	}
	scale := 1.0
	if f.name(d["Subtype"]) == "Type3" {
		if m := f.array(d["FontMatrix"]); len(m) == 6 {
			scale = 1000 * f.num(m[0])
		}
	}
	t.widths = map[int]float64{}
	first := f.int(d["FirstChar"])
	for i, w := range widths[:min(len(widths), maxWidths)] {
		t.widths[first+i] = f.num(w) * scale
	}
	t.normal = f.num(f.dict(d["FontDescriptor"])["MissingWidth"])
}

// composite reads a font whose characters have several bytes.
func (t *font) composite(f *file, d dict) {
	t.bytes, t.normal, t.widths = 2, 1000, map[int]float64{}
	switch enc := f.resolve(d["Encoding"]).(type) {
	case name:
		t.wide = strings.Contains(string(enc), "UCS2") || strings.Contains(string(enc), "UTF16")
		if strings.HasPrefix(string(enc), "Identity") {
			t.spaces = nil
		}
	case stream:
		own := &font{}
		own.characterMap(f.decode(enc))
		t.spaces = own.spaces
	}
	var descendant dict
	if all := f.array(d["DescendantFonts"]); len(all) > 0 {
		descendant = f.dict(all[0])
	}
	if w, ok := f.resolve(descendant["DW"]).(float64); ok {
		t.normal = w
	}
	list := f.array(descendant["W"])
	for i := 0; i+1 < len(list) && len(t.widths) < maxWidths; {
		first := f.int(list[i])
		if each, ok := f.resolve(list[i+1]).(array); ok {
			for j, w := range each[:min(len(each), maxWidths)] {
				t.widths[first+j] = f.num(w)
			}
			i += 2
			continue
		}
		if i+2 >= len(list) {
			break
		}
		last := min(f.int(list[i+1]), first+maxWidths)
		for c := first; c <= last && len(t.widths) < maxWidths; c++ {
			t.widths[c] = f.num(list[i+2])
		}
		i += 3
	}
}

// take cuts the first code off a string.
func (t *font) take(s text) (code uint32, size int) {
	for _, sp := range t.spaces {
		if sp.size > len(s) {
			continue
		}
		if code = codeOf(s[:sp.size]); code >= sp.lo && code <= sp.hi {
			return code, sp.size
		}
	}
	size = min(t.bytes, len(s))
	return codeOf(s[:size]), size
}

func codeOf(s text) (code uint32) {
	for i := range len(s) {
		code = code<<8 | uint32(s[i])
	}
	return code
}

// text returns what a code stands for; "\ufffd" if the font does not say.
func (t *font) text(code uint32, raw text) string {
	if s, ok := t.unicode[code]; ok {
		return s
	}
	switch {
	case t.bytes == 1:
		if s := t.table[byte(code)]; s != "" || code < ' ' {
			return s
		}
	case t.wide:
		return utf16Text(raw)
	}
	return "\ufffd"
}

// width returns how far a code moves the pen, in thousandths of the size.
func (t *font) width(code uint32) float64 {
	if t.fixed != nil {
		return t.fixed(int(code))
	}
	if w, ok := t.widths[int(code)]; ok {
		return w
	}
	return t.normal
}

// characterMap reads the program that maps codes to text.
func (t *font) characterMap(data []byte) {
	t.unicode = map[uint32]string{}
	l := &lexer{b: data, plain: true}
	var args []any
	for {
		o, ok := l.next()
		if !ok {
			return
		}
		k, isOp := o.(keyword)
		if !isOp {
			if len(args) < maxMapped {
				args = append(args, o)
			}
			continue
		}
		switch k {
		case "endcodespacerange":
			for i := 0; i+1 < len(args) && len(t.spaces) < 64; i += 2 {
				lo, ok1 := args[i].(text)
				hi, ok2 := args[i+1].(text)
				if ok1 && ok2 && len(lo) == len(hi) && len(lo) >= 1 && len(lo) <= 4 {
					t.spaces = append(t.spaces, codeSpace{len(lo), codeOf(lo), codeOf(hi)})
				}
			}
		case "endbfchar":
			for i := 0; i+1 < len(args) && len(t.unicode) < maxMapped; i += 2 {
				code, ok1 := args[i].(text)
				to, ok2 := args[i+1].(text)
				if ok1 && ok2 && len(code) <= 4 {
					t.unicode[codeOf(code)] = utf16Text(to)
				}
			}
		case "endbfrange":
			for i := 0; i+2 < len(args); i += 3 {
				t.mapRange(args[i], args[i+1], args[i+2])
			}
		}
		args = args[:0]
	}
}

// mapRange maps a range of codes to a list, or to texts that count up.
func (t *font) mapRange(lo, hi, to any) {
	l, ok1 := lo.(text)
	h, ok2 := hi.(text)
	if !ok1 || !ok2 || len(l) > 4 || len(h) > 4 {
		return
	}
	first, last := codeOf(l), codeOf(h)
	switch to := to.(type) {
	case array:
		for i, o := range to {
			if s, ok := o.(text); ok && len(t.unicode) < maxMapped {
				t.unicode[first+uint32(i)] = utf16Text(s)
			}
		}
	case text:
		if len(to) == 0 {
			return
		}
		runes := []rune(utf16Text(to))
		for c := first; c <= last && c-first < 65536 && len(t.unicode) < maxMapped && len(runes) > 0; c++ {
			t.unicode[c] = string(runes)
			runes[len(runes)-1]++
			if c == 1<<32-1 {
				break
			}
		}
	}
}
