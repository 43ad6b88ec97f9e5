package modelfile

import (
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
)

// metadata reads values of a GGUF file's metadata by key, checks them and keeps
// the first error, which names the key.
type metadata struct {
	file *gguf.File
	err  error
}

// fail keeps an error unless there is one already.
func (d *metadata) fail(key, format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("metadata key %q: %s", key, fmt.Sprintf(format, args...))
	}
}

// has says whether there is a value under key.
func (d *metadata) has(key string) bool {
	_, ok := d.file.Value(key)
	return ok
}

// integer returns a whole number that must be there, from low to high.
func (d *metadata) integer(key string, low, high int) int {
	v, ok := d.file.Value(key)
	if !ok {
		d.fail(key, "it is missing")
		return low
	}
	n, ok := whole(v)
	if !ok {
		d.fail(key, "a %T, not a whole number", v)
		return low
	}
	if n < int64(low) || n > int64(high) {
		d.fail(key, "it is %d, not %d to %d", v, low, high)
		return low
	}
	return int(n)
}

// optional returns a whole number from low to high, or missing if there is none.
func (d *metadata) optional(key string, missing, low, high int) int {
	if !d.has(key) {
		return missing
	}
	return d.integer(key, low, high)
}

// perLayer returns a whole number that files may give for each layer: it must
// then be the same for all.
func (d *metadata) perLayer(key string, missing, high, layers int) int {
	v, ok := d.file.Value(key)
	list := reflect.ValueOf(v)
	if !ok || list.Kind() != reflect.Slice {
		return d.optional(key, missing, 1, high)
	}
	if list.Len() != layers {
		d.fail(key, "%d values for %d layers", list.Len(), layers)
		return 1
	}
	first := int64(0)
	for i := range list.Len() {
		n, ok := whole(list.Index(i).Interface())
		switch {
		case !ok:
			d.fail(key, "a %T, not whole numbers", v)
			return 1
		case n < 1 || n > int64(high):
			d.fail(key, "it is %d for layer %d, not 1 to %d", n, i, high)
			return 1
		case i > 0 && n != first:
			d.fail(key, "it is %d for layer 0 and %d for layer %d: layers of different sizes are not supported", first, n, i)
			return 1
		}
		first = n
	}
	return int(first)
}

// whole returns a value of any integer type.
func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case uint8:
		return int64(n), true
	case int8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case int16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(min(n, math.MaxInt64)), true
	}
	return 0, false
}

// float returns a number that must be there.
func (d *metadata) float(key string) float64 {
	v, ok := d.file.Value(key)
	if !ok {
		d.fail(key, "it is missing")
		return 1
	}
	var x float64
	switch n := v.(type) {
	case float32:
		x = float64(n)
	case float64:
		x = n
	default:
		d.fail(key, "a %T, not a floating-point number", v)
		return 1
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.fail(key, "it is %v", x)
		return 1
	}
	return x
}

// optionalFloat returns a number, or missing if there is none.
func (d *metadata) optionalFloat(key string, missing float64) float64 {
	if !d.has(key) {
		return missing
	}
	return d.float(key)
}

// text returns a string, or missing if there is none.
func (d *metadata) text(key, missing string) string {
	v, ok := d.file.Value(key)
	if !ok {
		return missing
	}
	s, ok := v.(string)
	switch {
	case !ok:
		d.fail(key, "a %T, not a string", v)
	case !utf8.ValidString(s):
		d.fail(key, "a string that is no UTF-8")
	}
	return s
}

// truth returns a truth value, or missing if there is none.
func (d *metadata) truth(key string, missing bool) bool {
	v, ok := d.file.Value(key)
	if !ok {
		return missing
	}
	b, ok := v.(bool)
	if !ok {
		d.fail(key, "a %T, not a truth value", v)
	}
	return b
}

// texts returns a list of strings, nil if there is none.
func (d *metadata) texts(key string) []string {
	v, ok := d.file.Value(key)
	if !ok {
		return nil
	}
	list, ok := v.([]string)
	if !ok {
		d.fail(key, "a %T, not a list of strings", v)
	}
	return list
}
