package floats

// The functions with the level of instructions handed in.
var (
	AddAt          = add
	ScaleAt        = scale
	BlendAt        = blend
	RMSNormAt      = rmsNorm
	SwiGLUAt       = swiGLU
	ExpAt          = exponentials
	RotatePairsAt  = rotatePairs
	RotateHalvesAt = rotateHalves
	ScoresAt       = scores
	AddValuesAt    = addValues
	SoftmaxAt      = softmax
)
