// Package voice reads who acts on whom from the words around two names: active,
// passive, or an arrow between them.
package voice

import (
	"regexp"
	"strings"
)

var (
	actively    = regexp.MustCompile(`\b(?:connect(?:s|ed|ing)? (?:out |back )?to|contact(?:s|ed)|reach(?:es|ed)(?: out to)?|talk(?:s|ed) to|spoke to|beacon(?:s|ed)(?: out)? to|sen[dt]s?|upload(?:s|ed)|transfer(?:s|red)|download(?:s|ed)|fetch(?:es|ed)|pull(?:s|ed)|retrieve[sd]|request(?:s|ed)|quer(?:ies|ied)|log(?:s|ged) (?:on|in)(?: ?to)?|authenticate[sd]|start(?:s|ed)|spawn(?:s|ed)|launch(?:es|ed)|execute[sd]|ran|runs|invoke[sd]|create[sd]|made|makes|add(?:s|ed)|put|delete[sd]|remove[sd]|disable[sd]|enable[sd]|resets?|open(?:s|ed)|access(?:es|ed)|dump(?:s|ed)|inject(?:s|ed)|reads?|wrote|kill(?:s|ed)|attack(?:s|ed)|scan(?:s|ned)|probe[sd]|exploit(?:s|ed)|target(?:s|ed)|move[sd]|cop(?:ies|ied)|pivot(?:s|ed)|exfiltrate[sd]|push(?:es|ed)|promote[sd]|cancel(?:s|led|ed)|install(?:s|ed)|(?:tried to )?brute-?forced?|terminate[sd]|kick(?:s|ed)|encrypt(?:s|ed)|clear(?:s|ed)|grant(?:s|ed)|obtain(?:s|ed)|is the parent of|was the parent of|handed)\b`)
	passive     = regexp.MustCompile(`\b(?:was|were|been|being|is|are|be|got)\b[^,;.]{0,60}?\bby\b|\b(?:started|spawned|launched|created|made|run|opened|executed|added|removed|deleted|disabled|contacted|accessed|dumped|promoted|copied|called|invoked|queried|scanned|attacked|probed|written|read) by\b|\b(?:started|spawned|launched|ran|run) (?:from|under)\b|\bchild(?: process)? of\b|\bparent (?:process )?(?:was|is|being)\b`)
	noVerb      = regexp.MustCompile(`^(?::\d+)? (?:\([^)]*\) )?(?:to|->|-->|=>|towards|into|against) (?:the |host |server |account )*$`)
	fromRight   = regexp.MustCompile(`^(?: \([^)]*\))?(?: \w+){0,2} from (?:the |host |address |client |workstation |server )*$`)
	passiveVerb = regexp.MustCompile(`\b(?:was|were|been|being|is|are|be) (?:\w+ )?$`)
)

// replying matches what comes back, or comes after: it tells no direction.
var replying = regexp.MustCompile(`back to|return|answer|\brespon|\brepl(?:y|ied|ies)|received|followed`)

var fromBefore = regexp.MustCompile(`\b(?:from|by) (?:the |host |address |workstation |server )*$`)

// Direction says who acts on whom in a clause with two names: 1 if the left acts on
// the right, -1 if the right acts on the left, 0 if the words do not say. places says that both are
// machines or addresses, so that "on A from B" tells a direction.
func Direction(lead, mid, tail string, places bool) int {
	if strings.ContainsAny(strings.Trim(mid, "\"'` "), "\"`") { // two quotations beside each other tell no direction
		return 0
	}
	if len(mid) > 120 || strings.ContainsAny(mid, ";") || strings.Contains(mid, ". ") || strings.Contains(mid, " while ") || strings.Contains(mid, " after ") || strings.Contains(mid, " before ") {
		return 0
	}
	if replying.MatchString(mid) {
		return 0
	}
	if passive.MatchString(mid) {
		return -1
	}
	if strings.HasPrefix(tail, " as its parent") || strings.HasPrefix(tail, " as parent") || strings.HasPrefix(tail, " as the parent") {
		return -1
	}
	if noVerb.MatchString(mid) {
		if fromBefore.MatchString(lead) {
			return 1
		}
		return 0
	}
	if places && fromRight.MatchString(mid) && !actively.MatchString(mid) {
		return -1
	}
	if m := actively.FindStringIndex(mid); m != nil && !passiveVerb.MatchString(mid[:m[0]]) && m[0] < 40 {
		if strings.Contains(mid[:m[0]], " not ") || strings.Contains(mid[:m[0]], ", ") && !strings.Contains(mid[:m[0]], ", which ") {
			return 0
		}
		return 1
	}
	return 0
}
