package main

// tuneCmd is the group of commands that teach models from a person's own rows,
// and say how far the result can be trusted.
type tuneCmd struct {
	Check    tuneCheckCmd    `cmd:"" help:"Say what is wrong with labelled rows before anything is learnt from them, and what to do."`
	Train    tuneTrainCmd    `cmd:"" help:"Train a classifier or an extractor on labelled rows, and say what it is worth."`
	Lora     tuneLoraCmd     `cmd:"" help:"Train a low-rank adapter of a language model on conversations, answers or preferences."`
	Compare  tuneCompareCmd  `cmd:"" help:"Compare two heads or adapters on the same rows."`
	Promote  tunePromoteCmd  `cmd:"" help:"Let a head or adapter into service, if it is better than what is there."`
	Rollback tuneRollbackCmd `cmd:"" help:"Put the version into service again that was there before."`
	Watch    tuneWatchCmd    `cmd:"" help:"Say whether live inputs are still like those that a head was tested on."`
	List     tuneListCmd     `cmd:"" help:"List your heads and adapters, and which version is in service."`
	Show     tuneShowCmd     `cmd:"" help:"Show the versions of a head or adapter and what was in service when."`
	Export   tuneExportCmd   `cmd:"" help:"Write a training job for a GPU cluster, for axolotl or torchtune: data, configuration, launch script."`
	Import   tuneImportCmd   `cmd:"" help:"Take an adapter back from a cluster: check it, test it on the rows that were kept, and register it."`
}
