package gradient

// FreezeLengths keeps the lengths of decomposed adapters' rows as they are, which
// the backward pass takes for constants.
func (m *Model) FreezeLengths() { m.frozenLengths = true }

// Drop applies a mask to a token's inputs.
func Drop(out, x []float32, share float64, key uint64, token int) {
	newDropout(share, key).apply(out, x, token, false)
}
