//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package train

// lock trusts the user here: that two processes do not train in one folder.
func lock(string) (unlock func() error, ok bool, err error) {
	return func() error { return nil }, true, nil
}
