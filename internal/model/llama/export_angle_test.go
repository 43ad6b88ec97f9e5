package llama

// The functions that turn positions into angles.
var (
	Roots     = roots
	Sincos    = sincos
	Logarithm = logarithm
)
