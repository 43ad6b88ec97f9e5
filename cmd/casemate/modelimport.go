package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelImportCmd struct {
	dataFlag
	Path    string `arg:"" help:"A GGUF file, any shard of a split one, or a Hugging Face folder of safetensors."`
	Name    string `placeholder:"NAME[:TAG]" help:"What to call the model; default: its file's or folder's name."`
	Link    bool   `xor:"mode" help:"Fail where the weights cannot be linked; default: link them if possible, else copy them."`
	Copy    bool   `xor:"mode" help:"Copy the weights, so that the source may be changed afterwards."`
	Replace bool   `help:"Put the model in the place of another one of this name."`
	JSON    bool   `help:"Print one JSON document."`
}

// Run checks the model and takes it into the store.
func (c *modelImportCmd) Run(s *streams) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		if name = modelstore.Suggest(c.Path); name == "" {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no name can be made of %q", c.Path), Hint: "give one with --name"}
		}
	}
	bar := newStoreBar(s.stderr)
	got, err := modelstore.New(dir).Import(s.ctx, c.Path, name, modelstore.ImportOptions{Mode: c.mode(), Replace: c.Replace, At: time.Now().UTC().Truncate(time.Second), Progress: bar.show})
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, got, true)
	}
	c.print(s.stdout, got)
	tellImport(s.stderr, got)
	return nil
}

func (c *modelImportCmd) mode() modelstore.Mode {
	switch {
	case c.Link:
		return modelstore.ModeLink
	case c.Copy:
		return modelstore.ModeCopy
	}
	return modelstore.ModeAuto
}

// print says what the store has now.
func (c *modelImportCmd) print(w io.Writer, got *modelstore.Imported) {
	m, what := got.Manifest, "imported"
	if got.Unchanged {
		what = "was there already:"
	}
	license := "licence unknown"
	if m.License != "" {
		license = "licence " + report.Terminal(m.License)
	}
	fmt.Fprintf(w, "%s %s: %s, %s, %s parameters, %s in %s, %s\n", what, m.Name, m.Architecture, m.Quantisation,
		phrase.Number(m.Parameters), phrase.Bytes(m.Size()), fileCount(len(m.Files)), license)
	fmt.Fprintf(w, "%s@%s\n", m.Name, m.Digest)
}

// tellImport says on stderr what a person may want to know of how it came in.
func tellImport(w io.Writer, got *modelstore.Imported) {
	note := func(format string, args ...any) {
		fmt.Fprintln(w, "casemate: note:", report.Terminal(fmt.Sprintf(format, args...)))
	}
	if len(got.Manifest.Linked) > 0 && !got.Unchanged {
		note("linked, not copied: %s; whoever writes to the source in place changes the model (--copy avoids that)", some(got.Manifest.Linked))
	}
	if len(got.Manifest.Linked) > 0 && got.Unchanged {
		note("it stays linked with %s; remove it and import it again with --copy to have a copy", got.Manifest.Source)
	}
	if len(got.Followed) > 0 {
		note("followed symbolic links: %s", some(got.Followed))
	}
	if len(got.LeftOut) > 0 {
		note("left out, no part of a model: %s", some(got.LeftOut))
	}
	if len(got.Mended) > 0 {
		note("were damaged in the store and are mended: %s", some(got.Mended))
	}
	if got.Replaced != "" {
		note("took the place of %s", got.Replaced)
	}
	if got.Reclaimed > 0 {
		note("deleted %s that no model uses any more", phrase.Bytes(got.Reclaimed))
	}
}

// some names the first few.
func some(names []string) string {
	return strings.Join(first(names), ", ") + more(len(names)-len(first(names)))
}

func fileCount(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// storeBar shows on a terminal how far an import or a check is.
type storeBar struct{ bar *progressbar.ProgressBar }

// newStoreBar returns a bar, or a silent one where nobody watches.
func newStoreBar(stderr io.Writer) storeBar {
	if !isTerminal(stderr) {
		return storeBar{}
	}
	return storeBar{progressbar.NewOptions64(1, progressbar.OptionSetWriter(stderr), progressbar.OptionShowBytes(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))}
}

func (b storeBar) show(p modelstore.Progress) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(p.Doing)
	b.bar.ChangeMax64(max(p.Total, 1))
	b.bar.Set64(min(p.Done, max(p.Total, 1)-1)) // the end is said by done; a bar that cannot be drawn is no reason to stop
}

func (b storeBar) done() {
	if b.bar != nil {
		b.bar.Finish()
	}
}
