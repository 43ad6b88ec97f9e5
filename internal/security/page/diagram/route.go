package diagram

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// rect is a part of the picture that something takes.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) meets(o rect) bool {
	return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1
}

// port is an end of a wire at a box, sorted by where the other end lies.
type port struct {
	wire  int
	first bool // the wire's first end
	other float64
}

// ends gives each wire the heights at which it leaves and reaches its boxes, so
// that those at one side of a box lie apart.
func (l *layout) ends() [][2]float64 {
	sides := map[[2]int][]port{} // spot, and which side: -1 left, 1 right
	for i, w := range l.wires {
		for k, first := range []bool{true, false} {
			own, next := w.through[0], w.through[1]
			if k == 1 {
				own, next = w.through[len(w.through)-1], w.through[len(w.through)-2]
			}
			side := 1
			if l.spots[next].layer < l.spots[own].layer {
				side = -1
			}
			sides[[2]int{own, side}] = append(sides[[2]int{own, side}], port{i, first, l.spots[next].y})
		}
	}
	out := make([][2]float64, len(l.wires))
	for key, ports := range sides {
		slices.SortStableFunc(ports, func(a, b port) int { return cmp.Compare(a.other, b.other) })
		step := min(8, (BoxHeight-8)/float64(max(len(ports)-1, 1)))
		for i, p := range ports {
			y := l.spots[key[0]].y + step*(float64(i)-float64(len(ports)-1)/2)
			if p.first {
				out[p.wire][0] = y
			} else {
				out[p.wire][1] = y
			}
		}
	}
	return out
}

// curve is one cubic of a path.
type curve [8]float64

// at is a point of it.
func (c curve) at(t float64) (x, y float64) {
	u := 1 - t
	a, b, d, e := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return a*c[0] + b*c[2] + d*c[4] + e*c[6], a*c[1] + b*c[3] + d*c[5] + e*c[7]
}

// curves is the way of a wire: a curve in each gap that it crosses, straight
// through the columns between.
func (l *layout) curves(w *wire, ends [2]float64) []curve {
	a, b := l.spots[w.through[0]], l.spots[w.through[len(w.through)-1]]
	edge := func(s spot, node int, right bool) float64 {
		x := l.x[s.layer] + (l.widths[s.layer]-l.wide[node])/2
		if right {
			x += l.wide[node]
		}
		return x
	}
	if a.layer == b.layer {
		x0, x1 := edge(a, w.from, true), edge(b, w.to, true)
		out := max(x0, x1) + min(26+0.1*math.Abs(ends[0]-ends[1]), arcSpace)
		return []curve{{x0, ends[0], out, ends[0], out, ends[1], x1, ends[1]}}
	}
	right := b.layer > a.layer
	var list []curve
	x, y := edge(a, w.from, right), ends[0]
	for k := 1; k < len(w.through); k++ {
		s := l.spots[w.through[k]]
		tx, ty := l.x[s.layer], s.y
		if !right {
			tx += l.widths[s.layer]
		}
		if k == len(w.through)-1 {
			tx, ty = edge(b, w.to, !right), ends[1]
		}
		bend := (tx - x) * 0.5
		list = append(list, curve{x, y, x + bend, y, tx - bend, ty, tx, ty})
		x, y = tx, ty
		if k < len(w.through)-1 { // straight through the column
			x = l.x[s.layer] + l.widths[s.layer]
			if !right {
				x = l.x[s.layer]
			}
		}
	}
	return list
}

// spotFor finds a place on a way where a label covers nothing, and takes it.
// Aside is a way within a column: its label begins at it.
func spotFor(curves []curve, width float64, aside bool, taken *[]rect) (x, y float64, ok bool) {
	half := width/2 + 3
	for _, t := range []float64{0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85} {
		// Of a long way the gaps at its ends come first: there it is known what it ties.
		for k := range curves {
			c := curves[(len(curves)-1+k)%len(curves)]
			x, y := c.at(t)
			if aside {
				x += half - 12
			}
			r := rect{x - half, y - 7.5, x + half, y + 7.5}
			if !slices.ContainsFunc(*taken, r.meets) {
				*taken = append(*taken, r)
				return x, y, true
			}
		}
	}
	return 0, 0, false
}

const arrowLength = 7.0

// pathOf writes curves as a path that ends where the arrow begins.
func pathOf(curves []curve, dir float64) string {
	var b strings.Builder
	for i, c := range curves {
		if i == len(curves)-1 {
			c[6] -= dir * (arrowLength - 1)
		}
		if i == 0 {
			fmt.Fprintf(&b, "M%s %s", Pixels(c[0]), Pixels(c[1]))
		} else {
			fmt.Fprintf(&b, "L%s %s", Pixels(c[0]), Pixels(c[1]))
		}
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", Pixels(c[2]), Pixels(c[3]), Pixels(c[4]), Pixels(c[5]), Pixels(c[6]), Pixels(c[7]))
	}
	return b.String()
}

func arrow(x, y, dir float64) string {
	back := Pixels(x - dir*arrowLength)
	return "M" + Pixels(x) + " " + Pixels(y) + "L" + back + " " + Pixels(y-3.4) + "L" + back + " " + Pixels(y+3.4) + "Z"
}

// Pixels writes a length to a tenth of a pixel.
func Pixels(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
