package library

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

// Stem is what Words does to one plain word.
func Stem(word string) string { return stem(word) }

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
