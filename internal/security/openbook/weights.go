package openbook

// weights are those of the measures, as `casemate eval questions --train` fits
// them to generated questions about half of the entries.
var weights = [Features]float64{
	featSentence:       2.708,
	featSection:        1.401,
	featSectionSum:     1.367,
	featSectionSoft:    1.603,
	featMatched:        2.211,
	featEntity:         2.092,
	featEntitySoft:     0.127,
	featPage:           -0.360,
	featAnchor:         0.989,
	featAnchorSection:  2.452,
	featAnchorJoint:    1.266,
	featAnchorSentence: 1.702,
	featNamed:          1.291,
	featNamedSection:   0.498,
	featNamedSentence:  1.229,
	featLinked:         1.558,
	featEcho:           1.693,
	featLength:         -0.210,
}
