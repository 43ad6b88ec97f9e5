package sensor

import (
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// winShape says where one exporter of Windows events puts things. System
// values are looked up by their full names, event data lies under a prefix.
type winShape struct {
	id, channel, provider, computer, time []string
	data                                  []string // prefixes; none: every field is data
	lowerCamel                            bool     // names begin in lower case, as Wazuh writes them
}

var (
	shapeXML = winShape{ // evtx_dump, python-evtx and our own reader
		id:       []string{"Event.System.EventID", "Event.System.EventID.#text"},
		channel:  []string{"Event.System.Channel"},
		provider: []string{"Event.System.Provider.#attributes.Name", "Event.System.Provider.@Name", "Event.System.Provider.Name"},
		computer: []string{"Event.System.Computer"},
		time:     []string{"Event.System.TimeCreated.#attributes.SystemTime", "Event.System.TimeCreated.@SystemTime", "Event.System.TimeCreated.SystemTime"},
		data:     []string{"Event.EventData.", "Event.UserData."},
	}
	shapeBeat = winShape{
		id:       []string{"winlog.event_id", "event.code"},
		channel:  []string{"winlog.channel"},
		provider: []string{"winlog.provider_name", "event.provider"},
		computer: []string{"winlog.computer_name", "host.name"},
		time:     []string{"@timestamp", "event.created"},
		data:     []string{"winlog.event_data.", "winlog.user_data."},
	}
	shapeFlat = winShape{ // NXLog, Azure Monitor, EvtxECmd, PowerShell's ConvertTo-Json
		id:       []string{"EventID", "event_id", "EventCode"},
		channel:  []string{"Channel", "LogName", "log_name", "EventLog"},
		provider: []string{"Provider_Name", "SourceName", "ProviderName", "source_name", "Provider", "Source"},
		computer: []string{"Computer", "Hostname", "MachineName", "ComputerName", "computer_name"},
		time:     []string{"TimeCreated", "SystemTime", "@timestamp", "UtcTime", "EventTime", "TimeGenerated"},
	}
	shapeWazuh = winShape{
		id:         []string{"data.win.system.eventID"},
		channel:    []string{"data.win.system.channel"},
		provider:   []string{"data.win.system.providerName"},
		computer:   []string{"data.win.system.computer"},
		time:       []string{"data.win.system.systemTime"},
		data:       []string{"data.win.eventdata."},
		lowerCamel: true,
	}
)

func isWindows(r *flat.Record) bool {
	if r.Has("Event.System.EventID") || r.Has("Event.System.EventID.#text") || r.Has("winlog.channel") {
		return true
	}
	if _, ok := digits(r.First(shapeFlat.id...)); !ok {
		return false
	}
	return r.First(shapeFlat.channel...) != "" || r.First(shapeFlat.provider...) != ""
}

func windows(m *mapping) {
	switch {
	case m.Has("winlog.channel"):
		m.windows(&shapeBeat)
	case m.Has("Event.System.Channel"), m.Has("Event.System.Computer"):
		m.windows(&shapeXML)
	default:
		m.windows(&shapeFlat)
	}
}

// windows fills the alert from a Windows event of the given shape. An alert
// that wraps the event keeps its own name, kind and severity.
func (m *mapping) windows(s *winShape) {
	wrapped := m.a.Name != ""
	id, channel, provider := m.First(s.id...), m.First(s.channel...), m.First(s.provider...)
	if s == &shapeFlat {
		m.flatTime()
	}
	m.time(s.time...)
	m.host(m.First(s.computer...))
	m.winEvent(s, id, channel, provider)

	// From here on, values are looked up under Sigma's names.
	raw := m.Record
	m.Record = &m.m.event
	m.Reset(m.a.Event)
	defer func() { m.Record = raw }()

	service := winService(channel, provider)
	if service == "sysmon" && (id == "12" || id == "13" || id == "14") {
		m.registryType()
	}
	m.a.Log = casemate.Logsource{Product: "windows", Category: winCategory(service, id, m.Get("EventType")), Service: service}
	if !wrapped {
		name := winNames[service+" "+id]
		if name == "" {
			name = strings.TrimSpace(firstOf(channel, provider, "Windows") + " event " + id)
		}
		m.event(name, id)
		m.a.Message = raw.First("Message", "message", "Event.RenderingInfo.Message")
	}
	m.winAliases(service)
	m.winAccounts(service, id)
	m.winProcess(service, id)
	m.winObjects()
	if service == "windefend" {
		m.defenderAV(id)
	}
}

// winAliases adds what Sigma's rules ask for under another name, or in words.
func (m *mapping) winAliases(service string) {
	switch service {
	case "security":
		m.set("AccessList", accessWords(m.Get("AccessList")))
	case "powershell-classic":
		if !m.Has("Data") { // NXLog has nothing but the whole text
			m.set("Data", m.Get("Message"))
		}
	case "windefend":
		for _, f := range m.Fields() {
			if strings.IndexByte(f.Name, ' ') > 0 {
				m.set(strings.ReplaceAll(f.Name, " ", ""), f.Value)
			}
		}
	}
}

// registryType restores what happened to a registry key. NXLog puts the level
// of the record, such as "INFO", into the field of this name, and leaves
// Sysmon's own word only in the message.
func (m *mapping) registryType() {
	switch m.Get("EventType") {
	case "", "INFO", "INFORMATION":
	default:
		return
	}
	_, rest, _ := strings.Cut(m.Get("Message"), "EventType: ")
	word, _, _ := strings.Cut(rest, "\n")
	if word = strings.TrimSpace(word); word == "" || len(word) > len("RenameValue")+8 {
		return
	}
	for i := range m.a.Event {
		if m.a.Event[i].Name == "EventType" {
			m.a.Event[i].Value = word
			return
		}
	}
	m.set("EventType", word)
	m.Reset(m.a.Event)
}

// flatTime prefers, of the many times of a flat event, one that names its
// zone: NXLog's EventTime is local, and says nothing of it.
func (m *mapping) flatTime() {
	for _, name := range shapeFlat.time {
		if v := m.Get(name); strings.HasSuffix(v, "Z") || len(v) > 19 && strings.ContainsAny(v[19:], "+-") {
			m.timeOf(v)
			return
		}
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// winEvent sets the event's fields under the names of Sigma.
func (m *mapping) winEvent(s *winShape, id, channel, provider string) {
	m.a.Event = make([]casemate.Field, 0, len(m.Fields())+8)
	m.set("EventID", id)
	m.set("Channel", channel)
	m.set("Provider_Name", provider)
	m.set("Computer", m.First(s.computer...))
	if len(s.data) == 0 {
		m.flatData()
		return
	}
	for _, p := range [...][2]string{
		{"Level", "Event.System.Level"}, {"Task", "Event.System.Task"}, {"Opcode", "Event.System.Opcode"},
		{"Keywords", "Event.System.Keywords"}, {"UserID", "Event.System.Security.#attributes.UserID"},
		{"Level", "winlog.level"}, {"Task", "winlog.task"}, {"Opcode", "winlog.opcode"}, {"UserID", "winlog.user.identifier"},
	} {
		m.set(p[0], m.Get(p[1]))
	}
	pending := ""
	for i := range m.Fields() {
		f := &m.Fields()[i]
		name, ok := "", false
		for _, prefix := range s.data {
			if name, ok = cutFold(f.Name, prefix); ok {
				break
			}
		}
		if !ok || f.Kind != casemate.String && f.Kind != casemate.Number && f.Kind != casemate.Bool {
			continue
		}
		switch name {
		case "Data.#attributes.Name", "Data.@Name", "Data.Name":
			pending = f.Value // the text follows
			continue
		case "Data.#text", "Data.text", "Data.content", "Data.Value":
			name = "Data"
			if pending != "" {
				name, pending = pending, ""
			}
		}
		if strings.HasPrefix(f.Name, "Event.UserData.") {
			name = name[strings.LastIndexByte(name, '.')+1:]
		}
		if s.lowerCamel && name != "" {
			name = strings.ToUpper(name[:1]) + name[1:]
		}
		m.a.Event = append(m.a.Event, casemate.Field{Name: name, Value: f.Value, Kind: f.Kind})
	}
}

// flatData takes every field of a flat event as its data, and opens the JSON
// or XML text in which some exporters keep it.
func (m *mapping) flatData() {
	for i := range m.Fields() {
		f := &m.Fields()[i]
		name := f.Name
		switch len(name) { // most names need no closer look
		case len("Payload"), len("Computer"), len("EventData"), len("Provider_Name"):
			switch strings.ToLower(name) {
			case "eventid", "channel", "provider_name", "computer":
				continue
			case "eventdata", "payload":
				if m.nestedData(f.Value) {
					continue
				}
			}
		}
		if len(name) > 0 && name[0]|0x20 == 'e' {
			for _, prefix := range [...]string{"EventData.", "event_data.", "EventData_"} {
				if inner, ok := cutFold(name, prefix); ok {
					name = inner
				}
			}
		}
		m.a.Event = append(m.a.Event, casemate.Field{Name: name, Value: f.Value, Kind: f.Kind})
	}
}

// nestedData reads the event data out of a text: EvtxECmd's JSON or Azure
// Monitor's XML.
func (m *mapping) nestedData(text string) bool {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "<") {
		data, err := xmlData(text)
		m.a.Event = append(m.a.Event, data...)
		return err == nil && len(data) > 0
	}
	fields, err := m.m.parser.Parse(nil, text)
	if err != nil {
		return false
	}
	name := ""
	for _, f := range fields {
		switch path := f.Name[strings.LastIndexByte(f.Name, '.')+1:]; path {
		case "@Name":
			name = f.Value
		case "#text":
			m.set(firstOf(name, "Data"), f.Value)
			name = ""
		default:
			m.set(path, f.Value)
		}
	}
	return len(fields) > 0
}

// cutFold removes a prefix without regard to case.
func cutFold(s, prefix string) (string, bool) {
	if len(s) <= len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// winAccounts finds who did it, and to whom.
func (m *mapping) winAccounts(service, id string) {
	subject, target := m.Get("SubjectUserName"), m.First("TargetUserName", "TargetUser")
	switch {
	case service == "security" && logons[id]:
		m.user(target, casemate.RoleTarget)
		m.user(subject, casemate.RoleActor)
	case service == "security" && (id == "4778" || id == "4779"):
		m.user(m.Get("AccountName"), casemate.RoleActor)
		m.entity(casemate.EntityHost, m.Get("ClientName"), casemate.RoleSource)
	case service == "security" && ofGroup(id):
		m.user(subject, casemate.RoleActor)
		m.user(firstOf(commonNameOf(m.Get("MemberName")), m.Get("MemberSid")), casemate.RoleTarget)
	case service == "system" && id == "7045":
		// Its AccountName is the one that the service will run as.
	default:
		m.user(m.First("User", "SourceUser"), casemate.RoleActor)
		m.user(subject, casemate.RoleActor)
		m.user(target, casemate.RoleTarget)
		m.user(m.First("AccountName", "UserName", "user.name"), casemate.RoleNone)
	}
	m.peers(m.First("SourceIp", "IpAddress", "SourceAddress", "ClientAddress", "ClientIP"), m.First("DestinationIp", "DestAddress"))
	m.entity(casemate.EntityHost, m.First("WorkstationName", "Workstation", "SourceHostname"), casemate.RoleSource)
	m.entity(casemate.EntityHost, m.First("TargetServerName"), casemate.RoleDestination)
	m.entity(casemate.EntityDomain, m.Get("DestinationHostname"), casemate.RoleDestination)
}

// logons are the events of the Security log about an account that logs on, off
// or is checked.
var logons = map[string]bool{
	"4624": true, "4625": true, "4634": true, "4647": true, "4648": true, "4768": true, "4769": true, "4770": true, "4771": true, "4776": true,
}

// ofGroup says whether the target of an event of the Security log is a group.
func ofGroup(id string) bool {
	n, _ := digits(id)
	return n >= 4727 && n <= 4735 || n == 4737 || n >= 4744 && n <= 4764 || n == 4799
}

// commonNameOf returns the first name of a distinguished name: "CN=Sofia,OU=X"
// gives "Sofia". Any other text is returned as it is.
func commonNameOf(s string) string {
	rest, ok := cutFold(s, "CN=")
	if !ok {
		return s
	}
	for i := range len(rest) {
		if rest[i] == ',' && (i == 0 || rest[i-1] != '\\') {
			rest = rest[:i]
			break
		}
	}
	return strings.ReplaceAll(rest, `\,`, ",")
}

// winProcess finds the process, and gives the events of the Security log the
// names that Sigma's rules for processes use.
func (m *mapping) winProcess(service, id string) {
	p := casemate.Process{
		Image:             m.First("Image", "SourceImage", "ProcessName", "Application"),
		CommandLine:       m.First("CommandLine", "ProcessCommandLine"),
		PID:               pid(m.First("ProcessId", "SourceProcessId")),
		GUID:              m.First("ProcessGuid", "SourceProcessGUID"),
		ParentImage:       m.Get("ParentImage"),
		ParentCommandLine: m.Get("ParentCommandLine"),
		ParentPID:         pid(m.Get("ParentProcessId")),
		ParentGUID:        m.Get("ParentProcessGuid"),
	}
	if id == "4688" && service == "security" {
		p.Image, p.PID = m.Get("NewProcessName"), pid(m.Get("NewProcessId"))
		p.ParentImage, p.ParentPID = m.Get("ParentProcessName"), pid(m.Get("ProcessId"))
		m.set("Image", p.Image)
		m.set("ParentImage", p.ParentImage)
		if !hasField(m.a.Event, "CommandLine") {
			m.set("CommandLine", p.CommandLine)
		}
		if user := m.Get("SubjectUserName"); !hasField(m.a.Event, "User") && user != "" {
			if domain := m.Get("SubjectDomainName"); domain != "" {
				user = domain + `\` + user
			}
			m.set("User", user)
		}
		m.set("IntegrityLevel", integrity[m.Get("MandatoryLabel")])
	}
	if p.Image != "" || p.CommandLine != "" {
		m.process(p)
	}
	m.entity(casemate.EntityProcess, m.Get("TargetImage"), casemate.RoleTarget)
}

// integrity names the mandatory labels as Sysmon does.
var integrity = map[string]string{
	"S-1-16-4096": "Low", "S-1-16-8192": "Medium", "S-1-16-8448": "Medium Plus",
	"S-1-16-12288": "High", "S-1-16-16384": "System",
}

// pid writes a process id in decimal, whichever base it was in.
func pid(s string) string {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		if v, err := strconv.ParseUint(hex, 16, 64); err == nil {
			return strconv.FormatUint(v, 10)
		}
	}
	return s
}

// winObjects finds the files, names and hashes that an event is about.
func (m *mapping) winObjects() {
	m.entities(casemate.EntityFile, casemate.RoleTarget, "TargetFilename", "ImageLoaded")
	for v := range m.All("Path") {
		for file := range strings.SplitSeq(v, "; ") {
			m.entity(casemate.EntityFile, scannedPath(file), casemate.RoleTarget)
		}
	}
	if line := m.First("ServiceFileName", "ImagePath"); line != "" {
		image := serviceImage(line)
		m.entity(casemate.EntityFile, image, casemate.RoleTarget)
		if !strings.HasSuffix(strings.ToLower(image), ".sys") {
			m.process(casemate.Process{Image: image, CommandLine: line})
		}
	}
	m.entities(casemate.EntityDomain, casemate.RoleDestination, "QueryName")
	m.hashes("Hashes", "Hash", "SHA256", "SHA1", "MD5")
	m.technique(m.Get("RuleName"))
}

// scannedPath removes what the antivirus writes before a path: "file:_C:\x".
func scannedPath(s string) string {
	if i := strings.Index(s, ":_"); i > 0 && i < len("containerfile")+1 {
		return s[i+2:]
	}
	return s
}

// serviceImage returns the program of a service's command line. Without quotes
// a path may have spaces, and ends with the extension of a program; what an
// argument names is none.
func serviceImage(line string) string {
	line = strings.TrimPrefix(strings.TrimSpace(line), `\??\`)
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		image, _, _ := strings.Cut(quoted, `"`)
		return image
	}
	first, _, spaced := strings.Cut(line, " ")
	for at := strings.IndexByte(line, '.'); spaced && at >= 0; {
		end := at + len(".exe")
		if end <= len(line) && programExtension(line[at:end]) && (end == len(line) || line[end] == ' ') {
			if image := line[:end]; !strings.Contains(image, " /") && !strings.Contains(image, " -") {
				return image
			}
			return first
		}
		next := strings.IndexByte(line[at+1:], '.')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return first
}

func programExtension(s string) bool {
	switch strings.ToLower(s) {
	case ".exe", ".sys", ".com", ".bat", ".cmd":
		return true
	}
	return false
}

// defenderAV makes an alert of the events in which the antivirus reports malware.
func (m *mapping) defenderAV(id string) {
	switch id {
	case "1006", "1007", "1008", "1009", "1015", "1116", "1117", "1118", "1119":
	default:
		return
	}
	threat := m.First("Threat Name", "ThreatName")
	if threat == "" || m.a.Kind == casemate.KindAlert {
		return
	}
	m.alert("Microsoft Defender Antivirus: "+threat, id, m.a.Message, casemate.ParseSeverity(m.First("Severity Name", "SeverityName")))
	m.a.Action = m.First("Action Name", "ActionName")
	if action := antivirusActions[m.First("Action ID", "ActionID")]; action != "" && strings.HasPrefix(m.a.Action, "%%") {
		m.a.Action = action // the number of a text that only the machine itself has
	}
	m.a.Log.Category = "antivirus"
	m.set("Signature", threat)
	m.set("Filename", scannedPath(m.Get("Path")))
	m.user(m.First("Detection User", "DetectionUser"), casemate.RoleActor)
	if m.a.Process == nil {
		m.process(casemate.Process{Image: m.First("Process Name", "ProcessName")})
	}
}

// antivirusActions names what the antivirus does, by number.
var antivirusActions = map[string]string{
	"1": "Clean", "2": "Quarantine", "3": "Remove", "6": "Allow", "8": "User defined", "9": "No action", "10": "Block",
}
