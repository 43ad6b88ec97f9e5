package triage

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
)

// maxAssets bounds an inventory.
const maxAssets = 1_000_000

// Asset is one machine of the inventory and the addresses it is known by.
type Asset struct {
	casemate.Asset
	Addresses []string
}

// ReadAssets reads an inventory in CSV. The header names the columns: host and
// criticality (low, medium, high or critical) are needed; exposure, owner and
// address (several joined by spaces or semicolons) may be there, any other
// column is passed over.
func ReadAssets(r io.Reader) ([]Asset, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read assets: header: %w", err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] = i
	}
	for _, need := range []string{"host", "criticality"} {
		if _, ok := column[need]; !ok {
			return nil, fmt.Errorf("read assets: the header has no column %q (it has %s)", need, strings.Join(header, ", "))
		}
	}
	var out []Asset
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read assets: %w", err)
		}
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		line, _ := in.FieldPos(0)
		a := Asset{Asset: casemate.Asset{Host: get("host"), Exposure: strings.ToLower(get("exposure")), Owner: get("owner")}}
		if a.Host == "" {
			return nil, fmt.Errorf("read assets: line %d has no host", line)
		}
		if a.Criticality = casemate.ParseSeverity(get("criticality")); a.Criticality < casemate.SeverityLow {
			return nil, fmt.Errorf("read assets: line %d: criticality %q: want low, medium, high or critical", line, get("criticality"))
		}
		a.Addresses = strings.FieldsFunc(get("address"), func(r rune) bool { return r == ' ' || r == ';' || r == ',' })
		if out = append(out, a); len(out) > maxAssets {
			return nil, fmt.Errorf("read assets: more than %d machines", maxAssets)
		}
	}
}
