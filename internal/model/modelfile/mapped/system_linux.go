package mapped

import (
	"os"
	"syscall"
)

// touched says whether a file's inode changed while nothing that a link, a
// rename of another name, a change of mode or of owner leaves behind did: what
// is left is a write whose time was put back.
func touched(then, now os.FileInfo) bool {
	a, ok := then.Sys().(*syscall.Stat_t)
	b, also := now.Sys().(*syscall.Stat_t)
	return ok && also && a.Ctim != b.Ctim &&
		a.Nlink == b.Nlink && a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid
}

// release tells the system that whole pages are not needed soon. They are read
// again from the file when they are.
func release(pages []byte) {
	// A hint: where it cannot be taken nothing is lost.
	_ = syscall.Madvise(pages, syscall.MADV_DONTNEED)
}
