// Package sample picks the next token from a model's logits: penalties,
// temperature, the usual cuts, and a documented random generator, so that a seed
// gives the same tokens in every release.
package sample
