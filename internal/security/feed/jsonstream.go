package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/go-json-experiment/json/jsontext"
)

var (
	errGlued = errors.New("a second JSON text follows the first: two files glued together?")
	errOther = errors.New("the JSON is neither objects nor a list of them")
)

// jsonFile reads a JSON text, or several, object by object.
type jsonFile struct {
	*reader
	in           loose.Rationed
	dec          *jsontext.Decoder
	container    bool // the text is one publication: nothing may follow it
	n            uint64
	pub          *edition // of the objects read last
	stix         *stixFile
	graph        *graph
	capabilities map[string]bool // of a mapping, that have an entry
	rest         []byte          // the container's other members
}

// streamed are the members whose elements are read one by one.
var streamed = map[string]bool{
	"objects": true, "vulnerabilities": true, "CVE_Items": true, "Weaknesses": true, "Categories": true, "Views": true,
	"mapping_objects": true, "@graph": true,
}

func (r *reader) json(f *unpack.File) error {
	head, _ := f.Head() // what is wrong with it, reading will tell
	head = bytes.Clone(head[:min(len(head), 8<<10)])
	j := &jsonFile{reader: r}
	j.in = loose.Rationed{R: f, Left: loose.MaxObject}
	j.dec = jsontext.NewDecoder(&j.in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := j.texts()
	if err == nil {
		err = j.finish()
	}
	if err == nil || r.stopped() {
		return err
	}
	switch {
	case j.container || r.used || f.Alone:
		return r.broken(err)
	case recordMark.Match(head):
		return r.single(err)
	}
	return nil // some other broken JSON in a folder or an archive
}

// recordMark is in a file that would have been known, were it whole.
var recordMark = regexp.MustCompile(`"(?:cveMetadata|cveID|CVE_data_meta|x_mitre_[a-z_]+|x_capec_[a-z_]+|objects|vulnerabilities|CVE_Items|catalog|profile|mapping_objects|Weaknesses|@graph)"`)

// finish ends what the objects of the file left open.
func (j *jsonFile) finish() error {
	if j.graph != nil {
		return j.d3fend(j.graph.Ontology)
	}
	if j.stix != nil {
		return j.stix.finish()
	}
	return nil
}

// texts reads the JSON texts of the file. Objects one after the other are JSON
// lines; behind a container nothing may follow.
func (j *jsonFile) texts() error {
	for {
		j.refill(loose.MaxObject)
		kind := j.dec.PeekKind()
		if kind != '{' && kind != '[' {
			_, err := j.dec.ReadToken()
			switch {
			case err == io.EOF && j.in.Err == nil:
				return nil
			case err != nil:
				return j.syntax(err)
			case j.container:
				return errGlued
			}
			return errOther
		}
		if j.container {
			return errGlued
		}
		if err := j.text(kind); err != nil {
			return err
		}
	}
}

func (j *jsonFile) text(kind jsontext.Kind) error {
	if kind == '{' {
		return j.object()
	}
	if j.n > 0 {
		return errGlued
	}
	if err := j.elements(""); err != nil {
		return err
	}
	j.container = true
	return nil
}

// refill lets the next value have a number of bytes.
func (j *jsonFile) refill(n int) { j.in.Left = n }

// syntax explains an error of the decoder.
func (j *jsonFile) syntax(err error) error {
	if j.in.Err != nil {
		return j.in.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return fmt.Errorf("the JSON ends too early, at byte %d", j.dec.InputOffset())
	}
	return fmt.Errorf("the JSON is broken: %w", err)
}

// value reads a whole value.
func (j *jsonFile) value(limit int) (jsontext.Value, error) {
	j.refill(limit)
	v, err := j.dec.ReadValue()
	if err != nil {
		return nil, j.syntax(err)
	}
	return v, nil
}

// elements reads an array, element by element.
func (j *jsonFile) elements(member string) error {
	if _, err := j.dec.ReadToken(); err != nil {
		return j.syntax(err)
	}
	for j.dec.PeekKind() != ']' {
		v, err := j.value(loose.MaxObject)
		if err != nil {
			return err
		}
		if err := j.element(member, v); err != nil {
			return err
		}
	}
	j.refill(loose.MaxObject)
	if _, err := j.dec.ReadToken(); err != nil {
		return j.syntax(err)
	}
	return nil
}

// element reads one element of an array, or one object of a file of lines.
func (j *jsonFile) element(member string, v jsontext.Value) error {
	j.n++
	j.at.Record = j.n
	j.pos = j.dec.InputOffset() - int64(len(v))
	if v.Kind() != '{' {
		if member != "" || j.used {
			j.faultf("want an object, found %.20q", v)
		}
		return nil
	}
	return j.known(member, v)
}

// object reads one top-level object. Members that are lists of objects are read
// one by one; what else it has is kept, to describe the publication or, if it
// has no such member, as the object itself.
func (j *jsonFile) object() error {
	if _, err := j.dec.ReadToken(); err != nil {
		return j.syntax(err)
	}
	j.rest = append(j.rest[:0], '{')
	inner := false
	for j.dec.PeekKind() != '}' {
		name, err := j.dec.ReadValue()
		if err != nil {
			return j.syntax(err)
		}
		name = name.Clone()
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			plain = nil // a name in broken UTF-8 is none that is known
		}
		member := string(plain)
		switch kind := j.dec.PeekKind(); {
		case kind == '[' && streamed[member]:
			inner, j.container = true, true
			err = j.elements(member)
		case kind == '{' && (member == "catalog" || member == "profile"):
			inner, j.container = true, true
			err = j.document(member)
		default:
			err = j.keep(name)
		}
		if err != nil {
			return err
		}
		j.refill(loose.MaxObject)
	}
	if _, err := j.dec.ReadToken(); err != nil {
		return j.syntax(err)
	}
	j.rest = append(j.rest, '}')
	if inner {
		return j.describe(j.rest)
	}
	return j.element("", j.rest)
}

// keep adds the member that is next to what the container says of itself.
func (j *jsonFile) keep(name jsontext.Value) error {
	v, err := j.value(loose.MaxObject)
	if err != nil {
		return err
	}
	if len(j.rest)+len(v) > loose.MaxObject {
		return loose.ErrTooLarge
	}
	if len(j.rest) > 1 {
		j.rest = append(j.rest, ',')
	}
	j.rest = append(append(append(j.rest, name...), ':'), v...)
	return nil
}
