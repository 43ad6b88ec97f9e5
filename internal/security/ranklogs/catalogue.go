package ranklogs

import (
	"github.com/casemate-ai/casemate"
)

// sign is something that a line shows.
type sign struct {
	key        string // the same for the same sign of other lines
	level      casemate.Severity
	text       string // goes on from "It": "starts a shell"
	techniques []string
	source     string // "catalogue", "behaviour", "rule", "text"
}

// known is one sign of the catalogue: for lines of programs that tell in words
// or names what a command line would have shown. Patterns are matched on the line
// in lower case, percent escapes undone.
type known struct {
	level      casemate.Severity
	text       string
	techniques string
	pattern    string
	unless     string // a pattern that takes it back; "" for none
}

const (
	low      = casemate.SeverityLow
	medium   = casemate.SeverityMedium
	high     = casemate.SeverityHigh
	critical = casemate.SeverityCritical
)

// carriedData is the text of the sign for names that data is carried in.
const carriedData = "asks for a name that looks like carried data"

// catalogue is written for what logs of operating systems, web servers, clouds,
// clusters, databases and networks call things. Sources: the documentation of
// those products, and ATT&CK for the techniques.
var catalogue = [...]known{
	// Logs, defences, backups.
	{high, "says that a log was cleared", "T1070.001", `(?:audit|event|security|system)? ?log (?:file )?(?:was|has been) cleared|event_?id["=: ]+"?1102\b|clear-eventlog|wevtutil(?:\.exe)? +(?:cl|clear-log)\b`, ``},
	{high, "switches a cloud's logging or detection off", "T1562.008", `\b(?:stoplogging|deletetrail|puteventselectors|deleteflowlogs|deletedetector|updatedetector|stopconfigurationrecorder|deleteconfigurationrecorder|disassociatefrommasteraccount|logging\.sinks\.delete|google\.logging\.v2\.configservicev2\.deletesink|microsoft\.insights/diagnosticsettings/delete)\b`, ``},
	{high, "removes or empties the traces of what was done", "T1070.002", `(?:>|truncate -s ?0|shred|rm -\S*|cat /dev/null >) *\S*(?:/var/log/|\.bash_history|\.zsh_history|/wtmp|/btmp|/lastlog)|history -c\b|unset histfile|histfile=/dev/null|histsize=0`, ``},
	{medium, "stops or disables a defence or its records", "T1562.001", `\b(?:systemctl|service)\b.*\b(?:stop|disable|mask)\b.*\b(?:auditd|rsyslog|syslog-ng|falco|osquery|wazuh|crowdstrike|falcon-sensor|fail2ban|firewalld|ufw|apparmor|clamav|mdatp|elastic-agent|auditbeat)|\b(?:auditd|rsyslog|syslog-ng|fail2ban|falco|wazuh-agent|mdatp|firewalld|ufw|apparmor|clamav\S*)(?:\.service)? +(?:stop|disable)\b|\b(?:kill|pkill|killall)\b.{0,60}\b(?:auditd|r?syslogd?|falco|osqueryd?|wazuh|falcon-sensor|fail2ban|firewalld|clamd|mdatp|elastic-agent|auditbeat)|auditctl +-(?:e ?0|d)\b|setenforce +0|iptables +(?:-f|--flush)\b|ufw +disable|set-mppreference.*disable|(?:antivirus|real-?time protection|defender|agent)\b.{0,30}\b(?:was |has been )?(?:disabled|turned off|tampered)`, ``},
	{medium, "removes backups, snapshots or shadow copies", "T1490", `\b(?:deletedbsnapshot|deletesnapshot|deletebackupvault|deleterecoverypoint|deletevolume)\b|delete shadows|wbadmin +delete|\b(?:backup|snapshot)s? (?:was |were )?(?:deleted|purged)\b`, ``},

	// Accounts, rights, credentials.
	{high, "adds a member to a group that administers", "T1098.007", `member was added.*\b(?:domain admins|enterprise admins|schema admins|administrators|account operators|backup operators|dnsadmins)\b|net\d? +(?:local)?group +"?(?:domain admins|administrators|enterprise admins)"? .*/add|(?:usermod|gpasswd|adduser)\b.*\b(?:-a?g|-a|\s)\s*\b(?:sudo|wheel|root|docker|admin|lxd|shadow)\b`, ``},
	{high, "gives administrator's rights in a cloud or cluster", "T1098.003", `administratoraccess|poweruseraccess|"action" ?: ?"\*".*"resource" ?: ?"\*"|clusterrolebindings?\b.*\bcluster-admin|cluster-admin.*clusterrolebinding|roles/owner|setiampolicy.*allusers|microsoft\.authorization/roleassignments/write|add member to role.*global administrator`, `describe|"?eventname"?[:= ]+"?(?:get|list)`},
	{medium, "makes or changes keys, logins or policies in a cloud", "T1098.001", `\b(?:createaccesskey|createloginprofile|updateloginprofile|createuser|attachuserpolicy|attachrolepolicy|putuserpolicy|putrolepolicy|updateassumerolepolicy|deactivatemfadevice|deletevirtualmfadevice|createpolicyversion|setdefaultpolicyversion|addusertogroup|importkeypair|createkeypair|createserviceaccountkey)\b`, ``},
	{medium, "reads secrets of a cloud or cluster", "T1552", `\b(?:getsecretvalue|batchgetsecretvalue|getparametersbypath|getpassworddata)\b|(?:verb|action|method)["=: ]+"?(?:get|list|watch)"?.{0,60}\bresource["=: ]+"?secrets\b|/api/v1/(?:namespaces/[\w-]+/)?secrets\b|/latest/meta-data/iam|\b169\.254\.169\.254\b|metadata\.google\.internal`, ``},
	{medium, "opens stored data to everybody", "T1530", `\b(?:putbucketpolicy|putbucketacl|deletepublicaccessblock|deletebucketpublicaccessblock|putpublicaccessblock|modifysnapshotattribute|modifyimageattribute|modifydbsnapshotattribute)\b|acl["=: ]+"?public-read|allusers|"?principal"? ?: ?"\*"`, ``},
	{high, "makes an account with the rights of root", "T1136.001", `(?:useradd|usermod|adduser)\b.*(?:-o -u ?0\b|-u ?0 -o|--uid[= ]0\b)|new user: name=[^,]+, uid=0\b|:0:0:[^:]*:/\S*:/bin/\w*sh`, ``},
	{low, "makes, unlocks or changes an account", "T1136", `\bnew user: name=|\buseradd\b|user account was created|event_?id["=: ]+"?4720\b|net\d? +user +\S+ +\S+ +/add|\bpasswd +(?:root|-u)\b|password changed for root|\bvisudo\b|nopasswd`, ``},
	{high, "reads or copies where passwords or keys are kept", "T1003", `/etc/(?:g?shadow-?|sudoers\.d|security/opasswd|krb5\.keytab)\b|(?:^|[^\w.])\S*\.ssh/id_(?:rsa|dsa|ecdsa|ed25519)\b(?:[^.]|$)|/root/\.ssh/|ntds\.dit|(?:hklm|hkey_local_machine)\\+(?:sam|security|system)\b.*\b(?:save|export)|\b(?:save|export)\b.*(?:hklm|hkey_local_machine)\\+(?:sam|security)\b|\bsekurlsa|mimikatz|lsass(?:\.exe)?.{0,40}(?:dump|minidump)|(?:dump|minidump|procdump).{0,60}lsass|\.aws/credentials|\.kube/config\b|/proc/kcore|\.docker/config\.json|\.git-credentials|\.pgpass\b`, `file permissions ok|audit\[`},
	{medium, "asks for a ticket with weak encryption (RC4)", "T1558.003", `ticketencryptiontype["=: ]+"?0x(?:17|18)\b`, `servicename["=: ]+"?(?:krbtgt|\S+\$)`},
	{high, "asks a domain controller for its secrets", "T1003.006", `1131f6a[ad]-9c07-11d1-f79f-00c04fc2dcd2|drsuapi|\bdcsync\b|getncchanges`, ``},
	{medium, "grants a login to an administrator's account from outside by password", "T1078", `accepted (?:password|keyboard-interactive(?:/pam)?) for (?:root|admin\w*|administrator) from`, ``},
	{medium, "was allowed to somebody without a name", "T1078", `system:anonymous.*\bcode["=: ]+"?2\d\d|user["=: ]+"?(?:anonymous|guest)"?.{0,80}\b(?:code|status)["=: ]+"?200|anonymous (?:bind|login|logon) (?:accepted|succeeded|successful)|login by (?:anonymous|guest)\b`, `healthz|readyz|livez|/version|logontype["=: ]+"?3`},
	{low, "logs in without a second factor", "T1078.004", `"?mfaused"?["=: ]+"?no\b|mfa["=: ]+(?:false|no\b|skipped|bypassed)|mfa (?:was )?(?:disabled|bypassed)`, ``},
	{medium, "tells of a login after many refused ones", "T1110", `(?:login|logon|logged in|authenticated|access granted)\b.{0,80}\bafter \d{1,5} (?:failures|failed|attempts|tries|failed attempts|retries)`, ``},

	// Execution.
	{high, "opens a shell to or from another machine", "T1059.004", `/dev/(?:tcp|udp)/[\w.]+/\d+|\b(?:nc|ncat|netcat)(?:\.\w+)?\b.{0,60}(?:\s-\S*[ec]\b|/bin/\w*sh|cmd\.exe)|mkfifo\s+\S+.*\b(?:nc|ncat|sh)\b|\b(?:ba)?sh -i\b|socat\b.{0,80}exec:|pty\.spawn|socket\.socket.{0,200}(?:dup2|subprocess|/bin/sh)|fsockopen\(.{0,120}(?:exec|proc_open|/bin/sh)|ruby -rsocket|tclsh.*socket|perl\b.{0,30}\bsocket\b.{0,200}exec|openssl s_client.{0,80}/bin/\w*sh|system\.net\.sockets\.tcpclient`, ``},
	{high, "downloads something and runs it", "T1105", `(?:curl|wget|fetch)\b[^|;&]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b|(?:curl|wget)\b[^|]{0,300}(?:&&|;)\s*(?:chmod\b.{0,80}(?:&&|;)\s*)?(?:\./|sh |bash |/tmp/|/dev/shm/)|(?:ba)?sh\s+(?:-c\s+)?["']?[<$]\(\s*(?:curl|wget)|(?:curl|wget)\b.{0,200}\|\s*(?:python\d?|perl|php|node|ruby)\b|(?:downloadstring|invoke-webrequest|iwr)\b.{0,200}\b(?:iex|invoke-expression)\b|\b(?:iex|invoke-expression)\b.{0,200}(?:downloadstring|invoke-webrequest|iwr)`, ``},
	{high, "lets a program that root may run start a shell", "T1548.003", `command=(?:\S*/)?(?:sudo\s+)?(?:\S*/)?(?:vim?|view|nano|less|more|man|ed|find|awk|gawk|mawk|nawk|perl|python[\d.]*|ruby|lua\S*|node|php[\d.]*|tar|zip|git|env|nmap|gdb|strace|ltrace|tcpdump|rsync|ssh|scp|sftp|ftp|mysql|psql|sqlite3|journalctl|systemctl|docker|expect|screen|tmux|watch|xargs|nice|ionice|time|timeout|stdbuf|taskset|setarch|unshare|nsenter|chroot|make|cpan|gem|pip[\d.]*|apt(?:-get)?|yum|dnf|dpkg|rpm|emacs|jq|socat|busybox|flock|script|logrotate|cpulimit|crash|dmsetup|mount|openssl|run-parts|start-stop-daemon|split|tclsh|wish|yelp|zsh|ash|dash|csh|tcsh|ksh|fish|rlwrap|capsh|pkexec|doas|su)\b.*(?:/bin/(?:ba|da|z|k|c|tc)?sh\b|\bexec[ (=]["'/\w]*sh\b|os\.(?:system|exec\w*|popen)|subprocess|pty\.spawn|system\s*\(|!\s*(?:/bin/)?(?:ba)?sh\b|:!|:shell|--checkpoint-action|-oproxycommand|pre-invoke)|command=(?:\S*/)?(?:sudo\s+)?(?:\S*/)?(?:bash|sh|zsh|dash|ksh|csh|tcsh|fish)(?:\s+-[pi]\b|\s*$)`, ``},
	{medium, "becomes root in a shell of its own", "T1548.003", `command=(?:\S*/)?(?:sudo\s+)?(?:\S*/)?(?:su(?:\s+-l?|\s+root)?|bash|sh|zsh|sudo -[si]|-i|-s)\s*$`, ``},
	{high, "makes a program run with its owner's rights", "T1548.001", `chmod\s+(?:\S+\s+)*(?:[ug]\+\S*s|\+s|[2467][0-7]{3})\b|\binstall\b.{0,60}(?:-m|--mode)[ =]?[2467][0-7]{3}\b|setcap\s+cap_(?:setuid|sys_admin|dac_override|sys_ptrace)`, `chmod\s+(?:-\w+\s+)*(?:0[0-7]{3}|[0-7]{3})\b`},
	{medium, "runs or loads something from a folder that anybody may write", "T1036.005", `(?:exec|run|running|start|started|load|loaded|loading|command|cmd|cmdline|image|imagepath|exe|path|from|cron|python[\d.]*|bash|sh|perl)["=: (]+[^ ]*(?:/tmp/|/var/tmp/|/dev/shm/|\\users\\public\\|\\windows\\temp\\|\\appdata\\local\\temp\\|\\programdata\\)[^ ]*|[ "=](?:/tmp|/var/tmp|/dev/shm)/\.\S+`, `systemd-private|pwd=/tmp\S* ; user=\S+ ; command=/(?:usr/)?s?bin/(?:ls|cat|cp|rm|mkdir|du|df|vim?|less|tail) [^;|&]*$|/tmp/\.x11-unix|phpsess`},
	{medium, "runs in a name that hides it", "T1564.001", `/\.\.\. ?/|/\. /|[ "=/](?:tmp|shm|log|run|opt|lib)/\.[a-z0-9_-]{1,20}(?:/|\b)`, `/\.(?:x11|ice|font|xim|git|ssh|cache/pip|npm|local|config)`},
	{medium, "carries a command in an encoded form", "T1027.010", `(?:^|[\s"'/\\])(?:powershell|pwsh)(?:\.exe)?\b.{0,120}\s-e(?:c|nc|nco\w*)?\s+["']?[a-z0-9+/=]{8,}|base64\s+(?:-d|--decode)\b|frombase64string|echo\s+[a-z0-9+/=]{24,}\s*\|`, ``},
	{high, "changes what runs at start, at login or on a schedule", "T1053.003", `crontab\s+(?:-\s|-$|/tmp|/dev/shm|-u root \S)|(?:>>?|tee(?:\s+-a)?)\s*(?:/etc/(?:cron\S*|passwd|sudoers\S*|rc\.local|profile\S*|ld\.so\.preload|pam\.d/\S*)|/var/spool/cron\S*|\S*/\.(?:bashrc|profile|ssh/authorized_keys))|schtasks(?:\.exe)?\b.*/create|\bld\.so\.preload\b|event_?id["=: ]+"?4698\b`, ``},
	{medium, "installs a service", "T1543.003", `a (?:new )?service was installed|event_?id["=: ]+"?(?:7045|4697)\b|\bsc(?:\.exe)? +create\b|new-service\b`, ``},
	{high, "has a service run an interpreter", "T1543.003", `(?:imagepath|service file name|binpath)["=: ]+.{0,40}(?:%comspec%|cmd(?:\.exe)? /c|powershell|mshta|rundll32)`, ``},
	{high, "runs a program inside another workload", "T1609", `resource["=: ]+"?pods/(?:exec|attach)|"subresource" ?: ?"exec"|\bkubectl +exec\b|/pods/[\w.-]+/exec\b`, `verb["=: ]+"?(?:get|list|watch)"? resource["=: ]+"?pods/log`},
	{high, "starts a container that owns its host", "T1611", `--privileged\b|"privileged" ?: ?true|hostpid["=: ]+true|(?:-v|--volume|--mount)\S*[ =](?:type=bind,source=)?/:/|"hostpath".{0,40}"path" ?: ?"/"|docker\.sock\b.{0,80}(?:create|run|exec)|nsenter\b.{0,40}(?:-t|--target)[ =]1\b`, ``},
	{high, "shows what a command answers where none should run", "T1059", `\buid=\d+\([\w.-]+\) gid=\d+\(|root:x:0:0:|nt authority\\+system.{0,20}whoami|volume serial number is`, `audit|sudo:|session opened|type=`},

	// Web.
	{high, "asks a script in a folder for uploads or media to run a command", "T1505.003", `/(?:uploads?|images?|img|media|files?|avatars?|static|assets|tmp|temp|cache|wp-content/uploads)/[^ ?"]*\.(?:php\d?|phtml|phar|jspx?|aspx?|ashx|cfm|cgi|pl)(?:\?\S*|["\s])`, ``},
	{high, "passes a command in a request", "T1505.003", `\.(?:php\d?|phtml|jspx?|aspx?|cgi)[? ](?:\S*&)?(?:cmd|exec|command|c|run|shell|execute|ping|system|passthru)=(?:id|whoami|ls|cat|uname|pwd|net|dir|ipconfig|ifconfig|wget|curl|bash|sh|nc|python|echo|type|ps)\b`, ``},
	{medium, "changes a request to a database (SQL injection)", "T1190", `(?:union(?:\s|/\*.*?\*/|\+)+(?:all(?:\s|\+)+)?select|'\s*(?:or|and)\s+['\d(]|'(?:\s|\+)*(?:or|and)(?:\s|\+)+\w+(?:\s|\+)*(?:=|like|\()|\bsleep\s*\(\s*\d|benchmark\s*\(\d|waitfor\s+delay|information_schema|xp_cmdshell|into\s+(?:out|dump)file|load_file\s*\(|extractvalue\s*\(|';\s*(?:drop|insert|update|delete|exec))`, ``},
	{medium, "climbs out of its folder", "T1083", `(?:\.\./){2,}|(?:\.\.\\){2,}|\.\.%2f|%252e%252e|\.\.;/`, `\b(?:cd|ls|tar|cp|import|require)\b\s+\.\./`},
	{high, "asks for a file of the system", "T1083", `(?:get|post|put|head) \S*(?:/etc/(?:passwd|shadow|hosts)|/proc/self/|win\.ini|boot\.ini|web\.config|/\.env\b|/\.git/(?:config|head)|wp-config\.php|id_rsa)\S* http/\S+"? 200`, ``},
	{medium, "looks for files that should not be there", "T1595.003", `(?:get|post|head) \S*(?:/\.env|/\.git/|/\.aws/|wp-config\.php|/phpmyadmin|/actuator/(?:env|heapdump|gateway)|/\.svn/|/server-status|/cgi-bin/|\.(?:bak|sql|old|swp)\b|/vendor/phpunit|/solr/admin|/manager/html|/console/?\b)\S* http/`, ``},
	{high, "carries a known way to make a server run code", "T1190", `\$\{(?:jndi|\$\{|lower:|upper:|env:|::-)|\(\)\s*\{\s*:?;?\s*\}\s*;|class\.module\.classloader|%\{\(?#|\{\{.{0,40}(?:__class__|config\.|7\*7|constructor).{0,80}\}\}|\bognl\b|<\?php\b|php://(?:input|filter)|data://text|expect://|o:\d+:"[^"]+":\d+:\{|ro0abx|aced0005|t\(java\.lang\.runtime\)|/bin/(?:ba)?sh\b.{0,80} http/|;\s*(?:id|whoami|wget|curl)\b.{0,80} http/|\|\s*(?:id|whoami)\b.{0,20} http/|\$\(\s*(?:id|whoami|curl|wget)`, ``},
	{low, "puts script into a page", "T1059.007", `<script\b|javascript:\s*\w|onerror\s*=|document\.cookie|<svg/?\s*onload`, ``},
	{medium, "names a scanner or attack tool", "T1595.002", `\b(?:sqlmap|nikto|nuclei|masscan|zgrab|gobuster|dirbuster|feroxbuster|ffuf|wpscan|hydra|acunetix|nessus|openvas|metasploit|meterpreter|cobalt ?strike|mimikatz|bloodhound|sharphound|rubeus|impacket|secretsdump|wmiexec|crackmapexec|netexec|responder\.py|linpeas|winpeas|pspy\d*|chisel|ligolo|sliver|empire|evil-winrm|kerbrute|lazagne|xmrig|ngrok|frpc)\b`, ``},
	{medium, "asks another server through this one", "T1190", `[?&]\w*(?:url|uri|target|dest|host|proxy|callback|fetch|link)\w*=(?:https?|gopher|file|dict|ftp)://(?:127\.|10\.|192\.168\.|169\.254\.|localhost|0x7f|\[::)|[?&]\w+=(?:gopher|dict|file)://`, ``},

	// Network, names, data.
	{high, "asks for the whole of a zone", "T1590.002", `\bin (?:a|i)xfr\b|\baxfr\b|zone transfer (?:of|for)\b`, `transfer of .*(?:started|ended).*secondar|denied`},
	{medium, carriedData, "T1071.004", `\b[a-z0-9+=_-]{28,63}\.(?:[a-z0-9-]+\.)+[a-z]{2,}\b`, `sha256|\.(?:css|js|png|jpg|webp|woff2?|json|html?|pdf|service|scope)\b|cloudfront|amazonaws|akamai|azureedge|_domainkey|windowsupdate|in-addr`},
	{medium, "goes to a place where data is dropped anonymously", "T1567", `\b(?:pastebin\.com|paste\.\w+|hastebin|ghostbin|transfer\.sh|file\.io|anonfiles|gofile\.io|mega\.nz|0x0\.st|temp\.sh|webhook\.site|requestbin|pipedream\.net|ngrok\.io|serveo\.net|trycloudflare\.com|interact\.sh|oast\.\w+|burpcollaborator|discord(?:app)?\.com/api/webhooks|api\.telegram\.org|t\.me|\w+\.onion)\b`, ``},
	{medium, "takes a lot of data out at once", "T1048", `\b(?:export|dump|backup|copy|download)(?:ed|ing)?\b.{0,40}\b(?:table|database|customers?|users?|accounts?|records|rows|all)\b.{0,80}\b(?:to|from|by)\b.{0,30}(?:https?://|s3://|ftp://|external|guest|anonymous|unknown)|\bpg_dump\b.{0,80}(?:\||>)|mysqldump\b.{0,80}(?:\||> ?/(?:tmp|dev))|\brclone\b.{0,40}\b(?:copy|sync|move)\b|\bselect\b.{0,200}\binto +outfile\b|copy\b.{0,80}\bto program\b`, ``},
	{high, "lets a database run programs", "T1505.001", `xp_cmdshell|copy\b.{0,120}\b(?:to|from) +program\b|sp_oacreate|create +(?:or replace +)?function\b.{0,80}\b(?:language +c\b|soname)|lo_export|dbms_scheduler.{0,60}executable`, ``},
	{medium, "removes tables or grants everything", "T1485", `\bdrop +(?:table|database|schema)\b|\btruncate +table\b|grant +all(?: privileges)? +on +\*\.\*|alter +user\b.{0,60}\bsuperuser`, `if exists .*_(?:tmp|temp|staging)`},
	{medium, "speaks of mining or of encrypted files", "T1486", `stratum\+tcp|\bxmrig\b|minexmr|cryptonight|\.(?:locked|encrypted|crypted|lockbit)\b|ransom|how_to_(?:decrypt|recover)|readme_decrypt`, ``},
	{medium, "opens a way in or through", "T1572", `\bssh\b.{0,80}\s-(?:[fn]*[rdl]|r|d|l)\s*\S*\d{2,5}(?::|\b)|gatewayports|authorizesecuritygroupingress.{0,400}0\.0\.0\.0/0|(?:allow|accept|permit)\b.{0,60}\b0\.0\.0\.0/0\b.{0,60}\b(?:22|3389|445|any)\b|portproxy +add|iptables\b.{0,80}-j +(?:dnat|accept)\b.{0,40}$`, ``},
	{medium, "forwards or hides mail", "T1114.003", `(?:new|set)-inboxrule|forwardto|redirectto|forwardingsmtpaddress|deletemessage["=: ]+true|new-mailboxexportrequest|add-mailboxpermission`, ``},
	{medium, "consents to or adds an application", "T1528", `consent to application|add (?:service principal|app role assignment|owner to application|delegated permission)|oauth2permissiongrant|add-mgservice`, ``},

	// Command lines of Unix, and what people do with them as root.
	{medium, "looks for programs that run with their owner's rights", "T1548.001", `\bfind\b.{0,60}-perm\s+[-/]?(?:[246][0-7]{3}|[ug][=+]s)`, ``},
	{medium, "logs in as root of a cloud", "T1078.004", `"type" ?: ?"root".*"consolelogin" ?: ?"success"|"consolelogin" ?: ?"success".*"type" ?: ?"root"`, ``},
	{medium, "sets a network card to read what is not addressed to it", "T1040", `entered promiscuous mode|\bpromisc(?:uous)? (?:on|mode)\b`, ``},
	{medium, "lets the account of a service become root or start a shell", "T1548", `\bsu(?:\[\d+\])?: (?:\(to root\)|successful su for root by|\+ \S+) *(?:www-data|apache|nginx|httpd|nobody|mysql|postgres|tomcat|daemon|redis|git)\b|\bsudo: +(?:www-data|apache|nginx|httpd|nobody|mysql|tomcat|daemon|redis) : .*user=root`, ``},
	{medium, "says that a defence or its records were stopped", "T1562.001", `\bstopp(?:ed|ing) (?:\S+ )?(?:security auditing|auditing|audit|system logging|syslog|fail2ban|firewall|antivirus|clamav|falco|osquery|wazuh|endpoint)\b|\b(?:audit|security|firewall|antivirus|endpoint|defender)\S* (?:service|daemon|agent|sensor)? ?(?:was |has been )?(?:stopped|killed|uninstalled|removed)\b`, ``},
	{medium, "starts large machines, as for mining", "T1496", `runinstances.{0,800}"(?:p[2-5]\w*|g[4-6]\w*|trn\w*|inf\w*|x2\w*)\.\d*x?large|runinstances.{0,800}"mincount" ?: ?[1-9]\d`, ``},
	{medium, "asks for its own rights and groups", "T1033", `\bwhoami(?:\.exe)?["']? +/(?:priv|all|groups)\b`, ``},
	{low, "runs a program by a relative path as root", "T1204.002", `command=(?:\S*/)?(?:sudo\s+)?\./\S`, ``},
	{low, "fetches something from the internet as root", "T1105", `command=(?:\S*/)?(?:sudo\s+)?(?:\S*/)?(?:curl|wget|fetch)\b.{0,160}(?:https?|ftp)://`, `://(?:127\.|10\.|192\.168\.|localhost)`},
	{low, "lists what an account may run as root", "T1033", `\bsudo\s+-l\b|command=list\b`, ``},
	{medium, "changes a file that decides who may do what", "T1098", `(?:\b(?:vim?|nano|ed|tee|cp|mv|dd|sed|install|ln|echo|printf|chmod|chown|chattr|perl|awk)\b|>>?)[^;|]{0,120}/etc/(?:passwd|shadow|sudoers|group|pam\.d|security|ssh/sshd_config|hosts\.(?:allow|deny)|ld\.so\.(?:preload|conf)|krb5\.conf|crontab|cron\.\w+)`, `/etc/(?:passwd|group)(?: |$).{0,20}(?:\| *(?:grep|wc|cut|sort)|$)`},
	{medium, "changes who may log in by key", "T1098.004", `(?:>>?|tee|cp|mv|vim?|nano|echo|install|chmod|chattr)\b?[^;|]{0,120}authorized_keys`, ``},
	{medium, "sets the password of root or of an account of the system", "T1098", `\bpasswd\s+(?:root|daemon|nobody|www-data|bin|backup)\b|command=\S*passwd\s*$|\bchpasswd\b`, ``},
	{high, "loads a library into every program, or into one that root runs", "T1574.006", `\bld_preload=|\bld_library_path=(?:/tmp|/dev/shm|/home|\.)`, ``},
	{medium, "loads code into the kernel", "T1547.006", `\binsmod\s|\bmodprobe\s+(?:-f|--force)|\bkexec\s+-l\b`, ``},
	{medium, "reads or steers the memory of another process", "T1055.008", `\b(?:gdb|strace|ltrace|gcore)\b[^;|]{0,60}(?:-p|--pid|\battach\b)\s*=?\s*\d|\bgcore\b|/proc/\d+/mem\b`, ``},
	{low, "records traffic of the network", "T1040", `\b(?:tcpdump|tshark|dumpcap|ettercap|dsniff)\b`, ``},
	{medium, "searches the network for machines and ports", "T1046", `\b(?:nmap|masscan|zmap|arp-scan|netdiscover|hping3|fping|unicornscan|rustscan)\b|\bnc\b[^;|]{0,30}\s-\S*z`, ``},
	{medium, "offers files or a shell to the network", "T1105", `python[\d.]*\s+-m\s+(?:http\.server|simplehttpserver)|\bphp\s+-s\s+[\d.]+:|\b(?:nc|ncat|netcat)\b[^;|]{0,40}\s-\S*l`, ``},
	{medium, "downloads into a folder that anybody may write", "T1105", `\b(?:curl|wget|fetch|scp|lwp-download|aria2c)\b[^;|]{0,200}(?:/tmp/|/dev/shm/|/var/tmp/)`, ``},
	{medium, "downloads from a bare address", "T1105", `\b(?:curl|wget|certutil|bitsadmin|invoke-webrequest|iwr|start-bitstransfer)\b[^;|]{0,120}(?:https?|ftp)://\d{1,3}(?:\.\d{1,3}){3}`, `://(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)`},
	{medium, "sends a file or what it reads to another machine", "T1048", `\bcurl\b[^;]{0,120}(?:(?:-d|--data\S*|-f|--form)[ =]["']?\S*@|--upload-file|\s-t\s+\S)|\bwget\b[^;]{0,80}--post-(?:file|data)|\b(?:tar|zip|cat|base64|gzip|dd)\b[^;]{0,120}\|\s*(?:nc|ncat|ssh|curl|openssl)\b`, ``},
	{high, "destroys files or disks", "T1485", `\brm\s+(?:-\w+\s+)*-\w*r\w*\s+(?:-\S+\s+)*/(?:\*|\s|$|(?:etc|var|home|boot|usr|bin|lib|srv|opt|root)/?(?:\s|\*|$))|--no-preserve-root|\bmkfs\S*\s+/dev/|\bdd\b[^;|]{0,80}of=/dev/(?:sd|nvme|vd|xvd|mapper)|\bshred\b[^;|]{0,40}/dev/|\bwipefs\b`, ``},
	{medium, "starts something that outlives the login", "T1543.002", `\bsystemd-run\b|\b(?:nohup|setsid|disown)\b[^;|]{0,160}(?:/tmp/|/dev/shm/|/var/tmp/|\bnc\b|/dev/tcp)|systemctl\b[^;|]{0,40}\b(?:enable|link)\b[^;|]{0,40}(?:/tmp|/dev/shm|/home|/var/tmp)`, ``},
	{medium, "adds a source or package that nobody has signed", "T1195.002", `--(?:allow-unauthenticated|force-yes|nogpgcheck|no-gpg-check|trusted-host|no-verify-ssl)\b|\[trusted=yes\]|\b(?:dpkg|rpm)\s+-\S*i\S*\s+(?:/tmp|/dev/shm|https?:)|\bpip\S*\s+install\b[^;|]{0,80}(?:https?://\d|git\+http:|--index-url\s+http:)`, ``},
	{medium, "makes a file that the system trusts writable or executable for all", "T1222.002", `\bchmod\s+(?:-\w+\s+)*(?:0?777|a\+rwx|o\+w|a\+w|\+w)\s+\S*/(?:etc|usr|bin|sbin|root|var/spool|lib)\b`, ``},

	// Gateways, firewalls, mail, accounts of appliances.
	{medium, "speaks to a port that backdoors often use", "T1571", `\b(?:dpt|dport|dst_?port|destination_?port|dest_?port|remote_?port)["=: ]+"?(?:4444|1337|31337|6666|6667|5555|9001|12345|54321|4443|1234)\b`, `fw-drop|\b(?:drop|deny|denied|block|blocked|reject)\b`},
	{medium, "lets the internet reach a port for administration", "T1133", `\b(?:allow|accept|permit|pass)\w*\b.{0,80}\bin=(?:wan|eth0|ppp|outside|untrust|ext)\S*.{0,160}\bdpt=(?:22|23|135|139|445|1433|3306|3389|5432|5900|5985|5986|6379)\b`, ``},
	{high, "asks for a known way into Exchange (ProxyShell, ProxyLogon)", "T1190", `autodiscover\.json.{0,40}@.{0,80}(?:powershell|mapi|ews)|x-rps-cat=|/ecp/\w\.js\b|\bx-beresource\b`, ``},
	{high, "asks for a script where the server should have none", "T1505.003", `/aspnet_client/\S+\.(?:aspx?|ashx)|/owa/auth/\S+\.aspx|/(?:cgi-bin|icons|fonts|css|js)/\S+\.(?:php|jsp|aspx?)\b`, `/owa/auth/(?:logon|logoff|errorfe|expiredpassword|signout|getidtoken|redir|frowny|timeoutlogout|lgnfooter)`},
	{medium, "sends one mail to hundreds of people", "T1534", `\bnrcpt=[1-9]\d{2,}\b`, ``},
	{high, "makes an account that administers", "T1136", `\b(?:account|user|login)\b.{0,40}\b(?:created|added)\b.{0,80}\b(?:administrator|admin|root|superuser|super-user|privileged)\b|\b(?:create|add)d? (?:local )?(?:account|user)\b.{0,60}\b(?:administrator|superuser|super_admin)\b|create (?:role|user)\b.{0,80}\bsuperuser`, ``},
	{high, "takes keys, secrets or passwords out", "T1552", `\b(?:export|dump|download|copy|copi|exfiltrat)\w*\b.{0,80}\b(?:private keys?|secrets?|credentials?|password hash(?:es)?|passwords|keytab|master key)\b|\bpg_shadow\b|\bpg_authid\b|mysql\.user\b|sys\.sql_logins`, ``},
	{low, "reads a secret", "T1552", `\bsecrets? (?:was |were )?(?:read|accessed|fetched|retrieved|viewed)\b`, ``},
	{medium, "gives a login a way around its second factor or password", "T1556", `mfa["=: ]+"?none\b|\b(?:second factor|2fa|mfa|otp) (?:was |has been )?(?:removed|reset|disabled|bypassed|skipped)|passwordauthentication yes|permitrootlogin yes|permitemptypasswords yes|nopasswd: ?all`, ``},
}
