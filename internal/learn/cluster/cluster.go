// Package cluster writes a training job for a GPU cluster, for axolotl or
// torchtune, and takes back the adapter that came of it.
package cluster
