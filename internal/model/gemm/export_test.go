package gemm

// NewMemory returns memory that takes so many numbers at a time.
func NewMemory(limit int) *Memory { return &Memory{limit: limit} }
