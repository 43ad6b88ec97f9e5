package main

import (
	"fmt"
	"io"

	"github.com/casemate-ai/casemate/internal/security/head"
)

type modelCmd struct {
	List modelListCmd `cmd:"" help:"List the embedded classifiers."`
	Card modelCardCmd `cmd:"" help:"Print what a model was made from, how good it is, and what it cannot do."`
}

type modelListCmd struct {
	JSON bool `help:"Print one JSON document."`
}

// listedHead is a row of `model list --json`.
type listedHead struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Digest    string   `json:"digest"`
	Bytes     int      `json:"bytes"`
	Labels    int      `json:"labels"`
	Examples  int      `json:"examples"`
	Styles    []string `json:"styles,omitempty"`
	Threshold float64  `json:"threshold"`
}

// Run prints a row for each head.
func (c *modelListCmd) Run(s *streams) error {
	all := []listedHead{}
	for _, name := range head.Names() {
		h, err := openHead(name)
		if err != nil {
			return err
		}
		i := h.Info()
		all = append(all, listedHead{i.Name, i.Version, i.Digest, i.Bytes, i.Labels, i.Examples, i.Styles, i.Threshold})
	}
	if c.JSON {
		return writeJSON(s.stdout, all, true)
	}
	for _, i := range all {
		fmt.Fprintf(s.stdout, "%-9s %s  %4d labels  %5.1f MB  sha256:%.16s\n", i.Name, i.Version, i.Labels, float64(i.Bytes)/1e6, i.Digest)
	}
	return nil
}

type modelCardCmd struct {
	Head string `required:"" placeholder:"NAME" help:"The classifier."`
}

// Run prints the card, which is Markdown.
func (c *modelCardCmd) Run(s *streams) error {
	if _, err := openHead(c.Head); err != nil {
		return err
	}
	text, err := head.Card(c.Head)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.stdout, text)
	return err
}
