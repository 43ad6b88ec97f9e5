package feed

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/casemate-ai/casemate/internal/security/feed/yaml"
	"github.com/casemate-ai/casemate/internal/security/feed/yara"
)

// whole reads a file of at most limit bytes.
func whole(f *unpack.File, limit int) (string, error) {
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("a rule file of more than %d KiB", limit>>10)
	}
	if bytes.IndexByte(data, '\r') >= 0 {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	return strings.ToValidUTF8(string(data), "\uFFFD"), err
}

// yaml reads a file of Sigma rules or of atomic tests.
func (r *reader) yaml(f *unpack.File) error {
	text, err := whole(f, yaml.MaxBytes)
	if err != nil {
		return r.single(err)
	}
	docs, err := yaml.Parse([]byte(text))
	if err != nil {
		return r.single(err)
	}
	for i, d := range docs {
		r.at.Record = uint64(i + 1)
		switch {
		case d.Get("attack_technique") != nil && d.Get("atomic_tests") != nil:
			err = r.atomics(d)
		case d.Get("detection") != nil, d.Get("correlation") != nil, d.Get("filter") != nil && d.Get("logsource") != nil:
			err = r.sigma(d, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sigma passes on one rule.
func (r *reader) sigma(d *yaml.Node, text string) error {
	pub := r.publication("sigma")
	e := &Entry{Kind: KindSigma, ID: prose.Line(d.Str("id")), Name: prose.Line(d.Str("title"))}
	e.Modified = max(day(slashed(d.Str("date"))), day(slashed(d.Str("modified"))))
	if s := d.Str("status"); s == "deprecated" || s == "unsupported" {
		e.Status = StatusDeprecated
	}
	e.field("level", prose.Line(d.Str("level")))
	e.field("status", prose.Line(d.Str("status")))
	log := d.Get("logsource")
	for _, key := range [...]string{"product", "category", "service"} {
		e.field(key, prose.Line(log.Str(key)))
	}
	e.field("author", prose.Line(strings.Join(d.Strs("author"), ", ")))
	e.fieldLines("tag", d.Strs("tags"))
	e.fieldLines("reference", d.Strs("references"))
	for _, rel := range d.Items("related") {
		if rel.Str("type") == "obsolete" || rel.Str("type") == "obsoletes" {
			e.field("obsoletes", prose.Line(rel.Str("id")))
		}
	}
	e.section("description", prose.Plain(d.Str("description")))
	e.section("log-source", prose.Plain(log.Str("definition")))
	for _, f := range d.Strs("falsepositives") {
		e.section("false-positive", prose.Plain(f))
	}
	for _, key := range [...]string{"detection", "correlation", "filter"} {
		e.section("detection", prose.Code(d.Block(text, key)))
	}
	if taken, err := r.entry(pub, e); !taken {
		return err
	}
	for _, tag := range d.Strs("tags") {
		if to := tagged(tag); to != "" {
			if err := r.relation(pub, e.ID, "maps-to", to, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// slashed turns 2020/01/31, as older rules have it, into 2020-01-31.
func slashed(s string) string { return strings.ReplaceAll(s, "/", "-") }

func (e *Entry) fieldLines(key string, values []string) {
	for _, v := range values {
		e.field(key, prose.Line(v))
	}
}

var (
	techniqueTag = regexp.MustCompile(`^attack\.([tgs][0-9]{4}(?:\.[0-9]{3})?)$`)
	cveTag       = regexp.MustCompile(`^cve[.-]([0-9]{4})[.-]([0-9]{4,19})$`)
)

// tagged returns the id that a tag of a rule stands for, or "".
func tagged(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if m := techniqueTag.FindStringSubmatch(tag); m != nil {
		return strings.ToUpper(m[1])
	}
	if m := cveTag.FindStringSubmatch(tag); m != nil {
		return "CVE-" + m[1] + "-" + m[2]
	}
	return ""
}

var techniqueID = regexp.MustCompile(`^T[0-9]{4}(?:\.[0-9]{3})?$`)

// atomics passes on the tests of one technique.
func (r *reader) atomics(d *yaml.Node) error {
	pub := r.publication("atomics")
	technique := prose.Line(d.Str("attack_technique"))
	for i, t := range d.Items("atomic_tests") {
		r.at.Record = uint64(i + 1)
		e := &Entry{Kind: KindAtomic, ID: prose.Line(t.Str("auto_generated_guid")), Name: prose.Line(t.Str("name"))}
		e.field("technique", technique)
		e.fieldLines("platform", t.Strs("supported_platforms"))
		run := t.Get("executor")
		e.field("executor", prose.Line(run.Str("name")))
		if run.Str("elevation_required") == "true" {
			e.field("elevation", "required")
		}
		e.section("description", prose.Plain(t.Str("description")))
		e.section("command", prose.Code(run.Str("command")))
		e.section("steps", prose.Plain(run.Str("steps")))
		e.section("cleanup", prose.Code(run.Str("cleanup_command")))
		arguments(e, t.Get("input_arguments"))
		for _, dep := range t.Items("dependencies") {
			e.section("dependency", prose.Plain(dep.Str("description")))
		}
		taken, err := r.entry(pub, e)
		if err != nil {
			return err
		}
		if taken && techniqueID.MatchString(technique) {
			if err := r.relation(pub, e.ID, "tests", technique, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// arguments adds the arguments of a test with their defaults.
func arguments(e *Entry, args *yaml.Node) {
	if args == nil || args.Kind != yaml.Map {
		return
	}
	for i, name := range args.Keys {
		text := joinNonEmpty(": ", prose.Line(name), prose.Plain(args.Kids[i].Str("description")))
		if def := prose.Line(args.Kids[i].Str("default")); def != "" {
			text += " (default " + def + ")"
		}
		e.section("argument", text)
	}
}

// yara reads a file of YARA rules. What was read before a rule that cannot be
// read stays.
func (r *reader) yara(f *unpack.File) error {
	text, err := whole(f, yara.MaxBytes)
	if err != nil {
		return r.single(err)
	}
	err = yara.Parse(text, func(rule yara.Rule) error { return r.yaraRule(&rule) })
	if err == nil || r.stopped() {
		return err
	}
	if r.used {
		r.fault("the rest of the file is not read: " + err.Error())
		return nil
	}
	return r.single(err)
}

func (r *reader) yaraRule(rule *yara.Rule) error {
	pub := r.publication("yara")
	r.at.Line = rule.Line
	e := &Entry{Kind: KindYARA, ID: rule.Name, Name: rule.Name}
	e.Modified = max(day(slashed(rule.Get("date"))), day(slashed(rule.Get("modified"))))
	e.fieldLines("tag", rule.Tags)
	e.fieldLines("modifier", rule.Modifiers)
	e.field("strings", fmt.Sprint(rule.Strings))
	for _, m := range rule.Meta {
		switch key := strings.ToLower(m.Key); key {
		case "description":
		case "id":
			e.field("rule-id", prose.Line(m.Value))
		default:
			e.field("meta-"+slug(key), prose.Line(m.Value))
		}
	}
	e.section("description", prose.Plain(rule.Get("description")))
	e.section("condition", prose.Code(rule.Condition))
	_, err := r.entry(pub, e)
	return err
}
