package grounding

import (
	"strings"
	"sync"
)

func setOf(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// general are words, in lower case, that may be written in capitals, with a digit
// or with a capital inside and that claim nothing: units, formats, trade words.
var general = setOf(`
i a an the utc gmt cet est january february march april may june july august september october november december
monday tuesday wednesday thursday friday saturday sunday internet english
mitre att&ck attack cve cwe capec nist cisa cert owasp mitre's
soc siem soar edr xdr mdr ndr ids ips av nac dlp iam mfa 2fa sso pam waf vpn nat dmz lan wan vlan ad aad gpo ou cti ioc iocs ttp ttps ir dfir csirt ciso rca poc
ip ipv4 ipv6 mac url urls uri fqdn dns-based api apis cli gui os dll dlls exe pe elf cpu gpu ram sha sha1 sha-1 sha256 sha-256 sha512 md5 hash guid uuid sid pid ppid tid json
it ceo cfo pii gdpr sla faq id ids uac vss pki ca acl sd com rpc ui ux usb ssd
c2 c&c cnc lolbin lolbins apt rat poc ransomware-as-a-service
user-agent user-agents windows linux unix macos microsoft office azure cloud active directory
web base64 unicode ascii utf-8 hex 64-bit 32-bit x64 x86 win32 wow64 24/7 tier-1 tier-2 tier-3 l1 l2 l3 p1 p2 p3 p4 sev1 sev2 sev3
domain controller controllers dc dcs admin admins administrator administrators helpdesk
ok ms kb mb gb tb kib mib gib kbit mbit gbit hz mhz ghz pm am no yes na n/a tbd eta vs etc eg ie nb ps
post get put head delete options patch http-post http-get
phase stage step group team security operations center centre incident response analyst blue red purple
key keys run value values registry services service scheduled task tasks event events log logs id
`)

// common are words that begin sentences; in front of others they are no names.
var common = setOf(`
a about according account accounts across active activity address addresses administrator adversary after again alert alerts all also although among an analysis analyst analysts and another any
apart archive as at attack attacker attackers attempt attempts authentication automated based because before beginning behaviour being besides between beyond block both but by
c2 case certificate check clearing client clients cloud collection command commands communication compromise connection connections consequently contact containment copy creation credential credentials critical current
data database day days defence defense deleting delivery despite detection details device discovery download during each earlier early eight eighteen either eleven email emails encoded encrypted encryption endpoint entries evasion even event events eventually every everything evidence examination excel's execution exfiltration exploitation exploit external
fifteen fifty file files finally finding findings first five following for forensic forty four fourteen from further given group hackers half hash here high his host hosts how however hundreds
identity if immediately impact in inbound incident indicators infection information initial injection inside instead internal intruder intruders intrusion investigation investigators isolate it its itself
just key large last late later lateral less likely loader local log logging login logins logon logons logs low machine machines mail mailbox mails major malicious malware management many mass meanwhile medium member memory message messages minutes mitigation more moreover most moments movement multiple
name neither network next night nine nineteen no nobody none nor not note nothing now number of office on once one only operation operator operators or other others our outbound outgoing over overall
parent part passwords password patch payload people perimeter permission permissions persistence phishing port possible post potential powerful previous previously prior privilege privileged privileges probably process processes public
query queries ransom ransomware rather reconnaissance records registry remote repeated request requests research response review right root roughly rule rules
same scan scanning scans script second secondly seconds security sensitive sensor sensors server servers service services session sessions seven seventeen several severity she shortly sign signs similar similarly since single six sixteen sixty so software some someone source specifically subsequent subsequently successful successive such suspicious system systems
ten that the their them then there thereafter therefore these they third thirdly thirteen thirty this those though three through throughout thus ticket tickets time to together tool tools top total traffic transfer twelve twenty two type
unauthorised unauthorized under unknown unless until up upload upon use user users using usually valid victim victims volume we weak web were what when where whether which while who whoever why with within without work worker workstation you
`)

// givenNames are names of people that a sentence may begin with: there a capital
// alone tells nothing.
var givenNames = setOf(`
adam alan albert alex alexander alice amanda amy andrea andrew angela ann anna anne anthony antonio barbara ben benjamin betty bob brian carl carlos carol caroline catherine charles chris christian christine christopher claire daniel dave david deborah dennis diana diane donald donna dorothy
ed edward elena elizabeth emily emma eric erik eva evelyn fatima frank gary george grace greg hannah hans harry heather helen henry ivan jack jacob james jan jane janet jason jean jeff jennifer jessica jim joan joe john jonathan jose joseph joshua juan julia julie karen karl kate katherine kathleen keith kelly ken kenneth kevin kim kyle larry laura lauren lena leo linda lisa louis lucas lucy luis
maja manuel marco margaret maria marie mark martha martin mary matt matthew megan melissa michael michelle mike mohamed mohammed nancy natalie nathan nicholas nicole nina olga oliver olivia omar oscar pamela patricia patrick paul peter philip rachel ralph ray raymond rebecca richard robert roger ronald rose roy russell ruth ryan sam samantha samuel sandra sara sarah scott sean sergei sharon shirley simon sophia sophie stefan stephanie stephen steve steven susan tara teresa theresa thomas tim timothy tina tom tony tyler vera victor victoria vincent virginia vladimir walter wayne wendy william yusuf zachary mallory eve trudy
`)

// term is a thing that evidence may show under other names.
type term struct {
	kind string   // of the problem if it does not
	as   []string // folded texts of evidence, each enough; a final "*" is any ending
	ids  []string // techniques that show it
}

// capitalOnly are terms that are ordinary words where they have no capital.
var capitalOnly = setOf("word excel outlook edge explorer office teams access notepad calculator chrome firefox defender splunk elastic wazuh suricata zeek sysmon basic")

// termRows are, by kind of problem: names; what shows them in evidence; techniques
// that show them. A final "*" stands for any ending, a "~" in front for anywhere.
const termRows = `
name | smb, cifs | smb*, 445, microsoft-ds, netbios*, admin$, ipc$, \\* , cifs | T1021.002
name | rdp, remote desktop | rdp*, 3389, termsrv*, mstsc*, remote desktop*, remoteinteractive, logontype: 10 | T1021.001
name | wmi | wmi*, wbem, winmgmt | T1047
name | winrm | winrm*, wsman*, 5985, 5986, wsmprovhost* | T1021.006
name | ssh | ssh*, openssh* | T1021.004
name | http | http*, 80, 8080, web-access* |
name | https | https*, tls*, ssl*, 443 |
name | tls, ssl | tls*, ssl*, https*, 443, x509 |
name | dns | dns*, 53, query*, domain*, rrname | T1071.004
name | ftp, sftp | ftp*, sftp* |
name | ldap, ldaps | ldap*, 389, 636 |
name | kerberos | kerb*, krb*, 88, 4768, 4769, service ticket*, tgs, tgt | T1558, T1558.003
name | ntlm | ntlm*, lmpackagename | T1550.002
name | icmp | icmp*, ping* |
name | smtp | smtp*, mail*, 25 |
name | rc4 | rc4*, 0x17, arcfour* |
name | aes | aes* |
name | sql | sql*, union*, select, mssql, mysql | T1190
name | xss | xss, <script*, cross-site* |
name | powershell | powershell*, pwsh*, windowspowershell*, scriptblock*, script block | T1059.001
name | excel | excel*, xls* |
name | outlook | outlook* |
name | word | winword*, .doc*, doc, docx, docm |
name | powerpoint | powerpnt*, powerpoint*, ppt* |
name | edge | msedge*, edge |
name | chrome | chrome*, chromium* |
name | firefox | firefox* |
name | internet explorer | iexplore*, internet explorer |
name | explorer | explorer* |
name | notepad | notepad* |
name | onenote | onenote* |
name | teams | teams* |
name | command prompt | cmd* |
name | task manager | taskmgr* |
name | task scheduler | schtasks*, taskeng*, scheduled task*, 4698, taskscheduler* | T1053.005
name | 7-zip, 7zip | 7z*, 7-zip* |
name | winrar | rar*, winrar* |
name | cron | cron* | T1053.003
name | sudo | sudo* | T1548.003
name | lsass | lsass*, local security authority* | T1003.001
name | ntds | ntds* | T1003.003
name | sysmon | sysmon* |
name | defender | defender*, windefend*, msmpeng*, microsoftdefender* |
name | crowdstrike | crowdstrike*, falcon |
name | sentinelone | sentinelone* |
name | splunk | splunk*, notable* |
name | elastic | elastic*, kibana* |
name | wazuh | wazuh*, ossec* |
name | suricata | suricata*, eve*, et *, signature_id, nsm* |
name | zeek | zeek*, bro, id.orig_h, conn.log |
name | zscaler | zscaler*, nss |
name | palo alto | palo alto*, pan-os* |
name | cloudtrail | cloudtrail*, awsapicall, eventsource*, amazonaws* |
name | guardduty | guardduty* |
name | aws | aws*, amazon*, arn:aws*, ec2* |
name | s3 | s3*, bucket* |
name | kali | kali* |
name | tor | tor, .onion, torbrowser* |
name | telegram | telegram*, t.me |
name | dropbox | dropbox* |
name | google drive | drive.google*, google drive* |
name | onedrive | onedrive* |
technique | kerberoasting, kerberoasted, kerberoast | kerberoast*, service ticket*, rc4* | T1558.003
technique | as-rep roasting | as-rep*, asrep* | T1558.004
technique | golden ticket | golden ticket* | T1558.001
technique | silver ticket | silver ticket* | T1558.002
technique | pass the hash, pass-the-hash | pass-the-hash, pass the hash | T1550.002
technique | pass the ticket, pass-the-ticket | pass-the-ticket, pass the ticket | T1550.003
technique | dcsync | dcsync*, replicat* | T1003.006
technique | dcshadow | dcshadow* | T1207
technique | password spraying, password spray | password spray*, spray* | T1110.003
technique | credential stuffing | credential stuffing, stuffing | T1110.004
technique | brute force, brute-force, brute-forced, brute-forcing, bruteforce | brute*, guess*, many logins*, many failed*, failed login*, failed password*, invalid password*, multiple failed* | T1110, T1110.001, T1110.003
technique | process hollowing | hollow* | T1055.012
technique | process injection | inject*, createremotethread | T1055
technique | dll side-loading, dll sideloading | side-load*, sideload* | T1574.002, T1574.001
technique | dll hijacking | hijack* | T1574, T1574.001
technique | timestomping, timestomped | timestomp*, file creation time changed* | T1070.006
technique | web shell, webshell | webshell*, web shell*, ~shell.php, uploads/*, php | T1505.003
technique | sql injection | sql*, union* | T1190
technique | cross-site scripting | xss, <script*, cross-site* |
technique | domain fronting | domain front* | T1090.004
technique | spearphishing, spear-phishing, phishing | phish*, mail*, e-mail*, attachment*, .eml, .msg | T1566, T1566.001, T1566.002
technique | vishing | vishing*, phone*, call* | T1566.004
technique | keylogger, keylogging | keylog*, keystroke* | T1056.001
technique | rootkit | rootkit* | T1014
technique | cryptominer, cryptomining, cryptojacking | miner*, xmrig*, mining*, monero* | T1496
technique | watering hole | watering* | T1189
technique | supply chain | supply* | T1195
technique | zero-day, zero day, 0-day | zero-day*, 0-day*, zero day* |
technique | ransomware | ransom*, encrypt*, .locked | T1486
technique | man-in-the-middle | man-in-the-middle*, mitm*, adversary-in-the-middle*, arp* | T1557
technique | denial of service, ddos | ddos*, denial*, flood* | T1498, T1499
attribution | state-sponsored, nation-state, state-backed, government-backed | state-sponsored*, nation-state*, state-backed*, government-backed* |
attribution | russian, russia | russia* |
attribution | chinese, china | chin* |
attribution | iranian, iran | iran* |
attribution | north korean, north korea | north korea*, dprk* |
software | lockbit, blackcat, alphv, conti, ryuk, revil, sodinokibi, maze, darkside, blackbasta, black basta, akira, cl0p, clop, hive ransomware, royal ransomware | = |
software | mimikatz, rubeus, bloodhound, sharphound, metasploit, meterpreter, cobalt strike, sliver, havoc framework, brute ratel, empire framework, impacket, crackmapexec, netexec, responder, evil-winrm, lazagne, procdump, psexec, paexec, megasync, rclone, winscp, filezilla, anydesk, teamviewer, screenconnect, ngrok, chisel, plink, adfind, nmap, masscan, hydra, hashcat, burp suite, sqlmap, nikto, wpscan, gobuster, nessus, netcat, socat, xmrig, emotet, qakbot, qbot, trickbot, icedid, bumblebee loader, dridex, ursnif, gozi, agent tesla, asyncrat, remcos, njrat, redline, raccoon stealer, lumma, gootloader, socgholish, plugx, shadowpad, gh0st, poison ivy, wannacry, notpetya, petya, secretsdump, wmiexec, smbexec, nanodump, safetykatz, certipy, kerbrute, petitpotam, zerologon, printnightmare, log4shell, eternalblue, proxyshell, follina | = |
process | whoami, ipconfig, ifconfig, systeminfo, nltest, tasklist, netstat, quser, dsquery, wmic, certutil, bitsadmin, schtasks, vssadmin, wbadmin, bcdedit, wevtutil, diskshadow, mshta, regsvr32, rundll32, cscript, wscript, msbuild, installutil, fodhelper, eventvwr, comsvcs, ntdsutil, esentutl, wget, curl, crontab, useradd, usermod, chmod, sqlplus, nslookup, tracert, taskkill, robocopy, xcopy, icacls, takeown, cipher.exe, sdelete, vim, tcpdump, iptables, systemctl, journalctl, sshpass, ssh-keygen, sudoedit, pkexec, powercat, dsget, klist, setspn, ksetup, runas | = |
software | sharpwmi, powersploit, powerview, nishang, mythic, koadic, pupy, covenant, merlin | = |
`

// termTable is built once; see termRows.
var termTable = sync.OnceValue(func() map[string]term {
	out := map[string]term{}
	for line := range strings.Lines(termRows) {
		cols := strings.Split(strings.TrimSpace(line), " | ")
		if len(cols) < 3 {
			continue
		}
		t := term{kind: strings.TrimSpace(cols[0])}
		list := func(s string) (l []string) {
			for _, w := range strings.Split(strings.Trim(s, "| "), ",") {
				if w = strings.TrimSpace(w); w != "" {
					l = append(l, w)
				}
			}
			return l
		}
		if len(cols) > 3 {
			t.ids = list(cols[3])
		}
		for _, name := range list(cols[1]) {
			u := t
			if u.as = list(cols[2]); len(u.as) == 1 && u.as[0] == "=" {
				u.as = []string{name + "*", strings.ReplaceAll(name, " ", "") + "*", strings.ReplaceAll(name, "-", "") + "*"}
			} else {
				u.as = append(u.as, name)
			}
			out[name] = u
		}
	}
	return out
})

// shows reports whether the pool has a term under any of its names.
func (r *reading) shows(t term) bool {
	for _, x := range r.pool {
		for _, id := range x.e.Techniques {
			for _, want := range t.ids {
				if strings.EqualFold(id, want) {
					return true
				}
			}
		}
	}
	if r.looked++; r.looked > maxMentions {
		return true
	}
	for _, a := range t.as {
		stem, open := strings.CutSuffix(a, "*")
		for _, x := range r.pool {
			x.ready()
			if open && (hasStart(x.low, stem)) || !open && hasToken(x.low, a) {
				return true
			}
			if digits(a) && len(a) > 1 && x.hasNumber(valueOf(a)) {
				return true
			}
		}
	}
	return false
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (x *index) hasNumber(n float64) bool {
	for _, v := range x.numbers() {
		if v == n {
			return true
		}
	}
	return false
}

// hasStart reports whether a word of text begins with s.
func hasStart(text, s string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], s)
		if i < 0 {
			return false
		}
		i += from
		if i == 0 || !word(s[0]) || !word(text[i-1]) || text[i-1] == '_' || digit(text[i-1]) {
			return true
		}
		from = i + 1
	}
}
