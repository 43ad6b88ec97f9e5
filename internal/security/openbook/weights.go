package openbook

// weights are those of the measures.
var weights = [Features]float64{
	featSentence: 3, featSection: 3, featSectionSum: 2, featSectionSoft: 3, featEntity: 2, featEntitySoft: 3, featPage: 3,
	featAnchor: 3, featAnchorSection: 3, featAnchorJoint: 3, featAnchorSentence: 3, featNamed: 3, featNamedSection: 3, featNamedSentence: 3, featLinked: 2,
}
