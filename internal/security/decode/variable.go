package decode

import (
	"strconv"
	"strings"
)

const (
	maxVariables = 256
	maxValue     = 4096 // bytes of one variable's value
)

// cmdKnown are variables whose value is the same on nearly every Windows
// machine, so that a substring of them is known. Keys are in lower case.
var cmdKnown = map[string]string{
	"comspec":                 `C:\Windows\system32\cmd.exe`,
	"systemroot":              `C:\Windows`,
	"windir":                  `C:\Windows`,
	"systemdrive":             `C:`,
	"programfiles":            `C:\Program Files`,
	"programfiles(x86)":       `C:\Program Files (x86)`,
	"commonprogramfiles":      `C:\Program Files\Common Files`,
	"commonprogramfiles(x86)": `C:\Program Files (x86)\Common Files`,
	"programw6432":            `C:\Program Files`,
	"commonprogramw6432":      `C:\Program Files\Common Files`,
	"programdata":             `C:\ProgramData`,
	"allusersprofile":         `C:\ProgramData`,
	"public":                  `C:\Users\Public`,
	"os":                      `Windows_NT`,
	"pathext":                 `.COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC`,
	"processor_architecture":  `AMD64`,
	"psmodulepath":            `C:\Program Files\WindowsPowerShell\Modules;C:\Windows\system32\WindowsPowerShell\v1.0\Modules`,
	"path":                    `C:\Windows\system32;C:\Windows;C:\Windows\System32\Wbem;C:\Windows\System32\WindowsPowerShell\v1.0\`,
}

// cmdVariables undoes "set x=power&&set y=shell&&call %x%%y%" and substrings of
// well-known variables such as %COMSPEC:~-7,1%. A whole well-known variable is
// no disguise and stays.
func cmdVariables(text string) string {
	if strings.Count(text, "%") < 2 && strings.Count(text, "!") < 2 {
		return text
	}
	own := cmdSets(text)
	for _, quote := range []byte{'%', '!'} {
		text = replaceRuns(text, quote, func(i int) (int, string, bool) {
			n := strings.IndexByte(text[i+1:min(len(text), i+1+160)], quote)
			if n <= 0 {
				return i + 1, "", false
			}
			end := i + n + 2
			if value, ok := cmdExpand(text[i+1:end-1], own); ok {
				return end, value, true
			}
			// The closing sign may open the next variable.
			return end - 1, "", false
		})
	}
	return text
}

// cmdSets reads the "set name=value" commands of a command line. A name set
// twice keeps its first value, as the line would be read from the left.
func cmdSets(text string) map[string]string {
	own := map[string]string{}
	lower := lowerASCII(text)
	at := 0
	for site := 0; site < 4*maxVariables && len(own) < maxVariables; site++ {
		i := strings.Index(lower[at:], "set ")
		if i < 0 {
			break
		}
		at += i
		begin := at
		at += 4
		if begin > 0 && (isWord(text[begin-1]) || text[begin-1] == '-') {
			continue
		}
		rest := text[at:min(len(text), at+maxValue)]
		quoted := strings.HasPrefix(strings.TrimLeft(rest, " "), `"`)
		if quoted {
			rest = strings.TrimLeft(rest, " ")[1:]
		}
		stop := strings.IndexAny(rest, "&|\r\n\"")
		if quoted {
			stop = strings.IndexByte(rest, '"')
		}
		if stop >= 0 {
			rest = rest[:stop]
		}
		name, value, ok := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || len(name) > 64 || strings.ContainsAny(name, "/ %!'") || value == "" {
			continue
		}
		if _, twice := own[name]; !twice {
			own[name] = value
		}
	}
	return own
}

// cmdExpand expands the inside of %…%: name, name:~start,length or name:a=b.
func cmdExpand(body string, own map[string]string) (string, bool) {
	name, mod, cut := strings.Cut(body, ":")
	key := strings.ToLower(name)
	value, ok := own[key]
	if !ok {
		if value, ok = cmdKnown[key]; !ok || !cut {
			return "", false
		}
	}
	if !cut {
		return value, true
	}
	if rest, ok := strings.CutPrefix(mod, "~"); ok {
		return cmdSubstring(value, rest)
	}
	from, to, ok := strings.Cut(mod, "=")
	if !ok || from == "" {
		return "", false
	}
	return strings.ReplaceAll(value, from, to), len(to) <= 64
}

// cmdSubstring applies "start" or "start,length"; negative values count from
// the end, as in cmd.
func cmdSubstring(value, spec string) (string, bool) {
	first, second, two := strings.Cut(spec, ",")
	start, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return "", false
	}
	if start < 0 {
		start = max(0, len(value)+start)
	}
	start = min(start, len(value))
	end := len(value)
	if two {
		n, err := strconv.Atoi(strings.TrimSpace(second))
		if err != nil {
			return "", false
		}
		if n < 0 {
			end = max(start, len(value)+n)
		} else if n < end-start {
			end = start + n
		}
	}
	return value[start:end], true
}

// shellKnown are shell variables whose first characters hardly vary.
var shellKnown = map[string]string{
	"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "PWD": "/", "SHELL": "/bin/bash",
}

// shellVariables undoes $IFS for blanks, ${PATH:0:1} for a slash, $'\x41'
// markers, empty parameters inside words (wh$@oami) and "a=who;b=ami;$a$b".
func shellVariables(text string) string {
	if strings.IndexByte(text, '$') < 0 {
		return text
	}
	own := shellSets(text)
	return replaceRuns(text, '$', func(i int) (int, string, bool) {
		rest := text[i:min(len(text), i+96)]
		for _, ifs := range []string{"${IFS}", "$IFS$9", "$IFS"} {
			if strings.HasPrefix(rest, ifs) {
				return i + len(ifs), " ", i > 0 && !strings.HasPrefix(rest[len(ifs):], "=")
			}
		}
		if len(rest) > 2 && (rest[1] == '@' || rest[1] == '*') && i > 0 && isLetter(text[i-1]) && isLetter(rest[2]) {
			return i + 2, "", true
		}
		if strings.HasPrefix(rest, "${") {
			n := strings.IndexByte(rest, '}')
			if n < 0 {
				return i + 2, "", false
			}
			name, mod, cut := strings.Cut(rest[2:n], ":")
			if value, ok := own[name]; ok && !cut {
				return i + n + 1, value, true
			}
			if value, ok := shellKnown[name]; ok && cut {
				if from, length, two := strings.Cut(mod, ":"); two {
					s, ok := cmdSubstring(value, from+","+length)
					return i + n + 1, s, ok && s != ""
				}
			}
			return i + n + 1, "", false
		}
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		value, ok := own[rest[1:n]]
		return i + n, value, ok && n > 1
	})
}

// shellSets reads assignments of short literals in a shell command, but only
// where two of the variables are later used side by side: that is how a word
// is split, while a=1; use $a is how scripts are written.
func shellSets(text string) map[string]string {
	own := map[string]string{}
	adjacent := false
	for i := 0; i+3 < len(text) && !adjacent; i++ {
		if text[i] != '$' || !isLetter(text[i+1]) && text[i+1] != '{' {
			continue
		}
		j := i + 1
		for j < len(text) && j < i+64 && (isWord(text[j]) || text[j] == '{' || text[j] == '}') {
			j++
		}
		adjacent = j+1 < len(text) && text[j] == '$' && (isLetter(text[j+1]) || text[j+1] == '{')
		i = j - 1
	}
	if !adjacent {
		return own
	}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ' ' || r == '&' || r == '\n' }) {
		name, value, ok := strings.Cut(part, "=")
		if !ok || name == "" || len(name) > 32 || len(value) > 64 || len(own) >= maxVariables || strings.ContainsAny(value, "$`(") {
			continue
		}
		plain := true
		for k := range len(name) {
			plain = plain && isWord(name[k])
		}
		if value = strings.Trim(value, `'"`); plain && value != "" {
			own[name] = value
		}
	}
	return own
}

// unquoteShell joins words that quotes or backslashes split: w'h'o'a'mi,
// c""at, b\a\s\h. A word counts when it is split at least twice or gives the
// name of a common program; "don't" and "rock'n'roll" stay.
func unquoteShell(text string) string {
	if !strings.ContainsAny(text, `'"\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if !isWord(text[i]) && text[i] != '/' || i > 0 && (isWord(text[i-1]) || strings.IndexByte(`'"\:`, text[i-1]) >= 0) {
			b.WriteByte(text[i])
			i++
			continue
		}
		end, word, splits := splitWord(text, i)
		base := word[strings.LastIndexByte(word, '/')+1:]
		if splits > 0 && (splits >= 2 && len(base) <= 24 && quotedSplit(text[i:end]) || splitTargets[strings.ToLower(base)]) {
			b.WriteString(word)
		} else {
			b.WriteString(text[i:end])
		}
		i = end
	}
	return b.String()
}

// quotedSplit reports whether s is split by quotes: backslashes alone are what
// Windows paths have.
func quotedSplit(s string) bool { return strings.ContainsAny(s, `'"`) }

// splitWord reads a word with short quoted parts and escaped letters inside.
func splitWord(text string, i int) (end int, word string, splits int) {
	var b strings.Builder
	for i < len(text) {
		c := text[i]
		switch {
		case isWord(c) || c == '/' || c == '.' || c == '-':
			b.WriteByte(c)
			i++
			continue
		case c == '\\' && i+1 < len(text) && isLetter(text[i+1]) && b.Len() > 0:
			b.WriteByte(text[i+1])
			splits++
			i += 2
			continue
		case (c == '\'' || c == '"') && b.Len() > 0:
			n := strings.IndexByte(text[i+1:min(len(text), i+10)], c)
			if n < 0 || !allWord(text[i+1:i+1+n]) || i+n+2 >= len(text) || !isWord(text[i+n+2]) && text[i+n+2] != '\'' && text[i+n+2] != '"' {
				return i, b.String(), splits
			}
			b.WriteString(text[i+1 : i+1+n])
			splits++
			i += n + 2
			continue
		}
		break
	}
	return i, b.String(), splits
}

func allWord(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) && s[i] != '/' && s[i] != '.' {
			return false
		}
	}
	return true
}

// splitTargets are the programs whose names attackers split in shells.
var splitTargets = map[string]bool{
	"whoami": true, "cat": true, "bash": true, "sh": true, "curl": true, "wget": true, "nc": true, "ncat": true, "netcat": true,
	"python": true, "python3": true, "perl": true, "ruby": true, "php": true, "id": true, "uname": true, "passwd": true,
	"ping": true, "base64": true, "chmod": true, "sudo": true, "socat": true, "nmap": true, "powershell": true, "cmd": true,
	"certutil": true, "rundll32": true, "ls": true, "hostname": true, "ifconfig": true, "echo": true, "eval": true, "exec": true,
	"iex": true, "net": true, "regsvr32": true, "mshta": true, "wscript": true, "cscript": true,
}
