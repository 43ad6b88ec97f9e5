//go:build !unix

package native_test

func processorTime() float64 { return 0 }
