// Package engine is what workflows see of a language model, wherever it runs.
package engine

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrIncomplete is the error of an answer that was cut before it fulfilled its
// schema.
var ErrIncomplete = errors.New("it does not fulfil the schema yet")

// Engine is a language model that answers. Its methods may be called from
// several goroutines at once. The same request to the same model gives the same
// bytes, whatever else runs beside it.
type Engine interface {
	// Info says what the model is. It asks nothing of the model.
	Info() Info
	// Generate continues a prompt. Where emit is not nil it is given each piece
	// of text as it becomes certain; an error it returns ends the generation.
	Generate(ctx context.Context, r GenerateRequest, emit func(Piece) error) (Generation, error)
	// Prepare says what a request gives the model to read, and how much of the
	// context that leaves. It runs no model. A prompt longer than the context is
	// no error here.
	Prepare(ctx context.Context, r GenerateRequest) (Prepared, error)
	// Score returns the log-probability of each continuation of one prefix.
	Score(ctx context.Context, r ScoreRequest) ([]Score, error)
	// Embed returns hidden states, pooled over the positions of each text.
	Embed(ctx context.Context, r EmbedRequest) ([][]float32, error)
	// Hidden returns hidden states of texts: of each several layers and poolings,
	// or those of its tokens, from one pass.
	Hidden(ctx context.Context, r HiddenRequest) ([]HiddenState, error)
	// Close frees the model.
	Close() error
}

// Info is what a caller may need to know of a model, and what an answer's
// provenance records.
type Info struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Digest       string `json:"digest"`            // "sha256:…" of the model's files; "" where it is not known
	Adapter      string `json:"adapter,omitempty"` // digest of the adapter in use
	Context      int    `json:"context"`           // tokens that a prompt and its answer may have together
	Vocabulary   int    `json:"vocabulary"`
	Layers       int    `json:"layers"`
	Width        int    `json:"width"` // numbers of a hidden state
	// Together is how many requests are answered faster side by side than one
	// after the other; 0 and 1 are none.
	Together int `json:"-"`
}

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// Thinking says what becomes of the text between <think> and </think>.
type Thinking string

// What may become of a model's thoughts.
const (
	ThinkingHide Thinking = ""     // they are in Generation.Thinking, not in Text
	ThinkingShow Thinking = "show" // they stay in Text
	ThinkingCut  Thinking = "cut"  // the model is made to answer at once
)

// GenerateRequest asks for a continuation: of Messages through the model's chat
// template, or else of Prompt as it is, or else of Tokens.
type GenerateRequest struct {
	Messages []Message
	Prompt   string
	// Special lets spellings of special tokens in Prompt stand for these tokens:
	// only for a prompt that no foreign text has entered.
	Special bool
	// Tokens are the prompt's ids, nothing added.
	Tokens []int
	// MaxTokens bounds the answer; 0 means as many as the context has room for.
	MaxTokens int
	// Schema is a JSON Schema that the answer fulfils; empty means free text.
	Schema json.RawMessage
	// Stop holds strings that end the answer; they are not part of it.
	Stop     []string
	Thinking Thinking
	Sampling Sampling
	// Logprobs asks for the log-probability of each token, and of so many
	// alternatives beside it.
	Logprobs     bool
	Alternatives int
	// Adapter is the name of a loaded adapter; "" is the engine's default.
	Adapter string
}

// Sampling is how tokens are picked. The zero value is greedy.
type Sampling struct {
	Temperature       float64 // 0 takes the most probable token
	TopK              int     // 0 means no limit
	TopP              float64 // 0 means no limit
	MinP              float64 // 0 means no limit
	RepetitionPenalty float64 // 0 and 1 mean none
	PresencePenalty   float64
	FrequencyPenalty  float64
	// PenaltyWindow is how many tokens back penalties look; 0 means all, prompt
	// included.
	PenaltyWindow int
	Seed          uint64
	Bias          map[int]float64 // added to a token's logit
}

// Piece is a part of an answer as it comes.
type Piece struct {
	Text     string
	Thinking bool // it is between <think> and </think>
}

// Finish is why an answer ended.
type Finish string

// The reasons.
const (
	FinishStop   Finish = "stop"   // the model said so, or the schema is fulfilled
	FinishString Finish = "string" // a stop string came
	FinishLength Finish = "length" // MaxTokens or the context was reached
)

// Generation is an answer.
type Generation struct {
	Text         string         `json:"text"`
	Thinking     string         `json:"thinking,omitempty"`
	Finish       Finish         `json:"finish"`
	IDs          []int          `json:"ids,omitempty"` // of the answer, thoughts included
	Tokens       []TokenLogprob `json:"tokens,omitempty"`
	PromptTokens int            `json:"prompt_tokens"`
	AnswerTokens int            `json:"answer_tokens"`
	// Adapter is the digest of the adapter that the request named.
	Adapter string `json:"adapter,omitempty"`
}

// Prepared is a request as the model would read it.
type Prepared struct {
	Prompt string `json:"prompt"` // the whole of it, special tokens spelled
	Tokens int    `json:"tokens"` // of the prompt
	Room   int    `json:"room"`   // tokens that the context leaves for an answer; 0 where the prompt fills or exceeds it
}

// TokenLogprob is a token and the natural logarithm of its probability, before
// penalties, cuts and temperature.
type TokenLogprob struct {
	ID           int            `json:"id"`
	Text         string         `json:"text"`
	Logprob      float64        `json:"logprob"`
	Alternatives []TokenLogprob `json:"alternatives,omitempty"`
}

// ScoreRequest asks how probable each option is after the prefix.
type ScoreRequest struct {
	Messages []Message // through the chat template, or else
	Prefix   string    // as it is
	Options  []string
	Adapter  string // the name of a loaded adapter; "" is the engine's default
	// End counts the token that ends an answer to each option. Without it an option
	// that is the beginning of another is never less probable than that.
	End bool
}

// Score is how probable an option is.
type Score struct {
	Logprob float64 `json:"logprob"` // natural, summed over the option's tokens
	Tokens  int     `json:"tokens"`
}

// Pool says how the positions of a text become one vector.
type Pool string

// The poolings.
const (
	PoolLast Pool = "last" // the last position
	PoolMean Pool = "mean" // the mean over all positions
	// PoolText is the mean over the text's own tokens, without the one that
	// models put at the beginning, whose state dwarfs the others and says nothing
	// of the text. It is that token's where the text has none of its own.
	PoolText Pool = "text"
)

// EmbedRequest asks for hidden states.
type EmbedRequest struct {
	Texts []string
	// Layer is whose output to take: 1 to Layers, negative from the end; 0
	// means after the output norm.
	Layer int
	Pool  Pool // "" is PoolLast
	// Adapter is the name of a loaded adapter; "" is the engine's default.
	Adapter string
}

// HiddenRequest asks for hidden states of texts. A text that is longer than the
// context is refused: nothing is cut.
type HiddenRequest struct {
	Texts []string
	// Layers are those whose output is wanted, as EmbedRequest.Layer counts them;
	// none is the one after the output norm.
	Layers []int
	// Pools are how the positions become vectors; none is PoolText, or no vector
	// at all where Tokens is set.
	Pools []Pool
	// Tokens asks for the state of each token, of each of Layers.
	Tokens bool
	// Adapter is the name of a loaded adapter; "" is the default.
	Adapter string
}

// HiddenState is what was asked of a text.
type HiddenState struct {
	// Pooled has for each of the request's layers, and of each for each of its
	// pools, a vector of Info.Width numbers.
	Pooled [][][]float32
	// Tokens are the text's own, where they are asked for: without the one at the
	// beginning that models add.
	Tokens []TokenState
}

// TokenState is the hidden states of a token, and where it stands in the text.
type TokenState struct {
	// Start and End are bytes of the text. Tokens follow one another without a
	// gap, spaces being part of the token that they lead; one that has a part of a
	// character has that part's bytes. Where a model reads another spelling than
	// the text's, as with composed letters, tokens of a stretch that differs have
	// all of it.
	Start, End int
	// States has for each of the request's layers a vector.
	States [][]float32
}
