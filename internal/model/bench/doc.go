// Package bench measures a model on this machine: how fast it reads prompts and
// writes answers, alone and several together, how long it takes to start and how
// much memory it takes. Beside each figure stands the roofline: what the machine
// would give at most, from the bytes that must be read and the multiplications
// that must be made, and the speeds of memory and arithmetic, measured too.
//
// Requests go the way that answers go, through package batch, with random
// tokens. Picking tokens, grammars and text are not part of it.
package bench
