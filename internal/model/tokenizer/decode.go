package tokenizer

import "unicode/utf8"

// Decode returns the text of ids; control tokens have none. With AddSpacePrefix
// one space that begins the text is left out, since encoding puts it there. What
// the tokens spell may be no UTF-8.
func (t *Tokenizer) Decode(ids []int) []byte {
	var text []byte
	skipped := t.spec.Kind != SentencePiece || !t.spec.AddSpacePrefix
	for _, id := range ids {
		b := t.Bytes(id)
		if !skipped && len(text) == 0 && len(b) > 0 && b[0] == ' ' {
			b = b[1:]
			skipped = true
		}
		text = append(text, b...)
	}
	return text
}

// Decoder gives the text of tokens as they come, whole characters at a time. It
// is for text that goes on, so that it leaves no first space out. A Decoder is
// for one goroutine.
type Decoder struct {
	tokenizer *Tokenizer
	held      []byte // the beginning of a character
}

// NewDecoder returns a decoder of one text.
func (t *Tokenizer) NewDecoder() *Decoder { return &Decoder{tokenizer: t} }

// Write returns the text that is complete with token id: it never ends within a
// character that a later token could complete. The text is the caller's.
func (d *Decoder) Write(id int) []byte {
	text := append(d.held, d.tokenizer.Bytes(id)...)
	n := len(text) - unfinished(text)
	d.held = append([]byte(nil), text[n:]...)
	return text[:n:n]
}

// Flush returns what is held back: the beginning of a character that was never
// completed. The decoder can then be used anew.
func (d *Decoder) Flush() []byte {
	held := d.held
	d.held = nil
	return held
}

// unfinished is how many bytes at the end of text begin a character that lacks
// its last bytes.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if end := text[len(text)-n:]; utf8.RuneStart(end[0]) {
			if utf8.FullRune(end) {
				return 0
			}
			return n
		}
	}
	return 0
}
