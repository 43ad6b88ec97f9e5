package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/report"
)

const (
	maxPrompt = 64 << 20 // bytes of a prompt that are read
	maxSchema = 4 << 20  // bytes of a schema that are read
)

type generateCmd struct {
	modelFlags
	Prompt    string   `short:"p" placeholder:"TEXT" help:"The prompt; without it, standard input."`
	Tokens    []int    `placeholder:"ID,…" help:"The prompt as token ids, nothing added."`
	System    string   `placeholder:"TEXT" help:"A system prompt in place of the model's own."`
	Raw       bool     `help:"Continue the prompt as it is, without the model's chat template."`
	Special   bool     `help:"With --raw: spellings of special tokens in the prompt stand for them. Only for prompts that no foreign text has entered."`
	Schema    string   `placeholder:"FILE" help:"A JSON Schema that the answer must fulfil."`
	MaxTokens int      `default:"0" placeholder:"N" help:"The longest answer, in tokens; default: what the context has room for."`
	Stop      []string `sep:"none" placeholder:"TEXT" help:"End the answer before this text; may be repeated."`
	Thinking  string   `enum:"hide,show,cut" default:"hide" help:"What becomes of <think>…</think>: hide, show, or cut (the model answers at once)."`

	Temperature       float64         `default:"0" placeholder:"T" help:"0 takes the most probable token, which is the default."`
	TopK              int             `placeholder:"K" help:"Only the K most probable tokens."`
	TopP              float64         `placeholder:"P" help:"Only the most probable tokens whose probabilities sum to P."`
	MinP              float64         `placeholder:"P" help:"Only tokens at least P times as probable as the most probable one."`
	RepetitionPenalty float64         `placeholder:"R" help:"Divide the logits of tokens that have occurred; 1 is none. Foundation-Sec's authors use 1.2."`
	PresencePenalty   float64         `placeholder:"X" help:"Subtract from the logits of tokens in the answer."`
	FrequencyPenalty  float64         `placeholder:"X" help:"Subtract from the logits of tokens in the answer, for each time."`
	PenaltyWindow     int             `placeholder:"N" help:"How many tokens back penalties look; default: all."`
	Seed              uint64          `default:"0" help:"The same seed gives the same answer."`
	LogitBias         map[int]float64 `placeholder:"ID=X" mapsep:"," help:"Add X to a token's logit."`

	Logprobs int  `default:"-1" placeholder:"N" help:"With --json: each token's log-probability and N alternatives."`
	JSON     bool `help:"Print one JSON document when the answer is complete."`
}

// generated is the document of `generate --json`.
type generated struct {
	engine.Generation
	Model engine.Info `json:"model"`
	Seed  uint64      `json:"seed"`
}

// Run prints the answer as it comes.
func (c *generateCmd) Run(s *streams) error {
	request, err := c.request(s)
	if err != nil {
		return err
	}
	e, err := c.open(s)
	if err != nil {
		return err
	}
	defer e.Close()
	var emit func(engine.Piece) error
	show := newSpeaker(s, c.Thinking == "show")
	if !c.JSON && c.Schema == "" { // an answer to a schema is whole or not at all
		emit = show.piece
	}
	g, err := e.Generate(s.ctx, request, emit)
	if err != nil {
		show.end()
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, generated{g, e.Info(), c.Seed}, true)
	}
	if c.Schema != "" {
		if err := show.piece(engine.Piece{Text: g.Text}); err != nil {
			return err
		}
	}
	show.end()
	if g.Finish == engine.FinishLength {
		fmt.Fprintf(s.stderr, "casemate: the answer was cut at %d tokens: see --max-tokens and --context\n", g.AnswerTokens)
	}
	return nil
}

// request gathers what is asked.
func (c *generateCmd) request(s *streams) (engine.GenerateRequest, error) {
	r := engine.GenerateRequest{
		MaxTokens: c.MaxTokens, Stop: c.Stop, Special: c.Special, Tokens: c.Tokens,
		Thinking: map[string]engine.Thinking{"show": engine.ThinkingShow, "cut": engine.ThinkingCut}[c.Thinking],
		Logprobs: c.Logprobs >= 0, Alternatives: max(0, c.Logprobs),
		Sampling: engine.Sampling{
			Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP, MinP: c.MinP, RepetitionPenalty: c.RepetitionPenalty,
			PresencePenalty: c.PresencePenalty, FrequencyPenalty: c.FrequencyPenalty, PenaltyWindow: c.PenaltyWindow, Seed: c.Seed, Bias: c.LogitBias,
		},
	}
	usage := func(message, hint string) error {
		return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
	}
	switch {
	case c.MaxTokens < 0:
		return r, usage("--max-tokens cannot be negative", "0 means as many as the context has room for")
	case len(c.Tokens) > 0 && (c.Prompt != "" || c.System != "" || c.Special):
		return r, usage("--tokens is the whole prompt", "leave --prompt, --system and --special out")
	case c.Special && !c.Raw:
		return r, usage("--special is for --raw", "the chat template writes the special tokens itself")
	case c.Raw && c.System != "":
		return r, usage("--system is for the chat template", "leave --raw or --system out")
	}
	if c.Schema != "" {
		schema, err := readAtMost(c.Schema, maxSchema)
		if err != nil {
			return r, err
		}
		r.Schema = schema
	}
	if len(c.Tokens) > 0 {
		return r, nil
	}
	prompt, err := c.prompt(s)
	if err != nil || c.Raw {
		r.Prompt = prompt
		return r, err
	}
	if c.System != "" {
		r.Messages = append(r.Messages, engine.Message{Role: "system", Content: c.System})
	}
	r.Messages = append(r.Messages, engine.Message{Role: "user", Content: prompt})
	return r, nil
}

// prompt returns the prompt of the flag, or else of standard input.
func (c *generateCmd) prompt(s *streams) (string, error) {
	if c.Prompt != "" {
		return c.Prompt, nil
	}
	data, err := io.ReadAll(io.LimitReader(s.stdin, maxPrompt+1))
	if err != nil {
		return "", fmt.Errorf("read the prompt: %w", err)
	}
	if len(data) > maxPrompt {
		return "", &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("the prompt is longer than %d MiB", maxPrompt>>20), Hint: "give less of it"}
	}
	return string(data), nil
}

// readAtMost reads a file of at most limit bytes.
func readAtMost(path string, limit int64) ([]byte, error) {
	fault := func(err error) error {
		return &casemate.Error{Code: casemate.CodeInput, Message: "read " + path, Err: err, Hint: "name a file that can be read"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is longer than %d MiB", limit>>20)
	}
	if err != nil {
		return nil, fault(err)
	}
	return data, nil
}

// speaker writes an answer as it comes. On a terminal what could act or hide is
// written out, as everywhere; a file gets the answer as it is.
type speaker struct {
	s        *streams
	terminal bool
	both     bool // thoughts are part of the answer
	thinking bool // the last piece was a thought
	held     string
	wrote    bool
	newline  bool // the last byte written was a line's end
}

func newSpeaker(s *streams, both bool) *speaker {
	f, ok := fileOf(s.stdout)
	return &speaker{s: s, both: both, terminal: ok && isTerminalFile(f)}
}

func (p *speaker) piece(piece engine.Piece) error {
	if piece.Thinking && !p.both {
		return nil
	}
	text := p.held + p.mark(piece.Thinking) + piece.Text
	p.held = ""
	if p.terminal {
		// A link or a mark that is cut in two would not be seen: the last
		// characters wait for what follows them.
		text, p.held = holdBack(text)
	}
	return p.write(text)
}

// mark returns what stands between thoughts and the answer.
func (p *speaker) mark(thinking bool) string {
	if p.thinking == thinking {
		return ""
	}
	if p.thinking = thinking; thinking {
		return "<think>"
	}
	return "</think>\n\n"
}

// write prints whole characters.
func (p *speaker) write(text string) error {
	if text == "" {
		return nil
	}
	p.wrote, p.newline = true, strings.HasSuffix(text, "\n")
	if p.terminal {
		text = cleanLines(text)
	}
	_, err := io.WriteString(p.s.stdout, text)
	return err
}

// end prints what was held back, and ends the line.
func (p *speaker) end() {
	p.write(p.held) // what could not be written is remembered by stdout
	p.held = ""
	if p.wrote && !p.newline {
		io.WriteString(p.s.stdout, "\n")
	}
}

// maxHeld is how many bytes of a word wait for its end.
const maxHeld = 256

// holdBack cuts text after its last space, or not far before its end.
func holdBack(text string) (now, later string) {
	at := strings.LastIndexAny(text, " \n\t") + 1
	if len(text)-at > maxHeld {
		for at = len(text) - 1; at > 0 && !utf8.RuneStart(text[at]); at-- {
		}
	}
	return text[:at], text[at:]
}

// cleanLines makes every line fit for a terminal, and keeps line ends and tabs.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j := range cells {
			cells[j] = report.Terminal(cells[j])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}
