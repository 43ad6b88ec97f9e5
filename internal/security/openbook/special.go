package openbook

import (
	"slices"
	"strings"
)

// What options that speak of other options are worth next to those. Who writes
// "all of the above" mostly means it, and "none of the above" mostly is filler.
const (
	allBonus    = 0.5
	bothBonus   = 0.3
	nonePenalty = 0.5
	// trueShare is the share of a statement that one sentence of the book must
	// hold for it to be more likely true than false, and trueSlope how fast the
	// answer turns around it.
	trueShare = 0.62
	trueSlope = 6
)

// special rewrites the scores of options that speak of other options, and of
// true and false.
func (v *view) special(scores []float64) {
	var plain []float64
	kinds := make([]string, len(v.texts))
	for i, t := range v.texts {
		if kinds[i] = specialKind(t); kinds[i] == "" {
			plain = append(plain, scores[i])
		}
	}
	v.truth(scores, kinds)
	if len(plain) == 0 || len(plain) == len(scores) {
		return
	}
	for i, k := range kinds {
		switch k {
		case "all":
			scores[i] = slices.Max(plain) + allBonus
			if v.negative {
				scores[i] = slices.Min(plain) - nonePenalty
			}
		case "none":
			scores[i] = slices.Min(plain) - nonePenalty
		case "both":
			sum, n := 0.0, 0
			for _, j := range letters(v.texts[i]) {
				if j < len(scores) && j != i {
					sum += scores[j]
					n++
				}
			}
			scores[i] = slices.Min(plain)
			if n > 0 {
				scores[i] = sum/float64(n) + bothBonus
			}
		}
	}
}

// truth scores the options true and false by whether a sentence says what the
// question states.
func (v *view) truth(scores []float64, kinds []string) {
	best := float32(0)
	for _, s := range v.q.sentences {
		best = max(best, v.q.sentence[s])
	}
	for i, k := range kinds {
		switch k {
		case "true":
			scores[i] = trueSlope * (float64(best) - trueShare)
		case "false":
			scores[i] = -trueSlope * (float64(best) - trueShare)
		}
	}
}

// specialKind says what an option is that is no answer of its own.
func specialKind(option string) string {
	o := strings.ToLower(strings.Trim(option, " ."))
	switch {
	case o == "true", o == "yes":
		return "true"
	case o == "false", o == "no":
		return "false"
	case strings.HasPrefix(o, "all of the"), strings.HasPrefix(o, "all the above"), o == "all", o == "all of these":
		return "all"
	case strings.HasPrefix(o, "none of the"), o == "none", o == "none of these", o == "neither":
		return "none"
	case len(letters(option)) > 1:
		return "both"
	}
	return ""
}

// letters returns the options that an option such as "Both A and C" names, or nil.
func letters(option string) []int {
	var out []int
	for _, f := range strings.FieldsFunc(option, func(r rune) bool { return strings.ContainsRune(" ,.()&", r) }) {
		switch f {
		case "Both", "both", "and", "AND", "options", "Options", "Answers", "answers":
			continue
		}
		if len(f) != 1 || f[0] < 'A' || f[0] > 'J' {
			return nil
		}
		out = append(out, int(f[0]-'A'))
	}
	return out
}
