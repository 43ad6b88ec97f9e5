package tokenizer

// next returns where the piece that begins at text[i] ends; i < len(text). Each
// piece is looked at a bounded number of times, so cutting a text takes linear
// time whatever it is.
func (s *scheme) next(text string, i int) int {
	if s.wordLead {
		return s.nextWordLead(text, i)
	}
	return s.nextGPT2(text, i)
}

// nextWordLead cuts as Llama 3 and Qwen do.
func (s *scheme) nextWordLead(text string, i int) int {
	first := text[i]
	if first == '\'' {
		if n := contraction(text[i+1:], true); n > 0 {
			return i + 1 + n
		}
	}
	c, size := classAt(text, i)
	after := i + size
	switch {
	case s.inWord(c):
		return s.word(text, after)
	case c == number:
		return numbers(text, after, s.digits-1)
	case first != '\r' && first != '\n' && after < len(text):
		if next, size := classAt(text, after); s.inWord(next) {
			return s.word(text, after+size)
		}
	}
	if end := s.others(text, i); end > i {
		return lineBreaks(text, end)
	}
	return blanks(text, i, true)
}

// inWord says whether words are made of characters of class c.
func (s *scheme) inWord(c class) bool { return c == letter || s.marks && c == mark }

// word returns the end of the word that goes on at text[i].
func (s *scheme) word(text string, i int) int {
	for i < len(text) {
		c, size := classAt(text, i)
		if !s.inWord(c) {
			break
		}
		i += size
	}
	return i
}

// others returns the end of the run of neither letters, numbers nor white space
// at text[i], which one space may lead; i when there is none.
func (s *scheme) others(text string, i int) int {
	start := i
	if text[i] == ' ' {
		start++
	}
	end := start
	for end < len(text) {
		c, size := classAt(text, end)
		if c != other && (c != mark || s.marks) {
			break
		}
		end += size
	}
	if end == start {
		return i
	}
	return end
}

// nextGPT2 cuts as GPT-2 does.
func (s *scheme) nextGPT2(text string, i int) int {
	if text[i] == '\'' {
		if n := contraction(text[i+1:], false); n > 0 {
			return i + 1 + n
		}
	}
	start := i
	if text[i] == ' ' && i+1 < len(text) {
		start++
	}
	c, size := classAt(text, start)
	switch {
	case c == letter:
		return skip(text, start+size, letter)
	case c == number && !s.apart:
		return skip(text, start+size, number)
	case c == number && start == i:
		return start + size
	case c == other || c == mark:
		return s.others(text, i)
	}
	return s.blanksGPT2(text, i)
}

// blanksGPT2 is blanks where a digit that is cut out ends the text before it.
func (s *scheme) blanksGPT2(text string, i int) int {
	if s.apart {
		end := skip(text, i, space)
		if end < len(text) {
			if c, _ := classAt(text, end); c == number {
				return end
			}
		}
	}
	return blanks(text, i, false)
}

// blanks returns the end of the piece of white space at text[i]: all of the run
// at the end of the text, else all but its last character, which leads what
// follows, unless it is the only one. With breaks, a piece goes to the run's
// last line break if there is one.
func blanks(text string, i int, breaks bool) int {
	end, last, afterBreak := i, i, 0
	for end < len(text) {
		c, size := classAt(text, end)
		if c != space {
			break
		}
		last = end
		end += size
		if breaks && (text[last] == '\r' || text[last] == '\n') {
			afterBreak = end
		}
	}
	switch {
	case afterBreak > 0:
		return afterBreak
	case end < len(text) && last > i:
		return last
	}
	return end
}

// lineBreaks returns the end of the line breaks at text[i].
func lineBreaks(text string, i int) int {
	for i < len(text) && (text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// numbers returns the end of at most limit more numbers at text[i].
func numbers(text string, i, limit int) int {
	for ; limit > 0 && i < len(text); limit-- {
		c, size := classAt(text, i)
		if c != number {
			break
		}
		i += size
	}
	return i
}

// contraction returns how many bytes of text, which follows an apostrophe, are
// one of s, t, m, d, re, ve, ll; 0 if none.
func contraction(text string, anyCase bool) int {
	at := func(i int) byte {
		if i >= len(text) {
			return 0
		}
		b := text[i]
		if anyCase && 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		return b
	}
	switch at(0) {
	case 's', 't', 'm', 'd':
		return 1
	case 'r', 'v':
		if at(1) == 'e' {
			return 2
		}
	case 'l':
		if at(1) == 'l' {
			return 2
		}
	}
	return 0
}
