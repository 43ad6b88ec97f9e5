package recipe

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate"
)

//go:embed builtin
var builtin embed.FS

// Builtin returns the recipes that the program holds, in the order of their
// names.
func Builtin() []*Recipe { return loadBuiltin() }

var loadBuiltin = sync.OnceValue(func() []*Recipe {
	entries, err := builtin.ReadDir("builtin")
	if err != nil {
		panic("recipe: " + err.Error()) // it is part of the program
	}
	var out []*Recipe
	for _, e := range entries {
		sub, err := fs.Sub(builtin, path.Join("builtin", e.Name()))
		if err == nil {
			var r *Recipe
			if r, err = Load(sub); err == nil {
				out = append(out, r)
			}
		}
		if err != nil {
			panic("recipe: " + e.Name() + ": " + err.Error())
		}
	}
	return out
})

// Find returns a built-in recipe by its name.
func Find(name string) (*Recipe, bool) {
	for _, r := range Builtin() {
		if r.Name == name {
			return r, true
		}
	}
	return nil, false
}

// LoadDir reads the recipe in a folder of the disk. Nothing outside it is read,
// wherever links may lead.
func LoadDir(dir string) (*Recipe, error) {
	wrong := func(err error) error {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("recipe %q", dir), Err: err, Hint: "casemate recipe check DIR tells what is wrong; docs/recipes.md describes the format"}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, wrong(err)
	}
	defer root.Close()
	r, err := Load(root.FS())
	if err != nil {
		return nil, wrong(err)
	}
	return r, nil
}

// CheckDir returns the recipe in a folder, or its faults, each with file, line and
// column. The error is that of a folder that cannot be read at all.
func CheckDir(dir string) (*Recipe, []string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("recipe %q", dir), Err: err, Hint: "give the folder that holds " + File}
	}
	defer root.Close()
	r, err := Load(root.FS())
	if err == nil {
		return r, nil, nil
	}
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return nil, []string{err.Error()}, nil
	}
	var faults []string
	for _, e := range many.Unwrap() {
		faults = append(faults, e.Error())
	}
	return nil, faults, nil
}

var nameLine = regexp.MustCompile(`(?m)^name:.*$`)

// Copy writes a recipe into a new folder, under the folder's name. It refuses to
// write where something is.
func Copy(r *Recipe, dir string) error {
	name := filepath.Base(filepath.Clean(dir))
	if !validName.MatchString(name) || len(name) > 40 {
		return usage(fmt.Sprintf("%q cannot be the name of a recipe", name), "lower-case letters, digits and -, a letter first, at most 40")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return usage(fmt.Sprintf("%q exists already", dir), "give a folder that does not exist: nothing is overwritten")
		}
		return fmt.Errorf("make recipe: %w", err)
	}
	for _, file := range slices.Sorted(maps.Keys(r.files)) {
		data := r.files[file]
		if file == File {
			data = nameLine.ReplaceAll(data, []byte("name: "+name))
		}
		to := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("copy recipe: %w", err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return fmt.Errorf("copy recipe: %w", err)
		}
	}
	return nil
}
