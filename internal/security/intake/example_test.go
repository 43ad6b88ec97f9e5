package intake_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/casemate-ai/casemate/internal/security/intake"
)

func ExampleEnricher_One() {
	e, err := intake.NewEnricher(intake.EnricherOptions{}) // once: it compiles the rules
	if err != nil {
		fmt.Println(err)
		return
	}
	line, err := e.One(context.Background(), []byte(`{"time": "2026-01-12T08:02:10Z", "host": "kiosk-3", "message": "exploit attempt for CVE-2021-44228 from 203.0.113.7"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var alert struct {
		Host     string
		Casemate intake.Enrichment
	}
	if err := json.Unmarshal(line, &alert); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(alert.Host, alert.Casemate.Exploited[0].ID, alert.Casemate.Risk.Level)
	for _, i := range alert.Casemate.Indicators[1:] {
		fmt.Println(i.Type, i.Value, i.Scope)
	}
	// Output:
	// kiosk-3 CVE-2021-44228 medium
	// ipv4 203.0.113.7 documentation
}
