package openbook

import (
	"slices"
	"strings"
	"sync"
)

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
			group = append(group, stem(w))
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
