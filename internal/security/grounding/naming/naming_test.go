package naming_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/grounding/naming"
)

func TestCountries(t *testing.T) {
	for name, want := range map[string]string{"sweden": "SE", "bulgaria": "BG", "czech republic": "CZ", "czechia": "CZ", "brazil": "BR", "outlook": "", "the": ""} {
		if got := naming.Country(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	for text, want := range map[string]bool{"ip 192.0.2.1 (IT)": true, `"country": "IT",`: true, "country=IT": true, "geo.country_iso_code: IT": true, "the IT department": false, "it": false, "country=SE": false, "location: Milan, IT": true} {
		if got := naming.Coded(text, "IT"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestExpansions(t *testing.T) {
	for text, want := range map[string]string{
		"They came through Outlook Web Access (OWA).": "Outlook Web Access (OWA)",
		"An indicator of compromise (IOC) was found.": "indicator of compromise (IOC)",
		"The Group Policy Object (GPO) was changed.":  "Group Policy Object (GPO)",
		"No multi-factor authentication (MFA).":       "multi-factor authentication (MFA)",
		"Ordinary words (ABC) here.":                  "",
	} {
		var got []string
		for _, e := range naming.Expansions(text) {
			got = append(got, text[e.From:e.To])
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestBeginning(t *testing.T) {
	type result struct {
		Part string
		OK   bool
	}
	for in, want := range map[[2]string]result{
		{"the digest begins with ", "c0ffee11"}:        {"c0ffee11", true},
		{"its hash, starting with ", "sha256:5be1f0"}:  {"5be1f0", true},
		{"the digest starts with sha256:", "5be1f0a9"}: {"5be1f0a9", true},
		{"the name begins with ", "srv-"}:              {"", false},
		{"the file ", "c0ffee11"}:                      {"", false},
	} {
		part, ok := naming.Beginning(in[0], in[1])
		if diff := cmp.Diff(want, result{part, ok}); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestMeans(t *testing.T) {
	for text, want := range map[string]string{"It was requested with Certify.": "Certify", "It was made using Certify and sent.": "Certify", "It was made with care.": "", "With Rubeus it began": ""} {
		if got, _ := naming.Means(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
