package indicator

import (
	"strings"
)

// A name such as "setup.sh" is both a file and a domain, because many endings
// of file names are also top-level domains. This file decides between the two
// for names that stand alone in a text. A name that is the host of a URL or
// mail address, that was defanged, or that fills a field which holds names is
// a domain whatever it looks like. Of the others these are not domains:
//
//   - names behind a single slash or backslash, which are parts of paths;
//   - two-label names, and longer ones for the endings that archives and
//     libraries have, whose suffix is more often a file's (weakSuffix);
//   - commands of old Windows that end in .com;
//   - identifiers of programs: System.Net, console.info(, user.name=.

// commonExtension says whether a last label is the ending of a file that is no
// top-level domain. It only saves looking it up.
func commonExtension(s string) bool {
	if len(s) > 5 {
		return false
	}
	var low [5]byte
	for i := range len(s) {
		low[i] = s[i]
		if 'A' <= s[i] && s[i] <= 'Z' {
			low[i] += 'a' - 'A'
		}
	}
	switch string(low[:len(s)]) {
	case "exe", "dll", "sys", "ps1", "psm1", "bat", "cmd", "vbs", "js", "jse", "hta", "lnk",
		"tmp", "log", "txt", "xml", "json", "html", "htm", "php", "asp", "aspx", "jsp",
		"ini", "inf", "cfg", "conf", "yml", "yaml", "dat", "db", "bin", "msi", "doc", "docx",
		"xls", "xlsx", "ppt", "pdf", "png", "jpg", "gif", "ico", "css", "csv", "gz", "tar",
		"rar", "jar", "class", "java", "evtx", "etl", "mui", "nls", "drv", "ocx", "cpl":
		return true
	}
	return false
}

// suffixUse says how a suffix is used in names that stand alone.
type suffixUse uint8

const (
	useDomain  suffixUse = iota // nearly always a domain
	useFile                     // more often a file: two labels are not enough
	useArchive                  // a file whose name often has further dots
	useWord                     // a word of programs and settings: "user.name"
)

// weakSuffix classes the suffixes that files and programs use too.
func weakSuffix(suffix string) suffixUse {
	switch suffix {
	case "zip", "mov", "so", "cab", "pf", "app", "pub", "cat", "ax", "map", "properties":
		return useArchive
	case "sh", "py", "pl", "rs", "ps", "pm", "md", "mk", "am", "ac", "do", "tf", "mo", "man",
		"la", "in", "cc", "st", "run", "ml", "mm":
		return useFile
	case "name", "target", "data", "link", "network", "call", "open", "new", "now", "here",
		"like", "read", "save", "search", "select", "box", "bar", "play", "post", "page",
		"prof", "foo", "global", "pid", "ping", "java", "security", "management", "build",
		"home", "private", "bit", "emc", "coin", "eth":
		return useWord
	}
	return useDomain
}

// dosCommand says whether a name is a command of Windows that ends in .com.
func dosCommand(name string) bool {
	switch name {
	case "command.com", "cmd.com", "more.com", "format.com", "chcp.com", "mode.com", "tree.com",
		"diskcopy.com", "diskcomp.com", "edit.com", "graftabl.com", "loadfix.com", "win.com", "kb16.com":
		return true
	}
	return false
}

// plausible says whether text[a:b], a well-formed name, is a domain where it
// stands.
func (s *scanner) plausible(a, b int, h *hostName) bool {
	next := s.at(b)
	switch {
	case s.prefix(a) == prefixUNC, s.defanged(a, b):
		return true
	case s.at(a-1) == '$' || next == '+':
		return false
	case next == '(' && !digitAt(s.text, b+1), next == '=' && s.at(b+1) != '=':
		return false // a call, or the key of a setting
	case next == '"' && s.at(b+1) == ':':
		return false // the key of a JSON object
	case s.prefix(a) == prefixPath, s.fieldIs(fieldFile):
		return false
	case s.fieldIs(fieldName):
		return true
	case h.kind == suffixOther, identifier(s.text[a:b]), reversedName(h.name):
		return false
	}
	first, _, _ := strings.Cut(h.name, ".")
	if first == "www" || s.webPort(b) {
		return true
	}
	switch weakSuffix(h.suffix) {
	case useArchive, useWord:
		return false
	case useFile:
		return h.labels > 2
	}
	if h.suffix == "id" || h.suffix == "is" {
		return !settingWord(first)
	}
	return !dosCommand(h.name)
}

// settingWord says whether a first label is that of a setting or a field, such
// as user.id.
func settingWord(s string) bool {
	switch s {
	case "user", "host", "process", "file", "event", "parent", "rule", "agent", "source", "client",
		"server", "session", "object", "group", "this", "self", "item", "node", "request", "trace":
		return true
	}
	return false
}

// identifier says whether a name is written the way programs write theirs:
// its last label begins with a capital although the name is not all capitals,
// as in System.IO or Microsoft.PowerShell.Security.
func identifier(word string) bool {
	last := word[strings.LastIndexByte(word, '.')+1:]
	if c := last[0]; c < 'A' || c > 'Z' {
		return false
	}
	switch word {
	case "ASP.NET", "ADO.NET", "VB.NET", "ML.NET":
		return true
	}
	for i := range len(word) {
		if c := word[i]; 'a' <= c && c <= 'z' {
			return true
		}
	}
	return false
}

// reversedName says whether a name is one that programs build from a domain
// written backwards, such as com.example.app.
func reversedName(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	last := rest[strings.LastIndexByte(rest, '.')+1:]
	if last == rest {
		return false
	}
	switch first {
	case "com", "org", "net", "io", "edu", "gov", "dev":
		return last != "com" && last != "net" && last != "org"
	}
	return false
}

// webPort says whether text goes on at b with a port that web servers use,
// which line numbers behind file names seldom are.
func (s *scanner) webPort(b int) bool {
	if s.at(b) != ':' {
		return false
	}
	rest := s.text[b+1 : min(len(s.text), b+6)]
	for _, port := range [...]string{"443", "80", "8080", "8443"} {
		if tail, ok := strings.CutPrefix(rest, port); ok && (tail == "" || class[tail[0]]&isDigit == 0) {
			return true
		}
	}
	return false
}

// prefixKind is what stands before a word.
type prefixKind uint8

const (
	prefixNone prefixKind = iota
	prefixPath            // a slash or backslash: the word is part of a path
	prefixUNC             // two backslashes that begin a network path
)

// prefix returns what stands before text[a].
func (s *scanner) prefix(a int) prefixKind {
	for range 2 { // a leading dot, as in "\.cache.dev"
		if s.at(a-1) == '.' {
			a--
		}
	}
	i := a
	for i > 0 && i > a-5 && s.text[i-1] == '\\' {
		i--
	}
	switch {
	case a-i >= 2 && (i == 0 || class[s.text[i-1]] == 0 && s.text[i-1] != ':'):
		return prefixUNC
	case a-i > 0:
		return prefixPath
	case s.at(a-1) == '/' && s.at(a-2) != '/':
		return prefixPath
	}
	return prefixNone
}

// fieldUse is what a field holds, by its name.
type fieldUse uint8

const (
	fieldFile  fieldUse = 1 << iota // file names and paths
	fieldName                       // host names
	fieldKnown                      // the name has been judged
)

// fieldIs says whether the field whose text this is holds such values. What a
// field's name says of files goes before what it says of hosts.
func (s *scanner) fieldIs(use fieldUse) bool {
	if s.use == 0 {
		s.use = fieldKnown
		low := strings.ToLower(s.field)
		switch {
		case containsAny(low, "file", "path", "image", "module", "exe", "script", "directory", "folder") ||
			low == "process.name" || strings.HasSuffix(low, "process_name"):
			s.use |= fieldFile
		case containsAny(low, "domain", "host", "dns", "query", "fqdn", "sni", "server_name", "url", "rrname", "computer", "zone"):
			s.use |= fieldName
		}
	}
	return s.use&use != 0
}

// versionField says whether the field holds version numbers.
func versionField(field string) bool {
	const word = "version"
	return len(field) >= len(word) && strings.EqualFold(field[len(field)-len(word):], word)
}

// messageField says whether the field holds message ids, which look like mail
// addresses.
func messageField(field string) bool {
	return containsAny(strings.ToLower(field), "message_id", "messageid", "message-id", "msg_id", "msgid")
}

// containsAny says whether s contains one of the words.
func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
