package investigate

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// act is what a record tells, as far as a chain of causes needs it.
type act uint8

const (
	actOther    act = iota
	actProcess      // a program was started
	actLogon        // somebody logged on
	actFile         // a file was written
	actNetwork      // a program or a machine connected
	actService      // a service was installed
	actTask         // a scheduled task was made
	actRegistry     // a registry value was set
	actAccount      // an account was made or given rights
	actRequest      // a web request
	actCloud        // a call of a cloud's interface
	actMail         // a mail was delivered
)

// maxDetail bounds a command line or URL that is shown, in bytes.
const maxDetail = 400

// record is one record of a sensor, in the fields an investigation works on.
type record struct {
	id    string // of its evidence, "" until it is cited
	alert string // its own
	at    casemate.Location
	time  time.Time
	kind  casemate.Kind
	act   act

	name, message, action string
	severity              casemate.Severity
	techniques            []string
	product               string

	host, user string // as the record names them
	image      string
	command    string
	pid        string
	parent     string // image
	ppid       string
	file       string
	key        string // registry path, service, task, or cloud key
	src, dst   string
	srcHost    string
	url        string
	status     string
	port       int
	account    string // that an account record is about
	cloudKey   string
	domains    []string
	hashes     []string
	files      []string // that a mail or alert names
	mails      []string
	text       string

	incident int // index of the chosen incident, or -1
	proc     *process
}

// newRecord takes what matters out of an alert. It keeps none of its memory
// but short strings.
func newRecord(a *casemate.Alert) *record {
	r := &record{
		alert: a.ID, at: a.At, time: a.Time, kind: a.Kind, name: a.Name, message: strings.Clone(clip(a.Message, 600)), action: a.Action,
		severity: a.Severity, techniques: a.Techniques, product: a.Log.Product, host: a.Host, user: a.User, incident: -1,
	}
	if p := a.Process; p != nil {
		r.image, r.command, r.pid, r.parent, r.ppid = p.Image, strings.Clone(clip(p.CommandLine, 2000)), p.PID, p.ParentImage, p.ParentPID
	}
	r.entities(a.Entities)
	r.fields(a)
	r.act = r.classify(a)
	return r
}

func (r *record) entities(list []casemate.Entity) {
	for _, e := range list {
		switch {
		case e.Type == casemate.EntityAddress && e.Role == casemate.RoleSource && r.src == "":
			r.src = e.Value
		case e.Type == casemate.EntityAddress && e.Role == casemate.RoleDestination && r.dst == "":
			r.dst = e.Value
		case e.Type == casemate.EntityHost && e.Role == casemate.RoleSource && r.srcHost == "":
			r.srcHost = e.Value
		case e.Type == casemate.EntityDomain && e.Role != casemate.RoleObserver:
			r.domains = append(r.domains, e.Value)
		case e.Type == casemate.EntityURL && r.url == "":
			r.url = strings.Clone(clip(e.Value, 1000))
		case e.Type == casemate.EntityFile:
			r.files = append(r.files, e.Value)
			if e.Role == casemate.RoleTarget && r.file == "" {
				r.file = e.Value
			}
		case e.Type == casemate.EntityHash && len(r.hashes) < 8:
			r.hashes = append(r.hashes, e.Value)
		case e.Type == casemate.EntityMail:
			r.mails = append(r.mails, e.Value)
		case e.Type == casemate.EntityUser && e.Role == casemate.RoleTarget && r.account == "":
			r.account = e.Value
		}
	}
}

// fields takes the few original fields that the normal form has no place for.
func (r *record) fields(a *casemate.Alert) {
	for _, list := range [][]casemate.Field{a.Fields, a.Event} {
		for _, f := range list {
			name := strings.ToLower(f.Name[strings.LastIndexByte(f.Name, '.')+1:])
			switch name {
			case "targetobject", "servicename", "taskname":
				setOnce(&r.key, f.Value)
			case "accesskeyid":
				setOnce(&r.cloudKey, f.Value)
				if strings.Contains(strings.ToLower(f.Name), "responseelements") {
					r.key = strings.Clone(f.Value)
				}
			case "dest_port", "destinationport", "dpt", "dst_port", "id.resp_p", "resp_p", "dstport":
				if p, err := strconv.Atoi(f.Value); err == nil && p > 0 && p < 65536 && r.port == 0 {
					r.port = p
				}
			case "sc-status":
				setOnce(&r.status, f.Value)
			}
		}
	}
}

func setOnce(to *string, value string) {
	if *to == "" {
		*to = strings.Clone(clip(value, maxDetail))
	}
}

// classify says what a record tells.
func (r *record) classify(a *casemate.Alert) act {
	name := strings.ToLower(r.name)
	switch {
	case a.Rule == "4624" || name == "ssh-login" || strings.Contains(name, "remote logon") || name == "sshd: authentication success.":
		return actLogon
	case a.Rule == "7045" || a.Rule == "4697":
		return actService
	case a.Rule == "4698":
		return actTask
	case a.Rule == "4720" || a.Rule == "4728" || a.Rule == "4732" || a.Rule == "4756":
		return actAccount
	case a.Log.Product == "aws" || a.Log.Product == "azure" || a.Log.Product == "gcp":
		return actCloud
	case a.Log.Category == "registry_set":
		return actRegistry
	case a.Log.Category == "file_event" || r.file != "" && r.pid == "" && strings.Contains(name, "file added"):
		return actFile
	case a.Log.Category == "network_connection" || a.Log.Category == "firewall":
		return actNetwork
	case a.Log.Category == "process_creation" || r.command != "" && r.ppid != "":
		return actProcess
	case r.url != "" && r.src != "":
		return actRequest
	case len(r.mails) > 0 && len(r.files) > 0 && r.image == "":
		return actMail
	}
	return actOther
}

// clip cuts a string at a length, at the border of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// short returns a host's name up to the first dot, in lower case; addresses stay.
func short(host string) string {
	host = strings.ToLower(host)
	if i := strings.IndexByte(host, '.'); i > 0 {
		if _, err := netip.ParseAddr(host); err != nil {
			return host[:i]
		}
	}
	return host
}

// label returns a host as its record writes it, without its domain.
func label(host string) string {
	if n := len(short(host)); n < len(host) {
		return host[:n]
	}
	return host
}

// base returns the last element of a path, for either slash.
func base(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// bare returns an account without its domain, in lower case.
func bare(user string) string {
	user = strings.ToLower(user)
	user = user[strings.LastIndexByte(user, '\\')+1:]
	user, _, _ = strings.Cut(user, "@")
	return user
}

// isService reports whether an account is the system's own, which tells nobody.
func isService(user string) bool {
	switch bare(user) {
	case "", "-", "system", "root", "local service", "network service", "localservice", "networkservice", "localsystem", "anonymous logon",
		"www-data", "apache", "nginx", "nobody", "daemon", "iusr", "unknown", "n/a", "(unknown user)":
		return true
	}
	return strings.HasSuffix(user, "$")
}
