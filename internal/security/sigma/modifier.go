package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// modifiers are what stands behind a field's name.
type modifiers struct {
	steps  []string // transformations of the text, in order
	placed string   // contains, startswith or endswith, "" if none
	all    bool
	cased  bool
	neq    bool
	expand bool
	kind   string // re, cidr, exists, fieldref, or ""
	flags  string // of re
	op     string // lt, lte, gt or gte
	unit   string // minute to year
}

// splitField parts "Field|mod|mod".
func splitField(key string) (string, modifiers, error) {
	words := strings.Split(key, "|")
	var m modifiers
	for _, word := range words[1:] {
		if err := m.add(strings.ToLower(strings.TrimSpace(word))); err != nil {
			return "", m, fmt.Errorf("field %q: %w", key, err)
		}
	}
	if err := m.check(); err != nil {
		return "", m, fmt.Errorf("field %q: %w", key, err)
	}
	return strings.TrimSpace(words[0]), m, nil
}

func (m *modifiers) add(word string) error {
	switch word {
	case "all":
		m.all = true
	case "cased":
		m.cased = true
	case "neq":
		m.neq = true
	case "expand":
		m.expand = true
	case "contains", "startswith", "endswith":
		if m.placed != "" {
			return fmt.Errorf("both %s and %s", m.placed, word)
		}
		m.placed = word
		m.steps = append(m.steps, word)
	case "base64", "base64offset", "wide", "utf16", "utf16le", "utf16be", "windash":
		m.steps = append(m.steps, word)
	case "re", "cidr", "exists", "fieldref":
		return set(&m.kind, word)
	case "i", "m", "s":
		if m.kind != "re" {
			return fmt.Errorf("%s stands without re", word)
		}
		if !strings.Contains(m.flags, word) {
			m.flags += word
		}
	case "lt", "lte", "gt", "gte":
		return set(&m.op, word)
	case "minute", "hour", "day", "week", "month", "year":
		return set(&m.unit, word)
	default:
		return fmt.Errorf("modifier %q is not known", word)
	}
	return nil
}

func set(to *string, word string) error {
	if *to != "" && *to != word {
		return fmt.Errorf("both %s and %s", *to, word)
	}
	*to = word
	return nil
}

// check refuses what has no meaning together.
func (m *modifiers) check() error {
	texts := len(m.steps) > 0
	switch {
	case m.kind == "fieldref" && len(m.steps) > 0 && m.placed == "":
		return fmt.Errorf("fieldref takes no %s", m.steps[0])
	case m.kind == "fieldref" && len(m.steps) > 1:
		return errors.New("fieldref takes only contains, startswith or endswith")
	case m.kind != "" && m.kind != "fieldref" && texts:
		return fmt.Errorf("%s takes no %s", m.kind, m.steps[0])
	case m.kind != "" && (m.op != "" || m.unit != ""):
		return fmt.Errorf("%s takes no %s%s", m.kind, m.op, m.unit)
	case (m.op != "" || m.unit != "") && texts:
		return fmt.Errorf("%s%s takes no %s", m.op, m.unit, m.steps[0])
	case m.cased && (m.kind == "cidr" || m.kind == "exists" || m.op != "" || m.unit != ""):
		return errors.New("cased is for texts")
	case m.kind == "exists" && (m.all || m.neq || m.expand):
		return errors.New("exists stands alone")
	}
	return nil
}

// globs returns the texts that one value becomes.
func (m *modifiers) globs(text string) ([]glob, error) {
	out := []glob{parseGlob(text)}
	for _, step := range m.steps {
		var next []glob
		for _, g := range out {
			more, err := transform(step, g)
			if err != nil {
				return nil, err
			}
			if next = append(next, more...); len(next) > MaxVariants {
				return nil, fmt.Errorf("%s makes more than %d texts of one value", step, MaxVariants)
			}
		}
		out = next
	}
	return out, nil
}

func transform(step string, g glob) ([]glob, error) {
	switch step {
	case "contains":
		return []glob{g.wrap(true, true)}, nil
	case "startswith":
		return []glob{g.wrap(false, true)}, nil
	case "endswith":
		return []glob{g.wrap(true, false)}, nil
	case "wide", "utf16le":
		return []glob{g.mapTexts(utf16LE)}, nil
	case "utf16be":
		return []glob{g.mapTexts(utf16BE)}, nil
	case "windash":
		return windash(g)
	}
	text, ok := g.plain()
	if !ok {
		return nil, fmt.Errorf("%s cannot encode a wildcard", step)
	}
	switch step {
	case "utf16":
		return []glob{plainGlob("\xff\xfe" + utf16LE(text))}, nil
	case "base64":
		return []glob{plainGlob(base64.StdEncoding.EncodeToString([]byte(text)))}, nil
	}
	return base64Offsets(text), nil
}

func plainGlob(text string) glob { return glob{{text: text}}.tidy() }

func utf16LE(s string) string {
	out := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func utf16BE(s string) string {
	out := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return string(out)
}

// base64Offsets returns the parts of text's encoding that do not depend on
// what stands around it, for the three places that text may have in a group of
// three bytes. A character of Base64 holds six bits: behind n foreign bytes,
// n = 1 or 2, the first n+1 characters are shared with them, and so is the
// last character of a group that text does not fill, with the padding behind.
func base64Offsets(text string) []glob {
	var out []glob
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + text))
		start := 0
		if shift > 0 {
			start = shift + 1
		}
		end := len(encoded)
		if (shift+len(text))%3 != 0 {
			end--
		}
		if start < end {
			out = append(out, plainGlob(encoded[start:end]))
		}
	}
	return out
}

// dashes are the characters that Windows programs take for one another before
// an option.
var dashes = []rune{'-', '/', '–', '—', '―'}

// windash returns all ways to write the dashes that begin an option: those
// behind the start of a text or no word character, and before a word
// character. So "-a-b" has one, as pySigma has it too.
func windash(g glob) ([]glob, error) {
	out := []glob{nil}
	for _, p := range g {
		texts := []string{p.text}
		if p.wild == 0 {
			texts = dashTexts(p.text)
		}
		if texts == nil || len(out)*len(texts) > MaxVariants {
			return nil, fmt.Errorf("windash makes more than %d texts of one value", MaxVariants)
		}
		next := make([]glob, 0, len(out)*len(texts))
		for _, have := range out {
			for _, text := range texts {
				next = append(next, append(slices.Clone(have), piece{p.wild, text}))
			}
		}
		out = next
	}
	return out, nil
}

// dashTexts returns nil for more than MaxVariants texts.
func dashTexts(text string) []string {
	runes := []rune(text)
	out := []string{""}
	for i, r := range runes {
		begins := slices.Contains(dashes, r) && (i == 0 || !wordRune(runes[i-1])) &&
			i+1 < len(runes) && wordRune(runes[i+1])
		if !begins {
			for j := range out {
				out[j] += string(r)
			}
			continue
		}
		if len(out)*len(dashes) > MaxVariants {
			return nil
		}
		next := make([]string, 0, len(out)*len(dashes))
		for _, have := range out {
			for _, d := range dashes {
				next = append(next, have+string(d))
			}
		}
		out = next
	}
	return out
}

func wordRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
