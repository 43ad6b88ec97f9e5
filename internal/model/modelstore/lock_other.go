//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package modelstore

import "errors"

// tryLock is not known on this system: models can be opened, not imported.
func tryLock(string) (unlock func() error, ok bool, err error) {
	return nil, false, errors.New("this system has no file locks that we know")
}
