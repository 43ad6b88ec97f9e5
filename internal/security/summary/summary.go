// Package summary is under construction.
package summary
