package pdf

import (
	"bytes"
	"math"
	"strings"
)

// The limits on drawing.
const (
	maxOperators = 20_000_000 // of all pages
	maxStates    = 256        // graphics states put aside
	maxForms     = 12         // forms within each other
	maxChunks    = 400_000    // pieces of text on one page
	maxOperands  = 1 << 16
	minGap       = 0.15 // of the size: a gap as wide divides words
	maxJoin      = 0.5  // of the size: a gap as wide begins another chunk
)

// matrix is a transformation [a b c d e f].
type matrix [6]float64

var identity = matrix{1, 0, 0, 1, 0, 0}

// mul returns the transformation that does m first and n after it.
func (m matrix) mul(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// chunk is text on one baseline without a wide gap.
type chunk struct {
	x0, x1, y, size float64
	text            string
	bold            bool
}

// state is what the operators of text change.
type state struct {
	ctm                               matrix
	font                              *font
	size, charSpace, wordSpace, scale float64
	leading, rise                     float64
	text, line                        matrix
}

// painter runs the content of one page and keeps its text.
type painter struct {
	f         *file
	fonts     map[int]*font
	operators int

	s       state
	saved   []state
	chunks  []chunk
	open    strings.Builder // text of the chunk at hand
	at      chunk
	rotated int // characters that do not run from left to right
	unknown int // characters that their font does not name
	known   int
	named   map[name]*font // of the resources at hand
}

// page draws a page and returns its text.
func (p *painter) page(d dict) []chunk {
	p.chunks, p.saved = nil, nil
	p.s = state{ctm: identity, scale: 1, text: identity, line: identity}
	switch p.f.int(d["Rotate"]) {
	case 90, -270:
		p.s.ctm = matrix{0, -1, 1, 0, 0, 0}
	case 180, -180:
		p.s.ctm = matrix{-1, 0, 0, -1, 0, 0}
	case 270, -90:
		p.s.ctm = matrix{0, 1, -1, 0, 0, 0}
	}
	var content []byte
	switch c := p.f.resolve(d["Contents"]).(type) {
	case stream:
		content = p.f.decode(c)
	case array:
		for _, o := range c[:min(len(c), 4096)] {
			if s, ok := p.f.resolve(o).(stream); ok {
				content = append(append(content, p.f.decode(s)...), '\n')
			}
		}
	}
	p.run(content, p.f.dict(d["Resources"]), 0)
	p.end()
	return p.chunks
}

// run executes operators.
func (p *painter) run(content []byte, resources dict, depth int) {
	outer := p.named
	p.named = map[name]*font{}
	defer func() { p.named = outer }()
	l := &lexer{b: content, plain: true}
	var args []any
	for {
		o, ok := l.next()
		if !ok {
			return
		}
		k, isOp := o.(keyword)
		if !isOp {
			if len(args) < maxOperands {
				args = append(args, o)
			}
			continue
		}
		if p.operators++; p.operators > maxOperators || len(p.chunks) > maxChunks {
			p.f.limited = true
			return
		}
		switch k {
		case "BI":
			skipImage(l)
		case "Do":
			p.form(args, resources, depth)
		case "Tf":
			if len(args) == 2 {
				n, _ := args[0].(name)
				if _, known := p.named[n]; !known {
					p.named[n] = p.f.font(p.f.dict(resources["Font"])[n], p.fonts)
				}
				p.s.font, p.s.size = p.named[n], num(args[1])
			}
		default:
			p.operator(k, args)
		}
		args = args[:0]
	}
}

// form draws the content of another stream in place.
func (p *painter) form(args []any, resources dict, depth int) {
	if len(args) != 1 || depth >= maxForms {
		return
	}
	n, _ := args[0].(name)
	s, ok := p.f.resolve(p.f.dict(resources["XObject"])[n]).(stream)
	if !ok || p.f.name(s.dict["Subtype"]) != "Form" || p.f.decoded >= maxAllDecoded {
		return
	}
	saved := p.s
	if m := p.f.array(s.dict["Matrix"]); len(m) == 6 {
		var form matrix
		for i := range form {
			form[i] = p.f.num(m[i])
		}
		p.s.ctm = form.mul(p.s.ctm)
	}
	own := p.f.dict(s.dict["Resources"])
	if own == nil {
		own = resources
	}
	p.run(p.f.decode(s), own, depth+1)
	p.s = saved
}

// skipImage passes over the data of an image in the content.
func skipImage(l *lexer) {
	rest := l.b[l.pos:]
	from := bytes.Index(rest, []byte("ID"))
	if from < 0 {
		l.pos = len(l.b)
		return
	}
	for at := from + 2; ; {
		i := bytes.Index(rest[at:], []byte("EI"))
		if i < 0 {
			l.pos = len(l.b)
			return
		}
		at += i
		if isSpace(rest[at-1]) && (at+2 >= len(rest) || isSpace(rest[at+2])) {
			l.pos += at + 2
			return
		}
		at += 2
	}
}

func num(o any) float64 {
	n, _ := o.(float64)
	return n
}

// operator executes one that needs no resources.
func (p *painter) operator(k keyword, args []any) {
	arg := func(i int) float64 {
		if i < len(args) {
			return num(args[i])
		}
		return 0
	}
	s := &p.s
	switch k {
	case "q":
		if len(p.saved) < maxStates {
			p.saved = append(p.saved, *s)
		}
	case "Q":
		if n := len(p.saved); n > 0 {
			*s = p.saved[n-1]
			p.saved = p.saved[:n-1]
		}
	case "cm":
		s.ctm = matrix{arg(0), arg(1), arg(2), arg(3), arg(4), arg(5)}.mul(s.ctm)
	case "BT":
		s.text, s.line = identity, identity
	case "Tc":
		s.charSpace = arg(0)
	case "Tw":
		s.wordSpace = arg(0)
	case "Tz":
		s.scale = arg(0) / 100
	case "TL":
		s.leading = arg(0)
	case "Ts":
		s.rise = arg(0)
	case "Td":
		p.move(arg(0), arg(1))
	case "TD":
		s.leading = -arg(1)
		p.move(arg(0), arg(1))
	case "T*":
		p.move(0, -s.leading)
	case "Tm":
		s.text = matrix{arg(0), arg(1), arg(2), arg(3), arg(4), arg(5)}
		s.line = s.text
	case "Tj", "'", "\"":
		if k == "\"" && len(args) == 3 {
			s.wordSpace, s.charSpace = arg(0), arg(1)
			args = args[2:]
		}
		if k != "Tj" {
			p.move(0, -s.leading)
		}
		if len(args) > 0 {
			p.show(args[len(args)-1])
		}
	case "TJ":
		if len(args) > 0 {
			list, _ := args[0].(array)
			for _, o := range list {
				p.show(o)
			}
		}
	}
}

func (p *painter) move(x, y float64) {
	p.s.line = matrix{1, 0, 0, 1, x, y}.mul(p.s.line)
	p.s.text = p.s.line
}

// show draws a string, or moves the pen by a number.
func (p *painter) show(o any) {
	s := &p.s
	switch o := o.(type) {
	case float64:
		s.text = matrix{1, 0, 0, 1, -o / 1000 * s.size * s.scale, 0}.mul(s.text)
	case text:
		if s.font == nil {
			return
		}
		for len(o) > 0 {
			code, size := s.font.take(o)
			if size <= 0 {
				return
			}
			p.glyph(code, o[:size])
			o = o[size:]
		}
	}
}

// glyph puts one character where the pen stands and moves the pen.
func (p *painter) glyph(code uint32, raw text) {
	s := &p.s
	advance := s.font.width(code)/1000*s.size + s.charSpace
	if len(raw) == 1 && raw[0] == ' ' {
		advance += s.wordSpace
	}
	from := matrix{s.size * s.scale, 0, 0, s.size, 0, s.rise}.mul(s.text).mul(s.ctm)
	s.text = matrix{1, 0, 0, 1, advance * s.scale, 0}.mul(s.text)
	to := s.text.mul(s.ctm)
	if math.Abs(from[1]) > math.Abs(from[0]) || from[0] < 0 {
		p.rotated++
		return
	}
	size := math.Hypot(from[2], from[3])
	x0, x1, y := from[4], to[4], from[5]
	if !(size > 0.1 && size < 5000 && math.Abs(x0) < 1e6 && math.Abs(x1) < 1e6 && math.Abs(y) < 1e6) {
		return
	}
	t := s.font.text(code, raw)
	if t == "\ufffd" {
		p.unknown++
	} else {
		p.known++
	}
	p.put(x0, x1, y, size, t)
}

// put adds text to the chunk at hand, or begins another.
func (p *painter) put(x0, x1, y, size float64, t string) {
	gap := x0 - p.at.x1
	if p.open.Len() == 0 || math.Abs(y-p.at.y) > 0.25*size || gap > maxJoin*size || gap < -0.6*size || math.Abs(size-p.at.size) > 0.3*size || p.open.Len() > 4096 {
		p.end()
		if strings.TrimSpace(t) == "" {
			return
		}
		p.at = chunk{x0: x0, x1: x1, y: y, size: size, bold: p.s.font.bold}
		p.open.WriteString(t)
		return
	}
	if gap > minGap*size && !strings.HasSuffix(p.open.String(), " ") && t != " " {
		p.open.WriteByte(' ')
	}
	p.open.WriteString(t)
	p.at.x1 = x1
}

// end keeps the chunk at hand.
func (p *painter) end() {
	if t := p.open.String(); strings.TrimSpace(t) != "" {
		p.at.text = strings.Join(strings.Fields(t), " ")
		if strings.HasSuffix(t, " ") {
			p.at.text += " "
		}
		p.chunks = append(p.chunks, p.at)
	}
	p.open.Reset()
}
