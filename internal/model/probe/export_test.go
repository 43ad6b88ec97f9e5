package probe

// Rounded makes training keep rows as float16, as it does with many.
func Rounded(o Options) Options {
	o.round = true
	return o
}
