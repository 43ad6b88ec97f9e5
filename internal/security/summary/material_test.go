package summary_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/summary"
)

// material makes the 50 MB that the measure of summarize is taken of:
//
//	go test -run TestWriteMaterial ./internal/security/summary -write /tmp/material -megabytes 50
//	/usr/bin/time -v casemate summarize /tmp/material >/dev/null
//
// It is the example day once, and around it two weeks of what is no attack: the
// day's own noise on other machines at other times, and people who talk.
var (
	writeTo   = flag.String("write", "", "a folder to write incident material into")
	megabytes = flag.Int("megabytes", 50, "how much of it")
)

const examples = "../../../examples"

func TestWriteMaterial(t *testing.T) {
	if *writeTo == "" {
		t.Skip("only with -write")
	}
	writeMaterial(t, *writeTo, *megabytes<<20)
}

// BenchmarkMaterial summarises 50 MB, without a model, and reports the most heap
// that was in use.
func BenchmarkMaterial(b *testing.B) {
	dir := b.TempDir()
	writeMaterial(b, dir, *megabytes<<20)
	b.SetBytes(int64(*megabytes) << 20)
	peak := uint64(0)
	for b.Loop() {
		stop, done := make(chan bool), make(chan bool)
		go func() {
			defer close(done)
			var m runtime.MemStats
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapInuse)
				}
			}
		}()
		run, err := pipeline.Start(pipeline.Options{Workflow: summary.Name})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := summary.Run(context.Background(), run, summary.Input{Files: []string{dir}, AsOf: "2026-03-05"}); err != nil {
			b.Fatal(err)
		}
		close(stop)
		<-done
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
}

// bulk is the share of each kind of file in the material, in percent.
var bulk = []struct {
	name, from string
	share      int
}{
	{"sysmon.jsonl", "windows-sysmon.jsonl", 34},
	{"eve.json", "suricata-eve.json", 20},
	{"firewall.cef", "firewall.cef", 8},
	{"web.log", "web-access.log", 8},
	{"auth.log", "linux-auth.log", 8},
}

func writeMaterial(t testing.TB, dir string, size int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"intrusion", "incident"} {
		if err := os.CopyFS(filepath.Join(dir, from), os.DirFS(filepath.Join(examples, from))); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(50, 1))
	story := attackLines(t)
	for _, b := range bulk {
		lines := noise(t, b.from, story)
		writeFile(t, filepath.Join(dir, b.name), size*b.share/100, func(w *bufio.Writer, i int) {
			w.WriteString(elsewhere(lines[i%len(lines)], random) + "\n")
		})
	}
	writeFile(t, filepath.Join(dir, "chat-weeks.json"), size*10/100, chatWriter(random))
	writeFile(t, filepath.Join(dir, "notes-weeks.md"), size*6/100, func(w *bufio.Writer, i int) {
		if i == 0 {
			w.WriteString("# Notes of two weeks\n\nAuthor: Lea Brandt\nDate: 2026-02-24\n\n")
		}
		fmt.Fprintf(w, "- %s %s\n", moment(random).Format("2006-01-02 15:04"), talk(random))
	})
	writeFile(t, filepath.Join(dir, "mails.mbox"), size*6/100, func(w *bufio.Writer, i int) {
		at := moment(random)
		fmt.Fprintf(w, "From lea@tarnholm.example %s\nFrom: Lea Brandt <l.brandt@tarnholm.example>\nTo: soc@tarnholm.example\nSubject: update %d\nDate: %s\nMessage-ID: <%d@tarnholm.example>\n\n%s\n%s\n\n",
			at.Format(time.ANSIC), i, at.Format(time.RFC1123Z), i, talk(random), talk(random))
	})
}

// writeFile calls write with rising numbers until the file has its size.
func writeFile(t testing.TB, path string, size int, write func(w *bufio.Writer, i int)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := 0; ; i++ {
		write(w, i)
		if i%100 == 0 {
			w.Flush()
			if info, err := f.Stat(); err != nil || info.Size() >= int64(size) {
				break
			}
		}
	}
	if strings.HasSuffix(path, "chat-weeks.json") {
		w.WriteString("]}\n")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// attackLines are the lines of the example day that belong to a story.
func attackLines(t testing.TB) map[string]bool {
	t.Helper()
	f, err := os.Open(filepath.Join(examples, "truth.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, r := range rows[1:] {
		out[r[0]+":"+r[1]] = true
	}
	return out
}

// noise returns the lines of a file of the example day that are no attack.
func noise(t testing.TB, file string, story map[string]bool) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, "intrusion", file))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, l := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if !story[file+":"+strconv.Itoa(i+1)] && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}

var (
	clockForm = regexp.MustCompile(`\b(\d\d):(\d\d):(\d\d)\b`)
	hostForm  = regexp.MustCompile(`(?i)((?:FIN|ENG|HR)-WS-)(\d{3})`)
	innerForm = regexp.MustCompile(`10\.20\.10\.\d+`)
	guidForm  = regexp.MustCompile(`\{[0-9A-Fa-f]{8}-`)
)

// elsewhere puts a line at another time, on another machine.
func elsewhere(l string, random *rand.Rand) string {
	at := moment(random)
	n := 100 + random.IntN(300)
	l = strings.ReplaceAll(l, "2026-03-04", at.Format("2006-01-02"))
	l = strings.ReplaceAll(l, "04/Mar/2026", at.Format("02/Jan/2006"))
	l = strings.ReplaceAll(l, "Mar  4", at.Format("Jan _2"))
	l = strings.ReplaceAll(l, "Mar 04 2026", at.Format("Jan 02 2006"))
	clock := at.Format("15:04:05")
	l = clockForm.ReplaceAllString(l, clock)
	l = hostForm.ReplaceAllString(l, fmt.Sprintf("${1}%03d", n))
	l = innerForm.ReplaceAllString(l, fmt.Sprintf("10.20.%d.%d", 10+n/200, n%200+1))
	return guidForm.ReplaceAllString(l, fmt.Sprintf("{%08x-", random.Uint32()))
}

// moment is a time in the two weeks that end with the example day.
func moment(random *rand.Rand) time.Time {
	return time.Date(2026, 2, 19, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.Int64N(int64(13 * 24 * time.Hour)))).Truncate(time.Second)
}

var (
	starts = []string{"I looked at", "Nothing new on", "Please have a look at", "There was a false positive on", "We updated", "Somebody asked about", "The scanner touched", "Users complain about"}
	things = []string{"the proxy", "FIN-WS-118", "the mail gateway", "portal01", "the new agent", "HR-WS-240", "the VPN", "10.20.11.7", "the printers on the third floor", "svc_backup"}
	ends   = []string{"again.", "and closed the ticket.", "since this morning.", "but it is the weekly job.", "as agreed with Ruth.", "who can help?", "and it looks fine now.", "before the shift ends."}
)

func talk(random *rand.Rand) string {
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	return pick(starts) + " " + pick(things) + " " + pick(ends) + " " + pick(starts) + " " + pick(things) + " " + pick(ends)
}

// chatWriter writes an export as Slack's, with one message a line.
func chatWriter(random *rand.Rand) func(*bufio.Writer, int) {
	return func(w *bufio.Writer, i int) {
		if i == 0 {
			w.WriteString(`{"channel":"soc","messages":[` + "\n")
		} else {
			w.WriteString(",\n")
		}
		message, _ := json.Marshal(map[string]any{"type": "message", "user": "Lea Brandt", "ts": fmt.Sprintf("%d.%06d", moment(random).Unix(), i), "text": talk(random)})
		w.Write(message)
	}
}
