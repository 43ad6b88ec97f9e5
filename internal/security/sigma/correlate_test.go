package sigma_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// base holds three single-event rules: fail, ok and scan.
const base = `
title: Fail
name: fail
id: aaaaaaaa-0000-4000-8000-000000000001
logsource: {product: windows}
detection: {s: {Event: fail}, condition: s}
---
title: Ok
name: ok
logsource: {product: windows}
detection: {s: {Event: ok}, condition: s}
---
title: Scan
name: scan
logsource: {product: windows}
detection: {s: {Event: scan}, condition: s}
---
`

// play runs a script of "second event user extra" lines and returns what is
// found, as "title first-last count user [events]".
func play(tb testing.TB, rules, script string) []string {
	tb.Helper()
	e := one(tb, base+rules, sigma.Options{})
	m, c := e.NewMatcher(), e.NewCorrelator()
	var found []sigma.Correlated
	start := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		words := strings.Fields(line)
		seconds, err := strconv.Atoi(words[0])
		if err != nil {
			tb.Fatal(err)
		}
		fields := fieldsOf("Event=" + words[1])
		for _, w := range words[2:] {
			fields = append(fields, fieldsOf(w)...)
		}
		at := start.Add(time.Duration(seconds) * time.Second)
		found = c.Add(at, uint64(i), m.Match(windows, fields, "", nil), fields, found)
	}
	found = c.Flush(found)
	var out []string
	for _, f := range found {
		var group []string
		for _, g := range f.Group {
			group = append(group, g.Value)
		}
		out = append(out, fmt.Sprintf("%s %d-%d n=%d %s %v", f.Rule.Title, int(f.First.Sub(start).Seconds()),
			int(f.Last.Sub(start).Seconds()), f.Count, strings.Join(group, "+"), f.Events))
	}
	return out
}

func correlation(title, body string) string {
	return fmt.Sprintf("title: %s\nname: %s\nlevel: high\ncorrelation:\n%s\n---\n", title, strings.ToLower(title), body)
}

func TestCorrelations(t *testing.T) {
	const burst = "  type: event_count\n  rules: fail\n  group-by: [User]\n  timespan: 10s\n  condition: {gte: 3}\n"
	tests := []struct {
		name, rules, script string
		want                []string
	}{
		{"count within the timespan, by group", correlation("Burst", burst), `
0 fail User=a
4 fail User=b
5 fail User=A
10 fail User=a
11 fail User=b`, []string{"Burst 0-10 n=3 a [0 2 3]"}},
		{"one more second is too late", correlation("Burst", burst), `
0 fail User=a
5 fail User=a
11 fail User=a`, nil},
		{"a burst that goes on is found once a timespan", correlation("Burst", burst), `
0 fail User=a
1 fail User=a
2 fail User=a
3 fail User=a
9 fail User=a
12 fail User=a
13 fail User=a`, []string{"Burst 0-2 n=3 a [0 1 2]", "Burst 9-13 n=3 a [4 5 6]"}},
		{"and again after a pause", correlation("Burst", burst), `
0 fail User=a
1 fail User=a
2 fail User=a
100 fail User=a
101 fail User=a
102 fail User=a`, []string{"Burst 0-2 n=3 a [0 1 2]", "Burst 100-102 n=3 a [3 4 5]"}},
		{"gt is one more, and events without the field are left out",
			correlation("Gt", "  type: event_count\n  rules: [aaaaaaaa-0000-4000-8000-000000000001]\n  group-by: [User]\n  timespan: 1m\n  condition: {gt: 2}\n"), `
0 fail User=a
1 fail
2 fail User=a
3 fail User=a`, []string{"Gt 0-3 n=3 a [0 2 3]"}},
		{"several rules, no group", correlation("Any", "  type: event_count\n  rules: [fail, scan]\n  timespan: 1m\n  condition: {gte: 2}\n"), `
0 ok
1 scan
2 fail`, []string{"Any 1-2 n=2  [1 2]"}},
		{"distinct values", correlation("Spray", "  type: value_count\n  rules: fail\n  group-by: [Ip]\n  timespan: 10s\n  condition: {field: User, gte: 3}\n"), `
0 fail User=a Ip=1
1 fail User=A Ip=1
2 fail User=b Ip=1
3 fail User=c Ip=2
12 fail User=c Ip=1
13 fail User=d Ip=1
14 fail User=e Ip=1`, []string{"Spray 12-14 n=3 1 [4 5 6]"}},
		{"a value seen again stays young", correlation("Spray", "  type: value_count\n  rules: fail\n  timespan: 10s\n  condition: {field: User, gt: 1}\n"), `
0 fail User=a
9 fail User=a
15 fail User=b`, []string{"Spray 9-15 n=2  [1 2]"}},
		{"temporal in any order", correlation("Both", "  type: temporal\n  rules: [fail, ok]\n  group-by: [User]\n  timespan: 10s\n"), `
0 ok User=a
5 fail User=b
10 fail User=a
11 ok User=c`, []string{"Both 0-10 n=2 a [0 2]"}},
		{"temporal with two of three", correlation("Two", "  type: temporal\n  rules: [fail, ok, scan]\n  timespan: 10s\n  condition: {gte: 2}\n"), `
0 scan
20 fail
21 scan`, []string{"Two 20-21 n=2  [1 2]"}},
		{"ordered wants the order", correlation("Ordered", "  type: temporal_ordered\n  rules: [fail, scan, ok]\n  group-by: [User]\n  timespan: 10s\n"), `
0 ok User=a
1 fail User=a
2 ok User=a
3 scan User=a
4 ok User=a
5 scan User=b
6 fail User=b
7 ok User=b`, []string{"Ordered 1-4 n=3 a [1 3 4]"}},
		{"ordered wants the whole chain within the timespan", correlation("Ordered", "  type: temporal_ordered\n  rules: [fail, scan, ok]\n  timespan: 10s\n"), `
0 fail
9 scan
11 ok`, nil},
		{"the youngest chain counts", correlation("Ordered", "  type: temporal_ordered\n  rules: [fail, ok]\n  timespan: 10s\n"), `
0 fail
8 fail
15 ok`, []string{"Ordered 8-15 n=2  [1 2]"}},
		{"one event is not two steps", correlation("Twice", "  type: temporal_ordered\n  rules: [fail, fail]\n  timespan: 10s\n"), `
0 fail
30 fail
31 fail`, []string{"Twice 30-31 n=2  [1 2]"}},
		{"less than, when the window ends", correlation("Few", "  type: event_count\n  rules: fail\n  group-by: [User]\n  timespan: 10s\n  condition: {lt: 2}\n"), `
0 fail User=a
1 fail User=b
2 fail User=b
20 fail User=b`, []string{"Few 0-0 n=1 a [0]", "Few 20-20 n=1 b [3]"}},
		{"equal", correlation("Two", "  type: event_count\n  rules: fail\n  timespan: 10s\n  condition: {eq: 2}\n"), `
0 fail
1 fail
20 fail
21 fail
22 fail`, []string{"Two 0-1 n=2  [0 1]"}},
		{"a range", correlation("Some", "  type: event_count\n  rules: fail\n  timespan: 10s\n  condition: {gt: 1, lte: 3}\n"), `
0 fail
20 fail
21 fail
40 fail
41 fail
42 fail
43 fail`, []string{"Some 20-21 n=2  [1 2]"}},
		{"not equal, of values", correlation("Neq", "  type: value_count\n  rules: fail\n  timespan: 10s\n  condition: {field: User, neq: 1}\n"), `
0 fail User=a
1 fail User=A
20 fail User=a
21 fail User=b`, []string{"Neq 20-21 n=2  [2 3]"}},
		{"aliases", correlation("Pivot", "  type: temporal\n  rules: [fail, ok]\n  group-by: [who]\n  timespan: 10s\n  aliases: {who: {fail: Target, ok: User}}\n"), `
0 fail Target=a User=x
1 ok User=x
2 ok User=a`, []string{"Pivot 0-2 n=2 a [0 2]"}},
		{"a chain: brute force, then success", correlation("Burst", burst) +
			correlation("Broken", "  type: temporal_ordered\n  rules: [burst, ok]\n  group-by: [User]\n  timespan: 1m\n"), `
0 ok User=a
1 fail User=a
2 fail User=a
3 fail User=a
4 ok User=b
30 ok User=a`, []string{"Broken 3-30 n=2 a [3 5]"}},
		{"a chain that generates its parts", correlation("Burst", burst) +
			correlation("Broken", "  type: temporal_ordered\n  rules: [burst, ok]\n  generate: true\n  group-by: [User]\n  timespan: 1m\n"), `
1 fail User=a
2 fail User=a
3 fail User=a
30 ok User=a`, []string{"Burst 1-3 n=3 a [0 1 2]", "Broken 3-30 n=2 a [2 3]"}},
		{"a late event counts as if it came in time", correlation("Burst", burst), `
5 fail User=a
6 fail User=a
4 fail User=a`, []string{"Burst 5-6 n=3 a [0 1 2]"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, play(t, tt.rules, tt.script)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestCorrelationParts says which rules are reported by themselves.
func TestCorrelationParts(t *testing.T) {
	for generate, want := range map[bool]bool{false: false, true: true} {
		e := one(t, base+correlation("C", fmt.Sprintf("  type: event_count\n  rules: fail\n  timespan: 1m\n  generate: %v\n  condition: {gte: 2}\n", generate)), sigma.Options{})
		m := e.NewMatcher()
		if got := m.Match(windows, fieldsOf("Event=fail"), "", nil); len(got) != 1 || got[0].Alone != want {
			t.Errorf("with generate %v: %+v, want one match that stands alone: %v", generate, got, want)
		}
		if got := m.Match(windows, fieldsOf("Event=ok"), "", nil); len(got) != 1 || !got[0].Alone {
			t.Errorf("a rule that no correlation names: %+v, want it alone", got)
		}
	}
}

func TestCorrelationRefusals(t *testing.T) {
	tests := []struct{ body, want string }{
		{"  type: value_percentile\n  rules: fail\n  timespan: 1m\n  condition: {field: a, lte: 1}\n", `type "value_percentile" is not supported`},
		{"  rules: fail\n  timespan: 1m\n", `type "" is not supported`},
		{"  type: event_count\n  rules: fail\n  timespan: 1m\n", "condition is not a map"},
		{"  type: event_count\n  rules: fail\n  timespan: 1m\n  condition: {}\n", "no condition"},
		{"  type: event_count\n  rules: fail\n  condition: {gte: 1}\n", "no timespan"},
		{"  type: event_count\n  rules: fail\n  timespan: 1y\n  condition: {gte: 1}\n", `timespan "1y"`},
		{"  type: event_count\n  rules: fail\n  timespan: 999999999999d\n  condition: {gte: 1}\n", "timespan"},
		{"  type: event_count\n  rules: fail\n  timespan: 1m\n  condition: {gte: x}\n", "wants a number"},
		{"  type: event_count\n  rules: fail\n  timespan: 1m\n  condition: {gte: 100000}\n", "wants a number from 0 to 10000"},
		{"  type: event_count\n  rules: fail\n  timespan: 1m\n  condition: {about: 1}\n", `condition "about"`},
		{"  type: event_count\n  rules: fail\n  timespan: 1m\n  condition: {field: a, gte: 1}\n", "do not go together"},
		{"  type: value_count\n  rules: fail\n  timespan: 1m\n  condition: {gte: 1}\n", "do not go together"},
		{"  type: event_count\n  rules: []\n  timespan: 1m\n  condition: {gte: 1}\n", "names 0 rules"},
		{"  type: event_count\n  rules: absent\n  timespan: 1m\n  condition: {gte: 1}\n", `names "absent"`},
		{"  type: temporal\n  rules: [c, fail]\n  timespan: 1m\n", "names itself"},
		{"  type: temporal_ordered\n  rules: [ok, fail]\n  timespan: 1m\n  condition: {lt: 2}\n", "must want its 2 rules"},
		{"  type: temporal\n  rules: [ok, fail]\n  timespan: 1m\n  group-by: [a]\n  aliases: {a: {ok: b}}\n", `alias "a" says nothing of rule "fail"`},
	}
	for _, tt := range tests {
		if got := refusal(t, base+correlation("C", tt.body)); !strings.Contains(got, tt.want) {
			t.Errorf("%s\nis refused with %q, want %q", tt.body, got, tt.want)
		}
	}
}

// TestCorrelatorBounds floods a correlator with groups: what it remembers is
// bounded, what it forgets is counted, and the newest groups still work.
func TestCorrelatorBounds(t *testing.T) {
	e := one(t, base+correlation("Burst", "  type: event_count\n  rules: fail\n  group-by: [User]\n  timespan: 1d\n  condition: {gte: 2}\n"), sigma.Options{})
	m, c := e.NewMatcher(), e.NewCorrelator()
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	const flood = sigma.MaxGroups + 500
	add := func(user string) []sigma.Correlated {
		fields := fieldsOf("Event=fail", "User="+user)
		return c.Add(at, 0, m.Match(windows, fields, "", nil), fields, nil)
	}
	for i := range flood {
		add("u" + strconv.Itoa(i))
	}
	if c.Stats.Evicted != flood-sigma.MaxGroups {
		t.Errorf("%d groups evicted, want %d", c.Stats.Evicted, flood-sigma.MaxGroups)
	}
	if got := add("u0"); len(got) != 0 {
		t.Errorf("a forgotten group gives %v, want nothing", got)
	}
	if got := add("u" + strconv.Itoa(flood-1)); len(got) != 1 {
		t.Errorf("the newest group gives %d findings, want 1", len(got))
	}
	long := strings.Repeat("x", 100_000)
	add(long + "1")
	if got := add(long + "2"); len(got) != 0 {
		t.Errorf("two long values are taken for one: %v", got)
	}
	if got := add(long + "1"); len(got) != 1 || len(got[0].Group[0].Value) > 400 {
		t.Errorf("a long value is not remembered by its digest")
	}
	if c.Add(time.Time{}, 0, m.Match(windows, fieldsOf("Event=fail", "User=a"), "", nil), nil, nil); c.Stats.Untimed != 1 {
		t.Errorf("%d matches without a time, want 1", c.Stats.Untimed)
	}
}

// ExampleCompile shows a rule from its text to a detection.
func ExampleCompile() {
	rules, _ := sigma.ParseRules("whoami.yml", []byte(`
title: Who Am I
id: 6b1f7bcb-5df6-4f0a-9d8e-6f0f3d0a5e11
level: low
tags: [attack.t1033]
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\whoami.exe'}
  condition: selection
`))
	engine, err := sigma.Compile(rules, sigma.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	event := []casemate.Field{{Name: "Image", Value: `C:\Windows\System32\WHOAMI.EXE`}}
	log := casemate.Logsource{Product: "windows", Category: "process_creation"}
	for _, match := range engine.NewMatcher().Match(log, event, "", nil) {
		d := match.Detection()
		fmt.Println(d.Level, d.Title, d.Techniques, d.Fields)
	}
	// Output: low Who Am I [T1033] [Image]
}
