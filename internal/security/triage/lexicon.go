package triage

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// behaviour is what an alert's name says happened, where its sensor names no
// technique. It can only add to a score.
type behaviour struct {
	technique string
	weight    float64    // 1 is everyday and only supports other evidence; 3 is rarely innocent
	words     [][]string // each list holds alternatives; a name must hold one of each
	context   bool       // worth attaching to an intrusion that it coincides with, on another host, too
}

//go:embed lexicon.txt
var lexiconText string

// lexicon is parsed once; a test checks that it parses and that the catalogue
// has each technique.
var lexicon = sync.OnceValues(func() ([]behaviour, error) { return parseLexicon(lexiconText) })

// parseLexicon reads lines of "TECHNIQUE WEIGHT word|word word …", where "~"
// before the technique marks context.
func parseLexicon(text string) ([]behaviour, error) {
	var out []behaviour
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 3 {
			return nil, fmt.Errorf("lexicon line %d: want a technique, a weight and words", n+1)
		}
		w, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return nil, fmt.Errorf("lexicon line %d: weight: %w", n+1, err)
		}
		b := behaviour{weight: w}
		b.technique, b.context = strings.CutPrefix(f[0], "~")
		for _, word := range f[2:] {
			b.words = append(b.words, strings.Split(strings.ReplaceAll(word, "_", " "), "|"))
		}
		out = append(out, b)
	}
	return out, nil
}

// behavioursOf returns what a name says happened, the weightiest of each
// technique.
func behavioursOf(name string) []*behaviour {
	all, _ := lexicon() // embedded and tested: see lexicon
	name = strings.ReplaceAll(strings.ToLower(name), "_", " ")
	var out []*behaviour
next:
	for i := range all {
		b := &all[i]
		for _, alternatives := range b.words {
			if !containsAny(name, alternatives) {
				continue next
			}
		}
		for j, other := range out {
			if other.technique == b.technique {
				if b.weight > other.weight {
					out[j] = b
				}
				continue next
			}
		}
		out = append(out, b)
	}
	return out
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// networkWords mark alerts about traffic, the only kind that can be a beacon:
// a job that runs every hour is steady, too.
var networkWords = []string{
	"dns", "http", "tls", "ssl", "quer", "beacon", "traffic", "connection", "c2", "cnc", "command and control",
	"user-agent", "icmp", "outbound", "domain",
}

// aboutTraffic reports whether a name is about network traffic.
func aboutTraffic(name string) bool { return containsAny(strings.ToLower(name), networkWords) }
