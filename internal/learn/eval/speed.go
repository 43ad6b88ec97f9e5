package eval

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

// Speed is one run of a triage over several copies of a file.
type Speed struct {
	Copies    int           `json:"copies"`
	Alerts    int           `json:"alerts"`
	Incidents int           `json:"incidents"`
	Took      time.Duration `json:"nanoseconds"`
	Heap      uint64        `json:"heap_bytes"`   // in use at the end, all alerts triaged
	System    uint64        `json:"system_bytes"` // taken from the operating system by then
}

// apart is how far the copies are moved, so that each is a period of its own:
// repeats of one hour would cost less than new ones.
const apart = 7 * 24 * time.Hour

// TriageSpeed triages a file, then the given numbers of copies of it, each copy
// later than the one before.
func TriageSpeed(ctx context.Context, path string, copies []int) ([]Speed, error) {
	var out []Speed
	for _, n := range copies {
		runtime.GC()
		started := time.Now()
		q := triage.New(triage.Options{})
		alerts := 0
		for i := range n {
			_, err := evidence.Read(ctx, []string{path}, evidence.Options{}, func(a *casemate.Alert) error {
				a.Time = a.Time.Add(time.Duration(i) * apart)
				q.Add(a, nil)
				alerts++
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("time the triage of %q: %w", path, err)
			}
		}
		res := q.Rank()
		s := Speed{Copies: n, Alerts: alerts, Incidents: len(res.Incidents), Took: time.Since(started)}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.Heap, s.System = m.HeapInuse, m.Sys
		out = append(out, s)
		runtime.KeepAlive(res)
	}
	return out, nil
}

// WriteSpeed writes the table that people read.
func WriteSpeed(w io.Writer, list []Speed) error {
	if _, err := fmt.Fprintf(w, "%6s %10s %10s %9s %10s %12s %10s %10s\n", "copies", "alerts", "incidents", "seconds", "alerts/s", "us/alert", "heap MiB", "system MiB"); err != nil {
		return err
	}
	for _, s := range list {
		sec := s.Took.Seconds()
		if _, err := fmt.Fprintf(w, "%5dx %10d %10d %9.2f %10.0f %12.2f %10d %10d\n", s.Copies, s.Alerts, s.Incidents, sec,
			float64(s.Alerts)/sec, 1e6*sec/float64(max(s.Alerts, 1)), s.Heap>>20, s.System>>20); err != nil {
			return err
		}
	}
	return nil
}
