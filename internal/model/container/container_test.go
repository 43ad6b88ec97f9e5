package container_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/container"
)

const magic = "cmtests1"

type header struct{ Name string }

func file(t *testing.T) []byte {
	t.Helper()
	out, err := container.Begin(magic, header{"x"})
	if err != nil {
		t.Fatal(err)
	}
	out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, 3), 9)
	return container.Seal(container.AppendFloats(out, 1.5, -2))
}

func TestRoundTrip(t *testing.T) {
	var h header
	r, err := container.Open(magic, file(t), 1<<10, &h)
	if err != nil || h.Name != "x" || r.Len() != 16 {
		t.Fatalf("Open = %+v, %v, with header %+v", r, err, h)
	}
	keys, ordered := r.Ascending(2)
	x := make([]float32, 2)
	if fine := r.Floats(x); !fine || !ordered || !slices.Equal(keys, []uint32{3, 9}) || x[0] != 1.5 || x[1] != -2 || r.Len() != 0 {
		t.Errorf("read %v %v and %v %v, %d bytes left", keys, ordered, x, fine, r.Len())
	}
}

func TestReaderTellsWhatIsWrong(t *testing.T) {
	out, _ := container.Begin(magic, header{})
	out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, 9), 9)
	r, err := container.Open(magic, container.Seal(container.AppendFloats(out, float32(math.NaN()))), 1<<10, &header{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ordered := r.Ascending(2); ordered {
		t.Error("9, 9 counts as ascending")
	}
	if r.Floats(make([]float32, 1)) {
		t.Error("NaN counts as finite")
	}
}

func TestOpenRefuses(t *testing.T) {
	good := file(t)
	change := func(f func(b []byte) []byte) []byte { return f(slices.Clone(good)) }
	seal := func(b []byte) []byte { return container.Seal(b[:len(b)-32]) }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":        {nil, "not a model file"},
		"another magic":  {change(func(b []byte) []byte { b[0] = 'x'; return b }), "not a model file"},
		"over the limit": {append(slices.Clone(good), make([]byte, 1<<10)...), "not a model file"},
		"a flipped bit":  {change(func(b []byte) []byte { b[20] ^= 1; return b }), "damaged"},
		"cut off":        {good[:len(good)-1], "damaged"},
		"a long header":  {change(func(b []byte) []byte { b[8], b[9] = 0xff, 0xff; return seal(b) }), "does not fit"},
		"no JSON":        {change(func(b []byte) []byte { b[12] = '!'; return seal(b) }), "read header"},
	} {
		if _, err := container.Open(magic, c.data, 1<<10, &header{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Open = %v, want %q", name, err, c.want)
		}
	}
}
