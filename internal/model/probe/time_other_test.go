//go:build !unix

package probe_test

func processorTime() float64 { return 0 }
