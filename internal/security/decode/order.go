package decode

import "strings"

// marks are words that commands contain, lower case. Reversed or rotated they
// do not occur in ordinary text, so they show a reversed or rotated text.
var marks = []string{
	"powershell", "http://", "https://", "cmd.exe", "invoke-expression", "downloadstring", "/bin/bash", "/bin/sh",
	"new-object", "wscript.shell", "rundll32", "system32", "frombase64string", "mshta", "regsvr32", "/dev/tcp/",
}

func reversed(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func rot13(s string) string {
	b := []byte(s)
	for i, c := range b {
		if isLetter(c) {
			base := c & 0x20
			b[i] = ('A' + ((c&^0x20)-'A'+13)%26) | base
		}
	}
	return string(b)
}

// quotes returns the spans between matching quotes, without them. Where there
// are none, the whole text is one span.
func quotes(text string) [][2]int {
	var out [][2]int
	for i := 0; i < len(text) && len(out) < maxRuns; i++ {
		if c := text[i]; c == '\'' || c == '"' {
			n := strings.IndexByte(text[i+1:], c)
			if n < 0 {
				// The other kind of quote may still have a pair.
				continue
			}
			if n > 0 {
				out = append(out, [2]int{i + 1, i + 1 + n})
			}
			i += n + 1
		}
	}
	if len(out) == 0 {
		out = append(out, [2]int{0, len(text)})
	}
	return out
}

// findReversed finds text that is written backwards: where the text calls
// something that reverses, every quoted string of some length; elsewhere only
// what contains a reversed mark.
func findReversed(text string, h hints, _ int) []found {
	back := reversed(h.lower)
	if !h.reverse && !containsAny(back, marks) {
		return nil
	}
	var out []found
	for _, q := range quotes(text) {
		piece := text[q[0]:q[1]]
		if len(piece) < 6 {
			continue
		}
		r := reversed(piece)
		marked := containsAny(lowerASCII(r), marks)
		why := "a reversed command word"
		if !marked {
			if !h.reverse || q[0] == 0 || containsAny(lowerASCII(piece), marks) {
				continue
			}
			why = "the text reverses a string"
		}
		out = append(out, found{start: q[0], end: q[1], ops: []string{"reverse"}, why: why, data: []byte(r)})
	}
	return out
}

// findRot13 finds letters rotated by thirteen, by the same rules.
func findRot13(text string, h hints, _ int) []found {
	if !h.rot13 && !containsAny(rot13(h.lower), marks) {
		return nil
	}
	var out []found
	for _, q := range quotes(text) {
		piece := text[q[0]:q[1]]
		if len(piece) < 5 {
			continue
		}
		r := rot13(piece)
		marked := containsAny(lowerASCII(r), marks)
		why := "a rotated command word"
		if !marked {
			if !h.rot13 || q[0] == 0 || containsAny(lowerASCII(piece), rot13Words) || !strings.ContainsAny(piece, " ./:") && len(piece) < 8 {
				continue
			}
			why = "the text rotates letters"
		}
		out = append(out, found{start: q[0], end: q[1], ops: []string{"rot13"}, why: why, data: []byte(r)})
	}
	return out
}
