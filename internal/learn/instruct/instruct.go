// Package instruct turns rows into sequences for a language model: conversations
// through the model's chat template, with the loss on the answers alone, pairs of
// answers for preference training, and labelled texts as questions and answers.
package instruct
