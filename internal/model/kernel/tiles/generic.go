package tiles

// floatsPortable is Floats by its definition.
func floatsPortable(out, a, b []float32, s Shape) {
	for p := range s.Panels {
		panel := b[p*s.K*Lanes:][:s.K*Lanes]
		for m := range s.M {
			var sum [Lanes]float32
			row := a[m*s.AStride:][:s.K]
			for k, x := range row {
				w := (*[Lanes]float32)(panel[k*Lanes:])
				for r := range sum {
					// The conversion keeps the compiler from fusing.
					sum[r] += float32(x * w[r])
				}
			}
			to := (*[Lanes]float32)(out[m*s.OutStride+p*Lanes:])
			put(to, &sum, s.Add)
		}
	}
}

// put adds a run's sums to the results, or makes them the results.
func put(to, sum *[Lanes]float32, add bool) {
	if !add {
		*to = *sum
		return
	}
	for r := range sum {
		to[r] += sum[r]
	}
}
