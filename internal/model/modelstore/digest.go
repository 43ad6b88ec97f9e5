package modelstore

import (
	"context"
	"fmt"
	"os"
)

// Digest returns the digest that a model given by its path would have in the
// store: over a GGUF file and its parts, or over the files of a folder that are
// part of the model. It reads all of them.
func Digest(ctx context.Context, path string, progress func(done, total int64)) (string, error) {
	src, err := findSource(path)
	if err != nil {
		return "", err
	}
	seen, err := inspect(src.open(), nil)
	if err != nil {
		return "", refused(path, err)
	}
	src.keepOnly(seen.files)
	total, before := int64(0), int64(0)
	for _, f := range src.files {
		info, err := os.Stat(f.path)
		if err != nil {
			return "", fmt.Errorf("take the digest of %q: %w", path, err)
		}
		total += info.Size()
	}
	var files []File
	for _, f := range src.files {
		last := int64(0)
		digest, err := hashFile(ctx, f.path, func(done int64) {
			if last = done; progress != nil {
				progress(before+done, total)
			}
		})
		if err != nil {
			return "", fmt.Errorf("take the digest of %q: %w", f.name, err)
		}
		before += last
		files = append(files, File{Name: f.name, Digest: digest})
	}
	return totalDigest(files), nil
}
