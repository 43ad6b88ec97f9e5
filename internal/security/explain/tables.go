package explain

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
)

//go:embed data/*.txt
var files embed.FS

// tables is everything that this package knows by itself.
type tables struct {
	programs map[string][]*program // by each of its names
	list     []*program
	text     []*clue
	address  []*pattern
	events   map[int][]event
	facts    map[string]map[string]fact
	ordered  map[string][]fact
	forms    []form
}

// program is one entry of windows.txt or unix.txt.
type program struct {
	names     []string
	platforms []string
	what, use string
	clues     []*clue
}

// clue is one line of a program's arguments, or of text.txt.
type clue struct {
	level      casemate.Severity
	always     bool       // the program alone is the clue
	words      []*pattern // in this order among the arguments
	absent     []*pattern // none of these
	needs      []string   // texts, one of which occurs; in lower case
	re         *pattern
	techniques []string
	means      string
}

// event is one line of events.txt.
type event struct {
	channel, means, fields string
	id                     int
	techniques             []string
}

// fact is one line of facts.txt.
type fact struct {
	key, means string
	techniques []string
}

// form is how something that is neither command nor record is written.
type form struct {
	section, name string
	re            *pattern
}

// pattern is a regular expression that is compiled when it is first needed:
// most inputs need few of them.
type pattern struct {
	src  string
	once sync.Once
	re   *regexp.Regexp
}

func (p *pattern) find(text string) []int {
	p.once.Do(func() { p.re = regexp.MustCompile(p.src) })
	return p.re.FindStringIndex(text)
}

// load reads the tables once. They are part of the program and tested as such,
// so a fault in them is a programmer's mistake.
var load = sync.OnceValue(func() *tables {
	t, err := read()
	if err != nil {
		panic("explain: " + err.Error())
	}
	return t
})

func read() (*tables, error) {
	t := &tables{
		programs: map[string][]*program{}, events: map[int][]event{},
		facts: map[string]map[string]fact{}, ordered: map[string][]fact{},
	}
	section := ""
	for _, step := range []struct {
		name string
		line func(cols []string, line string) error
	}{
		{"windows.txt", t.readProgram},
		{"unix.txt", t.readProgram},
		{"text.txt", t.readText},
		{"address.txt", func(_ []string, line string) error {
			t.address = append(t.address, &pattern{src: "(?i)" + line})
			return nil
		}},
		{"events.txt", t.readEvent},
		{"facts.txt", func(cols []string, line string) error {
			if strings.HasPrefix(line, "[") {
				section = strings.Trim(line, "[]")
				t.facts[section] = map[string]fact{}
				return nil
			}
			return t.readFact(section, cols)
		}},
	} {
		text, err := files.ReadFile("data/" + step.name)
		if err != nil {
			return nil, fmt.Errorf("read table %q: %w", step.name, err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			// "###" begins a pattern of address.txt, one "#" a remark.
			if line == "" || strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "##") {
				continue
			}
			if err := step.line(strings.Split(line, "\t"), line); err != nil {
				return nil, fmt.Errorf("read table %q: line %d: %w", step.name, i+1, err)
			}
		}
	}
	return t, nil
}

// readProgram reads a program, or a clue of the last one.
func (t *tables) readProgram(cols []string, _ string) error {
	if cols[0] != "" {
		if len(cols) < 3 {
			return fmt.Errorf("program %q has %d columns, want at least 3", cols[0], len(cols))
		}
		p := &program{names: strings.Split(cols[0], ","), platforms: strings.Split(cols[1], ","), what: cols[2]}
		if len(cols) > 3 {
			p.use = cols[3]
		}
		for _, n := range p.names {
			t.programs[n] = append(t.programs[n], p)
		}
		t.list = append(t.list, p)
		return nil
	}
	if len(t.list) == 0 || len(cols) < 5 {
		return fmt.Errorf("clue %q has %d columns, want 5", strings.Join(cols, " "), len(cols))
	}
	p := t.list[len(t.list)-1]
	c := &clue{techniques: fields(cols[3]), means: cols[4]}
	var err error
	if c.level, err = level(cols[1]); err != nil {
		return err
	}
	expr, isExpr := strings.CutPrefix(cols[2], "~")
	switch {
	case isExpr:
		c.re = &pattern{src: expr}
	case cols[2] == ".":
		c.always = true
	default:
		for _, w := range strings.Fields(cols[2]) {
			if bare, not := strings.CutPrefix(w, "!"); not && bare != "" && !strings.Contains(bare, ":!") {
				c.absent = append(c.absent, glob(bare, p))
				continue
			}
			c.words = append(c.words, glob(w, p))
		}
	}
	if c.means == "" && c.level > casemate.SeverityInformational {
		return fmt.Errorf("clue %q has no meaning", cols[2])
	}
	p.clues = append(p.clues, c)
	return nil
}

// glob makes a pattern of words, "a|b*", of which one must be the whole argument.
// Windows programs take "-" and "/" alike, in any case.
func glob(words string, p *program) *pattern {
	src := strings.NewReplacer(`\|`, "|", `\*`, ".*").Replace(regexp.QuoteMeta(words))
	if slices.Contains(p.platforms, "windows") {
		src = "(?i)" + optionMark.ReplaceAllString(src, "$1[-/–—―]$2")
	}
	return &pattern{src: "(?s)^(?:" + src + ")$"}
}

// optionMark begins an option.
var optionMark = regexp.MustCompile(`(^|\|)[-/]([^|])`)

func (t *tables) readText(cols []string, line string) error {
	if len(cols) != 5 {
		return fmt.Errorf("%q has %d columns, want 5", line, len(cols))
	}
	lv, err := level(cols[0])
	if err != nil {
		return err
	}
	c := &clue{level: lv, re: &pattern{src: "(?i)" + cols[2]}, techniques: fields(cols[3]), means: cols[4]}
	for _, w := range strings.Split(cols[1], ",") {
		if w != "" {
			c.needs = append(c.needs, strings.ToLower(w))
		}
	}
	t.text = append(t.text, c)
	return nil
}

func (t *tables) readEvent(cols []string, line string) error {
	if len(cols) < 4 {
		return fmt.Errorf("%q has %d columns, want at least 4", line, len(cols))
	}
	id, err := strconv.Atoi(cols[1])
	if err != nil {
		return fmt.Errorf("event id %q: %w", cols[1], err)
	}
	e := event{channel: cols[0], id: id, means: cols[2], fields: strings.Trim(cols[3], "-")}
	if len(cols) > 4 {
		e.techniques = fields(cols[4])
	}
	t.events[id] = append(t.events[id], e)
	return nil
}

func (t *tables) readFact(section string, cols []string) error {
	if section == "" {
		return fmt.Errorf("fact %q stands in no table", cols[0])
	}
	f := fact{key: cols[0]}
	if len(cols) > 1 {
		f.means = cols[1]
	}
	if len(cols) > 2 {
		f.techniques = fields(cols[2])
	}
	if section == "prefix" || section == "rule" || section == "form" || section == "atom" {
		t.forms = append(t.forms, form{section, f.means, &pattern{src: "(?i)" + f.key}})
		return nil
	}
	key := strings.ToLower(f.key)
	if _, twice := t.facts[section][key]; twice {
		return fmt.Errorf("fact %q stands twice in %q", f.key, section)
	}
	t.facts[section][key] = f
	t.ordered[section] = append(t.ordered[section], f)
	return nil
}

// lists reports whether a list of facts.txt has a word, in any case.
func (t *tables) lists(list, word string) bool {
	_, ok := t.facts[list][strings.ToLower(word)]
	return ok
}

// within returns the first entry of a list that occurs in text, which is in
// lower case.
func (t *tables) within(list, text string) (fact, bool) {
	for _, f := range t.ordered[list] {
		if strings.Contains(text, f.key) {
			return f, true
		}
	}
	return fact{}, false
}

func level(s string) (casemate.Severity, error) {
	if s == "-" {
		return casemate.SeverityInformational, nil
	}
	lv := casemate.ParseSeverity(s)
	if lv == casemate.SeverityUnknown {
		return lv, fmt.Errorf("level %q is unknown", s)
	}
	return lv, nil
}

// fields splits at commas; nothing gives nothing.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
