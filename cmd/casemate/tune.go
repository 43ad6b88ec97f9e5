package main

// tuneCmd is the group of commands that teach models from a person's own rows,
// and say how far the result can be trusted.
type tuneCmd struct {
	Lora tuneLoraCmd `cmd:"" help:"Train a low-rank adapter of a language model on conversations, answers or preferences."`
}
