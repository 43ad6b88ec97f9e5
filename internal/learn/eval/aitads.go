// Package eval measures Casemate on public benchmarks and says how sure the
// figures are.
package eval

import (
	"archive/zip"
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

// The measure of AIT-ADS (Landauer, Skopik and Wurzenberger 2024, "Introducing
// a New Alert Data Set for Multi-Step Attack Analysis"): a unit is an alert name
// on a host in a clock hour, and an attack unit if at least half of its alerts
// carry an event label other than "-".
const (
	AITADSTop = 20 // incidents whose units count as found

	labelColumns = 2 // time_label and event_label, the last ones
	noLabel      = "-"
	maxLine      = 1 << 20
)

// Scenario is what triage makes of one scenario of AIT-ADS.
type Scenario struct {
	Name      string  `json:"name"`
	Alerts    int     `json:"alerts"`
	Units     int     `json:"units"`
	Attack    int     `json:"attack_units"`
	Incidents int     `json:"incidents"`
	Held      int     `json:"held_units"` // units in the first incidents
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
	Labels    int     `json:"labels"` // attack labels in all
	Seen      int     `json:"labels_seen"`
	First     int     `json:"first_true_rank"` // rank of the first incident with an attack unit, 0 if none
	Largest   float64 `json:"largest_share"`   // share of all units that the largest incident holds

	Baseline Baseline `json:"baseline"`
}

// Baseline is what host-hours ranked by their number of new alert names reach.
type Baseline struct {
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
	Seen      int     `json:"labels_seen"`
}

// unit is an alert name on a host in a clock hour.
type unit struct {
	name, host string
	hour       int64
}

// truth is what the label columns say. Triage never sees it.
type truth struct {
	alerts int
	units  []unit              // by line, from the first after the header
	counts map[unit]*[2]int    // alerts, and those with an attack label
	labels map[unit][]string   // distinct attack labels
	all    map[string]struct{} // distinct attack labels
	first  map[[2]string]int64 // hour in which a name is first seen on a host
}

// AITADS triages each scenario of an AIT-ADS archive (one CSV a scenario) with
// its two label columns removed, and compares the first incidents with them.
func AITADS(ctx context.Context, path string, progress func(name string)) ([]Scenario, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("open AIT-ADS %q: %w", path, err)
	}
	defer archive.Close()
	var out []Scenario
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if progress != nil {
			progress(f.Name)
		}
		s, err := scenario(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("measure %q: %w", f.Name, err)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("open AIT-ADS %q: the archive is empty", path)
	}
	return out, nil
}

// scenario triages one file and measures the result.
func scenario(ctx context.Context, f *zip.File) (Scenario, error) {
	r, err := f.Open()
	if err != nil {
		return Scenario{}, err
	}
	defer r.Close()
	t := &truth{counts: map[unit]*[2]int{}, labels: map[unit][]string{}, all: map[string]struct{}{}, first: map[[2]string]int64{}}
	blind, w := io.Pipe()
	go func() { w.CloseWithError(t.strip(r, w)) }()
	q := triage.New(triage.Options{})
	_, err = evidence.ReadFrom(ctx, blind, f.Name, evidence.Options{}, func(a *casemate.Alert) error {
		q.Add(a, nil)
		return nil
	})
	blind.Close()
	if err != nil {
		return Scenario{}, err
	}
	name, _, _ := strings.Cut(f.Name, "_")
	return t.measure(name, q.Rank().Incidents), nil
}

// strip copies the lines without their label columns, which it keeps for the
// comparison. Names hold commas without quotes, so columns count from the end.
func (t *truth) strip(r io.Reader, w io.Writer) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	out := bufio.NewWriterSize(w, 64<<10)
	for n := 0; in.Scan(); n++ {
		line := in.Text()
		kept, labels, err := cut(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		if n > 0 {
			if err := t.learn(kept, labels); err != nil {
				return fmt.Errorf("line %d: %w", n+1, err)
			}
		}
		if _, err := out.WriteString(kept + "\n"); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return out.Flush()
}

// cut splits a line before its last two columns.
func cut(line string) (kept, eventLabel string, err error) {
	kept = line
	for range labelColumns {
		i := strings.LastIndexByte(kept, ',')
		if i < 0 {
			return "", "", fmt.Errorf("want at least %d columns", labelColumns+1)
		}
		if eventLabel == "" {
			eventLabel = kept[i+1:]
		}
		kept = kept[:i]
	}
	return kept, eventLabel, nil
}

// learn takes the truth of one line: "time,name,ip,host,short".
func (t *truth) learn(kept, label string) error {
	head, rest, ok := strings.Cut(kept, ",")
	if !ok {
		return fmt.Errorf("want time,name,ip,host,short")
	}
	seconds, err := strconv.ParseFloat(head, 64)
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	f := strings.Split(rest, ",")
	if len(f) < 4 {
		return fmt.Errorf("want time,name,ip,host,short")
	}
	host := f[len(f)-2]
	u := unit{strings.Join(f[:len(f)-3], ","), host, int64(seconds) / 3600}
	t.alerts++
	t.units = append(t.units, u)
	c := t.counts[u]
	if c == nil {
		c = new([2]int)
		t.counts[u] = c
	}
	c[0]++
	if key := [2]string{u.name, u.host}; true {
		if _, known := t.first[key]; !known {
			t.first[key] = u.hour
		}
	}
	if label != noLabel {
		c[1]++
		t.all[label] = struct{}{}
		if !slices.Contains(t.labels[u], label) {
			t.labels[u] = append(t.labels[u], label)
		}
	}
	return nil
}

// isAttack reports whether at least half of a unit's alerts carry an attack label.
func (t *truth) isAttack(u unit) bool { return 2*t.counts[u][1] >= t.counts[u][0] }

// measure compares the first incidents with the truth.
func (t *truth) measure(name string, incidents []casemate.Incident) Scenario {
	s := Scenario{Name: name, Alerts: t.alerts, Units: len(t.counts), Incidents: len(incidents), Labels: len(t.all)}
	for u := range t.counts {
		if t.isAttack(u) {
			s.Attack++
		}
	}
	held := map[unit]bool{}
	for i, in := range incidents {
		mine := map[unit]bool{}
		for _, at := range in.Alerts {
			mine[t.units[at.Line-2]] = true // line 1 is the header
		}
		s.Largest = max(s.Largest, float64(len(mine))/float64(len(t.counts)))
		if i >= AITADSTop {
			continue
		}
		for u := range mine {
			held[u] = true
			if s.First == 0 && t.isAttack(u) {
				s.First = in.Rank
			}
		}
	}
	s.Held = len(held)
	s.Recall, s.Precision, s.Seen = t.score(held, s.Attack)
	s.Baseline.Recall, s.Baseline.Precision, s.Baseline.Seen = t.score(t.baseline(), s.Attack)
	return s
}

// score returns recall and precision over units, and the attack labels seen.
func (t *truth) score(held map[unit]bool, attack int) (recall, precision float64, seen int) {
	hits, labels := 0, map[string]bool{}
	for u := range held {
		if t.isAttack(u) {
			hits++
		}
		for _, l := range t.labels[u] {
			labels[l] = true
		}
	}
	if attack > 0 {
		recall = float64(hits) / float64(attack)
	}
	if len(held) > 0 {
		precision = float64(hits) / float64(len(held))
	}
	return recall, precision, len(labels)
}

// baseline returns the units of the host-hours with the most new alert names,
// after the first day.
func (t *truth) baseline() map[unit]bool {
	type hostHour struct {
		host string
		hour int64
	}
	groups := map[hostHour][]unit{}
	begin := int64(1 << 62)
	for u := range t.counts {
		begin = min(begin, u.hour)
		groups[hostHour{u.host, u.hour}] = append(groups[hostHour{u.host, u.hour}], u)
	}
	fresh := func(k hostHour) int {
		n := 0
		for _, u := range groups[k] {
			if k.hour > begin+24 && t.first[[2]string{u.name, u.host}] == u.hour {
				n++
			}
		}
		return n
	}
	keys := make([]hostHour, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b hostHour) int {
		if d := fresh(b) - fresh(a); d != 0 {
			return d
		}
		if a.hour != b.hour {
			return int(a.hour - b.hour)
		}
		return strings.Compare(a.host, b.host)
	})
	held := map[unit]bool{}
	for _, k := range keys[:min(AITADSTop, len(keys))] {
		for _, u := range groups[k] {
			held[u] = true
		}
	}
	return held
}

// Mean is the mean over scenarios, each counting the same.
type Mean struct {
	N         int     `json:"n"`
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
	Labels    float64 `json:"labels_seen"` // share of the attack labels

	// The half-widths of the 95 % intervals of the three means, by Student's t
	// over scenarios: another set of networks like these would move them so far.
	RecallMargin    float64 `json:"recall_margin"`
	PrecisionMargin float64 `json:"precision_margin"`
	LabelsMargin    float64 `json:"labels_seen_margin"`

	BaselineRecall    float64 `json:"baseline_recall"`
	BaselinePrecision float64 `json:"baseline_precision"`
	BaselineLabels    float64 `json:"baseline_labels_seen"`
}

// MeanOf returns the mean over scenarios.
func MeanOf(list []Scenario) Mean {
	m := Mean{N: len(list)}
	n := float64(max(len(list), 1))
	for _, s := range list {
		labels := float64(max(s.Labels, 1))
		m.Recall += s.Recall / n
		m.Precision += s.Precision / n
		m.Labels += float64(s.Seen) / labels / n
		m.BaselineRecall += s.Baseline.Recall / n
		m.BaselinePrecision += s.Baseline.Precision / n
		m.BaselineLabels += float64(s.Baseline.Seen) / labels / n
	}
	var recall, precision, labels []float64
	for _, s := range list {
		recall, precision = append(recall, s.Recall), append(precision, s.Precision)
		labels = append(labels, float64(s.Seen)/float64(max(s.Labels, 1)))
	}
	m.RecallMargin, m.PrecisionMargin, m.LabelsMargin = margin(recall), margin(precision), margin(labels)
	return m
}

// student holds the 97.5 % points of Student's t for 1 to 10 degrees of freedom.
var student = [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228}

// margin returns the half-width of the 95 % interval of the mean of x; 0 for
// fewer than two values.
func margin(x []float64) float64 {
	n := float64(len(x))
	if n < 2 {
		return 0
	}
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	return student[min(len(x)-2, len(student)-1)] * math.Sqrt(square/(n-1)/n)
}

// WriteAITADS writes the table that people read.
func WriteAITADS(w io.Writer, list []Scenario) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "AIT-ADS, units (alert name, host, hour) that the first %d incidents hold; labels were removed before triage\n\n", AITADSTop)
	fmt.Fprintf(b, "%-16s %8s %6s %7s %10s %6s %7s %10s %8s %8s %9s\n",
		"scenario", "alerts", "units", "attack", "incidents", "held", "recall", "precision", "labels", "first", "largest")
	for _, s := range list {
		fmt.Fprintf(b, "%-16s %8d %6d %7d %10d %6d %7.2f %10.2f %5d/%-2d %8d %8.0f%%\n", s.Name, s.Alerts, s.Units, s.Attack,
			s.Incidents, s.Held, s.Recall, s.Precision, s.Seen, s.Labels, s.First, 100*s.Largest)
	}
	m := MeanOf(list)
	fmt.Fprintf(b, "%-16s %8s %6s %7s %10s %6s %7.2f %10.2f %8.2f\n", fmt.Sprintf("mean of %d", m.N), "", "", "", "", "", m.Recall, m.Precision, m.Labels)
	fmt.Fprintf(b, "%-16s %8s %6s %7s %10s %6s %7.2f %10.2f %8.2f\n", "95% +-", "", "", "", "", "", m.RecallMargin, m.PrecisionMargin, m.LabelsMargin)
	fmt.Fprintf(b, "%-16s %8s %6s %7s %10s %6s %7.2f %10.2f %8.2f\n", "baseline", "", "", "", "", "", m.BaselineRecall, m.BaselinePrecision, m.BaselineLabels)
	fmt.Fprintf(b, "\nbaseline: host-hours ranked by alert names that are new there. first: rank of the first incident with an attack unit.\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the AIT-ADS table: %w", err)
	}
	return nil
}
