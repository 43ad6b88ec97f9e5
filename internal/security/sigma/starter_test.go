package sigma_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

func starter(tb testing.TB) (sigma.Loaded, *sigma.Engine) {
	tb.Helper()
	loaded, err := sigma.Starter()
	if err != nil {
		tb.Fatal(err)
	}
	e := compile(tb, loaded.Rules)
	for _, r := range append(loaded.Refused, e.Refused()...) {
		tb.Errorf("refused: %s", r)
	}
	return loaded, e
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// TestStarterForm wants of each rule what a reader needs of it.
func TestStarterForm(t *testing.T) {
	loaded, _ := starter(t)
	if len(loaded.Rules) < 60 {
		t.Errorf("%d rules, want at least 60", len(loaded.Rules))
	}
	titles := map[string]bool{}
	for _, r := range loaded.Rules {
		switch {
		case !uuid4.MatchString(r.ID):
			t.Errorf("%s: id %q is not a random UUID", r.Title, r.ID)
		case titles[r.Title]:
			t.Errorf("%s: the title appears twice", r.Title)
		case len(r.Title) > 100 || r.Description == "" || !strings.HasSuffix(r.Description, "."):
			t.Errorf("%s: title or description is not fit to be read", r.Title)
		case r.Level == casemate.SeverityUnknown || len(r.FalsePositives) == 0:
			t.Errorf("%s: no level or no false positives", r.Title)
		case len(r.Techniques) == 0:
			t.Errorf("%s: no technique", r.Title)
		}
		titles[r.Title] = true
	}
}

// starterCase is what testdata/starter holds for a rule: events that it finds
// and events that it does not. Of a correlation, each is a list of events.
type starterCase struct {
	Rule string
	Log  map[string]string
	Yes  []any
	No   []any
}

func starterCases(tb testing.TB) []starterCase {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "starter", "*.yml"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no cases: %v", err)
	}
	var all []starterCase
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		var cases []starterCase
		if err := yaml.UnmarshalWithOptions(text, &cases, yaml.UseOrderedMap()); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		all = append(all, cases...)
	}
	return all
}

// TestStarter plays the cases of every rule.
func TestStarter(t *testing.T) {
	loaded, e := starter(t)
	rules := map[string]*sigma.Rule{}
	for _, r := range loaded.Rules {
		rules[r.Title] = r
	}
	tested := map[string]bool{}
	for _, c := range starterCases(t) {
		r := rules[c.Rule]
		if r == nil {
			t.Errorf("case of %q: no such rule", c.Rule)
			continue
		}
		if len(c.Yes) == 0 || len(c.No) == 0 {
			t.Errorf("%s: want events that match and events that do not", c.Rule)
		}
		tested[c.Rule] = true
		log := r.Log
		if c.Log != nil {
			log = casemate.Logsource{Product: c.Log["product"], Category: c.Log["category"], Service: c.Log["service"]}
		}
		for want, list := range map[bool][]any{true: c.Yes, false: c.No} {
			for _, events := range list {
				if got := slices.Contains(found(t, e, log, events), c.Rule); got != want {
					t.Errorf("%s on %v = %v, want %v", c.Rule, events, got, want)
				}
			}
		}
	}
	for title := range rules {
		if !tested[title] {
			t.Errorf("%s: no case", title)
		}
	}
}

// found returns the titles that an event, or a list of events, gives. The
// field "at" is the second of an event, "times" repeats it, and a # in a
// value is then the number of the repetition.
func found(tb testing.TB, e *sigma.Engine, log casemate.Logsource, events any) []string {
	tb.Helper()
	list, ok := events.([]any)
	if !ok {
		list = []any{events}
	}
	m, c := e.NewMatcher(), e.NewCorrelator()
	var titles []string
	var out []sigma.Correlated
	for _, one := range list {
		at, times, fields := 0, 1, []casemate.Field(nil)
		for _, item := range one.(yaml.MapSlice) {
			switch item.Key {
			case "at":
				at = int(item.Value.(uint64))
			case "times":
				times = int(item.Value.(uint64))
			default:
				fields = append(fields, caseFields(fmt.Sprint(item.Key), item.Value)...)
			}
		}
		for i := range times {
			now := slices.Clone(fields)
			for j := 0; j < len(now) && times > 1; j++ {
				now[j].Value = strings.ReplaceAll(now[j].Value, "#", fmt.Sprint(i))
			}
			matched := m.Match(log, now, "", nil)
			for _, match := range matched {
				titles = append(titles, match.Rule.Title)
			}
			out = c.Add(time.Unix(1_700_000_000+int64(at+i), 0), uint64(i), matched, now, out)
		}
	}
	for _, f := range c.Flush(out) {
		titles = append(titles, f.Rule.Title)
	}
	return titles
}

func caseFields(name string, value any) []casemate.Field {
	switch v := value.(type) {
	case []any:
		var out []casemate.Field
		for _, one := range v {
			out = append(out, caseFields(name, one)...)
		}
		return out
	case nil:
		return []casemate.Field{{Name: name, Kind: casemate.Null}}
	}
	return []casemate.Field{{Name: name, Value: fmt.Sprint(value)}}
}

// TestStarterOnRecordedEvents logs what the starter rules find in the recorded
// sets, and wants most sets of host activity to show something.
func TestStarterOnRecordedEvents(t *testing.T) {
	events, sets := otrf(t)
	_, e := starter(t)
	m := e.NewMatcher()
	fired := map[string]map[string]int{}
	total := map[string]int{}
	for i, ev := range events {
		if fired[sets[i]] == nil {
			fired[sets[i]] = map[string]int{}
		}
		for _, match := range m.Match(ev.log, ev.fields, "", nil) {
			if match.Rule.Level >= casemate.SeverityMedium {
				fired[sets[i]][match.Rule.Title]++
				total[match.Rule.Title]++
			}
		}
	}
	shown := 0
	for set, titles := range fired {
		if len(titles) > 0 {
			shown++
		}
		t.Logf("%s: %v", set, titles)
	}
	if shown*2 < len(fired) {
		t.Errorf("something of medium level or more in %d of %d sets, want half", shown, len(fired))
	}
	for title, n := range total {
		if n > len(events)/200 {
			t.Errorf("%s matches %d of %d events: too noisy for its level", title, n, len(events))
		}
	}
}
