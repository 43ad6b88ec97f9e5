package main

// tuneCmd is the group of commands that teach models from a person's own rows,
// and say how far the result can be trusted.
type tuneCmd struct {
	Check tuneCheckCmd `cmd:"" help:"Say what is wrong with labelled rows before anything is learnt from them, and what to do."`
	Train tuneTrainCmd `cmd:"" help:"Train a classifier or an extractor on labelled rows, and say what it is worth."`
	Lora  tuneLoraCmd  `cmd:"" help:"Train a low-rank adapter of a language model on conversations, answers or preferences."`
}
