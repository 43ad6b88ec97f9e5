package prompt

import (
	"strings"
)

// angled are the names that stand between < and > as special tokens of models,
// also with a slash in front.
var angled = set(`s pad unk bos eos mask cls sep think thinking thought thoughts reasoning answer
	start_of_turn end_of_turn start_of_image end_of_image image_soft_token start_of_role end_of_role end_of_text
	im_start im_end user assistant system human developer model tool tools tool_call tool_calls tool_response
	tool_result function functions function_call function_results invoke instruction instructions inst
	endoftext startoftext eot eom`)

// squared are those between [ and ].
var squared = set(`inst system_prompt available_tools tool_calls tool_results tool_content think thinking args call_id
	img img_break img_end prefix suffix middle bos eos unk cls sep pad mask gmask sop eop control
	system user assistant`)

// roles are the words that begin a line of a conversation, before a colon.
var roles = set(`system user assistant human developer tool function ai bot model instruction instructions response
	input output question answer`)

// after are the words that may stand between a role and its colon.
var after = set(`message prompt note notice override instruction instructions update`)

// opening are the words that a heading begins with where it opens a turn.
var opening = set(`instruction instructions response input system user assistant human developer tool question answer`)

func set(list string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		out[w] = true
	}
	return out
}

// maxName bounds how far a name is read.
const maxName = 40

// special reports whether something that a model may take for a border begins at
// byte i of folded text, and before which byte to break it.
func special(text string, i int) (cut int, ok bool) {
	switch text[i] {
	case '<':
		return i + 1, angle(text[i+1:])
	case '[':
		rest := strings.TrimPrefix(text[i+1:], "/")
		name := word(rest)
		return i + 1, squared[name] && strings.HasPrefix(rest[len(name):], "]")
	}
	if !startsLine(text, i) {
		return 0, false
	}
	return role(text, i)
}

// angle reports whether what follows a < makes a special token, or looks like a fence.
func angle(rest string) bool {
	if strings.HasPrefix(rest, "|") {
		return true
	}
	if r, ok := strings.CutPrefix(rest, "<"); ok {
		if r, ok = strings.CutPrefix(r, "<"); ok { // <<<
			r = strings.TrimLeft(r, " \t/")
			return strings.HasPrefix(r, "data") || strings.HasPrefix(r, "end")
		}
		r = strings.TrimPrefix(r, "/")
		return strings.HasPrefix(r, "sys>")
	}
	rest = strings.TrimPrefix(rest, "/")
	name := word(rest)
	if name == "" || len(name) == len(rest) {
		return false
	}
	end := rest[len(name)]
	switch {
	case end != '>' && end != '=' && end != ' ' && end != '/' && end != '|':
		return false
	case angled[name]:
		return true
	}
	for _, p := range []string{"unused", "extra_id_", "reserved", "0x", "image", "audio", "video", "fim_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// word returns the name that text begins with.
func word(text string) string {
	n := 0
	for n < len(text) && n <= maxName && (text[n] == '_' || text[n] >= 'a' && text[n] <= 'z' || text[n] >= '0' && text[n] <= '9') {
		n++
	}
	return text[:n]
}

// startsLine reports whether byte i begins a line, also after a line feed that is
// written out.
func startsLine(text string, i int) bool {
	return i == 0 || text[i-1] == '\n' || i > 1 && text[i-2] == '\\' && (text[i-1] == 'n' || text[i-1] == 'r')
}

// role reports whether a line of a conversation begins at byte i.
func role(text string, i int) (cut int, ok bool) {
	j, heading := i, false
	for ; j < len(text) && j-i <= maxName && strings.IndexByte(" \t#*>-_=~`\"'([{", text[j]) >= 0; j++ {
		heading = heading || text[j] == '#'
	}
	name := word(text[j:])
	if name == "" {
		return 0, false
	}
	if heading && opening[name] {
		return j, true
	}
	rest := strings.TrimLeft(text[j+len(name):], " \t*_`\"')]}")
	if !roles[name] {
		return 0, false
	}
	if next := word(rest); after[next] {
		rest = strings.TrimLeft(rest[len(next):], " \t*_`\"')]}")
	}
	return j, strings.HasPrefix(rest, ":")
}
