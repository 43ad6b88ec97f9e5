package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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
	case m.kind == "fieldref" && (len(m.steps) > 1 || texts && m.placed == ""):
		return errors.New("fieldref takes only contains, startswith or endswith")
	case m.kind != "" && m.kind != "fieldref" && texts:
		return fmt.Errorf("%s takes no %s", m.kind, m.steps[0])
	case m.kind != "" && (m.op != "" || m.unit != ""):
		return fmt.Errorf("%s takes no %s%s", m.kind, m.op, m.unit)
	case (m.op != "" || m.unit != "") && (texts || m.cased):
		return fmt.Errorf("%s%s takes no texts", m.op, m.unit)
	case m.cased && (m.kind == "cidr" || m.kind == "exists"):
		return fmt.Errorf("%s takes no cased", m.kind)
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

var star = piece{wild: '*'}

func transform(step string, g glob) ([]glob, error) {
	switch step {
	case "contains":
		return []glob{slices.Concat(glob{star}, g, glob{star}).tidy()}, nil
	case "startswith":
		return []glob{slices.Concat(g, glob{star}).tidy()}, nil
	case "endswith":
		return []glob{slices.Concat(glob{star}, g).tidy()}, nil
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

// utf16Bytes encodes a text with the low byte at offset low of each pair.
func utf16Bytes(s string, low int) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		pair := [2]byte{byte(u >> 8), byte(u >> 8)}
		pair[low] = byte(u)
		out = append(out, pair[:]...)
	}
	return string(out)
}

func utf16LE(s string) string { return utf16Bytes(s, 0) }
func utf16BE(s string) string { return utf16Bytes(s, 1) }

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
	for i, p := range g {
		at, width := optionDash(p.text)
		if at < 0 {
			continue
		}
		rest, err := windash(append(glob{{text: p.text[at+width:]}}, g[i+1:]...))
		if err != nil || len(rest)*len(dashes) > MaxVariants {
			return nil, fmt.Errorf("windash makes more than %d texts of one value", MaxVariants)
		}
		var out []glob
		for _, dash := range dashes {
			head := append(slices.Clone(g[:i]), piece{text: p.text[:at] + string(dash)})
			for _, r := range rest {
				out = append(out, append(slices.Clone(head), r...).tidy())
			}
		}
		return out, nil
	}
	return []glob{g}, nil
}

// optionDash returns the place and the width of the first dash of an option.
func optionDash(text string) (int, int) {
	before := ' '
	for i, r := range text {
		width := utf8.RuneLen(r)
		if slices.Contains(dashes, r) && !wordRune(before) {
			if next, _ := utf8.DecodeRuneInString(text[i+width:]); wordRune(next) {
				return i, width
			}
		}
		before = r
	}
	return -1, 0
}

func wordRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
