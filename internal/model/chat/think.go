package chat

import (
	"strings"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// The tags around thoughts.
const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// openThought makes the prompt of a reasoning model end as its thoughts are to
// begin, or as they end where they are cut.
//
// A template that writes <think> by itself, or that has a switch for it, decides.
// One that merely knows the tag, for a model that has it as a token, gets it:
// such a model was trained to think first, and answers badly without.
func (t *Template) openThought(p *Prompt, thinking Thinking) {
	tail := ""
	if n := len(p.Spans); n > 0 && p.Spans[n-1].Special {
		tail = p.Spans[n-1].Text
	}
	trimmed := strings.TrimRight(tail, " \n")
	opened := strings.HasSuffix(trimmed, thinkOpen)
	if !opened && t.mustThink() && !strings.HasSuffix(trimmed, thinkClose) {
		p.add(thinkOpen + "\n")
		tail, opened = thinkOpen+"\n", true
	}
	if opened && thinking == ThinkingCut {
		if !strings.HasSuffix(tail, "\n") {
			p.add("\n")
		}
		p.add("\n" + thinkClose + "\n\n")
		opened = false
	}
	p.Thinking = opened
}

// mustThink reports whether answers have to begin with <think> though the
// template may not write it.
func (t *Template) mustThink() bool {
	return t.tags && strings.Contains(t.source, thinkOpen) && !strings.Contains(t.source, "enable_thinking")
}

// add appends text of the template's kind.
func (p *Prompt) add(s string) {
	if n := len(p.Spans); n > 0 && p.Spans[n-1].Special {
		p.Spans[n-1].Text += s
		return
	}
	p.Spans = append(p.Spans, tokenizer.Span{Text: s, Special: true})
}

// Part is a piece of what a model said.
type Part struct {
	Text     string
	Thinking bool // it is between <think> and </think>
}

// Thoughts tells thoughts from answer while they are generated. The tags belong
// to neither, nor do the line breaks behind them and before </think>. A thought
// that is never closed is a thought to the end; there may be several.
type Thoughts struct {
	thinking bool
	tokens   bool // tags are tokens: what is spelled in text is text
	held     string
	breaks   int  // line breaks in a thought that may turn out to stand before its end
	skip     bool // line breaks are behind a tag
}

// NewThoughts returns a splitter that finds the tags in text. open tells that the
// prompt has opened a thought.
func NewThoughts(open bool) *Thoughts { return &Thoughts{thinking: open, skip: open} }

// Thoughts returns a splitter for this template's model. If the tags are tokens of
// its vocabulary, only Tag ends and begins thoughts, and the same letters in text
// are text.
func (t *Template) Thoughts(open bool) *Thoughts {
	s := NewThoughts(open)
	s.tokens = t.tags
	return s
}

// Thinking reports whether what comes next is a thought.
func (s *Thoughts) Thinking() bool { return s.thinking }

// Tag takes a token spelled as one of the tags; any other spelling is text.
func (s *Thoughts) Tag(spelling string) []Part {
	if spelling != thinkOpen && spelling != thinkClose {
		return s.Write(spelling)
	}
	out := s.release(nil, s.held)
	s.held = ""
	s.turn(spelling)
	return out
}

// turn makes thinking what a tag says. A tag that says what is so already is
// dropped.
func (s *Thoughts) turn(tag string) {
	s.thinking, s.skip, s.breaks = tag == thinkOpen, true, 0
}

// Write takes text and returns what it makes certain. It holds back an end that
// may be the begin of a tag.
func (s *Thoughts) Write(text string) []Part {
	if s.tokens {
		return s.release(nil, text)
	}
	var out []Part
	s.held += text
	for {
		i := strings.IndexByte(s.held, '<')
		if i < 0 {
			out = s.release(out, s.held)
			s.held = ""
			return out
		}
		out = s.release(out, s.held[:i])
		s.held = s.held[i:]
		switch {
		case strings.HasPrefix(s.held, thinkOpen):
			s.held = s.held[len(thinkOpen):]
			s.turn(thinkOpen)
		case strings.HasPrefix(s.held, thinkClose):
			s.held = s.held[len(thinkClose):]
			s.turn(thinkClose)
		case strings.HasPrefix(thinkOpen, s.held) || strings.HasPrefix(thinkClose, s.held):
			return out
		default:
			out = s.release(out, "<")
			s.held = s.held[1:]
		}
	}
}

// Flush returns what was held back: nothing more comes.
func (s *Thoughts) Flush() []Part {
	out := s.release(nil, s.held)
	s.held = ""
	return out
}

// release appends text that is no tag to out.
func (s *Thoughts) release(out []Part, text string) []Part {
	if s.skip {
		text = strings.TrimLeft(text, "\n")
		s.skip = text == ""
	}
	if s.thinking && text != "" {
		body := strings.TrimRight(text, "\n")
		breaks := len(text) - len(body)
		if body == "" {
			s.breaks += breaks
			return out
		}
		text = strings.Repeat("\n", s.breaks) + body
		s.breaks = breaks
	}
	if text == "" {
		return out
	}
	if n := len(out); n > 0 && out[n-1].Thinking == s.thinking {
		out[n-1].Text += text
		return out
	}
	return append(out, Part{Text: text, Thinking: s.thinking})
}
