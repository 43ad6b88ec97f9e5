package isa

import "testing"

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name string
		most Level
		want Level
		ok   bool
	}{
		{"", AVX2, AVX2, true},
		{"generic", AVX512VNNI, Generic, true},
		{"avx512", AVX512VNNI, AVX512, true},
		{"avx512vnni", AVX512VNNI, AVX512VNNI, true},
		{"avx512vnni", AVX512BF16, AVX512VNNI, true},
		{"avx512bf16", AVX512BF16, AVX512BF16, true},
		{"avx512bf16", AVX512VNNI, AVX512VNNI, false},
		{"avx512vnni", AVX512, AVX512, false},
		{"avx2", Generic, Generic, false},
		{"neon", AVX2, AVX2, false},
	} {
		got, err := choose(c.name, c.most)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("choose(%q, %v) = %v, %v, want %v, error %v", c.name, c.most, got, err, c.want, !c.ok)
		}
	}
}

// TestCheck fails where CASEMATE_REQUIRE asks for what the processor lacks: the
// tests of that level would not have run.
func TestCheck(t *testing.T) {
	if err := Check(); err != nil {
		t.Error(err)
	}
}
