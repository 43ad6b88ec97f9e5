package investigate

import (
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// officePrograms open what mails bring.
var officePrograms = []string{"winword.exe", "excel.exe", "powerpnt.exe", "outlook.exe", "onenote.exe", "acrord32.exe", "acrobat.exe", "msaccess.exe", "mspub.exe"}

// interpreters run what documents carry.
var interpreters = []string{"powershell.exe", "pwsh.exe", "cmd.exe", "wscript.exe", "cscript.exe", "mshta.exe", "rundll32.exe", "regsvr32.exe", "msbuild.exe", "certutil.exe"}

func pick(s *scene, ok func(*record) bool) []*record {
	var out []*record
	for _, r := range s.scope {
		if ok(r) {
			out = append(out, r)
		}
	}
	return out
}

// all returns the scope if every record of it passes, else nothing.
func all(s *scene, ok func(*record) bool) []*record {
	for _, r := range s.scope {
		if !ok(r) {
			return nil
		}
	}
	return s.scope
}

func officeChild(s *scene) []*record {
	return pick(s, func(r *record) bool {
		return slices.Contains(officePrograms, strings.ToLower(base(r.parent))) && slices.Contains(interpreters, strings.ToLower(base(r.image)))
	})
}

// webChild finds what the web server ran on machines of the scope. The records
// need not be alerts: that a shell runs below a web server says enough.
func webChild(s *scene) []*record {
	touched := map[string]bool{}
	for _, r := range s.scope {
		touched[s.hostName(r.host)] = true
	}
	var out []*record
	for _, r := range s.records {
		if r.act == actProcess && isWebServer(r) && touched[s.hostName(r.host)] && isShell(r.image) {
			out = append(out, r)
		}
	}
	return out
}

func isShell(image string) bool {
	switch strings.ToLower(base(image)) {
	case "sh", "dash", "bash", "cmd.exe", "powershell.exe", "whoami.exe", "python", "python3", "perl":
		return true
	}
	return false
}

func cloudFromOutside(s *scene) []*record {
	return pick(s, func(r *record) bool { return r.act == actCloud && s.isForeign(r.src) && bare(r.user) != "root" })
}

func cloudTrailOff(s *scene) []*record {
	return pick(s, func(r *record) bool {
		return r.act == actCloud && slices.Contains([]string{"StopLogging", "DeleteTrail", "DeleteDetector", "DeleteFlowLogs"}, r.name)
	})
}

// cloudReads finds reads of storage by the accounts of the scope.
func cloudReads(s *scene) []*record {
	accounts := map[string]bool{}
	for _, r := range s.scope {
		if r.act == actCloud && s.isForeign(r.src) {
			accounts[bare(r.user)+"|"+r.src] = true
		}
	}
	var out []*record
	for _, r := range s.records {
		if r.act == actCloud && accounts[bare(r.user)+"|"+r.src] && (r.name == "GetObject" || r.name == "ListBuckets" || r.name == "CopyObject") {
			out = append(out, r)
		}
	}
	return out
}

func guessesFromOutside(s *scene) []*record {
	var out []*record
	for _, r := range s.records {
		failed := r.name == "ssh-login-failed" || r.incident >= 0 && hasTechnique(r, "T1110")
		if failed && s.isForeign(r.src) {
			if out = append(out, r); len(out) == maxArgument {
				break
			}
		}
	}
	return out
}

// persons lists the accounts of persons that act in the scope.
func persons(s *scene) []string {
	var out []string
	for _, r := range s.scope {
		if u := bare(r.user); !isService(r.user) && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

func oneOwnAccount(s *scene) []*record {
	if len(persons(s)) != 1 {
		return nil
	}
	return all(s, func(r *record) bool { return !isService(r.user) })
}

// graded finds the records that a sensor or a rule gives weight.
func graded(r *record) bool {
	return r.severity >= casemate.SeverityMedium || len(r.techniques) > 0
}

func oddHours(s *scene) []*record { return all(s, func(r *record) bool { return !working(r.time) }) }

func workingHours(s *scene) []*record { return all(s, func(r *record) bool { return working(r.time) }) }

// working reports whether a time is within a working day, in UTC.
func working(t time.Time) bool {
	day := t.UTC().Weekday()
	return day != time.Saturday && day != time.Sunday && t.UTC().Hour() >= 6 && t.UTC().Hour() < 18
}

func insideOnly(s *scene) []*record {
	return all(s, func(r *record) bool {
		return !s.isForeign(r.src) && !s.isForeign(r.dst)
	})
}

// adminWork are techniques that administration shows as well.
var adminWork = []string{"T1569.002", "T1569", "T1543.003", "T1543", "T1021", "T1570", "T1059", "T1018", "T1033", "T1082", "T1016", "T1087", "T1069", "T1482", "T1548.003", "T1548", "T1078", "T1105", "T1047", "T1053", "T1565.001", "T1565", "T1554", "T1072", "T1490", "T1135", "T1049"}

func onlyAdminWork(s *scene) []*record {
	got := all(s, func(r *record) bool {
		for _, id := range r.techniques {
			if !hasTechnique(&record{techniques: []string{id}}, adminWork...) {
				return false
			}
		}
		return !isWebServer(r)
	})
	return slices.DeleteFunc(slices.Clone(got), func(r *record) bool { return !graded(r) })
}

func adminAccount(s *scene) []*record {
	who := persons(s)
	if len(who) != 1 {
		return nil
	}
	name := who[0]
	if !strings.HasPrefix(name, "adm") && !strings.HasSuffix(name, "-adm") && !strings.HasSuffix(name, "_adm") && !strings.HasSuffix(name, ".adm") && !strings.HasPrefix(name, "a-") {
		return nil
	}
	return pick(s, func(r *record) bool { return bare(r.user) == name })
}

// vouchedFor finds records of machines or accounts that a suppression in force
// names by host, user or address. What an attacker writes into a record cannot
// make a machine or account vouched for: only its own name can.
func vouchedFor(s *scene) []*record {
	return pick(s, func(r *record) bool {
		for _, e := range s.suppress {
			m := e.Match
			if s.expired(e) || m.Host == "" && m.User == "" && m.Address == "" {
				continue
			}
			if (m.Host == "" || short(m.Host) == s.hostName(r.host)) && (m.User == "" || bare(m.User) == bare(r.user)) && (m.Address == "" || m.Address == r.src) {
				return true
			}
		}
		return false
	})
}

func vouchedSource(s *scene) []*record {
	return pick(s, func(r *record) bool { return s.own.Vouched[r.src] != "" })
}

// sweep finds one inside source that tries many machines or many attacks.
func sweep(s *scene) []*record {
	targets, names, of := map[string]map[string]bool{}, map[string]map[string]bool{}, map[string][]*record{}
	for _, r := range s.scope {
		if r.src == "" || s.isForeign(r.src) || r.dst == "" || r.kind != casemate.KindAlert {
			continue
		}
		if targets[r.src] == nil {
			targets[r.src], names[r.src] = map[string]bool{}, map[string]bool{}
		}
		targets[r.src][r.dst], names[r.src][r.name] = true, true
		of[r.src] = append(of[r.src], r)
	}
	var best []*record
	for _, r := range s.scope {
		if list := of[r.src]; (len(targets[r.src]) >= 4 || len(names[r.src]) >= 5) && len(list) > len(best) {
			best = list
		}
	}
	return best
}

// nothingRan holds where there are alerts of the network alone.
func nothingRan(s *scene) []*record {
	return all(s, func(r *record) bool { return r.image == "" && r.act != actLogon && r.act != actFile })
}

func noTechnique(s *scene) []*record {
	return all(s, func(r *record) bool { return len(r.techniques) == 0 && r.severity < casemate.SeverityHigh })
}

func onlyFailedLogins(s *scene) []*record {
	return all(s, func(r *record) bool {
		return hasTechnique(r, "T1110") || r.name == "ssh-login-failed" || strings.Contains(strings.ToLower(r.name), "failed login") || strings.Contains(strings.ToLower(r.name), "logon fail")
	})
}

// packing finds archives that are made below a process of the scope.
func packing(s *scene) []*record {
	ours := map[*process]bool{}
	for _, r := range s.scope {
		if r.proc != nil && graded(r) && !isCommon(r.proc.image) {
			ours[r.proc] = true
		}
	}
	var out []*record
	for _, r := range s.records {
		if r.act != actProcess || r.proc == nil || !packs(r.command) {
			continue
		}
		for _, p := range r.proc.lineage() {
			if ours[p] {
				out = append(out, r)
				break
			}
		}
	}
	return out
}

// packs reports whether a command line adds to an archive.
func packs(command string) bool {
	c := strings.ToLower(command)
	adds := strings.Contains(c, " a ") || strings.Contains(c, "compress-archive") || strings.Contains(c, "tar c") || strings.Contains(c, "tar -c") || strings.Contains(c, "zip -r")
	return adds && (strings.Contains(c, ".7z") || strings.Contains(c, ".zip") || strings.Contains(c, ".rar") || strings.Contains(c, ".tar") || strings.Contains(c, ".tgz"))
}
