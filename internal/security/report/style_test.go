package report_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// luminance is the relative luminance of "#rrggbb" or "#rgb" as WCAG 2 defines it.
func luminance(tb testing.TB, hex string) float64 {
	tb.Helper()
	if len(hex) == 4 {
		hex = string([]byte{'#', hex[1], hex[1], hex[2], hex[2], hex[3], hex[3]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			tb.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestStyleContrast holds both palettes to WCAG 2 AA: 4.5 for text, 3 for marks.
func TestStyleContrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	palettes := regexp.MustCompile(`:root\{([^}]*--paper[^}]*--ink[^}]*)\}`).FindAllSubmatch(css, -1)
	if len(palettes) != 2 {
		t.Fatalf("the style has %d palettes, want a light and a dark one", len(palettes))
	}
	pairs := []struct {
		on    string
		names []string
		least float64
	}{
		{"paper", []string{"ink", "soft", "accent"}, 4.5},
		{"card", []string{"ink", "soft", "accent", "mal", "sus", "rev", "ben"}, 4.5},
		{"card", []string{"s0", "s1", "s2", "s3", "s4", "s5"}, 3},
		{"h1", []string{"ink"}, 4.5}, {"h2", []string{"ink"}, 4.5}, {"h3", []string{"ink"}, 4.5}, {"h4", []string{"ink"}, 4.5},
		{"h5", []string{"h5ink"}, 4.5}, {"warnbg", []string{"warn"}, 4.5},
	}
	for i, p := range palettes {
		colors := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+):(#[0-9a-f]+)`).FindAllSubmatch(p[1], -1) {
			colors[string(m[1])] = luminance(t, string(m[2]))
		}
		for _, pair := range pairs {
			for _, name := range pair.names {
				a, b := colors[name], colors[pair.on]
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < pair.least {
					t.Errorf("palette %d: %s on %s has contrast %.2f, want %.1f", i, name, pair.on, ratio, pair.least)
				}
			}
		}
	}
}
