package investigate

import (
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// officePrograms open what mails bring.
var officePrograms = []string{"winword.exe", "excel.exe", "powerpnt.exe", "outlook.exe", "onenote.exe", "acrord32.exe", "acrobat.exe", "msaccess.exe", "mspub.exe"}

// interpreters run what documents carry.
var interpreters = []string{"powershell.exe", "pwsh.exe", "cmd.exe", "wscript.exe", "cscript.exe", "mshta.exe", "rundll32.exe", "regsvr32.exe", "msbuild.exe", "certutil.exe"}

func pick(s *scene, ok func(*causes.Record) bool) []*causes.Record {
	var out []*causes.Record
	for _, r := range s.scope {
		if ok(r) {
			out = append(out, r)
		}
	}
	return out
}

// all returns the scope if every record of it passes, else nothing.
func all(s *scene, ok func(*causes.Record) bool) []*causes.Record {
	for _, r := range s.scope {
		if !ok(r) {
			return nil
		}
	}
	return s.scope
}

func officeChild(s *scene) []*causes.Record {
	return pick(s, func(r *causes.Record) bool {
		return slices.Contains(officePrograms, strings.ToLower(causes.Base(r.Parent))) && slices.Contains(interpreters, strings.ToLower(causes.Base(r.Image)))
	})
}

// webChild finds what the web server ran on machines of the scope. The records
// need not be alerts: that a shell runs below a web server says enough.
func webChild(s *scene) []*causes.Record {
	touched := map[string]bool{}
	for _, r := range s.scope {
		touched[s.HostName(r.Host)] = true
	}
	var out []*causes.Record
	for _, r := range s.Records {
		if r.Act == causes.ActProcess && causes.IsWebServer(r) && touched[s.HostName(r.Host)] && isShell(r.Image) {
			out = append(out, r)
		}
	}
	return out
}

func isShell(image string) bool {
	switch strings.ToLower(causes.Base(image)) {
	case "sh", "dash", "bash", "cmd.exe", "powershell.exe", "whoami.exe", "python", "python3", "perl":
		return true
	}
	return false
}

func cloudFromOutside(s *scene) []*causes.Record {
	return pick(s, func(r *causes.Record) bool {
		return r.Act == causes.ActCloud && s.Foreign(r.Src) && causes.Bare(r.User) != "root"
	})
}

func cloudTrailOff(s *scene) []*causes.Record {
	return pick(s, func(r *causes.Record) bool {
		return r.Act == causes.ActCloud && slices.Contains([]string{"StopLogging", "DeleteTrail", "DeleteDetector", "DeleteFlowLogs"}, r.Name)
	})
}

// cloudReads finds reads of storage by the accounts of the scope.
func cloudReads(s *scene) []*causes.Record {
	accounts := map[string]bool{}
	for _, r := range s.scope {
		if r.Act == causes.ActCloud && s.Foreign(r.Src) {
			accounts[causes.Bare(r.User)+"|"+r.Src] = true
		}
	}
	var out []*causes.Record
	for _, r := range s.Records {
		if r.Act == causes.ActCloud && accounts[causes.Bare(r.User)+"|"+r.Src] && (r.Name == "GetObject" || r.Name == "ListBuckets" || r.Name == "CopyObject") {
			out = append(out, r)
		}
	}
	return out
}

// manyFailures finds what is more than a mistyped password: several records of
// guessing, or one that a sensor grades.
func manyFailures(s *scene) []*causes.Record {
	var out []*causes.Record
	heavy := false
	for _, r := range s.scope {
		if causes.Has(r, "T1110") {
			out = append(out, r)
			heavy = heavy || r.Severity >= casemate.SeverityMedium
		}
	}
	if len(out) < 5 && !heavy {
		return nil
	}
	return out
}

// guessesFromOutside finds failed logins from outside: of the scope, or of all
// where logs are all there is.
func guessesFromOutside(s *scene) []*causes.Record {
	list := s.scope
	if len(s.incidents) == 0 {
		list = s.Records
	}
	var out []*causes.Record
	for _, r := range list {
		if (r.Name == "ssh-login-failed" || causes.Has(r, "T1110")) && s.Foreign(r.Src) {
			if out = append(out, r); len(out) == maxArgument {
				break
			}
		}
	}
	return out
}

// newAccount finds what an account did that was made within the evidence.
func newAccount(s *scene) []*causes.Record {
	made := map[string]bool{}
	for _, r := range s.Records {
		if r.Act == causes.ActAccount && r.Account != "" {
			made[causes.Bare(r.Account)] = true
		}
	}
	return pick(s, func(r *causes.Record) bool { return made[causes.Bare(r.User)] && r.Act != causes.ActAccount })
}

// persons lists the accounts of persons that act in the scope.
func persons(s *scene) []string {
	var out []string
	for _, r := range s.scope {
		if !causes.IsService(r.User) {
			out = append(out, causes.Bare(r.User))
		}
	}
	return phrase.Once(out)
}

func oneOwnAccount(s *scene) []*causes.Record {
	if len(persons(s)) != 1 {
		return nil
	}
	return all(s, func(r *causes.Record) bool { return !causes.IsService(r.User) })
}

// graded finds the records that a sensor or a rule gives weight.
func graded(r *causes.Record) bool {
	return r.Severity >= casemate.SeverityMedium || len(r.Techniques) > 0
}

func oddHours(s *scene) []*causes.Record {
	return all(s, func(r *causes.Record) bool { return !working(r.Time) })
}

func workingHours(s *scene) []*causes.Record {
	return all(s, func(r *causes.Record) bool { return working(r.Time) })
}

// working reports whether a time is within a working day, in UTC.
func working(t time.Time) bool {
	day := t.UTC().Weekday()
	return day != time.Saturday && day != time.Sunday && t.UTC().Hour() >= 6 && t.UTC().Hour() < 18
}

func insideOnly(s *scene) []*causes.Record {
	return all(s, func(r *causes.Record) bool {
		return !s.Foreign(r.Src) && !s.Foreign(r.Dst)
	})
}

// adminWork are techniques that administration shows as well.
var adminWork = []string{"T1569.002", "T1569", "T1543.003", "T1543", "T1021", "T1570", "T1059", "T1018", "T1033", "T1082", "T1016", "T1087", "T1069", "T1482", "T1548.003", "T1548", "T1078", "T1105", "T1047", "T1053", "T1565.001", "T1565", "T1554", "T1072", "T1490", "T1135", "T1049"}

func onlyAdminWork(s *scene) []*causes.Record {
	got := all(s, func(r *causes.Record) bool {
		for _, id := range r.Techniques {
			if !causes.Has(&causes.Record{Techniques: []string{id}}, adminWork...) {
				return false
			}
		}
		return !causes.IsWebServer(r)
	})
	return slices.DeleteFunc(slices.Clone(got), func(r *causes.Record) bool { return !graded(r) })
}

func adminAccount(s *scene) []*causes.Record {
	who := persons(s)
	if len(who) != 1 {
		return nil
	}
	name := who[0]
	if !strings.HasPrefix(name, "adm") && !strings.HasSuffix(name, "-adm") && !strings.HasSuffix(name, "_adm") && !strings.HasSuffix(name, ".adm") && !strings.HasPrefix(name, "a-") {
		return nil
	}
	return pick(s, func(r *causes.Record) bool { return causes.Bare(r.User) == name })
}

// vouchedFor finds records of machines, accounts or addresses that a suppression
// in force names. Where it names an alert too, that alert must stand on the same
// machine within a quarter of an hour: what is known of one thing says nothing of
// all that happens there.
func vouchedFor(s *scene) []*causes.Record {
	var out []*causes.Record
	for _, e := range s.suppress {
		m := e.Match
		if s.expired(e) || m.Rule != "" || m.Host == "" && m.User == "" && m.Address == "" {
			continue
		}
		fits := func(r *causes.Record) bool {
			return (m.Host == "" || causes.Short(m.Host) == s.HostName(r.Host)) && (m.User == "" || causes.Bare(m.User) == causes.Bare(r.User)) && (m.Address == "" || m.Address == r.Src)
		}
		var known []*causes.Record
		if m.Name != "" {
			known = filter(s.Records, func(r *causes.Record) bool { return fits(r) && glob(m.Name, r.Name) })
		}
		for _, r := range s.scope {
			near := func(k *causes.Record) bool { return k.Time.Sub(r.Time).Abs() <= 15*time.Minute }
			if fits(r) && (m.Name == "" || slices.ContainsFunc(known, near)) && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// glob reports whether a name fits a pattern in which * stands for any text.
func glob(pattern, name string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(name), parts[0])
	for i, p := range parts[1:] {
		if !ok {
			return false
		}
		if i == len(parts)-2 {
			return strings.HasSuffix(rest, p)
		}
		_, rest, ok = strings.Cut(rest, p)
	}
	return ok && rest == ""
}

func vouchedSource(s *scene) []*causes.Record {
	return pick(s, func(r *causes.Record) bool { return s.Own.Vouched[r.Src] != "" })
}

// sweep finds one inside source that tries many machines or many attacks.
func sweep(s *scene) []*causes.Record {
	targets, names, of := map[string]map[string]bool{}, map[string]map[string]bool{}, map[string][]*causes.Record{}
	for _, r := range s.scope {
		if r.Src == "" || s.Foreign(r.Src) || r.Dst == "" || r.Kind != casemate.KindAlert {
			continue
		}
		if targets[r.Src] == nil {
			targets[r.Src], names[r.Src] = map[string]bool{}, map[string]bool{}
		}
		targets[r.Src][r.Dst], names[r.Src][r.Name] = true, true
		of[r.Src] = append(of[r.Src], r)
	}
	var best []*causes.Record
	for _, r := range s.scope {
		if list := of[r.Src]; (len(targets[r.Src]) >= 4 || len(names[r.Src]) >= 5) && len(list) > len(best) {
			best = list
		}
	}
	return best
}

// nothingRan holds where there are alerts of the network alone.
func nothingRan(s *scene) []*causes.Record {
	return all(s, func(r *causes.Record) bool {
		return r.Image == "" && r.Act != causes.ActLogon && r.Act != causes.ActFile
	})
}

func noTechnique(s *scene) []*causes.Record {
	return all(s, func(r *causes.Record) bool { return len(r.Techniques) == 0 && r.Severity < casemate.SeverityHigh })
}

func onlyFailedLogins(s *scene) []*causes.Record {
	return all(s, func(r *causes.Record) bool {
		return causes.Has(r, "T1110") || r.Name == "ssh-login-failed" || strings.Contains(strings.ToLower(r.Name), "failed login") || strings.Contains(strings.ToLower(r.Name), "logon fail")
	})
}

// packing finds archives that are made below a process of the scope.
func packing(s *scene) []*causes.Record {
	ours := map[*causes.Process]bool{}
	for _, r := range s.scope {
		if r.Process != nil && graded(r) && !causes.IsCommon(r.Process.Image) {
			ours[r.Process] = true
		}
	}
	var out []*causes.Record
	for _, r := range s.Records {
		if r.Act != causes.ActProcess || r.Process == nil || !packs(r.Command) {
			continue
		}
		for _, p := range r.Process.Lineage() {
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
