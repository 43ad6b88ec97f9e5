package main

import (
	"github.com/casemate-ai/casemate"
)

type tuneLoraCmd struct {
	dataFlag
	Rows  string `arg:"" name:"data" help:"Rows to learn from: CSV, TSV, JSON lines or Parquet."`
	Model string `required:"" short:"m" placeholder:"NAME|PATH" help:"The base model, which stays as it is."`
	Out   string `required:"" placeholder:"DIR" help:"The folder to write the adapter to."`
}

// Run trains.
func (c *tuneLoraCmd) Run(*streams) error {
	return &casemate.Error{Code: casemate.CodeInternal, Message: "train an adapter: the trainer is not part of this build", Hint: "use a later build"}
}
