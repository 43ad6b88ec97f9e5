package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// ownHeadFlags are those of a command that asks a team's own heads.
type ownHeadFlags struct {
	dataFlag
	Model   string `placeholder:"NAME|PATH" help:"The language model that your heads stand on, where it is not the one of the store with its digest."`
	Threads int    `placeholder:"N" help:"How many processors a language model uses; default: all."`
}

// ownHeads finds a team's own heads in the data directory and in folders.
type ownHeads struct {
	flags ownHeadFlags
	s     *streams
}

// Open implements workflow.OwnHeads.
func (o ownHeads) Open(_ context.Context, name string) (*tuned.Head, error) {
	if _, err := os.Stat(filepath.Join(name, tuned.CardFile)); err == nil && (strings.ContainsAny(name, `/\`) || name == ".") {
		return tuned.Open(name)
	}
	if !tuned.IsName(name) {
		return nil, nil
	}
	data, err := o.flags.dataDir()
	if err != nil {
		return nil, nil // nobody has said where heads are kept: there are none
	}
	r := registry.Open(data)
	v, err := r.InService(registry.KindHead, name)
	if err == nil {
		return tuned.Open(v.Dir)
	}
	if !errors.Is(err, registry.ErrNone) {
		return nil, err
	}
	versions, _, err := r.Versions(registry.KindHead, name)
	if errors.Is(err, registry.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || err == nil && len(versions) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("head %q is trained and not in service", name),
		Hint: fmt.Sprintf("casemate tune promote %s lets it in; --head %s tries it", name, versions[0].Dir)}
}

// Engine implements workflow.OwnHeads: it opens the base that the heads name.
func (o ownHeads) Engine(_ context.Context, heads []*tuned.Head) (engine.Engine, func(), error) {
	var base *tuned.Base
	for _, h := range heads {
		b := h.Card().Base
		if b == nil {
			continue
		}
		if base != nil && base.Digest != b.Digest {
			return nil, nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("the heads stand on different models: %s and %s", base.Name, b.Name), Hint: "ask them one after the other"}
		}
		base = b
	}
	options := modelOptions{dataFlag: o.flags.dataFlag, Threads: o.flags.Threads, CacheType: "f32", pinned: true}
	name := o.flags.Model
	if name == "" {
		var err error
		if name, err = o.modelOf(base); err != nil {
			return nil, nil, err
		}
	}
	e, err := options.open(o.s, name)
	if err != nil {
		return nil, nil, err
	}
	return e, func() { e.Close() }, nil
}

// modelOf returns the name of the model of the store that a base is.
func (o ownHeads) modelOf(base *tuned.Base) (string, error) {
	data, err := o.flags.dataDir()
	if err != nil {
		return "", err
	}
	models, _, err := modelstore.New(data).List()
	if err != nil {
		return "", err
	}
	for _, m := range models {
		if m.Digest == base.Digest {
			return m.Name, nil
		}
	}
	return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("the head stands on the model %s, %s, which the store does not have", base.Name, base.Digest),
		Hint: "casemate model import it, or name it with --model"}
}
