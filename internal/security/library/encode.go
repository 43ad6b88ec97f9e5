package library

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

const hashSize = 16 // bytes of a SHA-256 that an entry or a relation keeps

var errBody = errors.New("a body that this program did not write")

// kinds are the kinds of entry, by their number in the file. The numbers order
// entries and passages, so what is asked for most comes first. A kind is only
// ever added at the end: a number keeps its meaning.
var kinds = [...]string{
	feed.KindTactic, feed.KindTechnique, feed.KindSoftware, feed.KindGroup, feed.KindCampaign, feed.KindMitigation,
	feed.KindWeakness, feed.KindPattern, feed.KindDefence, feed.KindDetection, feed.KindAnalytic, feed.KindDataSource,
	feed.KindDataComponent, feed.KindAsset, feed.KindArtifact, feed.KindCategory, feed.KindControl, feed.KindProfile,
	KindRelation, // of passages only
	feed.KindSigma, feed.KindAtomic, feed.KindYARA, feed.KindVulnerability,
}

var relationKind = kindNumber(KindRelation)

// kindNumber returns the number of a kind, or -1.
func kindNumber(kind string) int { return slices.Index(kinds[:], kind) }

// appendString writes a string after its length.
func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendBody writes what of an entry has no column of its own: aliases, facts
// and prose, each a count and then its strings.
func appendBody(b []byte, e *feed.Entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.Aliases)))
	for _, a := range e.Aliases {
		b = appendString(b, a)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Fields)))
	for _, f := range e.Fields {
		b = appendString(appendString(b, f.Key), f.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Sections)))
	for _, s := range e.Sections {
		b = appendString(appendString(b, s.Name), s.Text)
	}
	return b
}

// hashEntry returns the digest of all that an entry says.
func hashEntry(e *feed.Entry, body []byte) []byte {
	var b []byte
	for _, s := range [...]string{e.Kind, e.ID, e.Name, e.Domain, e.Status, e.Successor, e.Parent, e.Modified} {
		b = appendString(b, s)
	}
	sum := sha256.Sum256(append(b, body...))
	return sum[:hashSize]
}

// hashRelation returns the digest of all that a relation says.
func hashRelation(r *feed.Relation) []byte {
	b := appendString(appendString(appendString(nil, r.From), r.Type), r.To)
	sum := sha256.Sum256(append(b, r.Text...))
	return sum[:hashSize]
}

// decoder reads a body. A body is checked though we wrote it: the file may be
// damaged, or another's.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) number() int {
	n, shift := uint64(0), 0
	for i := 0; i < len(d.rest) && shift < 63; i++ {
		c := d.rest[i]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			if n > uint64(len(d.rest)) { // no count or length is more than the bytes that follow
				break
			}
			return int(n)
		}
		shift += 7
	}
	d.bad, d.rest = true, ""
	return 0
}

func (d *decoder) string() string {
	n := d.number()
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// decodeBody reads a body into e. The strings share the body's memory.
func decodeBody(body string, e *feed.Entry) error {
	d := decoder{rest: body}
	if n := d.number(); n > 0 {
		e.Aliases = make([]string, n)
		for i := range e.Aliases {
			e.Aliases[i] = d.string()
		}
	}
	if n := d.number(); n > 0 {
		e.Fields = make([]feed.Field, n)
		for i := range e.Fields {
			e.Fields[i] = feed.Field{Key: d.string(), Value: d.string()}
		}
	}
	if n := d.number(); n > 0 {
		e.Sections = make([]feed.Section, n)
		for i := range e.Sections {
			e.Sections[i] = feed.Section{Name: d.string(), Text: d.string()}
		}
	}
	if d.bad || d.rest != "" {
		return errBody
	}
	return nil
}
