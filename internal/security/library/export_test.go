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

// Exprs returns what a search asks of the index for terms of these frequencies.
func Exprs(frequencies map[string]int) []string {
	var terms []term
	for w, n := range frequencies {
		terms = append(terms, term{word: w, passages: n})
	}
	sortTerms(terms)
	return expressions(terms)
}
