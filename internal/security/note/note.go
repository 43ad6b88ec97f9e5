// Package note is under construction.
package note
