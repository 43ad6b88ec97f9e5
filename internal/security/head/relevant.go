package head

// The labels of the relevant head.
const (
	RelevantYes = "security" // the text is about attacks, weaknesses or defence
	RelevantNo  = "other"
)
