// Package report shows what training came to: report.html, which needs nothing
// beside it, a summary for the terminal and a model card.
package report
