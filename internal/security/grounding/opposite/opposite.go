// Package opposite knows pairs of words that contradict each other, such as created and
// deleted, enabled and disabled, upload and download.
package opposite

import (
	"regexp"
	"slices"
	"strings"
)

// Told returns the words of a statement whose opposite the evidence has, and which it
// has not itself; any says whether a word of the evidence begins with one of several.
func Told(low string, any func(stems []string) bool) []string {
	var out []string
	for _, o := range opposites {
		if !Hinted(low, o.hints) {
			continue
		}
		if w := o.claim.FindString(low); w != "" && any(o.against) && !any(o.support) {
			out = append(out, w)
		}
	}
	return out
}

// opposite is a word of a sentence that evidence with the opposite word, and
// without its own, contradicts.
type opposite struct {
	claim            *regexp.Regexp
	hints            []string // one of them is in whatever claim matches
	support, against []string
}

func opposing(claim string, support, against string) opposite {
	return opposite{regexp.MustCompile(`\b(?:` + claim + `)\b`), hintsOf(claim), strings.Fields(support), strings.Fields(against)}
}

// hintsOf takes the longest run of letters out of each word of a pattern, so that
// most texts need not be matched with it.
func hintsOf(pattern string) []string {
	var out []string
	for _, alt := range strings.FieldsFunc(pattern, func(c rune) bool { return c == '|' || c == '(' || c == ')' }) {
		best := ""
		for _, run := range strings.FieldsFunc(alt, func(c rune) bool { return c < 'a' || c > 'z' }) {
			if len(run) > len(best) {
				best = run
			}
		}
		if len(best) > 2 {
			out = append(out, best)
		}
	}
	return out
}

// Hinted reports whether a text has one of several runs of letters.
func Hinted(low string, hints []string) bool {
	return slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(low, h) })
}

var opposites = []opposite{
	opposing(`deleted|erased|wiped|destroyed`, "delet remov eras wip clear destroy rm unlink shred del", "creat add new made wrote written set"),
	opposing(`removed|took (?:\w+ )?out of`, "removed removes removal removing remove delet clear revok rm unlink purg taken move", "creat add new"),
	opposing(`created|added|set up|registered`, "creat add new made writ wrote set regist install put", "delet removed removes removal removing"),
	opposing(`enabled|re-enabled|switched on|turned on|activated`, "enabl activ startlogging start", "disabl stop deactiv"),
	opposing(`disabled|switched off|turned off|deactivated`, "disabl stop deactiv off", "enabl activat"),
	opposing(`uploaded|upload`, "upload sent send put post exfil out transfer", "download"),
	opposing(`downloaded|download`, "download get fetch receiv retriev pull", "upload"),
	opposing(`inbound|incoming`, "inbound incoming ingress to_client in", "outbound outgoing egress"),
	opposing(`outbound|outgoing`, "outbound outgoing egress to_server out", "inbound incoming ingress"),
	opposing(`decrypted`, "decrypt", "encrypt"),
	opposing(`unlocked`, "unlock", "lock"),
	opposing(`locked(?: out)?`, "lock", "unlock"),
	opposing(`uninstalled`, "uninstall remov delet", "install"),
	opposing(`unsigned`, "unsigned false notsigned not", "signed"),
	opposing(`disconnected`, "disconnect clos", "connect"),
	opposing(`(?:was|were|has been|have been|got) (?:stopped|terminated|killed)`, "stop terminat kill block disabl remediat prevent end shut", "start creat running install"),
	opposing(`logged (?:off|out)|signed out`, "logoff logout log off signed sign clos disconnect 4634 4647", "logon login logged accept"),
	opposing(`(?:is|are|was|were|been|got) (?:\w+ )?(?:encrypted|affected|damaged|destroyed|compromised|lost)`, "encrypt affect damag destroy compromis lost ransom", "untouched intact unaffected unharmed"),
	opposing(`(?:is|are|remains?|still) (?:still )?(?:active|enabled|valid|in use|in place)`, "activ enabl valid use still place", "deactiv disabl revok inactiv reset remov suspend withdr terminat ended"),
	opposing(`(?:was|were|been|is|are) (?:now )?(?:withdrawn|revoked)`, "withdr revok retract removed cancel end", "announc publish stay remain keep kept"),
	opposing(`restored|recovered`, "restor recover rebuil", "delet eras wipe destroy"),
	opposing(`overwritten|corrupted|unreadable`, "overwr corrupt unread wip", "intact readable untouch"),
	opposing(`withdrawn|retracted`, "withdr retract remov cancel", "announc publish introduc"),
	opposing(`with (?:a|the|his|her|their|valid) password|password authentication`, "password", "publickey"),
	opposing(`completed|finished`, "complet finish success done", "cancel abort fail terminat"),
	opposing(`preserved|retained|intact`, "preserv kept keep retain intact", "delet remov wip eras"),
	opposing(`(?:was|were|been|is|are|got) (?:\w+ )?(?:manipulated|modified|altered|tampered with|changed)`, "manipul modif alter tamper chang edit overwr replac wrote write set", "identical unchanged unmodified unaltered same intact"),
	opposing(`(?:was|were|been|got) (?:\w+ )?(?:backed up|archived|saved)`, "back archiv sav copi copy export", "clear delet eras wip"),
	opposing(`released|reconnected`, "releas reconnect", "isolat contain quarantin"),
}
