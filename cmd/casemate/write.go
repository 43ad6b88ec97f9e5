package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate"
)

// writeFile writes a file beside its place and then moves it there, so that a
// reader never finds half of it.
func writeFile(name string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("write %q: it is a folder", name), Hint: "give the name of a file, in it or elsewhere"}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".casemate-*")
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("write %q", name), Err: err, Hint: "give a file in a folder that exists and that you may write"}
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %q: %w", name, err)
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(f)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// writeJSON writes a value as JSON, on one line or indented for people.
func writeJSON(w io.Writer, v any, indent bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // it goes to programs, which read < as well
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// form is one form of a result and where it goes: a file, "-" for standard output,
// or "" for nowhere.
type form struct {
	name  string
	write func(io.Writer) error
}

// writeForms writes each form where it goes, and says whether one went to standard
// output.
func writeForms(stdout io.Writer, forms []form) (printed bool, err error) {
	for _, f := range forms {
		switch f.name {
		case "":
		case "-":
			printed = true
			err = f.write(stdout)
		default:
			err = writeFile(f.name, f.write)
		}
		if err != nil {
			return printed, err
		}
	}
	return printed, nil
}
