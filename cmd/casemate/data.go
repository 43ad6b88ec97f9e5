package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// dataFlag is the flag of every command that uses the data directory.
type dataFlag struct {
	Data string `placeholder:"DIR" help:"The data directory; default: $$CASEMATE_DATA, else the user's data directory."`
}

// dataDir returns the data directory: as asked, as the environment says, or
// where the system keeps a user's data.
func (d dataFlag) dataDir() (string, error) {
	if d.Data != "" {
		return d.Data, nil
	}
	if dir := os.Getenv("CASEMATE_DATA"); dir != "" {
		return dir, nil
	}
	dir, err := userData(runtime.GOOS, os.Getenv)
	if err != nil {
		return "", &casemate.Error{Code: casemate.CodeUsage, Message: "find the data directory", Hint: "name one with --data DIR", Err: err}
	}
	return filepath.Join(dir, "casemate"), nil
}

// userData returns the folder in which a system keeps a user's data.
func userData(system string, env func(string) string) (string, error) {
	home := env("HOME")
	switch system {
	case "windows":
		if dir := env("LocalAppData"); dir != "" {
			return dir, nil
		}
		return "", errors.New("%LocalAppData% is not set")
	case "darwin", "ios":
		if home != "" {
			return filepath.Join(home, "Library", "Application Support"), nil
		}
	default:
		if dir := env("XDG_DATA_HOME"); filepath.IsAbs(dir) { // the XDG specification ignores others
			return dir, nil
		}
		if home != "" {
			return filepath.Join(home, ".local", "share"), nil
		}
	}
	return "", errors.New("$HOME is not set")
}

// openLibrary opens the knowledge base for reading. Where there is none it
// returns library.ErrEmpty.
func (d dataFlag) openLibrary() (*library.Library, error) {
	dir, err := d.dataDir()
	if err != nil {
		return nil, err
	}
	return library.Open(dir, library.Options{})
}

// errNoLibrary is the error of a command that can do nothing without a library.
func errNoLibrary(err error) error {
	if !errors.Is(err, library.ErrEmpty) {
		return err
	}
	return &casemate.Error{Code: casemate.CodeInput, Message: "the knowledge base is empty", Hint: "casemate kb status tells what to import"}
}
