// Package activation keeps pooled hidden states on disk, as float16, keyed by
// the model's digest, the text's and the layer with its pooling, so that a model
// reads each text once.
package activation
