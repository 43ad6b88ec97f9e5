package gradient

// FreezeLengths keeps the lengths of decomposed adapters' rows as they are, which
// the backward pass takes for constants.
func (m *Model) FreezeLengths() { m.frozenLengths = true }
