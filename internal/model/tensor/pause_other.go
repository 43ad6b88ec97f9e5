//go:build !amd64 || purego

package tensor

import "sync/atomic"

// pause waits a little: n reads that the compiler cannot leave out.
func pause(n uint32) {
	var nothing atomic.Uint32
	for range 32 * n {
		nothing.Load()
	}
}
