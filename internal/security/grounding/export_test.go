package grounding

import "github.com/casemate-ai/casemate/internal/security/knowledge"

// BookNames returns what each name of a catalogue stands for, of a book made anew.
func BookNames(cat *knowledge.Catalogue) map[string][]string { return newBook(cat).names }
