package eval_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/eval"
)

// shared returns the path of a file of the shared data, or skips the test.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("CASEMATE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs %s of the shared data: set CASEMATE_SHARED", name)
	}
	return path
}

func TestAITADSReachesItsFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 1.9 million alerts")
	}
	list, err := eval.AITADS(t.Context(), shared(t, "alerts/ait-ads-dev.zip"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := eval.WriteAITADS(&table, list); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	m := eval.MeanOf(list)
	for _, want := range []struct {
		name     string
		got, min float64
	}{{"recall", m.Recall, .85}, {"precision", m.Precision, .60}, {"labels seen", m.Labels, .95}} {
		if want.got < want.min {
			t.Errorf("mean %s = %.3f, want at least %.2f", want.name, want.got, want.min)
		}
	}
	for _, s := range list {
		if s.Incidents > 300 || s.Largest > 0.5 {
			t.Errorf("%s: %d incidents, the largest holds %.0f%% of the units: want at most 300 and no giant one", s.Name, s.Incidents, 100*s.Largest)
		}
	}
}

// archive returns the path of an archive with one scenario.
func archive(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	w, err := z.Create("tiny_alerts.txt")
	if err != nil {
		t.Fatal(err)
	}
	header := "time,name,ip,host,short,time_label,event_label\n"
	if _, err := w.Write([]byte(header + strings.Join(lines, "\n") + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAITADSCountsUnits(t *testing.T) {
	list, err := eval.AITADS(t.Context(), archive(t,
		"1642118409,Scan, with a comma,10.0.0.1,web,S,x,scan",
		"1642118410,Scan, with a comma,10.0.0.1,web,S,x,-",
		"1642118411,Quiet,10.0.0.1,web,Q,x,-",
		"1642125609,Quiet,10.0.0.1,web,Q,x,-",
	), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := list[0]
	// Three units: the scan's (half its alerts labelled) and two of Quiet.
	if s.Alerts != 4 || s.Units != 3 || s.Attack != 1 || s.Labels != 1 || s.Recall != 1 || s.Seen != 1 {
		t.Errorf("got %+v, want 4 alerts in 3 units, 1 of them attack and found", s)
	}
	if want := 1.0 / 3; s.Precision != want {
		t.Errorf("precision = %v, want %v", s.Precision, want)
	}
}

func TestAITADSRefusesOtherFiles(t *testing.T) {
	for name, line := range map[string]string{"columns": "no columns", "time": "soon,n,i,h,s,x,-"} {
		if _, err := eval.AITADS(t.Context(), archive(t, line), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMeanOfGivesAnInterval(t *testing.T) {
	m := eval.MeanOf([]eval.Scenario{{Recall: 0.8, Labels: 1, Seen: 1}, {Recall: 1, Labels: 1, Seen: 1}})
	// Two values 0.2 apart: standard error 0.1, t of one degree of freedom 12.706.
	if m.N != 2 || m.Recall < 0.899 || m.Recall > 0.901 || m.RecallMargin < 1.270 || m.RecallMargin > 1.271 || m.LabelsMargin != 0 {
		t.Errorf("got %+v, want recall 0.9 and a margin of 1.2706", m)
	}
}
