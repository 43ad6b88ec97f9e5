// Package metric says how good answers are and how sure that is: proportions and
// means with intervals, confusion, calibration, and paired tests of two heads on
// the same rows.
package metric

// Estimate is a figure with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`
}
