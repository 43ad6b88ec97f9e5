// Package causes ties the records of sensors to what came before them: by
// processes, logons, files, web requests, mails and accounts. It goes from a
// record back to the earliest step that evidence ties to it, and says of each tie
// whether an id, a name or an address makes it, or time alone.
package causes

import (
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/label"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Act is what a record tells, as far as a chain of causes needs it.
type Act uint8

// The acts.
const (
	ActOther    Act = iota
	ActProcess      // a program was started
	ActLogon        // somebody logged on
	ActFile         // a file was written
	ActNetwork      // a program or a machine connected
	ActService      // a service was installed
	ActTask         // a scheduled task was made
	ActRegistry     // a registry value was set
	ActAccount      // an account was made or given rights
	ActRequest      // a web request
	ActCloud        // a call of a cloud's interface
	ActMail         // a mail was delivered
)

// maxDetail bounds a command line or URL that is shown, in bytes.
const maxDetail = 400

// Record is one record of a sensor, in the fields that chains of causes need.
// Every text in it may have been written by an attacker.
type Record struct {
	ID    string // of its evidence, "" until it is cited
	Own   string // of further evidence, where the first leaves out what is cited
	Alert string // its own
	At    casemate.Location
	Time  time.Time
	Kind  casemate.Kind
	Act   Act

	Name, Message, Action string
	Severity              casemate.Severity
	Techniques            []string
	Product               string

	Host, User string // as the record names them
	Image      string
	Command    string
	PID        string
	Parent     string // image
	PPID       string
	File       string
	Key        string // registry path, service, task, or a cloud key that was made
	Src, Dst   string // addresses
	SrcHost    string
	URL        string
	Port       int
	Account    string // that the record is about, beside the one that acts
	CloudKey   string // in use
	Domains    []string
	Hashes     []string
	Files      []string // that a mail or alert names
	Mails      []string

	Fault    bool // it is a line in which a service complains
	Incident int  // index of the incident under investigation, or -1
	Process  *Process
}

// New takes what matters out of an alert. It keeps none of its memory
// but short strings.
func New(a *casemate.Alert) *Record {
	r := &Record{
		Alert: a.ID, At: a.At, Time: a.Time, Kind: a.Kind, Name: a.Name, Message: strings.Clone(phrase.Cut(a.Message, 600)), Action: a.Action,
		Severity: a.Severity, Techniques: a.Techniques, Product: a.Log.Product, Host: a.Host, User: a.User, Incident: -1,
	}
	if p := a.Process; p != nil {
		r.Image, r.Command, r.PID, r.Parent, r.PPID = p.Image, strings.Clone(phrase.Cut(p.CommandLine, 2000)), p.PID, p.ParentImage, p.ParentPID
	}
	r.entities(a.Entities)
	r.fields(a)
	r.Act = r.classify(a)
	return r
}

func (r *Record) entities(list []casemate.Entity) {
	for _, e := range list {
		switch {
		case e.Type == casemate.EntityAddress && e.Role == casemate.RoleSource && r.Src == "":
			r.Src = e.Value
		case e.Type == casemate.EntityAddress && e.Role == casemate.RoleDestination && r.Dst == "":
			r.Dst = e.Value
		case e.Type == casemate.EntityHost && e.Role == casemate.RoleSource && r.SrcHost == "":
			r.SrcHost = e.Value
		case e.Type == casemate.EntityDomain && e.Role != casemate.RoleObserver:
			r.Domains = append(r.Domains, e.Value)
		case e.Type == casemate.EntityURL && r.URL == "":
			r.URL = strings.Clone(phrase.Cut(e.Value, 1000))
		case e.Type == casemate.EntityFile:
			r.Files = append(r.Files, e.Value)
			if e.Role == casemate.RoleTarget && r.File == "" {
				r.File = e.Value
			}
		case e.Type == casemate.EntityHash && len(r.Hashes) < 8:
			r.Hashes = append(r.Hashes, e.Value)
		case e.Type == casemate.EntityMail:
			r.Mails = append(r.Mails, e.Value)
		case e.Type == casemate.EntityUser && e.Role == casemate.RoleTarget && r.Account == "":
			r.Account = e.Value
		}
	}
}

// fields takes the few original fields that the normal form has no place for.
func (r *Record) fields(a *casemate.Alert) {
	for _, list := range [][]casemate.Field{a.Fields, a.Event} {
		for _, f := range list {
			name := strings.ToLower(f.Name[strings.LastIndexByte(f.Name, '.')+1:])
			switch name {
			case "targetobject", "servicename", "taskname":
				setOnce(&r.Key, f.Value)
			case "accesskeyid":
				setOnce(&r.CloudKey, f.Value)
				if strings.Contains(strings.ToLower(f.Name), "responseelements") {
					r.Key = strings.Clone(f.Value)
				}
			case "dest_port", "destinationport", "dpt", "dst_port", "id.resp_p", "resp_p", "dstport":
				if p, err := strconv.Atoi(f.Value); err == nil && p > 0 && p < 65536 && r.Port == 0 {
					r.Port = p
				}
			}
		}
	}
}

func setOnce(to *string, value string) {
	if *to == "" {
		*to = strings.Clone(phrase.Cut(value, maxDetail))
	}
}

// classify says what a record tells.
func (r *Record) classify(a *casemate.Alert) Act {
	name := strings.ToLower(r.Name)
	switch {
	case a.Rule == "4624" || name == "ssh-login" || strings.Contains(name, "remote logon") || name == "sshd: authentication success.":
		return ActLogon
	case a.Rule == "7045" || a.Rule == "4697":
		return ActService
	case a.Rule == "4698":
		return ActTask
	case a.Rule == "4720" || a.Rule == "4728" || a.Rule == "4732" || a.Rule == "4756":
		return ActAccount
	case a.Log.Product == "aws" || a.Log.Product == "azure" || a.Log.Product == "gcp":
		return ActCloud
	case a.Log.Category == "registry_set":
		return ActRegistry
	case a.Log.Category == "file_event" || r.File != "" && r.PID == "" && strings.Contains(name, "file added"):
		return ActFile
	case a.Log.Category == "network_connection" || a.Log.Category == "firewall":
		return ActNetwork
	case a.Log.Category == "process_creation" || r.Command != "" && r.PPID != "":
		return ActProcess
	case r.URL != "" && r.Src != "":
		return ActRequest
	case len(r.Mails) > 0 && len(r.Files) > 0 && r.Image == "":
		return ActMail
	}
	return ActOther
}

// Short returns a host's name up to the first dot, in lower case; addresses stay.
func Short(host string) string { return label.Host(host) }

// Label returns a host as people read it: without its domain and in lower case,
// because consoles write one machine in different ways.
func Label(host string) string { return Short(host) }

// Base returns the last element of a path, for either slash.
func Base(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// Bare returns an account without its domain, in lower case.
func Bare(user string) string { return label.Account(user) }

// IsService reports whether an account is the system's own, which tells nobody.
func IsService(user string) bool {
	switch Bare(user) {
	case "", "-", "system", "root", "local service", "network service", "localservice", "networkservice", "localsystem", "anonymous logon",
		"www-data", "apache", "nginx", "nobody", "daemon", "iusr", "unknown", "n/a", "(unknown user)":
		return true
	}
	return strings.HasSuffix(user, "$")
}
