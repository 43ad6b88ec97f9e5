package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// Limits of what a history may say.
const (
	maxServiceBytes = 32 << 20
	maxHistory      = 10_000
	maxReason       = 2000 // bytes of an override
)

// What an entry of a history records.
const (
	ActionPromote  = "promote"
	ActionRollback = "rollback"
	ActionRetire   = "retire" // nothing is in service any more
)

// Service is service.json: what is and was in service under a name. The last
// entry says what is. Entries are only ever added.
type Service struct {
	Format  int     `json:"format"` // 1
	Kind    Kind    `json:"kind"`
	Name    string  `json:"name"`
	History []Entry `json:"history"`
}

// Entry is one change of what is in service.
type Entry struct {
	Action  string    `json:"action"`
	At      time.Time `json:"at"`
	Version string    `json:"version"` // in service from here on; "" is none
	Digest  string    `json:"digest"`
	Before  string    `json:"before"` // the version that was in service
	// Evaluation is the digest of the evaluation that let the version in, Signer
	// the key that signed it; both are empty where Override stands for them.
	Evaluation string `json:"evaluation,omitzero"`
	Signer     string `json:"signer,omitzero"`
	// Against is what the gain was measured against, Gain how large it is.
	Against string        `json:"against,omitzero"`
	Gain    *outcome.Gain `json:"gain,omitempty"`
	// Override is the reason that a person gave, Overridden what spoke against it.
	Override   string   `json:"override,omitzero"`
	Overridden []string `json:"overridden,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	// Prior is the digest of the entry before, with its signature: none can be
	// changed, taken out or moved.
	Prior string `json:"prior,omitzero"`
	// Signature is over the entry without it.
	Signature jsontext.Value `json:"signature,omitempty"`
}

// bytes returns the entry as it is hashed and, without its signature, signed.
func (e Entry) bytes(signature bool) ([]byte, error) {
	if !signature {
		e.Signature = nil
	}
	return json.Marshal(&e)
}

// Current returns what is in service; nil if nothing is.
func (s *Service) Current() *Entry {
	if s == nil || len(s.History) == 0 || s.History[len(s.History)-1].Version == "" {
		return nil
	}
	return &s.History[len(s.History)-1]
}

// stack returns the versions that were promoted and not rolled back, the latest
// last. The error says where the history contradicts itself.
func (s *Service) stack() ([]*Entry, error) {
	var out []*Entry
	for i := range s.History {
		e := &s.History[i]
		before := ""
		if len(out) > 0 {
			before = out[len(out)-1].Version
		}
		if e.Before != before {
			return nil, fmt.Errorf("entry %d goes on from %q, in service was %q", i+1, e.Before, before)
		}
		switch e.Action {
		case ActionPromote:
			out = append(out, e)
			continue
		case ActionRetire:
			out = nil
		case ActionRollback:
			if len(out) < 2 {
				return nil, fmt.Errorf("entry %d rolls back to nothing", i+1)
			}
			out = out[:len(out)-1]
		}
		now := ""
		if len(out) > 0 {
			now = out[len(out)-1].Version
		}
		if now != e.Version {
			return nil, fmt.Errorf("entry %d has %q in service, the history %q", i+1, e.Version, now)
		}
	}
	return out, nil
}

// parseService reads a history and checks all of it: its form, the chain of its
// entries, and each signature.
func parseService(data []byte, trust *outcome.Trust) (*Service, error) {
	s := &Service{}
	if err := json.Unmarshal(data, s, json.RejectUnknownMembers(true)); err != nil {
		return nil, errors.New("it is not of the format")
	}
	if s.Format != formatVersion || s.Kind != KindHead && s.Kind != KindAdapter || !isName(s.Name) || len(s.History) == 0 || len(s.History) > maxHistory {
		return nil, errors.New("its format, kind, name or length is not one that this program reads")
	}
	prior := ""
	for i := range s.History {
		e := &s.History[i]
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if e.Prior != prior {
			return nil, fmt.Errorf("entry %d does not follow the one before it", i+1)
		}
		if err := e.verify(s, trust); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		whole, err := e.bytes(true)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		prior = outcome.Digest(whole)
	}
	_, err := s.stack()
	return s, err
}

// statement is what a signature of an entry is over: the entry without it, and of
// what it is, so that it is none of another name's history.
func (e *Entry) statement(s *Service) ([]byte, error) {
	data, err := e.bytes(false)
	return append([]byte(string(s.Kind)+" "+s.Name+"\n"), data...), err
}

func (e *Entry) verify(s *Service, trust *outcome.Trust) error {
	statement, err := e.statement(s)
	if err != nil {
		return err
	}
	_, err = trust.Verify(outcome.SubjectService, statement, e.Signature)
	return err
}

func (e *Entry) check() error {
	version := func(s string) bool { return s == "" || len(s) == versionDigits && versionPattern.MatchString(s) }
	switch {
	case e.Action != ActionPromote && e.Action != ActionRollback && e.Action != ActionRetire:
		return errors.New("its action is none")
	case !version(e.Version) || !version(e.Before):
		return errors.New("its version is none")
	case (e.Version == "") != (e.Action == ActionRetire) || (e.Version == "") != (e.Digest == ""):
		return errors.New("its action does not fit its version")
	case e.Version != "" && (!outcome.IsDigest(e.Digest) || !strings.HasPrefix(e.Digest, "sha256:"+e.Version)):
		return errors.New("its digest is not that of its version")
	case e.Evaluation != "" && !outcome.IsDigest(e.Evaluation):
		return errors.New("its evaluation has no digest")
	case len(e.Override) > maxReason:
		return errors.New("its reason is too long")
	}
	return nil
}

// Service returns the history of a name; ErrNone where there is none.
func (r *Registry) Service(k Kind, name string) (*Service, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return nil, err
	}
	return r.service(k, name, trust)
}

func (r *Registry) service(k Kind, name string, trust *outcome.Trust) (*Service, error) {
	data, err := files.ReadPlain(filepath.Join(r.home(k, name), serviceFile), maxServiceBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("read what is in service as %s: %w", name, err)
	}
	s, err := parseService(data, trust)
	if err == nil && (s.Kind != k || s.Name != name) {
		err = fmt.Errorf("it is of %s %s", s.Kind, s.Name)
	}
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read what is in service as %s", name), Err: err,
			Hint: "it was damaged, changed by hand or signed by a key that is not trusted here: put its copy back, or the signer's public key into " + filepath.Join(r.data, "trusted-keys")}
	}
	return s, nil
}

// InService returns the version that is in service under a name, after it has
// checked its files, the history, and the signature of the evaluation that let it
// in. The error is ErrNone where nothing is in service.
func (r *Registry) InService(k Kind, name string) (*Version, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return nil, err
	}
	s, err := r.service(k, name, trust)
	if err != nil {
		return nil, err
	}
	e := s.Current()
	if e == nil {
		return nil, ErrNone
	}
	return r.admitted(s, e, trust)
}

// admitted returns the version of an entry if all that the entry rests on holds.
func (r *Registry) admitted(s *Service, e *Entry, trust *outcome.Trust) (*Version, error) {
	v, err := r.load(s.Kind, s.Name, e.Version, trust)
	if err != nil {
		return nil, err
	}
	if v.Digest != e.Digest {
		return nil, damaged(s.Kind, s.Name, e.Version, errors.New("it is not the one that was let into service"))
	}
	promoted := e
	if e.Action == ActionRollback { // it came in by an earlier entry
		stack, err := s.stack()
		if err != nil {
			return nil, err
		}
		promoted = stack[len(stack)-1]
	}
	if promoted.Evaluation == "" {
		return v, nil // by an override, which is in the record and signed
	}
	data, err := files.ReadPlain(filepath.Join(v.Dir, outcome.EvaluationFile), outcome.MaxBytes)
	if err == nil && outcome.Digest(data) != promoted.Evaluation {
		err = errors.New("its evaluation is not the one that let it into service")
	}
	var sig []byte
	if err == nil {
		sig, err = files.ReadPlain(filepath.Join(v.Dir, outcome.SignatureFile), maxRecordBytes)
	}
	if err == nil {
		_, err = trust.Verify(outcome.SubjectEvaluation, data, sig)
	}
	if err != nil {
		return nil, damaged(s.Kind, s.Name, e.Version, err)
	}
	return v, nil
}

// append adds an entry to a history and writes it.
func (r *Registry) append(s *Service, e Entry, key *outcome.Key) error {
	if len(s.History) == maxHistory {
		return fmt.Errorf("record what is in service: its history has %d entries", maxHistory)
	}
	if n := len(s.History); n > 0 {
		last, err := s.History[n-1].bytes(true)
		if err != nil {
			return fmt.Errorf("record what is in service: %w", err)
		}
		e.Prior = outcome.Digest(last)
	}
	statement, err := e.statement(s)
	if err != nil {
		return fmt.Errorf("record what is in service: %w", err)
	}
	sig, err := key.Sign(outcome.SubjectService, statement)
	if err != nil {
		return fmt.Errorf("record what is in service: %w", err)
	}
	e.Signature = jsontext.Value(strings.TrimSpace(string(sig)))
	s.History = append(s.History, e)
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("record what is in service: %w", err)
	}
	path := filepath.Join(r.home(s.Kind, s.Name), serviceFile)
	if err := r.disk.replace(path, append(data, '\n')); err != nil {
		return r.noRoom(fmt.Errorf("record what is in service: %w", err))
	}
	return nil
}
