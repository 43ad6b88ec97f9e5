package triage_test

import (
	"bytes"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

// FuzzLists reads any bytes as an inventory and as a list of suppressions: each
// is refused, or what it gives can be used.
func FuzzLists(f *testing.F) {
	for _, seed := range []string{
		"host,criticality,exposure,owner,address\nDC1,critical,internal,it,10.0.0.2; 10.0.1.2\n",
		"suppress:\n- id: a\n  reason: b\n  expires: 2026-12-31\n  match: {name: '*scan*', address: 10.0.0.9}\n",
		"suppress: [{id: &a x, reason: *a, match: {host: '**'}}]", "\ufeffhost,criticality\n\"", "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		assets, err := triage.ReadAssets(bytes.NewReader(data))
		for _, a := range assets {
			if err == nil && (a.Host == "" || a.Criticality < casemate.SeverityLow) {
				t.Errorf("accepted %+v", a)
			}
		}
		list, err := triage.ReadSuppressions(bytes.NewReader(data))
		if err != nil {
			list = nil
		}
		q := newFeed(triage.Options{Assets: assets, Suppress: list})
		q.alert(1, "web", "Port scan", severity(casemate.SeverityHigh))
		res, hidden := q.Rank(), 0
		for _, g := range res.Suppressed {
			hidden += g.Alerts
		}
		if len(res.Incidents)+hidden != 1 {
			t.Errorf("%d incidents and %d alerts hidden, want one alert in all", len(res.Incidents), hidden)
		}
	})
}
