package value

import (
	"fmt"
	"strconv"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/number"
)

// str is Python's str(v).
func (vm *Machine) str(v any) (marked.Text, error) {
	if t, ok := v.(marked.Text); ok {
		return t, nil
	}
	b := vm.Builder()
	if err := vm.Write(b, v); err != nil {
		return marked.Text{}, err
	}
	return vm.Built(b)
}

// Write appends str(v).
func (vm *Machine) Write(b *marked.Builder, v any) error {
	switch x := v.(type) {
	case marked.Text:
		b.AddText(x)
		return vm.Charge(x.Weight())
	case *Undefined:
		return nil
	}
	return vm.writeRepr(b, v, 0)
}

// writeRepr appends Python's repr(v).
func (vm *Machine) writeRepr(b *marked.Builder, v any, depth int) error {
	if err := vm.visit(depth); err != nil {
		return err
	}
	switch x := v.(type) {
	case nil:
		b.Add("None", false)
	case bool:
		b.Add(map[bool]string{true: "True", false: "False"}[x], false)
	case int64:
		b.Add(strconv.FormatInt(x, 10), false)
	case float64:
		b.Add(number.Repr(x), false)
	case marked.Text:
		if err := vm.Charge(len(x.S) / 4); err != nil {
			return err
		}
		b.AddRepr(x)
	case *Undefined:
		b.Add("Undefined", false)
	case *Seq:
		return vm.reprSeq(b, x, depth)
	case *Dict:
		return vm.reprDict(b, x, depth)
	case *Namespace:
		b.Add("<Namespace ", false)
		err := vm.reprDict(b, &x.Dict, depth)
		b.Add(">", false)
		return err
	case *iterator:
		b.Add("<generator object>", false)
	case Object:
		b.Add("<"+x.TypeName(), false)
		if name, ok := x.Attribute("name"); ok {
			b.Add(" ", false)
			if err := vm.writeRepr(b, name, depth+1); err != nil {
				return err
			}
		}
		b.Add(">", false)
	default:
		b.Add("<"+typeName(v)+">", false)
	}
	return b.Err
}

// reprSeq appends a sequence.
func (vm *Machine) reprSeq(b *marked.Builder, x *Seq, depth int) error {
	open, end := "[", "]"
	switch x.Kind {
	case Tuple:
		open, end = "(", ")"
		if len(x.Items) == 1 {
			end = ",)"
		}
	case Range:
		b.Add(fmt.Sprintf("range(%d, %d", x.start, x.stop), false)
		if x.step != 1 {
			b.Add(fmt.Sprintf(", %d", x.step), false)
		}
		b.Add(")", false)
		return b.Err
	case Keys, Values, Pairs:
		open, end = typeName(x)+"([", "])"
	}
	b.Add(open, false)
	for i, e := range x.Items {
		if i > 0 {
			b.Add(", ", false)
		}
		if err := vm.writeRepr(b, e, depth+1); err != nil {
			return err
		}
	}
	b.Add(end, false)
	return b.Err
}

// reprDict appends a mapping.
func (vm *Machine) reprDict(b *marked.Builder, d *Dict, depth int) error {
	b.Add("{", false)
	for i, k := range d.keys {
		if i > 0 {
			b.Add(", ", false)
		}
		if err := vm.writeRepr(b, k, depth+1); err != nil {
			return err
		}
		b.Add(": ", false)
		if err := vm.writeRepr(b, d.values[i], depth+1); err != nil {
			return err
		}
	}
	b.Add("}", false)
	return b.Err
}
