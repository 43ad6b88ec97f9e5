package backward

// The functions with the level of instructions handed in.
var (
	DotAt          = sumProducts
	RMSNormAt      = rmsNorm
	AddNormedAt    = addNormed
	SwiGLUAt       = swiGLU
	LargestAt      = largest
	ExponentialsAt = exponentials
	SoftmaxAt      = softmax
)

// AdamWAt is AdamW with the level of instructions handed in.
var AdamWAt = adamW
