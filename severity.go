package casemate

import (
	"fmt"
	"strings"
)

// Severity is how grave a sensor or rule calls something.
type Severity uint8

// The severities, ordered. SeverityUnknown is a source that says nothing.
const (
	SeverityUnknown Severity = iota
	SeverityInformational
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

var severityNames = [...]string{"unknown", "informational", "low", "medium", "high", "critical"}

// String returns the severity's name in lower case.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[SeverityUnknown]
}

// ParseSeverity reads the words that products use, in any case: "info",
// "informational", "low", "moderate", "medium", "warning", "high", "severe",
// "critical", "fatal" and Sigma's levels. Anything else is SeverityUnknown.
func ParseSeverity(s string) Severity {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "informational", "info", "information", "notice", "debug":
		return SeverityInformational
	case "low", "minor":
		return SeverityLow
	case "medium", "moderate", "warning", "warn":
		return SeverityMedium
	case "high", "severe", "major", "error", "important":
		return SeverityHigh
	case "critical", "fatal", "emergency", "alert":
		return SeverityCritical
	}
	return SeverityUnknown
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severityNames {
		if name == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("parse severity %q: want one of %s", text, strings.Join(severityNames[:], ", "))
}
