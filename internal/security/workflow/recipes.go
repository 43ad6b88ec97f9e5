package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe"
)

// FromRecipe makes an entry of a recipe: those of the program stand in the table,
// and one in a folder of a user runs by the same code.
func FromRecipe(r *recipe.Recipe) Workflow {
	in := recipeInput(r)
	w := Workflow{
		Name: r.Name, Group: GroupRecipes, Summary: r.Summary, Help: strings.TrimSpace(r.Help), Example: r.Example,
		Model: len(r.Steps) > 0, Library: r.Retrieval != nil, Levels: r.Levels(),
		New: func() any { return reflect.New(in).Interface() },
	}
	if w.Example == "" {
		w.Example = "casemate run " + r.Name + " FILE"
	}
	w.Output = recipeOutput(w, r)
	w.Run = func(ctx context.Context, in any, env Env) (Result, error) {
		input, err := inputOf(r, in)
		if err != nil {
			return Result{}, err
		}
		run, err := pipeline.Start(env.Options)
		if err != nil {
			return Result{}, err
		}
		out, err := r.Run(ctx, run, input)
		if err != nil {
			return Result{}, err
		}
		p := recipe.Page(out)
		return Result{
			Value: out, Page: &p, Level: out.Level,
			Faults: out.Coverage.Faults, FaultCount: out.Coverage.FaultCount, Incomplete: out.Coverage.FaultCount > 0,
		}, nil
	}
	return w
}

// recipeInput is the struct of a recipe's input, as if somebody had written it.
// Load has refused what cannot stand in a tag.
func recipeInput(r *recipe.Recipe) reflect.Type {
	fields := []reflect.StructField{{
		Name: "Files", Type: reflect.TypeFor[[]string](),
		Tag: `json:"files" arg:"" optional:"" name:"file" help:"Files or folders; - for standard input."`,
	}}
	for _, f := range r.Input {
		tag := fmt.Sprintf(`json:"%s,omitempty" name:"%s" help:%q`, f.Name, strings.ReplaceAll(f.Name, "_", "-"), f.Help)
		var t reflect.Type
		switch f.Type {
		case "integer":
			t = reflect.TypeFor[int]()
		case "number":
			t = reflect.TypeFor[float64]()
		case "boolean":
			t = reflect.TypeFor[bool]()
		default:
			t = reflect.TypeFor[string]()
		}
		if len(f.Enum) > 0 {
			enum := strings.Join(f.Enum, ",")
			if f.Default == "" {
				enum = "," + enum // it may be left out
			}
			tag += fmt.Sprintf(` enum:"%s" default:"%s" placeholder:%q`, enum, f.Default, strings.ToUpper(f.Name))
		} else if f.Default != "" {
			tag += fmt.Sprintf(` default:"%s"`, f.Default)
		}
		fields = append(fields, reflect.StructField{Name: "F_" + f.Name, Type: t, Tag: reflect.StructTag(tag)})
	}
	return reflect.StructOf(fields)
}

// inputOf reads the values of such a struct. A field that was left out has the
// zero value of its type.
func inputOf(r *recipe.Recipe, in any) (recipe.Input, error) {
	v := reflect.ValueOf(in).Elem()
	files, ok := v.Field(0).Interface().([]string)
	if !ok || v.NumField() != len(r.Input)+1 {
		return recipe.Input{}, fmt.Errorf("input of recipe %q: %T is not of its form", r.Name, in)
	}
	out := recipe.Input{Files: files, Values: map[string]any{}}
	for i, f := range r.Input {
		out.Values[f.Name] = v.Field(i + 1).Interface()
	}
	return out, nil
}

// recipeOutput is the schema of a recipe's result.
func recipeOutput(w Workflow, r *recipe.Recipe) json.RawMessage {
	s, err := w.schema(recipe.Result{}, "output")
	if err != nil {
		return encode(nil, err)
	}
	result := new(jsonschema.Schema)
	if err := json.Unmarshal(r.ResultSchema(), result); err != nil {
		return encode(nil, err)
	}
	s.Defs, result.Defs = result.Defs, nil
	s.Properties["result"] = result
	return encode(s, nil)
}
