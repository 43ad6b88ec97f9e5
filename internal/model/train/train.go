// Package train runs training: it packs sequences into batches, accumulates and
// clips gradients, steps the optimiser along its schedule, writes checkpoints
// that a run continues from to the same bytes, and keeps the run's manifest.
package train
