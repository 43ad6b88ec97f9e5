package sigma_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// otrf returns the recorded Windows events and the names of their sets, read
// once for all tests. The mapping to Sigma's taxonomy is a plain one: the full
// one is not this package's.
func otrf(tb testing.TB) (events []event, sets []string) {
	tb.Helper()
	otrfOnce.Do(func() { otrfEvents, otrfSets = readOTRF(tb) })
	if len(otrfEvents) < 10_000 {
		tb.Skipf("%d recorded events read, want more than 10,000", len(otrfEvents))
	}
	return otrfEvents, otrfSets
}

var (
	otrfOnce   sync.Once
	otrfEvents []event
	otrfSets   []string
)

func readOTRF(tb testing.TB) (events []event, sets []string) {
	tb.Helper()
	outer, err := zip.OpenReader(shared(tb, "data", "alerts", "otrf-atomic.zip"))
	if err != nil {
		tb.Fatal(err)
	}
	defer outer.Close()
	for _, member := range outer.File {
		if path.Ext(member.Name) != ".zip" {
			continue
		}
		text := slurp(tb, member)
		inner, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			tb.Fatal(err)
		}
		for _, f := range inner.File {
			if path.Ext(f.Name) != ".json" {
				continue
			}
			lines := bufio.NewScanner(bytes.NewReader(slurp(tb, f)))
			lines.Buffer(nil, 1<<24)
			for lines.Scan() {
				if ev, ok := windowsEvent(lines.Bytes()); ok {
					events = append(events, ev)
					sets = append(sets, strings.TrimSuffix(member.Name, ".zip"))
				}
			}
		}
	}
	return events, sets
}

func slurp(tb testing.TB, f *zip.File) []byte {
	tb.Helper()
	r, err := f.Open()
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

var sysmonCategories = map[string]string{
	"1": "process_creation", "2": "file_change", "3": "network_connection", "5": "process_termination",
	"6": "driver_load", "7": "image_load", "8": "create_remote_thread", "9": "raw_access_thread",
	"10": "process_access", "11": "file_event", "12": "registry_add", "13": "registry_set", "14": "registry_rename",
	"15": "create_stream_hash", "17": "pipe_created", "18": "pipe_created", "22": "dns_query", "23": "file_delete",
}

var channelServices = map[string]string{
	"security": "security", "system": "system", "application": "application",
	"windows powershell": "powershell-classic", "microsoft-windows-powershell/operational": "powershell",
	"microsoft-windows-sysmon/operational": "sysmon",
}

func windowsEvent(line []byte) (event, bool) {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return event{}, false
	}
	ev := event{log: casemate.Logsource{Product: "windows"}}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	str := func(name string) string { s, _ := m[name].(string); return s }
	id := fmt.Sprint(m["EventID"])
	ev.log.Service = channelServices[strings.ToLower(str("Channel"))]
	switch {
	case ev.log.Service == "sysmon":
		ev.log.Category = sysmonCategories[id]
	case ev.log.Service == "security" && id == "4688":
		ev.log.Category = "process_creation"
		ev.fields = append(ev.fields, casemate.Field{Name: "Image", Value: str("NewProcessName")},
			casemate.Field{Name: "ParentImage", Value: str("ParentProcessName")})
	case id == "4104":
		ev.log.Category = "ps_script"
	case id == "4103":
		ev.log.Category = "ps_module"
	}
	for _, name := range names {
		if name == "Message" {
			continue
		}
		switch v := m[name].(type) {
		case string:
			ev.fields = append(ev.fields, casemate.Field{Name: name, Value: v})
		case json.Number:
			ev.fields = append(ev.fields, casemate.Field{Name: name, Value: v.String(), Kind: casemate.Number})
		case nil:
			ev.fields = append(ev.fields, casemate.Field{Name: name, Kind: casemate.Null})
		}
	}
	return ev, true
}

// corpusOracles returns the rules of the corpus that run, and an oracle for each.
func corpusOracles(tb testing.TB) (*sigma.Engine, []*oracle) {
	tb.Helper()
	name := shared(tb, "data", "knowledge", "sigma-rules.zip")
	engine := compile(tb, corpus(tb).Rules)
	runs := map[string]bool{}
	for _, r := range engine.Rules() {
		runs[r.ID] = true
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	var oracles []*oracle
	for _, f := range z.File {
		if path.Ext(f.Name) == ".yml" {
			if o := newOracle(tb, slurp(tb, f)); runs[o.id] {
				oracles = append(oracles, o)
			}
		}
	}
	if len(oracles) != len(engine.Rules()) {
		tb.Fatalf("%d oracles for %d rules", len(oracles), len(engine.Rules()))
	}
	return engine, oracles
}

// compare matches an event both ways and reports the first difference.
func compare(tb testing.TB, m *sigma.Matcher, oracles []*oracle, ev event) int {
	tb.Helper()
	var got, want []string
	for _, match := range m.Match(ev.log, ev.fields, ev.raw, nil) {
		got = append(got, match.Rule.ID)
	}
	for _, o := range oracles {
		if o.match(ev) {
			want = append(want, o.id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		tb.Fatalf("event %v %q:\nindex  %v\noracle %v", ev.log, ev.fields, got, want)
	}
	return len(got)
}

// thorough is by how much the comparisons with the oracle, which is slow, are
// longer when CASEMATE_LONG is set.
func thorough() int {
	if os.Getenv("CASEMATE_LONG") != "" {
		return 50
	}
	return 1
}

// TestIndexOnRecordedEvents compares the index with the oracle, with all rules
// of the corpus, on some of the recorded events, spread over the sets.
func TestIndexOnRecordedEvents(t *testing.T) {
	events, _ := otrf(t)
	engine, oracles := corpusOracles(t)
	m := engine.NewMatcher()
	var chosen []int
	for i, ev := range events {
		// Few events match anything: of those, more are compared.
		every := 2000
		if len(m.Match(ev.log, ev.fields, ev.raw, nil)) > 0 {
			every = 40
		}
		if i%max(1, every/thorough()) == 0 {
			chosen = append(chosen, i)
		}
	}
	matches := 0
	for _, i := range chosen {
		matches += compare(t, m, oracles, events[i])
	}
	t.Logf("%d events, %d matches", len(chosen), matches)
	if matches == 0 {
		t.Errorf("no match on %d events: the comparison says little", len(chosen))
	}
}

// TestIndexOnRuleEvents compares the index with the oracle on events made of
// what the rules look for, so that most of them match something.
func TestIndexOnRuleEvents(t *testing.T) {
	engine, oracles := corpusOracles(t)
	m := engine.NewMatcher()
	rng := rand.New(rand.NewPCG(1, 2))
	matches := 0
	n := 40 * thorough()
	for range n {
		o := oracles[rng.IntN(len(oracles))]
		matches += compare(t, m, oracles, o.event(rng))
	}
	t.Logf("%d events, %d matches", n, matches)
	if matches < n/2 {
		t.Errorf("only %d matches on %d events: the comparison says little", matches, n)
	}
}

// event makes an event that is likely to match the rule: values of its searches,
// leaving out at times those whose names say filter.
func (o *oracle) event(rng *rand.Rand) event {
	ev := event{log: o.log}
	for _, s := range o.searches {
		if strings.Contains(s.name, "filter") && rng.IntN(4) > 0 {
			continue
		}
		ev.fill(rng, s.body)
	}
	rng.Shuffle(len(ev.fields), func(i, j int) { ev.fields[i], ev.fields[j] = ev.fields[j], ev.fields[i] })
	return ev
}

func (ev *event) fill(rng *rand.Rand, body any) {
	switch b := body.(type) {
	case yaml.MapSlice:
		for _, item := range b {
			ev.fillItem(rng, fmt.Sprint(item.Key), item.Value)
		}
	case []any:
		ev.fill(rng, b[rng.IntN(len(b))])
	default:
		ev.fillItem(rng, "Message", body)
	}
}

var filler = []string{"", "x", " ", `C:\Windows\`, ".exe", "é", "K", "\\", "-", "*"}

func (ev *event) fillItem(rng *rand.Rand, key string, value any) {
	name, mods, _ := strings.Cut(key, "|")
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if !strings.Contains(mods, "all") {
		list = list[rng.IntN(len(list)):][:1]
	}
	var text strings.Builder
	for _, v := range list {
		if v == nil {
			ev.fields = append(ev.fields, casemate.Field{Name: name, Kind: casemate.Null})
			return
		}
		if strings.Contains(mods, "contains") || strings.Contains(mods, "endswith") {
			text.WriteString(filler[rng.IntN(len(filler))])
		}
		for _, c := range strings.ReplaceAll(fmt.Sprint(v), `\\`, `\`) {
			switch {
			case c == '*':
				text.WriteString(filler[rng.IntN(len(filler))])
			case c == '?':
				text.WriteString("q")
			case rng.IntN(3) == 0:
				text.WriteString(strings.ToUpper(string(c)))
			default:
				text.WriteRune(c)
			}
		}
	}
	if strings.Contains(mods, "contains") || strings.Contains(mods, "startswith") {
		text.WriteString(filler[rng.IntN(len(filler))])
	}
	if rng.IntN(2) == 0 {
		name = strings.ToUpper(name)
	}
	ev.fields = append(ev.fields, casemate.Field{Name: name, Value: text.String()})
}

// TestRecordedTechniques logs which rules fire on which recorded set.
func TestRecordedTechniques(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("says something with -v only")
	}
	events, sets := otrf(t)
	m := compile(t, corpus(t).Rules).NewMatcher()
	fired := map[string]map[string]int{}
	for i, ev := range events {
		for _, match := range m.Match(ev.log, ev.fields, ev.raw, nil) {
			if match.Rule.Level < casemate.SeverityMedium {
				continue
			}
			if fired[sets[i]] == nil {
				fired[sets[i]] = map[string]int{}
			}
			fired[sets[i]][match.Rule.Title+" "+strings.Join(match.Rule.Techniques, ",")]++
		}
	}
	for _, set := range slices.Compact(slices.Clone(sets)) {
		var lines []string
		for title, n := range fired[set] {
			lines = append(lines, strconv.Itoa(n)+" × "+title)
		}
		slices.Sort(lines)
		t.Logf("%s:\n\t%s", set, strings.Join(lines, "\n\t"))
	}
}

// BenchmarkMatch matches recorded events against all rules on one core.
func BenchmarkMatch(b *testing.B) {
	events, _ := otrf(b)
	m := compile(b, corpus(b).Rules).NewMatcher()
	fields := 0
	var dst []sigma.Match
	for _, ev := range events { // makes the plans
		dst = m.Match(ev.log, ev.fields, ev.raw, dst[:0])
		fields += len(ev.fields)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		ev := &events[i%len(events)]
		dst = m.Match(ev.log, ev.fields, ev.raw, dst[:0])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(fields)/float64(len(events)), "fields/event")
}

// BenchmarkStart reads and compiles all rules, as each start of a command does.
func BenchmarkStart(b *testing.B) {
	name := shared(b, "data", "knowledge", "sigma-rules.zip")
	for range b.N {
		loaded, err := sigma.LoadPath(name)
		if err != nil {
			b.Fatal(err)
		}
		compile(b, loaded.Rules)
	}
}
