// Package narrate is under construction.
package narrate
