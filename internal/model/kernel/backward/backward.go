// Package backward is the arithmetic of a backward pass between the products:
// the gradients of norms, rotation, SwiGLU, attention and the loss, and the steps
// of the optimisers. As in package floats, each function is defined by the order
// of its operations, and nothing is fused, so all processors give the same bits.
package backward
