// Package opinion is under construction.
package opinion
