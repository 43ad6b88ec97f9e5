package naming

import (
	"slices"
	"strings"
)

// coined are names of techniques of one word that mean nothing else.
var coined = strings.Fields("kerberoasting timestomp dcsync keylogging screensaver dylib steganography doppelgänging regsvr32 mshta rundll32 cmstp installutil")

// Coined reports whether a word is the name of a technique and means nothing else.
func Coined(low string) bool { return slices.Contains(coined, low) }

// generic are names of techniques that are ordinary words as well.
var generic = strings.Split("scheduled task|valid accounts|file deletion|remote services|local account|local accounts|domain account|domain accounts|service execution|system services|remote desktop protocol|command and control|initial access|lateral movement|credential access|privilege escalation|resource development|user execution|malicious file|malicious link|web service|web services|external remote services|network sniffing|account access removal|email collection|local data staging|automated collection|data destruction|network shares|windows service|registry run keys|account manipulation|create account|active scanning|vulnerability scanning", "|")

// Generic reports whether the name of a technique is an ordinary expression as well.
func Generic(low string) bool { return slices.Contains(generic, low) }

// Distinct reports whether a name in lower case is a term of the trade rather than
// ordinary words that a technique happens to be called.
func Distinct(low string) bool {
	return slices.ContainsFunc(distinct, func(w string) bool { return strings.Contains(low, w) })
}

var distinct = []string{"hollowing", "fronting", "spraying", "stuffing", "ticket attack", "golden", "silver", "hijack", "injection", "side-loading", "impersonation", "algorithm", "squatting", "poisoning", "smuggling", "replication", "skeleton", "herpaderping", "shimming", "bootkit", "stomping", "tampering", "bombing", "defacement", "wipe", "bluetooth", "removable media"}

// ambiguous are names of actors and malware that are ordinary words at the beginning
// of a sentence.
var ambiguous = strings.Fields("carbon empire silence royal maze inception flame snake mosquito havoc sliver prestige leviathan magnet cobalt chaos sandman whisper machete thrip strider cleaver equation axiom gallmaker stealth sharpshooter query systeminfo tasklist netstat certutil reverse conti black agent backdoor exchange proxy rover socks spark")

// Ambiguous reports whether a name of an actor or of malware is an ordinary word, too.
func Ambiguous(low string) bool { return slices.Contains(ambiguous, low) }

// roles are names of accounts and machines that are ordinary words, too.
var roles = strings.Fields("system backup admin administrator root service services support helpdesk vendor operator scanner scanning deploy deployer deployment guest tester testing public monitor monitoring sales office security oracle jenkins postgres mysql nobody daemon console router switch gateway proxy firewall server backups build builder builds runner mailer webmaster postmaster printer print reception finance accounting payroll customer customers market marketing research student teacher library storage archive reports reporting portal intranet everyone users default network local domain cloud production staging development database cluster master worker controller sensor registry vault bastion kiosk camera phone radius exchange anonymous shop store wiki mirror")

// Role reports whether the name of an account or a machine is an ordinary word, too.
func Role(low string) bool { return slices.Contains(roles, low) }
