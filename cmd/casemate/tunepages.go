package main

import (
	"bytes"
	"io"
	"path/filepath"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	tunereport "github.com/casemate-ai/casemate/internal/learn/tune/report"
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

// command returns the command that would do the same again.
func (c *tuneTrainCmd) command() string {
	text := "casemate tune train"
	for _, f := range []struct{ flag, value string }{{"--text", c.Text}, {"--label", c.Label}, {"--group", c.Group}, {"--name", c.Name}} {
		if f.value != "" {
			text += " " + f.flag + " " + f.value
		}
	}
	if c.Encoder != tuned.EncoderLexical {
		text += " --encoder " + c.Encoder
	}
	for _, r := range c.Rows {
		text += " " + filepath.Base(r)
	}
	return text
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
	return e, func() { e.Close() }, nil
}
