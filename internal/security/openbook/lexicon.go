package openbook

import (
	"slices"
	"strings"
	"sync"
)

// set returns the words of a list as a set.
func set(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// stopWords carry no content in questions, options and passages alike.
var stopWords = set(`a an the of in on to for and or nor is are was were be been being by with which what that this these those
	it its as from at how when where who whom whose why do does did done has have had having can could may might must shall should will would
	not no they them their theirs there then than so such into onto upon about if but also only just very both either neither each any some
	you your we our he she his her i me my us one ones other others more most much many same s t etc via per while during through`)

// softStems belong to the phrasing of questions. They count a little: now and
// then one of them is what the question is about.
var softStems = stems(`following best describe describes described description primary primarily main mainly purpose goal aim example
	term refer refers referred called known commonly common typically typical mention mentioned listed identify statement true false correct
	correctly accurate potential potentially consider considered key role characteristic context regarding according accordance page section
	entry provided given involve involves associated related relate concern recommended recommend recommendation suggest suggested effective effectively help helps
	important significant likely least scenario situation case way method approach measure strategy step reason result outcome effect
	advised advise indicate indicates define defined definition specific specifically particular particularly considered often usually generally
	primary focus focuses aspect feature need needs use used uses using utilize utilized perform performed type kind category form option answer
	attack attacker adversary adversaries technique tactic mitigation weakness pattern cwe capec mitre att&ck attck framework threat actor actors organization`)

// stems returns the stems of a list as a set.
func stems(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[stemOf(w)] = true
	}
	return m
}

// spellings lead variants of a word to one form.
var spellings = map[string]string{
	"defence": "defense", "defences": "defenses", "licence": "license", "behaviour": "behavior", "behaviours": "behaviors",
	"authorise": "authorize", "authorised": "authorized", "authorisation": "authorization", "unauthorised": "unauthorized",
	"initialise": "initialize", "initialised": "initialized", "initialisation": "initialization", "uninitialised": "uninitialized",
	"neutralise": "neutralize", "neutralised": "neutralized", "neutralisation": "neutralization", "sanitise": "sanitize", "sanitised": "sanitized",
	"sanitisation": "sanitization", "deserialisation": "deserialization", "serialise": "serialize", "serialisation": "serialization",
	"organisation": "organization", "organisations": "organizations", "recognise": "recognize", "utilise": "utilize", "synchronisation": "synchronization",
	"virtualisation": "virtualization", "canonicalisation": "canonicalization", "catalogue": "catalog", "centre": "center", "programme": "program",
	"emails": "email", "e-mail": "email", "attackers": "adversary", "attacker": "adversary", "adversaries": "adversary", "intruder": "adversary", "intruders": "adversary",
	"passcode": "password", "passcodes": "password", "cellphone": "phone", "smartphone": "phone", "website": "site", "websites": "site", "webpage": "page", "webpages": "page",
	"hijacking": "hijack", "hijacks": "hijack", "administrators": "administrator", "admin": "administrator", "admins": "administrator",
	"repository": "repository", "repositories": "repository", "parametrised": "parameterized", "parameterised": "parameterized",
	"data": "data", "databases": "database", "params": "parameter", "dlls": "dll", "apis": "api", "gpos": "gpo", "vms": "vm", "macros": "macro",
	"auth": "authentication", "creds": "credential", "config": "configuration", "configs": "configuration", "info": "information", "log": "log", "logging": "log", "logs": "log", "logged": "log",
	"chosen": "choose", "stolen": "steal", "stole": "steal", "written": "write", "wrote": "write", "hidden": "hide", "sent": "send", "ran": "run", "taken": "take", "took": "take",
	"made": "make", "built": "build", "found": "find", "kept": "keep", "held": "hold", "forgotten": "forget", "gave": "give", "broken": "break", "overwritten": "overwrite",
	"children": "child", "indices": "index", "indexes": "index", "analyses": "analysis", "vertices": "vertex", "matrices": "matrix",
}

// synonymWeight is what a synonym is worth, next to the word itself.
const synonymWeight = 0.6

// synonymLines hold words that writers about security exchange for one another,
// a group a line. A word may be in several groups; only members of a group that
// it is in stand for it.
const synonymLines = `prevent block stop deny hinder thwart impede
mitigate counter address reduce protect defend
limit restrict constrain confine minimize
monitor watch observe track inspect audit review
detect identify discover recognize notice spot reveal
delete remove erase clear wipe destroy
obtain acquire gain get collect gather harvest capture
steal exfiltrate leak
verify validate check confirm ensure
execute run launch start invoke spawn
modify alter change tamper manipulate edit
hide conceal obfuscate mask obscure disguise
create make generate construct build produce forge
send transmit transfer upload deliver
download fetch retrieve
access reach enter open
exploit abuse leverage misuse use utilize
bypass evade circumvent avoid defeat
disable deactivate off uninstall
enable activate allow permit let
trick deceive fool lure entice dupe mislead convince persuade
impersonate masquerade mimic pretend pose spoof
encrypt encipher cipher
decode decrypt deobfuscate
crash fail terminate halt exit
user victim person individual employee staff people
train educate teach awareness
administrator admin root superuser
password credential passphrase login
account identity
software program application app product
executable binary
code script payload
malware malicious trojan virus
file document
folder directory path
library dll module
computer host machine workstation endpoint device
server service daemon
site web page url
network traffic communication connection
message email mail
input data parameter argument
buffer memory heap stack
error fault mistake bug flaw
weakness vulnerability flaw defect
permission privilege right
authorize permission entitlement
authenticate login logon
session token cookie
patch update upgrade fix
backup copy restore recover
legitimate valid genuine benign trusted authentic
untrusted unknown external
hardcoded hard-coded embedded built-in
secret sensitive confidential private
disclose expose reveal leak
read view learn
write store save
overwrite corrupt damage
persist persistence foothold maintain
boot startup logon start
schedule task job cron
remote external
lateral move pivot spread propagate
victim target
company organization enterprise business
factory plant industrial
ransom extort extortion
cryptocurrency mine bitcoin
wait sleep delay
fake false forged counterfeit bogus rogue
weak insufficient inadequate improper poor incorrect
absent missing lack without
random unpredictable entropy
guess brute force crack
lock lockout block
trash waste dumpster garbage
listen sniff eavesdrop intercept capture
inject insert embed add
filter sanitize neutralize escape encode
special meta
quote delimiter
loop recursion
concurrent race synchronize simultaneous thread
free release deallocate
reference dereference pointer
phone handset mobile
screen display
keyboard keystroke keylog
picture image photo screenshot
camera video
microphone audio voice call
location gps geolocation
contact address
sms text message
certificate signature sign signed
firmware bios uefi
hardware chip component
supplier vendor supply third-party
prerequisite precondition require need must
consequence impact result effect danger
likelihood probability chance
severity critical serious
separate segment isolate sandbox segregate
allowlist whitelist
blocklist blacklist denylist
antivirus anti-virus edr
log event record
registry key hive
cloud saas iaas
container docker kubernetes
domain dns
hash checksum digest
proxy relay redirect
common popular typical
specific particular
multiple several many
regular periodic
destroy impact disrupt
degrade interrupt exhaust
consume exhaust deplete
bandwidth resource
physical hardware
clear-text cleartext plaintext
cheat fraud`

// synonyms returns, for each stem, the stems that may stand for it.
var synonyms = sync.OnceValue(func() map[string][]string {
	m := map[string][]string{}
	for line := range strings.SplitSeq(synonymLines, "\n") {
		var group []string
		for w := range strings.FieldsSeq(line) {
			group = append(group, stemOf(w))
		}
		for _, a := range group {
			for _, b := range group {
				if a != b && !slices.Contains(m[a], b) {
					m[a] = append(m[a], b)
				}
			}
		}
	}
	return m
})
