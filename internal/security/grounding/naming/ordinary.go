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
