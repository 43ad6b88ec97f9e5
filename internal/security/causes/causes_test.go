package causes_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

var start = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func at(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }

// ran is a record of a process' start.
func ran(second int, host, pid, image, ppid, parent, command string) *causes.Record {
	return &causes.Record{Time: at(second), Host: host, Act: causes.ActProcess, Name: "Process created", PID: pid, Image: image, PPID: ppid, Parent: parent, Command: command, User: "ann", Incident: 0}
}

func story(records ...*causes.Record) *causes.Story {
	s := &causes.Story{Records: records, Catalogue: knowledge.Embedded(), HostOf: map[string]string{"10.0.0.1": "ws1", "10.0.0.2": "srv1"}, Processes: map[string][]*causes.Process{}}
	slices.SortStableFunc(s.Records, func(a, b *causes.Record) int { return a.Time.Compare(b.Time) })
	s.Grow()
	return s
}

func names(chain []causes.Step) string {
	var out []string
	for _, c := range chain {
		out = append(out, causes.Base(c.Image)+c.Name[:1])
	}
	return strings.Join(out, " ")
}

// TestMailToServer goes from a program on a server back to the mail.
func TestMailToServer(t *testing.T) {
	mail := &causes.Record{Time: at(0), Act: causes.ActMail, Name: "Mail", Files: []string{"bill.xlsm"}, Incident: 0}
	excel := ran(60, "ws1", "10", `C:\office\excel.exe`, "9", `C:\office\outlook.exe`, `excel.exe "C:\cache\bill.xlsm"`)
	shell := ran(70, "ws1", "11", `C:\w\powershell.exe`, "10", `C:\office\excel.exe`, "powershell -enc x")
	logon := &causes.Record{Time: at(100), Host: "srv1", Act: causes.ActLogon, Name: "Logon", User: "adm", Src: "10.0.0.1", Incident: 0}
	service := &causes.Record{Time: at(101), Host: "srv1", Act: causes.ActService, Name: "Service", Command: `rundll32.exe C:\t\load.dll,Go`, Incident: 0}
	tool := ran(102, "srv1", "20", `C:\w\rundll32.exe`, "4", `C:\w\services.exe`, `rundll32.exe C:\t\load.dll,Go`)
	tool.User = "SYSTEM"
	end := ran(500, "srv1", "21", `C:\t\enc.exe`, "20", `C:\w\rundll32.exe`, "enc.exe")
	s := story(mail, excel, shell, logon, service, tool, end)
	chain := s.ChainTo(end)
	if got, want := names(chain), "M excel.exeP powershell.exeP L S rundll32.exeP enc.exeP"; got != want {
		t.Errorf("chain %q, want %q", got, want)
	}
	if firm := chain[3].Firm; firm {
		t.Error("the step to the logon is called firm: only time and machine tie it")
	}
	if !chain[1].Firm || !chain[6].Firm {
		t.Error("an attachment's name or a parent process is not called firm")
	}
}

// TestProcessIDsComeAgain wants a process id that is used again to be another
// process.
func TestProcessIDsComeAgain(t *testing.T) {
	old := ran(0, "ws1", "10", "a.exe", "1", "explorer.exe", "a")
	newer := ran(100, "ws1", "10", "b.exe", "1", "explorer.exe", "b")
	child := ran(110, "ws1", "11", "c.exe", "10", "b.exe", "c")
	s := story(old, newer, child)
	if chain := s.ChainTo(child); len(chain) != 2 || chain[0].Record != newer {
		t.Errorf("chain %q", names(chain))
	}
}

// TestNoCauseMadeUp wants no cause made up: another account's logon explains
// nothing that a person ran.
func TestNoCauseMadeUp(t *testing.T) {
	logon := &causes.Record{Time: at(0), Host: "srv1", Act: causes.ActLogon, Name: "Logon", User: "bob", Src: "10.0.0.1"}
	tool := ran(60, "srv1", "20", "tool.exe", "4", "explorer.exe", "tool")
	s := story(logon, tool)
	if chain := s.ChainTo(tool); len(chain) != 1 {
		t.Errorf("chain %q", names(chain))
	}
}

// TestChainsEnd wants a chain to end, in the order of time, whatever the records
// say: parents in circles, ids that come again, machines that log on to each other.
func TestChainsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []*causes.Record
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			n := func(name string) string { return strconv.Itoa(rapid.IntRange(1, 4).Draw(t, name)) }
			r := ran(rapid.IntRange(0, 300).Draw(t, "at"), "ws"+n("host"), n("pid"), "p"+n("image")+".exe", n("ppid"), "p"+n("parent")+".exe", "p"+n("command")+".exe x"+n("word")+".dll")
			r.Act = causes.Act(rapid.IntRange(0, 11).Draw(t, "act"))
			r.Src, r.Dst, r.File, r.URL = "10.0.0."+n("src"), "10.0.0."+n("dst"), "x"+n("file")+".dll", "/x"+n("url")+".php"
			r.Files = []string{"x" + n("files") + ".dll"}
			records = append(records, r)
		}
		s := story(records...)
		for _, r := range records {
			chain := s.ChainTo(r)
			if chain[len(chain)-1].Record != r {
				t.Fatal("a chain does not end with what it leads to")
			}
			for i := 1; i < len(chain); i++ {
				if chain[i].Time.Before(chain[i-1].Time) {
					t.Fatalf("a cause comes after what it caused: %s, %s", chain[i-1].Time, chain[i].Time)
				}
			}
			if r.Tell() == "" || r.Called() == "" {
				t.Fatal("a record tells nothing")
			}
		}
	})
}

// TestNew takes an alert's parts.
func TestNew(t *testing.T) {
	a := &casemate.Alert{Name: "Service installed", Rule: "7045", Host: "FS01.corp.example", Time: at(0), Log: casemate.Logsource{Product: "windows"},
		Process: &casemate.Process{Image: "x.exe", CommandLine: "x.exe -a"}, Fields: []casemate.Field{{Name: "event.ServiceName", Value: "Upd"}}}
	r := causes.New(a)
	if r.Act != causes.ActService || r.Key != "Upd" || r.Tell() != "A service was installed on fs01." || r.Detail() != "x.exe -a" {
		t.Errorf("record %+v, %q, %q", r, r.Tell(), r.Detail())
	}
}
