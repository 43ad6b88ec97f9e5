// Package probe trains and runs classifiers on vectors, such as a language
// model's hidden states: linear heads and small networks for one label, several,
// ordered ones or a number, and a conditional random field for spans of tokens.
package probe
