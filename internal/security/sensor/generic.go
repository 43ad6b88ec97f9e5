package sensor

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// part is what a field says, judged by its name alone.
type part uint8

const (
	partNone part = iota
	partTime
	partAlert // a name that only a judgement has
	partEvent // a name that any record may have
	partRule
	partSeverity
	partMessage
	partText // a message that may be a line of another log
	partHost
	partSource
	partDestination
	partAddress
	partUser
	partTarget
	partAction
	partImage
	partCommand
	partPID
	partParentImage
	partParentCommand
	partParentPID
	partURL
	partDomain
	partFile
	partHash
	partMail
	partTechnique
	parts
)

// partNames lists the names of each part, best first, without anything but
// letters and digits, in lower case.
var partNames = [parts]string{
	partTime: "timestamp time datetime eventtime eventtimestamp eventdatetime timegenerated utctime ts alerttime detectiontime detecttime date" +
		" createdat created createdtime creationtime occurredat occurred starttime start firstseen generated logtime devicetime receivedtime alarmdatetime lastseen",
	partAlert: "alertname alerttitle alert signature signaturename rulename ruletitle ruledescription threatname detectionname detection alarm alarmname title name rule incident incidentname finding",
	partEvent: "eventname event eventtype activity category type operation",
	partRule:  "ruleid rule signatureid sigid sid short ruleuuid detectorid eventid eventcode",
	partSeverity: "severity alertseverity level priority urgency risklevel severitylevel sev threatlevel criticality alertlevel rulelevel" +
		" risk riskscore",
	partMessage:       "description desc details detail summary reason comment alertmessage",
	partText:          "message msg log statement fulllog rawlog raw rawmessage logline line logmessage eventoriginal syslog text payload body",
	partHost:          "host hostname computer computername machine machinename device devicename agent agentname asset assetname endpoint endpointname hostfqdn dvc dvchost server servername node workstation system fqdn dnsname",
	partSource:        "srcip sourceip src sourceaddress srcaddr saddr clientip clientaddress cip attackerip ipsrc remoteaddr remoteip source origip sourceipaddress",
	partDestination:   "dstip destip destinationip dst dest destinationaddress dstaddr daddr targetip serverip victimip ipdst destination destinationipaddress",
	partAddress:       "ip ipaddress ipaddr address hostip agentip deviceip localip machineip",
	partUser:          "user username account accountname srcuser sourceuser sourceusername suser login loginname actor principal identity subjectusername userprincipalname userid owneruser",
	partTarget:        "targetuser targetusername dstuser duser destinationuser destinationusername targetaccount",
	partAction:        "action disposition act outcome verdict result status",
	partImage:         "image processname processpath process executable exe imagepath newprocessname proc sproc processexecutable",
	partCommand:       "commandline processcommandline cmdline command cmd processcmdline",
	partPID:           "pid processid processpid",
	partParentImage:   "parentimage parentprocess parentprocessname parentprocesspath parentname processparentname",
	partParentCommand: "parentcommandline parentprocesscommandline parentcmdline",
	partParentPID:     "ppid parentpid parentprocessid",
	partURL:           "url requesturl uri link",
	partDomain:        "domain query dnsquery queryname destinationdomain sni servernameindication domainname dsthost destinationhost destinationhostname desthost",
	partFile:          "file filename filepath targetfilename path objectname",
	partHash:          "sha256 sha1 md5 hash filehash hashes sha512 filesha256 filesha1 filemd5",
	partMail:          "email mail sender recipient from to mailfrom rcptto emailaddress",
	partTechnique:     "technique techniques techniqueid techniqueids mitre mitretechnique mitretechniques mitreid mitreattack attackid attacktechnique attacktechniques mitretechniqueid mitretactictechnique",
}

// place is a part, and how good the name is for it: 0 is the best.
type place struct {
	part part
	rank uint8
}

// places is partNames turned around, built at the first need.
var places = sync.OnceValue(func() map[string][]place {
	m := make(map[string][]place, 256)
	for p, names := range partNames {
		for rank, name := range strings.Fields(names) {
			m[name] = append(m[name], place{part(p), uint8(rank)})
		}
	}
	return m
})

// maxPartName bounds the names that can mean something.
const maxPartName = 40

// Known says whether the name of a column or field means something where
// nothing else is known of a record.
func Known(name string) bool { return len(placesOf(name)) > 0 }

// placesOf looks a name up, without its punctuation and its case.
func placesOf(name string) []place {
	var b [maxPartName]byte
	n := 0
	for i := range len(name) {
		c := lowerByte(name[i])
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			if n == len(b) {
				return nil
			}
			b[n] = c
			n++
		}
	}
	return places()[string(b[:n])]
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// found holds the value of each part, and the rank of the name it came from.
type found struct {
	value [parts]string
	rank  [parts]uint8
	level string // the name of the severity's field
	alert string // an id where the name of an alert was looked for
}

func (f *found) take(name, value string) {
	if value = flat.Clean(value); value == "" {
		return
	}
	for _, p := range placesOf(name) {
		if f.value[p.part] != "" && f.rank[p.part] <= p.rank {
			continue
		}
		switch p.part {
		case partSource, partDestination, partAddress:
			if address(value) == "" {
				continue // "source" may be a product, "dest" a machine
			}
		case partMail:
			if !strings.Contains(value, "@") {
				continue
			}
		case partDomain:
			if !strings.Contains(value, ".") || strings.ContainsAny(value, ` /\`) {
				continue
			}
		case partAlert:
			if !naming(value) {
				f.alert = firstOf(f.alert, value)
				continue
			}
		case partSeverity:
			f.level = name
		}
		f.value[p.part], f.rank[p.part] = value, p.rank
	}
}

// naming says whether a value can be a name: an id has no two letters in a row.
func naming(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || i > 0 && letter(s[i]) && letter(s[i-1]) {
			return true
		}
	}
	return false
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// generic reads a record of no known product by the names of its fields. A
// record that has a name only a judgement has counts as an alert. A field that
// holds a whole line of another log, or another record, is read as that.
func generic(m *mapping) {
	var f found
	for i := range m.Fields() {
		f.take(m.Fields()[i].Name, m.Fields()[i].Value)
	}
	if f.value[partAlert] == "" && f.alert == "" && m.embedded(f.value[partText]) {
		return
	}
	m.timeFound(f.value[partTime])
	message := firstOf(f.value[partMessage], f.value[partText])
	if name := f.value[partAlert]; name != "" || f.alert != "" {
		name = firstOf(name, f.value[partEvent], f.alert) // a table of alerts may number them, and name the event
		rule := f.value[partRule]
		if rule == name {
			rule = ""
		}
		m.alert(name, rule, message, f.severity())
	} else {
		m.event(firstOf(f.value[partEvent], ""), f.value[partRule])
		m.a.Message = message
	}
	m.a.Action = f.value[partAction]
	m.genericEntities(&f)
	m.genericProcess(&f)
}

func (m *mapping) timeFound(v string) {
	if v != "" && m.a.Time.IsZero() {
		m.timeOf(v)
	}
}

// severity reads a word or a number. Of numbers, a priority counts down from
// 1, a rule's level is Wazuh's, and any other goes to 10, or to 100 if it is
// above 10.
func (f *found) severity() casemate.Severity {
	v := f.value[partSeverity]
	if s := casemate.ParseSeverity(v); s != casemate.SeverityUnknown {
		return s
	}
	word, rest, _ := strings.Cut(v, " ")
	if s := casemate.ParseSeverity(strings.Trim(word, "-:()")); s != casemate.SeverityUnknown && rest != "" {
		return s // such as "High (3)"
	}
	switch n, err := strconv.ParseFloat(v, 64); {
	case err != nil:
		return casemate.SeverityUnknown
	case strings.EqualFold(f.level, "priority"):
		return priority(v)
	case strings.Contains(strings.ToLower(f.level), "rule"):
		return scale(v, 4, 7, 12, 15)
	case n > 10:
		return scale(v, 1, 40, 70, 90)
	}
	return scale(v, 1, 4, 7, 9)
}

func (m *mapping) genericEntities(f *found) {
	v := &f.value
	m.host(v[partHost])
	m.network(v[partSource], v[partDestination], "")
	if m.a.Host == "" {
		m.host(v[partAddress])
	}
	m.entity(casemate.EntityAddress, v[partAddress], casemate.RoleNone)
	m.user(v[partUser], casemate.RoleActor)
	m.user(v[partTarget], casemate.RoleTarget)
	m.entity(casemate.EntityURL, v[partURL], casemate.RoleDestination)
	m.entity(casemate.EntityDomain, v[partDomain], casemate.RoleDestination)
	m.entity(casemate.EntityFile, v[partFile], casemate.RoleNone)
	m.entity(casemate.EntityMail, v[partMail], casemate.RoleNone)
	if isHash(v[partHash]) {
		m.entity(casemate.EntityHash, v[partHash], casemate.RoleNone)
	}
	m.technique(v[partTechnique])
}

// genericProcess sets the process. With a command line, the record is one that
// Sigma's rules for new processes can judge.
func (m *mapping) genericProcess(f *found) {
	v := &f.value
	m.process(casemate.Process{
		Image: v[partImage], CommandLine: v[partCommand], PID: pid(v[partPID]), ParentImage: v[partParentImage],
		ParentCommandLine: v[partParentCommand], ParentPID: pid(v[partParentPID]),
	})
	if v[partCommand] == "" {
		return
	}
	product := ""
	switch at := v[partImage] + v[partCommand]; {
	case strings.Contains(at, `\`) || strings.Contains(strings.ToLower(at), ".exe"):
		product = "windows"
	case strings.Contains(at, "/"):
		product = "linux"
	}
	m.a.Log = casemate.Logsource{Product: product, Category: "process_creation"}
	m.a.Event = append(make([]casemate.Field, 0, len(m.Fields())+5), m.Fields()...)
	for _, p := range [...]struct {
		name string
		part part
	}{{"Image", partImage}, {"CommandLine", partCommand}, {"ParentImage", partParentImage}, {"ParentCommandLine", partParentCommand}, {"User", partUser}} {
		if !hasField(m.a.Event, p.name) {
			m.set(p.name, v[p.part])
		}
	}
}

// embedded reads a record inside a record: an object of JSON, or a line of
// text. Its own fields come first, then those of the record around it.
func (m *mapping) embedded(text string) bool {
	if strings.HasPrefix(text, "{") && !m.nested {
		fields, err := m.m.parser.Parse(nil, text)
		if err != nil || len(fields) < 2 {
			return false
		}
		outer := m.a.Fields
		m.nested, m.a.Fields = true, unwrap(fields)
		m.Reset(m.a.Fields)
		fill := generic
		for i := range table {
			if table[i].is(m.Record) {
				m.a.Format, fill = table[i].format, table[i].fill
				break
			}
		}
		fill(m)
		m.a.Fields = append(m.a.Fields[:len(m.a.Fields):len(m.a.Fields)], outer...)
		return true
	}
	if m.m.Text == nil || text == "" {
		return false
	}
	inner := casemate.Alert{At: m.a.At}
	if !m.m.Text(&inner, text) {
		return false
	}
	inner.ID, inner.At, inner.Raw = m.a.ID, m.a.At, m.a.Raw
	inner.Fields = append(inner.Fields[:len(inner.Fields):len(inner.Fields)], m.a.Fields...)
	*m.a = inner
	return true
}
