// Package isa says which instructions the arithmetic uses: the best that the
// processor has, or those that CASEMATE_REQUIRE names. Every choice gives the
// same bits; they differ in speed alone.
package isa

import (
	"fmt"
	"os"
	"sync"
)

// Level is a set of vector instructions. Each includes those below it.
type Level int

// The levels.
const (
	Generic    Level = iota // portable Go
	AVX2                    // 256 bits; also FMA and F16C
	AVX512                  // 512 bits: F, BW, DQ, VL
	AVX512VNNI              // 8-bit products in one instruction
	AVX512BF16              // and those of bfloat16
)

// Variable is the environment variable that names a level: a test on a machine
// that lacks it fails, and so does opening a model.
const Variable = "CASEMATE_REQUIRE"

var names = []string{"generic", "avx2", "avx512", "avx512vnni", "avx512bf16"}

// String returns the name that CASEMATE_REQUIRE knows the level by.
func (l Level) String() string {
	if l < 0 || int(l) >= len(names) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return names[l]
}

// Levels returns those that this processor has, the lowest first.
func Levels() []Level {
	var all []Level
	for l := Generic; l <= best(); l++ {
		all = append(all, l)
	}
	return all
}

// Chosen returns the level that the arithmetic uses: what CASEMATE_REQUIRE says
// if the processor has it, else the best there is.
func Chosen() Level {
	l, _ := chosen()
	return l
}

// Check returns an error if CASEMATE_REQUIRE names what the processor lacks, or
// nothing known.
func Check() error {
	_, err := chosen()
	return err
}

var chosen = sync.OnceValues(func() (Level, error) { return choose(os.Getenv(Variable), best()) })

// choose returns the level of a name, if it is no higher than most.
func choose(name string, most Level) (Level, error) {
	if name == "" {
		return most, nil
	}
	for l, n := range names {
		if n != name {
			continue
		}
		if Level(l) > most {
			return most, fmt.Errorf("%s=%s: this processor or build has no more than %v", Variable, name, most)
		}
		return Level(l), nil
	}
	return most, fmt.Errorf("%s=%s: want generic, avx2, avx512, avx512vnni or avx512bf16", Variable, name)
}
