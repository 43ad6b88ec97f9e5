package packed

// ActivationsIn returns activations whose tiles are in the given memory, as many
// bytes as they need.
func ActivationsIn(memory []byte, T, K, group int) *Activations {
	a := &Activations{memory: memory[:0:len(memory)]}
	a.Resize(T, K, group)
	return a
}
