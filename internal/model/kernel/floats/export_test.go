package floats

// The functions with the level of instructions handed in.
var (
	AddProductsAt = addProducts
	MultiplyAt    = multiply
	PackAt        = pack
	WidenAt       = widen
	NarrowAt      = narrow
)
