package openbook

// weights are those of the measures, as `casemate eval questions --train` fits
// them to generated questions about half of the entries.
var weights = [Features]float64{
	featSentence:       2.707,
	featSection:        1.253,
	featSectionSum:     0.875,
	featSectionSoft:    2.023,
	featMatched:        1.208,
	featEntity:         1.871,
	featEntitySoft:     -0.236,
	featConcept:        0.125,
	featPage:           0.563,
	featAnchor:         0.869,
	featAnchorSection:  2.340,
	featAnchorJoint:    1.301,
	featAnchorSentence: 1.553,
	featNamed:          1.333,
	featNamedSection:   0.550,
	featNamedSentence:  1.288,
	featLinked:         0.685,
	featExact:          2.223,
	featEcho:           1.900,
	featLength:         0.048,
}
