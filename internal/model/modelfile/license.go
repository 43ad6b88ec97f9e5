package modelfile

import (
	"strings"
	"unicode"
)

// maxLicenseFile is the bytes of a README or a licence; maxLicense those of the
// name that is kept.
const (
	maxLicenseFile = 4 << 20
	maxLicense     = 120
)

// licenseFiles are where the words of a licence are, the first that is there.
var licenseFiles = []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING"}

// spdx are the ids of licences by the names that model cards use.
var spdx = map[string]string{
	"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "bsd-2-clause": "BSD-2-Clause",
	"cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0", "cc-by-nc-4.0": "CC-BY-NC-4.0",
	"gpl-3.0": "GPL-3.0-only", "agpl-3.0": "AGPL-3.0-only", "cc0-1.0": "CC0-1.0",
}

// readLicense finds out the licence: what the front matter of README.md says,
// else the beginning of the licence's own file. A file with notices is named.
func (f *folder) readLicense() error {
	card, err := f.readOptional("README.md", maxLicenseFile)
	if err != nil {
		return err
	}
	license := cardLicense(string(card))
	for _, name := range licenseFiles {
		if license != "" {
			break
		}
		text, err := f.readOptional(name, maxLicenseFile)
		if err != nil {
			return err
		}
		license = textLicense(string(text))
	}
	for _, name := range []string{"NOTICE", "NOTICE.md", "NOTICE.txt"} {
		if f.has(name) {
			license = strings.TrimPrefix(license+"; see "+name, "; ")
			break
		}
	}
	f.model.Config.License = license
	return nil
}

// cardLicense returns the license of a model card's front matter, with its
// license_name in the place of "other".
func cardLicense(card string) string {
	rest, ok := strings.CutPrefix(strings.ReplaceAll(card, "\r\n", "\n"), "---\n")
	if !ok {
		return ""
	}
	front, _, ok := strings.Cut("\n"+rest, "\n---")
	if !ok {
		return ""
	}
	license := frontValue(front, "license")
	if name := frontValue(front, "license_name"); license == "" || license == "other" && name != "" {
		license = name
	}
	if id, ok := spdx[strings.ToLower(license)]; ok {
		return id
	}
	return license
}

// frontValue returns the value of a key that stands at the beginning of a line.
func frontValue(front, key string) string {
	_, rest, ok := strings.Cut(front, "\n"+key+":")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, "\n")
	value, _, _ = strings.Cut(value, " #")
	return plainLine(strings.Trim(strings.TrimSpace(value), `"'`))
}

// textLicense recognises a licence by its first words; else it returns its first
// line.
func textLicense(text string) string {
	head := text[:min(len(text), 2000)]
	switch {
	case strings.Contains(head, "Apache License") && strings.Contains(head, "Version 2.0"):
		return "Apache-2.0"
	case strings.Contains(head, "MIT License") || strings.Contains(head, "Permission is hereby granted, free of charge"):
		return "MIT"
	}
	for line := range strings.Lines(head) {
		if line = plainLine(strings.Trim(line, "# \t\r\n")); line != "" {
			return line
		}
	}
	return ""
}

// plainLine returns a line without what steers terminals, cut to what is shown.
func plainLine(line string) string {
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, ""))
	if r := []rune(line); len(r) > maxLicense {
		line = string(r[:maxLicense]) + "…"
	}
	return line
}
