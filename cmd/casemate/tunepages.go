package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	tunereport "github.com/casemate-ai/casemate/internal/learn/tune/report"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// pages are what people read of a head, for its folder.
func (c *tuneTrainCmd) pages(t *tune.Trained, at time.Time) ([]tuned.File, error) {
	o := tunereport.Options{NoTexts: c.NoTexts, Redact: inspect.Redact, Command: c.command(), Version: version, At: at}
	var out []tuned.File
	for _, f := range []struct {
		name  string
		write func(io.Writer, *tune.Result, tunereport.Options) error
	}{{tunereport.PageFile, tunereport.HTML}, {tunereport.CardFile, tunereport.Card}} {
		var b bytes.Buffer
		if err := f.write(&b, t.Result, o); err != nil {
			return nil, err
		}
		out = append(out, tuned.File{Name: f.name, Data: b.Bytes()})
	}
	return out, nil
}

// command returns the command that would do the same again, as a shell reads it.
func (c *tuneTrainCmd) command() string {
	words := []string{"casemate", "tune", "train"}
	flag := func(name, value, unset string) {
		if value != unset {
			words = append(words, name, value)
		}
	}
	flag("--text", c.Text, "")
	flag("--label", c.Label, "")
	flag("--kind", c.Kind, "auto")
	flag("--order", strings.Join(c.Order, ","), "")
	flag("--separator", c.Separator, "")
	flag("--group", c.Group, "")
	flag("--name", c.Name, "")
	flag("--precision", strconv.FormatFloat(c.Precision, 'g', -1, 64), "0")
	flag("--allow", strings.Join(c.Allow, ","), "")
	flag("--seed", strconv.FormatUint(c.Seed, 10), "0")
	if c.Anew {
		words = append(words, "--anew")
	}
	if c.Encoder != tuned.EncoderLexical {
		flag("--encoder", c.Encoder, "")
		flag("--lora", c.LoRA, "auto")
	}
	for _, r := range c.Rows {
		words = append(words, filepath.Base(r))
	}
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// plainWord is what a shell reads as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord writes a word so that a shell reads it as one.
func shellWord(w string) string {
	if plainWord.MatchString(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// hiddenFolder is where the data directory keeps what models read.
const hiddenFolder = "hidden-states"

// openEncoder makes the language model ready that is to read the texts.
func (c *tuneTrainCmd) openEncoder(s *streams, o *tune.Options) (engine.Engine, func(), error) {
	data, err := c.dataDir()
	if err != nil {
		return nil, nil, err
	}
	c.pinned = true // a head is bound to its base by digest
	e, err := c.open(s, c.Encoder)
	if err != nil {
		return nil, nil, err
	}
	if e.Info().Adapter != "" {
		e.Close()
		return nil, nil, &casemate.Error{Code: casemate.CodeUsage, Message: "a head stands on a model without an adapter", Hint: "merge it first: casemate model merge"}
	}
	o.Model, o.Cache = c.Encoder, filepath.Join(data, hiddenFolder)
	if c.LoRA == "off" {
		return e, func() { e.Close() }, nil
	}
	path, _, err := c.resolveModel(c.Encoder)
	if err == nil {
		o.LoRA = &tune.Adapter{Always: c.LoRA == "on", Dir: filepath.Join(data, "runs"), Load: e.LoadAdapter, Version: version}
		if !c.AnyMemory {
			o.LoRA.Memory = native.AvailableMemory
		}
		o.LoRA.Base, err = modelfile.Open(path)
	}
	if err != nil {
		e.Close()
		return nil, nil, err
	}
	o.LoRA.Base.Digest = e.Info().Digest
	return e, func() { e.Close(); o.LoRA.Base.Close() }, nil
}

// keepAdapter takes an adapter that was trained into the registry, under the name
// of the head with "-adapter".
func (c *tuneTrainCmd) keepAdapter(s *streams, t *tune.Trained, at time.Time) error {
	files, err := t.AdapterFiles()
	if err != nil {
		return err
	}
	if files == nil {
		for _, set := range t.Result.Settings {
			if set.Name == "adapter" && c.LoRA == "on" {
				fmt.Fprintf(s.stderr, "casemate: note: no adapter was trained: %s\n", set.Why)
			}
		}
		return nil
	}
	data, err := c.dataDir()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(data, trainedFolder+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // the registry has a copy
	for _, name := range tuned.AdapterFiles() {
		content, err := os.ReadFile(filepath.Join(t.AdapterDir(), name))
		if err != nil {
			return err
		}
		files = append(files, tuned.File{Name: name, Data: content})
	}
	dir := filepath.Join(temp, "adapter")
	if err := tuned.WriteFolder(dir, files); err != nil {
		return err
	}
	v, err := registry.Open(data).Add(s.ctx, registry.KindAdapter, tune.AdapterName(t.Result.Name), dir, at)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stderr, "casemate: note: the adapter is kept as %s; casemate tune promote --adapter %s lets it in for classify --head\n", v, v.Name)
	return os.RemoveAll(t.AdapterDir()) // its checkpoints are of no use any more
}
