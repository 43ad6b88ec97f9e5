package floats

import (
	"encoding/binary"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// scoresGeneric turns a run of a page into float32 once for all queries.
func scoresGeneric(out []float32, t quant.Type, keys [][]byte, q []float32, D int) {
	var w [Run * Lanes]float32
	R, size := len(q)/D, pageNumberSize("Scores", t)
	for r := range R {
		clear(out[r*Block:][:len(keys)*Lanes])
	}
	for p, page := range keys {
		for k := 0; k < D; k += Run {
			n := min(Run, D-k)
			widenPortable(w[:n*Lanes], t, page[k*Lanes*size:])
			for r := range R {
				var sum [Lanes]float32
				addLanes(&sum, w[:n*Lanes], q[r*D+k:][:n])
				addGeneric(out[r*Block+p*Lanes:][:Lanes], sum[:])
			}
		}
	}
}

// addLanes adds to sum each number of x times Lanes numbers of w. Four lanes at a
// time keep their sums in registers.
func addLanes(sum *[Lanes]float32, w, x []float32) {
	for r := 0; r < Lanes; r += 4 {
		a, b, c, d := sum[r], sum[r+1], sum[r+2], sum[r+3]
		for k, v := range x {
			u := (*[4]float32)(w[k*Lanes+r:])
			a += float32(v * u[0])
			b += float32(v * u[1])
			c += float32(v * u[2])
			d += float32(v * u[3])
		}
		sum[r], sum[r+1], sum[r+2], sum[r+3] = a, b, c, d
	}
}

// valuesGeneric turns Lanes numbers of each position into float32 once for all
// queries.
func valuesGeneric(out []float32, t quant.Type, values [][]byte, P int, w []float32, from, to int, factor []float32) {
	var v [Block * Lanes]float32
	size := pageNumberSize("AddValues", t)
	for d := 0; d < P; d += Lanes {
		for i := from; i < to; i++ {
			widenPortable(v[(i-from)*Lanes:][:Lanes], t, values[i/Lanes][(i%Lanes*P+d)*size:])
		}
		for r, f := range factor {
			var sum [Lanes]float32
			addLanes(&sum, v[:(to-from)*Lanes], w[r*Block+from:r*Block+to])
			o := out[r*P+d:][:Lanes]
			for i, s := range sum {
				o[i] = float32(o[i]*f) + s
			}
		}
	}
}

func softmaxGeneric(score []float32, n int, scale float32, top, total, factor []float32) {
	for r, old := range top {
		row := score[r*Block:][:n]
		largest := old
		for i, s := range row {
			s *= scale
			row[i] = s
			if s > largest {
				largest = s
			}
		}
		var lanes [Lanes]float32
		for i, s := range row {
			row[i] = exp(s - largest)
			lanes[i%Lanes] += row[i]
		}
		for half := Lanes / 2; half > 0; half /= 2 {
			for i := range half {
				lanes[i] += lanes[half+i]
			}
		}
		f := exp(old - largest)
		top[r], factor[r], total[r] = largest, f, float32(total[r]*f)+lanes[0]
	}
}

func keysFromQ8Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[Q8Group*Lanes:], src[q8KeyBytes:] {
		var scale [Lanes]float32
		widenPortable(scale[:], quant.F16, src)
		for i, b := range src[2*Lanes : q8KeyBytes] {
			dst[i] = float32(int8(b)) * scale[i%Lanes]
		}
	}
}

func valuesFromQ8Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[Q8Group:], src[q8ValueBytes:] {
		scale := quant.FromF16(binary.LittleEndian.Uint16(src))
		for i, b := range src[2:q8ValueBytes] {
			dst[i] = float32(int8(b)) * scale
		}
	}
}
