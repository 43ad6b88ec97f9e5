package feed

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
)

// The limits on one read. The largest catalogue, all CVE records, has 300,000
// entries of some kilobytes.
const (
	MaxEntries   = 5_000_000
	MaxRelations = 20_000_000
	MaxID        = 200       // bytes of an id, of an end or of a type of a relation
	MaxName      = 2000      // bytes of a name, an alias or a fact
	MaxText      = 1 << 20   // bytes of a section or of a relation's text
	MaxFields    = 20_000    // facts, sections or aliases of one entry
	maxHeld      = 512 << 20 // bytes of what must wait for the end of its file
	namedFaults  = 100
)

// ErrUnknown says that nothing in a path is of a catalogue that is read. It is
// no damage: who names all files of a folder meets such among them.
var ErrUnknown = errors.New("nothing in it is known")

// Options of a read. The zero value works.
type Options struct {
	MaxNamed int // faults, missing objects and unknown files that are named, each; 0 means 100
}

// Report says what a read found.
type Report struct {
	Publications []Publication  `json:"publications"` // by key, one a key
	Files        int            `json:"files"`        // that held something known
	Entries      map[string]int `json:"entries"`      // by kind
	Relations    map[string]int `json:"relations"`    // by type
	Repeated     int            `json:"repeated"`     // entries left out because an earlier file of the read had them: a control in several baselines, a weakness in several exports

	// Faults are single objects, or rule files, that could not be used, the
	// first MaxNamed of them; FaultCount counts all. The rest went on.
	Faults     []casemate.Fault `json:"faults"`
	FaultCount int              `json:"fault_count"`

	// Missing are the objects that relations of a STIX file name and the file
	// lacks, with the number of those relations, the first MaxNamed of them.
	// Such relations were passed on with the STIX id as their end.
	Missing      []string `json:"missing"`
	MissingCount int      `json:"missing_count"`

	// Unknown are files that are nothing a catalogue is known for.
	Unknown      []string `json:"unknown"`
	UnknownCount int      `json:"unknown_count"`
}

// Read reads what path names: a file, a folder with all below it, or "-" for
// stdin; plain, gzip or zip. What a file holds decides what it is read as. It
// passes entries and relations to sink as it goes, so memory does not grow with
// the input, save for some bytes an entry, by which one that comes twice is
// known, and for what a STIX file must hold back until its end: revoked objects,
// CAPEC patterns and relations that name an object still to come.
//
// An error means that the path is no sound publication, and that what the sink
// has taken should be dropped: the file is cut off, two texts are glued
// together, it unpacks beyond the limits, an object exceeds 16 MiB, nothing in
// it is known, or the sink or ctx said stop. It is a casemate.Error where a
// person must act. One object with a missing id, a wrong type or a value beyond
// the limits is a fault of the report, and so is a broken file of its own in a
// folder or an archive (a rule, one CVE record); the rest is read.
//
// The report is good for what was read even where there is an error.
func Read(ctx context.Context, path string, stdin io.Reader, sink Sink, opt Options) (Report, error) {
	if opt.MaxNamed <= 0 {
		opt.MaxNamed = namedFaults
	}
	r := &reader{
		ctx: ctx, path: path, sink: sink, opt: opt,
		rep:  Report{Entries: map[string]int{}, Relations: map[string]int{}},
		seed: maphash.MakeSeed(), ever: map[uint64]int{},
	}
	sum, err := unpack.Walk(ctx, path, stdin, r)
	if err == nil {
		err = r.adopt()
	}
	if err == nil && len(r.pubs) == 0 {
		err = ErrUnknown
	}
	r.close(sum)
	if err != nil && ctx.Err() == nil && !r.theirs {
		err = explain(path, err)
	}
	return r.rep, err
}

// explain makes an error that a person can act on.
func explain(path string, err error) error {
	var e *casemate.Error
	if errors.As(err, &e) {
		return err
	}
	hint := "is the file whole? fetch it again; docs/formats/publications.md lists what is read"
	if errors.Is(err, unpack.ErrBomb) || errors.Is(err, unpack.ErrFiles) {
		hint = "unpack it by hand and import its files one by one"
	}
	return &casemate.Error{Code: casemate.CodeInput, Message: "import " + shown(path), Hint: hint, Err: &tidy{err}}
}

// shown is a path as a message may show it.
func shown(path string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, path)
}

// tidy is an error whose text may quote the input: it is cut and cleaned.
type tidy struct{ err error }

func (t *tidy) Error() string { return cut(prose.Line(t.err.Error()), maxReason) }

func (t *tidy) Unwrap() error { return t.err }

const maxReason = 300 // bytes of an error or a fault

// reader is one call of Read.
type reader struct {
	ctx    context.Context
	path   string
	sink   Sink
	opt    Options
	rep    Report
	stop   error // that ends the read at once: the sink's, or of a limit
	theirs bool  // the sink's

	pubs map[string]*edition
	file *unpack.File
	nth  int // the file's number
	used bool
	at   casemate.Location
	pos  int64

	seed     maphash.Seed
	extracts []*stixFile // small ATT&CK files among others

	related int
	ever    map[uint64]int // kind and id of every entry so far: the number of its file
}

// edition is a publication in the making.
type edition struct {
	Publication
	versions []string
	latest   string // the newest version that an entry names
	newest   string // date of the newest entry
	first    string // file
	lastFile int
}

// publication returns the edition of a key, which the file at hand belongs to.
func (r *reader) publication(key string) *edition {
	e := r.pubs[key]
	if e == nil {
		if r.pubs == nil {
			r.pubs = map[string]*edition{}
		}
		e = &edition{Publication: Publication{Key: key, Name: names[key], Path: r.path}, first: r.file.Name}
		r.pubs[key] = e
	}
	if e.lastFile != r.nth {
		e.lastFile = r.nth
	}
	if !r.used {
		r.used = true
		r.rep.Files++
	}
	return e
}

// only returns the edition of a key of which a read may meet one file only: two
// editions would be mixed.
func (r *reader) only(key string) (*edition, error) {
	if e := r.pubs[key]; e != nil && e.lastFile != r.nth {
		return nil, fmt.Errorf("a second edition of %s, the first is %s: import one of them", e.Name, e.first)
	}
	return r.publication(key), nil
}

// names are the catalogues as their publishers write them.
var names = map[string]string{
	"attack-enterprise": "MITRE ATT&CK Enterprise",
	"attack-mobile":     "MITRE ATT&CK Mobile",
	"attack-ics":        "MITRE ATT&CK ICS",
	"cwe":               "Common Weakness Enumeration (CWE)",
	"capec":             "Common Attack Pattern Enumeration and Classification (CAPEC)",
	"nvd":               "National Vulnerability Database (NVD)",
	"cve":               "CVE Records",
	"epss":              "Exploit Prediction Scoring System (EPSS)",
	"kev":               "CISA Known Exploited Vulnerabilities (KEV)",
	"d3fend":            "MITRE D3FEND",
	"sigma":             "Sigma rules",
	"atomics":           "Atomic Red Team",
	"yara":              "YARA rules",
	"oscal":             "OSCAL catalogues and profiles",
	"attack-mappings":   "ATT&CK mappings",
}

const maxVersions = 20 // of one key that are listed

// version notes a version that a file of the edition states.
func (e *edition) version(v string) {
	if v = prose.Line(v); v != "" && len(v) <= MaxID && !slices.Contains(e.versions, v) && len(e.versions) < maxVersions {
		e.versions = append(e.versions, v)
	}
}

// released notes a date of release.
func (e *edition) released(d string) {
	if d = day(d); d > e.Date {
		e.Date = d
	}
}

// changed notes the date of an entry.
func (e *edition) changed(d string) {
	if d > e.newest {
		e.newest = d
	}
}

// seen notes a version that an entry names; the newest stands for the edition
// if no file states one.
func (e *edition) seen(v string) {
	if numericVersion(v) && (e.latest == "" || newer(v, e.latest)) {
		e.latest = v
	}
}

// numericVersion reports a version such as 4.19.1.
func numericVersion(v string) bool {
	return v != "" && len(v) < 20 && strings.Trim(v, "0123456789.") == "" && v[0] != '.'
}

// newer compares versions such as 4.9 and 4.19.1.
func newer(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i]) // an empty part counts as 0
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x > y
		}
	}
	return len(as) > len(bs)
}

// named is a version in the name of a file. Only ATT&CK bundles cut from their
// collection object need it: they state their version nowhere.
var named = regexp.MustCompile(`[0-9]{1,3}\.[0-9]{1,3}`)

// close makes the report's list of publications.
func (r *reader) close(sum string) {
	for _, e := range r.pubs {
		e.Source = sum
		if len(e.versions) == 0 {
			e.version(e.latest)
		}
		if len(e.versions) == 0 && strings.HasPrefix(e.Key, "attack-") {
			e.version(named.FindString(filepath.Base(e.first)))
		}
		e.Version = strings.Join(e.versions, ", ")
		if e.Date == "" {
			e.Date = e.newest
		}
		r.rep.Publications = append(r.rep.Publications, e.Publication)
	}
	slices.SortFunc(r.rep.Publications, func(a, b Publication) int { return strings.Compare(a.Key, b.Key) })
}

// Visit implements unpack.Visitor.
func (r *reader) Visit(f *unpack.File) error {
	r.nth++
	r.file, r.used = f, false
	r.at, r.pos = casemate.Location{File: f.Name}, 0
	head, err := f.Head()
	if err != nil && len(head) == 0 {
		return r.single(err)
	}
	if len(strings.TrimSpace(string(head))) == 0 {
		if f.Alone {
			return r.broken(errors.New("is empty"))
		}
		r.unknown()
		return nil
	}
	read := r.detect(head)
	if read == nil {
		r.unknown()
		return nil
	}
	if err := read(f); err != nil {
		return err
	}
	if !r.used {
		r.unknown()
	}
	return nil
}

// Unreadable implements unpack.Visitor.
func (r *reader) Unreadable(name string, err error) error {
	r.at, r.pos = casemate.Location{File: name}, 0
	r.fault(err.Error())
	return nil
}

// stopped reports whether the read is at its end, so that no fault may hide it.
func (r *reader) stopped() bool { return r.stop != nil || r.ctx.Err() != nil }

// unknown counts the file at hand as nothing known.
func (r *reader) unknown() {
	if r.rep.UnknownCount++; len(r.rep.Unknown) < r.opt.MaxNamed {
		r.rep.Unknown = append(r.rep.Unknown, r.file.Name)
	}
}

// broken makes an error of a structural fault of the file at hand.
func (r *reader) broken(err error) error {
	if r.stopped() {
		return err
	}
	if r.file.Name == r.path {
		return err
	}
	return fmt.Errorf("%s: %w", r.file.Name, err)
}

// single makes a fault of what is wrong with a file that is one object, if it
// stands among others.
func (r *reader) single(err error) error {
	if r.file.Alone || r.stopped() {
		return r.broken(err)
	}
	r.fault(err.Error())
	r.used = true // it was known for what it is
	return nil
}

// fault records a fault where the reader stands.
func (r *reader) fault(reason string) {
	if r.rep.FaultCount++; len(r.rep.Faults) >= r.opt.MaxNamed {
		return
	}
	reason = cut(prose.Line(reason), maxReason)
	r.rep.Faults = append(r.rep.Faults, casemate.Fault{At: r.at, Offset: r.pos, Reason: reason})
}

// faultf records a formatted fault.
func (r *reader) faultf(format string, args ...any) { r.fault(fmt.Sprintf(format, args...)) }
