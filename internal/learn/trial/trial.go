// Package trial is under construction.
package trial
