// Package recipe is under construction.
package recipe
