package value

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// listFilterOf returns the filters that work on sequences and mappings.
func listFilterOf(name string) filterCall {
	switch name {
	case "batch":
		return filterBatch
	case "dictsort":
		return filterDictSort
	case "first", "last":
		return func(vm *Machine, v any, a Args) (any, error) { return vm.end(name, v, a) }
	case "groupby":
		return filterGroupBy
	case "items":
		return filterItems
	case "list":
		return filterList
	case "map":
		return filterMap
	case "max", "min":
		return func(vm *Machine, v any, a Args) (any, error) { return vm.extreme(name, v, a) }
	case "reverse":
		return filterReverse
	case "select", "reject", "selectattr", "rejectattr":
		return func(vm *Machine, v any, a Args) (any, error) { return vm.choose(name, v, a) }
	case "slice":
		return filterSlice
	case "sort":
		return filterSort
	case "sum":
		return filterSum
	case "unique":
		return filterUnique
	}
	return nil
}

// getter returns a function that follows a path of attributes, "a.b.0", or gives
// its argument back where there is none.
func (vm *Machine) getter(path any) (func(any) (any, error), error) {
	var parts []any
	switch x := path.(type) {
	case nil, missing:
	case marked.Text:
		for _, part := range strings.Split(x.S, ".") {
			if n, err := strconv.ParseInt(part, 10, 64); err == nil && part[0] >= '0' && part[0] <= '9' {
				parts = append(parts, n)
			} else {
				parts = append(parts, marked.Plain(part))
			}
		}
		if x.IsData() {
			for i, part := range parts {
				if t, ok := part.(marked.Text); ok {
					parts[i] = marked.Data(t.S)
				}
			}
		}
	default:
		if _, ok := asInt(x); !ok {
			return nil, fmt.Errorf("an attribute is a %s", typeName(x))
		}
		parts = []any{x}
	}
	return func(v any) (any, error) {
		for _, part := range parts {
			var err error
			if v, err = vm.Item(v, part); err != nil {
				return nil, err
			}
			if err := vm.Charge(0); err != nil {
				return nil, err
			}
		}
		return v, nil
	}, nil
}

// keyed returns a function that gives the key of an item for sorting and
// comparing: an attribute, in lower case unless case counts.
func (vm *Machine) keyed(attribute, caseCounts any) (func(any) (any, error), error) {
	get, err := vm.getter(attribute)
	if err != nil || flagArg(caseCounts) {
		return get, err
	}
	return func(v any) (any, error) {
		v, err := get(v)
		if t, ok := v.(marked.Text); ok && err == nil {
			return vm.recase(t, "lower")
		}
		return v, err
	}, nil
}

// entryOf is an item with its key for sorting.
type entryOf struct{ item, key any }

// sorted returns items in the order of their keys; equal ones keep theirs.
func (vm *Machine) sorted(items []any, key func(any) (any, error), reverse bool) ([]entryOf, error) {
	entries := make([]entryOf, len(items))
	for i, e := range items {
		k, err := key(e)
		if err != nil {
			return nil, err
		}
		entries[i] = entryOf{e, k}
	}
	var failed error
	sort.SliceStable(entries, func(i, j int) bool {
		if failed != nil {
			return false
		}
		a, b := entries[i].key, entries[j].key
		if reverse {
			a, b = b, a
		}
		less, err := vm.less(a, b)
		failed = err
		return less
	})
	if len(entries) == 1 { // what is alone is compared with nothing
		failed = nil
	}
	return entries, failed
}

// itemsOf returns the items of entries.
func itemsOf(entries []entryOf) []any {
	out := make([]any, len(entries))
	for i, e := range entries {
		out[i] = e.item
	}
	return out
}

func filterSort(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("sort", "reverse?", "case_sensitive?", "attribute?")
	if err != nil {
		return nil, err
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	key, err := vm.sortKey(p[2], p[1])
	if err != nil {
		return nil, err
	}
	entries, err := vm.sorted(items, key, flagArg(p[0]))
	if err != nil {
		return nil, err
	}
	return &Seq{Items: itemsOf(entries)}, nil
}

// sortKey is keyed for "a,b": a tuple, be it of one attribute, so that what is
// equal is not asked for its order.
func (vm *Machine) sortKey(attribute, caseCounts any) (func(any) (any, error), error) {
	parts := []any{attribute}
	if t, ok := attribute.(marked.Text); ok {
		parts = nil
		for _, part := range strings.Split(t.S, ",") {
			parts = append(parts, marked.Plain(part))
		}
	}
	var keys []func(any) (any, error)
	for _, part := range parts {
		k, err := vm.keyed(part, caseCounts)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return func(v any) (any, error) {
		out := &Seq{Kind: Tuple}
		for _, k := range keys {
			e, err := k(v)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, e)
		}
		return out, nil
	}, nil
}

func filterDictSort(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("dictsort", "case_sensitive?", "by?", "reverse?")
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		if err := Used(v); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("dictsort: want a mapping, got %s", typeName(v))
	}
	at := int64(0)
	switch by, _ := p[1].(marked.Text); by.S {
	case "value":
		at = 1
	case "key":
	default:
		if p[1] != (missing{}) {
			return nil, errors.New("dictsort: by is key or value")
		}
	}
	pairs, err := vm.pairs(d)
	if err != nil {
		return nil, err
	}
	key, err := vm.keyed(at, p[0])
	if err != nil {
		return nil, err
	}
	entries, err := vm.sorted(pairs.(*Seq).Items, key, flagArg(p[2]))
	if err != nil {
		return nil, err
	}
	return &Seq{Items: itemsOf(entries)}, nil
}

func filterGroupBy(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("groupby", "attribute", "default?", "case_sensitive?")
	if err != nil {
		return nil, err
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	plainKey, err := vm.getter(p[0])
	if err != nil {
		return nil, err
	}
	given := func(v any) (any, error) {
		v, err := plainKey(v)
		if _, no := v.(*Undefined); no && err == nil && p[1] != (missing{}) && p[1] != nil {
			return p[1], nil
		}
		return v, err
	}
	key := func(v any) (any, error) {
		v, err := given(v)
		if t, ok := v.(marked.Text); ok && err == nil && !flagArg(p[2]) {
			return vm.recase(t, "lower")
		}
		return v, err
	}
	entries, err := vm.sorted(items, key, false)
	if err != nil {
		return nil, err
	}
	return vm.groups(entries, given)
}

// groups makes pairs of a key and the neighbours that have it.
func (vm *Machine) groups(entries []entryOf, key func(any) (any, error)) (any, error) {
	out := &Seq{}
	for i := 0; i < len(entries); {
		k, err := key(entries[i].item)
		if err != nil {
			return nil, err
		}
		group := &Seq{}
		for from := i; i < len(entries); i++ {
			eq, err := vm.equal(entries[from].key, entries[i].key, 0)
			if err != nil {
				return nil, err
			}
			if !eq && i > from {
				break
			}
			group.Items = append(group.Items, entries[i].item)
		}
		out.Items = append(out.Items, &Seq{Kind: Tuple, Items: []any{k, group}})
	}
	return out, nil
}

func filterUnique(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("unique", "case_sensitive?", "attribute?")
	if err != nil {
		return nil, err
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	key, err := vm.keyed(p[1], p[0])
	if err != nil {
		return nil, err
	}
	out := &iterator{}
	seen := map[any]bool{}
	for _, e := range items {
		k, err := key(e)
		if err != nil {
			return nil, err
		}
		h, err := vm.hash(k, 0)
		if err != nil {
			return nil, err
		}
		if !seen[h] {
			seen[h] = true
			out.Items = append(out.Items, e)
		}
	}
	return out, nil
}

// extreme is min and max.
func (vm *Machine) extreme(name string, v any, a Args) (any, error) {
	p, err := a.Bind(name, "case_sensitive?", "attribute?")
	if err != nil {
		return nil, err
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	key, err := vm.keyed(p[1], p[0])
	if err != nil {
		return nil, err
	}
	var best, bestKey any = &Undefined{"no item: the sequence is empty"}, nil
	for i, e := range items {
		k, err := key(e)
		if err != nil {
			return nil, err
		}
		better := i == 0
		if !better && name == "min" {
			better, err = vm.less(k, bestKey)
		} else if !better {
			better, err = vm.less(bestKey, k)
		}
		if err != nil {
			return nil, err
		}
		if better {
			best, bestKey = e, k
		}
	}
	return best, nil
}

func filterSum(vm *Machine, v any, a Args) (any, error) {
	p, err := a.Bind("sum", "attribute?", "start?")
	if err != nil {
		return nil, err
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := vm.getter(p[0])
	if err != nil {
		return nil, err
	}
	sum := p[1]
	if sum == (missing{}) {
		sum = int64(0)
	}
	if _, ok := sum.(marked.Text); ok {
		return nil, errors.New("sum: texts are joined, not summed")
	}
	for _, e := range items {
		if e, err = get(e); err != nil {
			return nil, err
		}
		if sum, err = vm.Binary("+", sum, e); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func filterList(vm *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("list"); err != nil {
		return nil, err
	}
	items, err := vm.Items(v)
	return &Seq{Items: items}, err
}

func filterItems(vm *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("items"); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case *Undefined:
		return &iterator{}, nil
	case *Dict:
		pairs, err := vm.pairs(x)
		return &iterator{Items: pairs.(*Seq).Items}, err
	}
	return nil, fmt.Errorf("Items: want a mapping, got %s", typeName(v))
}

// end is first and last.
func (vm *Machine) end(name string, v any, a Args) (any, error) {
	if _, err := a.Bind(name); err != nil {
		return nil, err
	}
	if g, ok := v.(*iterator); ok {
		if name == "last" {
			return nil, errors.New("last of a generator: make it a list first")
		}
		if g.pos < len(g.Items) {
			g.pos++
			return g.Items[g.pos-1], nil
		}
		v = &Seq{}
	}
	if t, ok := v.(marked.Text); ok {
		i := map[string]int64{"first": 0, "last": -1}[name]
		if c, ok := vm.character(t, i); ok {
			return c, vm.Charge(len(t.S) / 32)
		}
		return &Undefined{"no " + name + " item: the text is empty"}, nil
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return &Undefined{"no " + name + " item: the sequence is empty"}, nil
	}
	if name == "last" {
		return items[len(items)-1], nil
	}
	return items[0], nil
}

func filterReverse(vm *Machine, v any, a Args) (any, error) {
	if _, err := a.Bind("reverse"); err != nil {
		return nil, err
	}
	if t, ok := v.(marked.Text); ok {
		back := int64(-1)
		return vm.sliceText(t, [3]*int64{nil, nil, &back})
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, ok := v.(*iterator); ok {
		return &Seq{Items: items}, nil
	}
	return &iterator{Items: items}, nil
}

// filterMap looks up an attribute of each item, or filters it.
func filterMap(vm *Machine, v any, a Args) (any, error) {
	if !Truth(v) {
		return &iterator{}, nil
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	var f func(any) (any, error)
	if len(a.Pos) == 0 {
		if f, err = vm.attributeMap(a); err != nil {
			return nil, err
		}
	} else {
		name, err := textArg("map", a.Pos[0])
		if err != nil {
			return nil, err
		}
		if filterOf(name.S) == nil {
			return nil, fmt.Errorf("no filter named %q", name.Shown())
		}
		rest := Args{Pos: a.Pos[1:], Names: a.Names, Named: a.Named}
		f = func(v any) (any, error) { return vm.Filter(name.S, v, rest) }
	}
	out := &iterator{Items: make([]any, len(items))}
	for i, e := range items {
		if out.Items[i], err = f(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// attributeMap is what map(attribute=…, default=…) does to an item.
func (vm *Machine) attributeMap(a Args) (func(any) (any, error), error) {
	p, err := a.Bind("map", "attribute", "default?")
	if err != nil {
		return nil, err
	}
	get, err := vm.getter(p[0])
	if err != nil {
		return nil, err
	}
	if p[1] == (missing{}) || p[1] == nil {
		return get, nil
	}
	return func(v any) (any, error) {
		v, err := get(v)
		if _, no := v.(*Undefined); no && err == nil {
			return p[1], nil
		}
		return v, err
	}, nil
}

// choose is select, reject, selectattr and rejectattr.
func (vm *Machine) choose(name string, v any, a Args) (any, error) {
	if !Truth(v) {
		return &iterator{}, nil
	}
	items, err := vm.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := vm.getter(nil)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, "attr") {
		if len(a.Pos) == 0 {
			return nil, fmt.Errorf("%s: the attribute is missing", name)
		}
		if get, err = vm.getter(a.Pos[0]); err != nil {
			return nil, err
		}
		a.Pos = a.Pos[1:]
	}
	holds := func(v any) (bool, error) { return Truth(v), nil }
	if len(a.Pos) > 0 {
		test, err := textArg(name, a.Pos[0])
		if err != nil {
			return nil, err
		}
		if !isTest(test.S) {
			return nil, fmt.Errorf("no test named %q", test.Shown())
		}
		rest := Args{Pos: a.Pos[1:], Names: a.Names, Named: a.Named}
		holds = func(v any) (bool, error) { return vm.Test(test.S, v, rest) }
	}
	out := &iterator{}
	for _, e := range items {
		k, err := get(e)
		if err != nil {
			return nil, err
		}
		ok, err := holds(k)
		if err != nil {
			return nil, err
		}
		if ok == strings.HasPrefix(name, "select") {
			out.Items = append(out.Items, e)
		}
	}
	return out, nil
}

// groups reads what batch and slice are given: items, how many to a group or how
// many groups, and what fills the last ones up, or nil.
func groups(vm *Machine, v any, a Args, filter, count string) (items []any, n int64, fill any, err error) {
	p, err := a.Bind(filter, count, "fill_with?")
	if err != nil {
		return nil, 0, nil, err
	}
	if n, err = intArg(filter, p[0], 0); err != nil {
		return nil, 0, nil, err
	}
	if items, err = vm.Items(v); err != nil {
		return nil, 0, nil, err
	}
	if n <= 0 {
		return nil, 0, nil, fmt.Errorf("%s: the count is not positive", filter)
	}
	if fill = p[1]; fill == (missing{}) {
		fill = nil
	}
	return items, n, fill, nil
}

func filterBatch(vm *Machine, v any, a Args) (any, error) {
	items, n, fill, err := groups(vm, v, a, "batch", "linecount")
	if err != nil {
		return nil, err
	}
	out := &iterator{}
	for len(items) > 0 {
		k := min(n, int64(len(items)))
		row := slices.Clone(items[:k])
		items = items[k:]
		if fill != nil {
			if err := vm.Charge(int(min(n-k, int64(vm.limits.Steps)))); err != nil {
				return nil, err
			}
			for ; k < n; k++ {
				row = append(row, fill)
			}
		}
		out.Items = append(out.Items, &Seq{Items: row})
	}
	return out, nil
}

func filterSlice(vm *Machine, v any, a Args) (any, error) {
	items, n, fill, err := groups(vm, v, a, "slice", "slices")
	if err != nil {
		return nil, err
	}
	if err := vm.Charge(int(min(n, int64(vm.limits.Steps)))); err != nil {
		return nil, err
	}
	out := &iterator{}
	per, extra := int64(len(items))/n, int64(len(items))%n
	for i := range n {
		k := per
		if i < extra {
			k++
		}
		column := slices.Clone(items[:k])
		items = items[k:]
		if fill != nil && i >= extra {
			column = append(column, fill)
		}
		out.Items = append(out.Items, &Seq{Items: column})
	}
	return out, nil
}
