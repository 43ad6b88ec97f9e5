package openbook

// weights are those of the measures, as `casemate eval questions --train` fits
// them to generated questions about half of the entries.
var weights = [Features]float64{
	featSentence:       2.988,
	featSection:        1.268,
	featSectionSum:     0.858,
	featSectionSoft:    2.096,
	featMatched:        1.173,
	featEntity:         1.251,
	featEntitySoft:     -0.114,
	featConcept:        0.280,
	featPage:           1.032,
	featAnchor:         1.401,
	featAnchorSection:  2.689,
	featAnchorJoint:    0.690,
	featAnchorSentence: 1.022,
	featNamed:          1.206,
	featNamedSection:   0.450,
	featNamedSentence:  1.110,
	featLinked:         0.781,
	featExact:          2.303,
	featEcho:           1.609,
	featLength:         0.168,
}
