package pdf

import (
	"bytes"
	"sort"
)

// The limits on a file's objects.
const (
	maxObjectNumber = 8_388_607 // of the standard's Annex C
	maxObjects      = 1 << 20
	maxChase        = 16       // references to references
	maxDecoded      = 64 << 20 // bytes of one stream, unpacked
	maxAllDecoded   = 1 << 29  // bytes of all streams
	maxPages        = 5_000
	maxTrailers     = 64 // of one file, from its end
)

// place is where an object stands: in the file, or in an object stream.
type place struct {
	offset    int // in the file, or in the unpacked stream
	container int // number of the object stream, 0 for none
	order     int // offset in the file that decides which definition is the last
}

// file is a PDF whose objects are found by looking for them. The table of
// references at its end is not used: it is what is damaged, forged or endless
// in broken and hostile files, and a scan finds the same objects in one pass.
type file struct {
	b       []byte
	at      map[int]place
	cache   map[int]any
	busy    map[int]bool
	unpacks map[int][]byte // object streams
	decoded int            // bytes so far
	crypt   *crypt
	starts  []int // of objects, in order
	spent   int   // bytes looked at to read objects
	limited bool
}

// scan finds every "7 0 obj" of a file.
func scan(b []byte) *file {
	f := &file{b: b, at: map[int]place{}, cache: map[int]any{}, busy: map[int]bool{}, unpacks: map[int][]byte{}}
	for pos := 0; ; {
		i := bytes.Index(b[pos:], []byte("obj"))
		if i < 0 {
			break
		}
		i += pos
		pos = i + 3
		if num, ok := numberBefore(b, i); ok && len(f.at) < maxObjects {
			f.at[num] = place{offset: pos, order: i}
			f.starts = append(f.starts, i)
		}
	}
	return f
}

// numberBefore reads the object number of "num gen obj" backwards from obj.
func numberBefore(b []byte, i int) (int, bool) {
	digits := func() (n, size int) {
		scale := 1
		for i > 0 && b[i-1] >= '0' && b[i-1] <= '9' && size < 10 {
			i--
			n += int(b[i]-'0') * scale
			scale *= 10
			size++
		}
		return n, size
	}
	spaces := func() (size int) {
		for i > 0 && isSpace(b[i-1]) && size < 8 {
			i--
			size++
		}
		return size
	}
	spaces()
	if _, size := digits(); size == 0 || spaces() == 0 {
		return 0, false
	}
	num, size := digits()
	return num, size > 0 && num > 0 && num <= maxObjectNumber
}

// openStreams finds the objects inside object streams.
func (f *file) openStreams() {
	var containers []int
	for _, num := range f.numbers() {
		p := f.at[num]
		// A dictionary's type stands near its start; a few bytes tell most objects.
		if bytes.Contains(f.b[p.offset:min(p.offset+512, len(f.b))], []byte("ObjStm")) {
			containers = append(containers, num)
		}
	}
	for _, num := range containers {
		s, ok := f.object(num).(stream)
		if !ok || f.resolve(s.dict["Type"]) != name("ObjStm") {
			continue
		}
		data := f.decode(s)
		n, first := f.int(s.dict["N"]), f.int(s.dict["First"])
		f.unpacks[num] = data
		l := &lexer{b: data[:min(max(first, 0), len(data))], plain: true}
		for range min(n, maxObjects) {
			a, ok1 := l.next()
			o, ok2 := l.next()
			id, isNum := a.(float64)
			off, isOff := o.(float64)
			if !ok1 || !ok2 || !isNum || !isOff || len(f.at) >= maxObjects {
				break
			}
			p := place{offset: first + int(off), container: num, order: f.at[num].order}
			if old, known := f.at[int(id)]; id > 0 && id <= maxObjectNumber && (!known || old.order < p.order) {
				f.at[int(id)] = p
				delete(f.cache, int(id))
			}
		}
	}
}

// numbers returns the numbers of all objects in order.
func (f *file) numbers() []int {
	out := make([]int, 0, len(f.at))
	for n := range f.at {
		out = append(out, n)
	}
	sort.Ints(out)
	return out
}

// object returns the object with a number, or nil. An object that needs itself
// to be read is nil.
func (f *file) object(num int) any {
	if o, ok := f.cache[num]; ok {
		return o
	}
	p, ok := f.at[num]
	if !ok || f.busy[num] || f.spent > f.allowance() {
		return nil
	}
	f.busy[num] = true
	defer delete(f.busy, num)
	b := f.b
	if p.container != 0 {
		b = f.unpacks[p.container]
	}
	if p.offset < 0 || p.offset > len(b) {
		return nil
	}
	if p.container == 0 { // an object ends before the next begins
		if i := sort.SearchInts(f.starts, p.offset); i < len(f.starts) {
			b = b[:f.starts[i]]
		}
	}
	l := &lexer{b: b, pos: p.offset}
	o, _ := l.next()
	f.charge(l.pos - p.offset)
	if _, bad := o.(keyword); bad {
		o = nil
	}
	if d, ok := o.(dict); ok && p.container == 0 {
		l.b = f.b
		if raw, ok := f.body(l, d); ok {
			o = stream{d, raw, ref{num: num}}
		}
	}
	if f.crypt != nil && p.container == 0 {
		o = f.crypt.strings(o, num)
	}
	f.cache[num] = o
	return o
}

// charge counts the work of reading objects: overlapping ones, which only a
// forged file has, would otherwise cost the square of its size.
func (f *file) charge(n int) {
	if f.spent += n; f.spent > f.allowance() {
		f.limited = true
	}
}

// allowance is how many bytes may be looked at to read objects.
func (f *file) allowance() int { return maxAllDecoded + 16*len(f.b) }

// body returns the bytes of the stream behind a dictionary.
func (f *file) body(l *lexer, d dict) ([]byte, bool) {
	l.skipSpace()
	rest := l.b[l.pos:]
	if !bytes.HasPrefix(rest, []byte("stream")) {
		return nil, false
	}
	rest = rest[len("stream"):]
	if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' {
		rest = rest[2:]
	} else if len(rest) > 0 && (rest[0] == '\n' || rest[0] == '\r') {
		rest = rest[1:]
	}
	if n := f.int(d["Length"]); n > 0 && n <= len(rest) {
		after := bytes.TrimLeft(rest[n:min(n+32, len(rest))], " \r\n\t\x00")
		if bytes.HasPrefix(after, []byte("endstream")) {
			return rest[:n], true
		}
	}
	end := bytes.Index(rest, []byte("endstream"))
	if end < 0 {
		end = len(rest)
	}
	f.charge(end)
	return bytes.TrimSuffix(bytes.TrimSuffix(rest[:end], []byte("\n")), []byte("\r")), true
}

// resolve follows references.
func (f *file) resolve(o any) any {
	for range maxChase {
		r, ok := o.(ref)
		if !ok {
			return o
		}
		o = f.object(r.num)
	}
	return nil
}

func (f *file) dict(o any) dict {
	switch o := f.resolve(o).(type) {
	case dict:
		return o
	case stream:
		return o.dict
	}
	return nil
}

func (f *file) array(o any) array {
	a, _ := f.resolve(o).(array)
	return a
}

func (f *file) name(o any) name {
	n, _ := f.resolve(o).(name)
	return n
}

func (f *file) num(o any) float64 {
	n, _ := f.resolve(o).(float64)
	return n
}

func (f *file) int(o any) int {
	n := f.num(o)
	if n != n || n > 1<<40 || n < -1<<40 {
		return 0
	}
	return int(n)
}

// trailer returns the dictionary that names the catalogue: of the last trailer
// that does, else of a cross-reference stream.
func (f *file) trailer() dict {
	for pos, tries := len(f.b), 0; tries < maxTrailers; tries++ {
		i := bytes.LastIndex(f.b[:pos], []byte("trailer"))
		if i < 0 {
			break
		}
		l := &lexer{b: f.b, pos: i + len("trailer")}
		if o, _ := l.next(); o != nil {
			if d, ok := o.(dict); ok && d["Root"] != nil {
				return d
			}
		}
		pos = i
	}
	var last dict
	order := -1
	for _, num := range f.numbers() {
		p := f.at[num]
		if p.container != 0 || !bytes.Contains(f.b[p.offset:min(p.offset+512, len(f.b))], []byte("XRef")) {
			continue
		}
		if s, ok := f.object(num).(stream); ok && s.dict["Root"] != nil && p.order > order {
			last, order = s.dict, p.order
		}
	}
	return last
}

// pages returns the dictionaries of the pages in order, with what they inherit.
func (f *file) pages(trailer dict) []dict {
	var out []dict
	seen := map[int]bool{}
	var walk func(o any, inherited dict, depth int)
	walk = func(o any, inherited dict, depth int) {
		if r, ok := o.(ref); ok {
			if seen[r.num] {
				return
			}
			seen[r.num] = true
		}
		d := f.dict(o)
		if d == nil || depth > maxNest || len(out) > maxPages {
			return
		}
		own := dict{}
		for _, key := range []name{"Resources", "MediaBox", "CropBox", "Rotate"} {
			if own[key] = d[key]; own[key] == nil {
				own[key] = inherited[key]
			}
		}
		if kids := f.array(d["Kids"]); len(kids) > 0 && f.name(d["Type"]) != "Page" {
			for _, k := range kids {
				walk(k, own, depth+1)
			}
			return
		}
		own["Contents"] = d["Contents"]
		out = append(out, own)
	}
	walk(f.dict(trailer["Root"])["Pages"], nil, 0)
	if len(out) > 0 {
		return out
	}
	for _, num := range f.numbers() { // no tree: the pages as they stand
		if d, ok := f.object(num).(dict); ok && f.name(d["Type"]) == "Page" && len(out) <= maxPages {
			out = append(out, d)
		}
	}
	return out
}
