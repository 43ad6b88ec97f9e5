// Package ranklogs is under construction.
package ranklogs
