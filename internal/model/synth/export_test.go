package synth

// Outline is for tests of shapes too large to be written.
var Outline = outline
