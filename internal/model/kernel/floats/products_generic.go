package floats

// addPortable is AddProducts in portable Go: the reference. A run of a panel is
// turned into float32 once for all rows of x.
func addPortable(sum []float64, w []byte, x []float32, s Shape) {
	var run [Run * Lanes]float32
	size := numberSize("AddProducts", s.Type)
	for p := range s.Panels {
		for k := 0; k < s.K; k += Run {
			n := min(Run, s.K-k)
			for i := range n {
				at := (p*s.PanelStride + (k+i)*s.WStride) * size
				widenPortable(run[i*Lanes:][:Lanes], s.Type, w[at:])
			}
			for t := range s.T {
				to := (*[Lanes]float64)(sum[t*s.OutStride+p*Lanes:])
				addRun(to, run[:n*Lanes], x[t*s.XStride+k:][:n])
			}
		}
	}
}

// addRun adds one run: w has Lanes numbers for each of x. Four lanes at a time
// keep their sums in registers.
func addRun(sum *[Lanes]float64, w, x []float32) {
	for r := 0; r < Lanes; r += 4 {
		var a, b, c, d float32
		for k, v := range x {
			u := (*[4]float32)(w[k*Lanes+r:])
			a += float32(v * u[0])
			b += float32(v * u[1])
			c += float32(v * u[2])
			d += float32(v * u[3])
		}
		sum[r] += float64(a)
		sum[r+1] += float64(b)
		sum[r+2] += float64(c)
		sum[r+3] += float64(d)
	}
}
