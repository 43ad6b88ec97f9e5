package openbook

// weights are those of the measures, as `casemate eval questions --train` fits
// them to generated questions about half of the entries.
var weights = [Features]float64{
	featSentence:       2.593,
	featSection:        0.991,
	featSectionSum:     -0.013,
	featSectionSoft:    2.758,
	featMatched:        1.114,
	featEntity:         1.184,
	featEntitySoft:     0.051,
	featPage:           1.052,
	featAnchor:         1.048,
	featAnchorSection:  3.606,
	featAnchorJoint:    0.524,
	featAnchorSentence: 1.323,
	featNamed:          1.461,
	featNamedSection:   0.085,
	featNamedSentence:  1.273,
	featLinked:         1.402,
	featEcho:           1.954,
	featLength:         0.178,
}
