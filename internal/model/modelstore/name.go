package modelstore

import (
	"cmp"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// latest is the tag of a name that has none.
const latest = "latest"

// namePattern is what a name and a tag look like. Neither can be a path.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// digestPattern is what the digest of a file or model looks like.
var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// reference is a name that can be one, in its parts.
type reference struct{ name, tag string }

// parseName cuts a name and its tag.
func parseName(s string) (reference, bool) {
	name, tag, tagged := strings.Cut(s, ":")
	if !tagged {
		tag = latest
	}
	ok := true
	for _, part := range []string{name, tag} {
		ok = ok && namePattern.MatchString(part) && !strings.HasSuffix(part, ".") && !isDevice(part)
	}
	return reference{name, tag}, ok
}

// String returns the name as people write it.
func (r reference) String() string {
	if r.tag == latest {
		return r.name
	}
	return r.name + ":" + r.tag
}

// Suggest makes a name of a path: that of a file without its ending, or of a
// folder. It is empty where nothing in the path can be in a name.
func Suggest(path string) string {
	base := filepath.Base(filepath.Clean(path))
	if shard := shardPattern.FindStringSubmatch(base); shard != nil {
		base = shard[1]
	} else if ext := filepath.Ext(base); strings.EqualFold(ext, ".gguf") {
		base = strings.TrimSuffix(base, ext)
	}
	var b strings.Builder
	for _, r := range strings.ToLower(base) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || b.Len() > 0 && (r == '.' || r == '_' || r == '-'):
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('-')
		}
	}
	name := strings.TrimRight(b.String()[:min(b.Len(), 63)], ".-_")
	if _, ok := parseName(name); !ok {
		return ""
	}
	return name
}

// maxFileName is how long the name of a file may be, in bytes.
const maxFileName = 200

// goodFileName says whether a file of a model may be called so, on every system
// that the data directory may be carried to.
func goodFileName(s string) bool {
	if s == "" || len(s) > maxFileName || !utf8.ValidString(s) || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-") ||
		strings.HasSuffix(s, ".") || strings.HasSuffix(s, " ") || isDevice(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) })
}

// isDevice says whether Windows takes a name for a device, whatever its ending.
func isDevice(s string) bool {
	base, _, _ := strings.Cut(strings.ToLower(s), ".")
	switch base = strings.TrimRight(base, " "); base {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")) && base[3] >= '0' && base[3] <= '9'
}

// digestName returns the file name of a digest, which has no colon.
func digestName(digest string) string {
	return "sha256-" + strings.TrimPrefix(digest, "sha256:")
}

// digestOf writes a sum as a digest.
func digestOf(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

func compareFiles(a, b File) int { return cmp.Compare(a.Name, b.Name) }
