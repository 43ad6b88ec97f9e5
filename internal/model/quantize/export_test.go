package quantize

// Foresee refuses a file that the disk has no room for.
func Foresee(dir string, need int64) error { return foresee(dir, need) }
