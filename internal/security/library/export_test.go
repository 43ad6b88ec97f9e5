package library

import "github.com/casemate-ai/casemate/internal/security/feed"

// WithStage makes an import call do at the points where a process may die.
func WithStage(opt ImportOptions, do func(stage string)) ImportOptions {
	opt.at = do
	return opt
}

// WithPages bounds the pages of the file, as a full disk does.
func WithPages(opt ImportOptions, pages int) ImportOptions {
	opt.pages = pages
	return opt
}

// Expressions is what a search asks of the index for words of these frequencies.
func Expressions(frequencies map[string]int) []string {
	var terms []term
	for w, n := range frequencies {
		terms = append(terms, term{word: w, passages: n})
	}
	sortTerms(terms)
	var out []string
	for _, x := range expressions(terms) {
		out = append(out, x.match)
	}
	return out
}

// EncodeBody writes an entry's aliases, facts and prose.
func EncodeBody(e *feed.Entry) []byte { return appendBody(nil, e) }

// DecodeBody reads what EncodeBody wrote.
func DecodeBody(body string) (feed.Entry, error) {
	var e feed.Entry
	err := decodeBody(body, &e)
	return e, err
}

// PassagesOf returns the texts that an entry is cut into.
func PassagesOf(e *feed.Entry) []string {
	var out []string
	for _, p := range passages(e) {
		out = append(out, p.text)
	}
	return out
}
