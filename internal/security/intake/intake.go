// Package intake reads alerts and events, runs rules over them, and ranks or
// enriches or labels what comes of it: the way in that every workflow shares.
package intake

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// Rules are compiled Sigma rules and what became of those that cannot be run.
type Rules struct {
	Engine  *sigma.Engine
	Count   int // rules that run, the starter pack's too
	Refused []sigma.Refusal
}

// LoadRules reads the paths (folders, files, zip archives) and, unless told
// otherwise, the starter pack, and compiles them together. A rule that cannot be
// run is named in Refused; only a path that cannot be read is an error.
func LoadRules(paths []string, withoutStarter bool) (Rules, error) {
	var all []*sigma.Rule
	var out Rules
	if !withoutStarter {
		starter, err := sigma.Starter()
		if err != nil {
			return Rules{}, fmt.Errorf("load the starter rules: %w", err)
		}
		all = append(all, starter.Rules...)
	}
	for _, p := range paths {
		loaded, err := sigma.LoadPath(p)
		if err != nil {
			return Rules{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("load rules %q", p), Err: err,
				Hint: "give a folder, a .yml file or a .zip of Sigma rules"}
		}
		if len(loaded.Rules) == 0 {
			return Rules{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("load rules %q: no Sigma rule in %d files", p, loaded.Files),
				Hint: "give a folder, a .yml file or a .zip of Sigma rules"}
		}
		all = append(all, loaded.Rules...)
		out.Refused = append(out.Refused, loaded.Refused...)
	}
	engine, err := sigma.Compile(all, sigma.Options{})
	if err != nil {
		return Rules{}, fmt.Errorf("compile rules: %w", err)
	}
	out.Engine = engine
	out.Count = len(engine.Rules())
	out.Refused = append(out.Refused, engine.Refused()...)
	return out, nil
}

// open opens a small side file and names it in the error.
func open(path, what, hint string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "open " + what + " " + filepath.Base(path), Err: err, Hint: hint}
	}
	return f, nil
}
