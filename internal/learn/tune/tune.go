// Package tune makes a head or an adapter from a table, with no knob to turn: it
// splits, measures baselines, trains what may help, calibrates, sets thresholds,
// and says what came out, or that it is not enough yet and why.
package tune
