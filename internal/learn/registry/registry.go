// Package registry keeps the heads and adapters of a data directory: versions of
// each name, which one is in service, the signed evaluation that let it in, and
// what was there before. It compares candidates and watches live inputs for
// drift.
package registry
