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
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// ownHeadFlags are those of a command that asks a team's own heads.
type ownHeadFlags struct {
	dataFlag
	Model   string `short:"m" placeholder:"NAME|PATH" help:"The language model that your heads stand on, where it is not the one of the store with its digest."`
	Threads int    `placeholder:"N" help:"How many processors a language model uses; default: all."`
}

// ownHeads finds a team's own heads in the data directory and in folders.
type ownHeads struct {
	flags ownHeadFlags
	s     *streams
}

// Open implements workflow.OwnHeads. A head comes before an adapter of its name.
func (o ownHeads) Open(_ context.Context, name string) (*tuned.Head, error) {
	if strings.ContainsAny(name, `/\`) || name == "." {
		if _, err := os.Stat(filepath.Join(name, tuned.AdapterFiles()[0])); err == nil {
			return tuned.OpenAdapter(name)
		}
		if _, err := os.Stat(filepath.Join(name, tuned.CardFile)); err == nil {
			return tuned.Open(name)
		}
	}
	data, err := o.flags.dataDir()
	if err != nil {
		return nil, nil // nobody has said where heads are kept: there are none
	}
	r := registry.Open(data)
	if v, err := inService(r, registry.KindHead, name, "--head"); v != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return tuned.Open(v.Dir)
	}
	v, err := inService(r, registry.KindAdapter, name, "--head")
	if v == nil || err != nil {
		return nil, err
	}
	h, err := tuned.OpenAdapter(v.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("adapter %q was not taught labels", name),
			Hint: fmt.Sprintf("casemate generate --adapter %s talks to it; casemate tune train --encoder MODEL --lora on makes one that labels texts", name)}
	}
	return h, err
}

// inService returns the version that NAME or NAME@VERSION is of, which must be in
// service. It is nil where nothing is kept under the name, and for what is no name.
// Flag is the one that takes the folder of a version as well.
func inService(r *registry.Registry, k registry.Kind, ref, flag string) (*registry.Version, error) {
	name, id, pinned := strings.Cut(ref, "@")
	const digits = 4
	if registry.CheckName(name) != nil || pinned && (len(id) < digits || strings.Trim(id, "0123456789abcdef") != "") {
		return nil, nil
	}
	kind := ""
	if k == registry.KindAdapter {
		kind = "--adapter "
	}
	v, err := r.InService(k, name)
	switch {
	case err == nil && strings.HasPrefix(strings.TrimPrefix(v.Digest, "sha256:"), id):
		return v, nil
	case err == nil:
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%s %q is not in service; %s is", k, ref, v),
			Hint: fmt.Sprintf("casemate tune promote %s%s lets it in; casemate tune show %s%s lists the versions", kind, ref, kind, name)}
	case !errors.Is(err, registry.ErrNone):
		return nil, err
	}
	versions, broken, err := r.Versions(k, name)
	switch {
	case errors.Is(err, registry.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case len(versions) == 0 && len(broken) > 0:
		return nil, broken[0]
	case len(versions) == 0:
		return nil, nil
	}
	return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%s %q is trained and not in service", k, name),
		Hint: fmt.Sprintf("casemate tune promote %s%s lets it in; %s %s tries it", kind, name, flag, versions[0].Dir)}
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
	for _, h := range heads {
		if err := loadAdapter(e, h); err != nil {
			e.Close()
			return nil, nil, err
		}
		if !h.NeedsModel() {
			continue
		}
		if err := h.FitsEngine(e); err != nil { // said once, not for every text
			e.Close()
			return nil, nil, err
		}
	}
	return e, func() { e.Close() }, nil
}

// loadAdapter gives the engine the adapter that a head asks, if it is one.
func loadAdapter(e *native.Engine, h *tuned.Head) error {
	name := h.Adapter()
	if name == "" {
		return nil
	}
	if err := e.LoadAdapter(name, h.Dir()); err != nil {
		return err
	}
	for _, l := range e.Adapters() {
		if l.Name == name && l.Digest != h.Digest() {
			return fmt.Errorf("adapter %q was changed while it was opened", h.Dir())
		}
	}
	return nil
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
