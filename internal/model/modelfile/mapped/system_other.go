//go:build !linux

package mapped

import "os"

// touched says nothing where the time of an inode's change is not asked for.
func touched(then, now os.FileInfo) bool { return false }

func release([]byte) {}
