package train

// WithSteps returns o with a function that is called before each operation on
// disk and can make it fail.
func WithSteps(o Options, step func(operation, path string) error) Options {
	o.step = step
	return o
}
