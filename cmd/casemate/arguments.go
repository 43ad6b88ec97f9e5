package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// restOfArguments reads all arguments up to the next flag into a list of texts.
func restOfArguments(ctx *kong.DecodeContext, target reflect.Value) error {
	var out []string
	for {
		t := ctx.Scan.Peek()
		s, isText := t.Value.(string)
		if t.IsEOL() || !isText || len(out) > 0 && t.Type != kong.FlagValueToken && strings.HasPrefix(s, "--") {
			break
		}
		ctx.Scan.Pop()
		out = append(out, s)
	}
	if len(out) == 0 {
		return fmt.Errorf("--%s needs what belongs to it after it", ctx.Value.Name)
	}
	target.Set(reflect.ValueOf(out))
	return nil
}
