package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	defaultWidth   = 100
	minShownColumn = 40
	barThrottle    = 100 * time.Millisecond // between two drawings of a bar
)

// output is standard output, and remembers what went wrong with it.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// fileOf returns the file that w writes to, if it is one.
func fileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*output); ok {
		w = o.Writer
	}
	f, ok := w.(*os.File)
	return f, ok
}

// isTerminal reports whether w is a terminal whose reader wants colour.
func isTerminal(w io.Writer) bool {
	f, ok := fileOf(w)
	return ok && isTerminalFile(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// isTerminalFile reports whether f is a terminal, whatever its reader wants.
func isTerminalFile(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// terminalWidth returns the columns of w, or a page's width.
func terminalWidth(w io.Writer) int {
	if f, ok := fileOf(w); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return defaultWidth
}

// progress shows on a terminal how much has been read.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress returns a bar for reading paths, or a silent one where nobody watches.
func newProgress(stderr io.Writer, paths []string) progress {
	if !isTerminal(stderr) {
		return progress{}
	}
	total := int64(0)
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.Mode().IsRegular() {
			total = -1
			break
		}
		total += info.Size()
	}
	return progress{progressbar.NewOptions64(total, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("reading"),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(barThrottle))}
}

func (p progress) update(read int64) {
	if p.bar != nil {
		p.bar.Set64(read) // a bar that cannot be drawn is no reason to stop
	}
}

func (p progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

func (p progress) done() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
