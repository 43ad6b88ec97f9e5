package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// queueWords are what the made-up tickets of a queue are about.
var queueWords = map[string][]string{
	"phishing": strings.Fields("mail link invoice sender attachment click credentials lure domain spoofed"),
	"malware":  strings.Fields("dropper executed powershell encoded payload beacon ransomware trojan loader hash"),
	"account":  strings.Fields("login password reset token session travel locked vpn factor enrolled"),
}

// tickets writes n made-up tickets as CSV, or as JSON lines with other words
// wherever strange says.
func tickets(seed uint64, n int, lines bool, strange float64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	queues := []string{"phishing", "malware", "account"}
	var b strings.Builder
	if !lines {
		b.WriteString("ticket,text,queue\n")
	}
	for i := range n {
		queue := queues[r.IntN(3)]
		var words []string
		for range 5 + r.IntN(8) {
			word := fmt.Sprint("item", r.IntN(300))
			if r.Float64() < strange {
				word = fmt.Sprint("strange", r.IntN(300))
			}
			words = append(words, word)
		}
		for range r.IntN(4) {
			words = append(words, queueWords[queue][r.IntN(10)])
		}
		r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		text := strings.Join(words, " ")
		if lines {
			fmt.Fprintf(&b, "{\"text\":%q,\"label\":%q}\n", text, queue)
		} else {
			fmt.Fprintf(&b, "INC%d-%d,%s,%s\n", seed, i, text, queue)
		}
	}
	return b.String()
}

// withoutQueues takes the heading and the last column from tickets.
func withoutQueues(csv string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(csv), "\n") {
		if i > 0 {
			b.WriteString(line[:strings.LastIndexByte(line, ',')] + "\n")
		}
	}
	return b.String()
}

// desk is a folder with a data directory, in which commands are run.
type desk struct {
	t   *testing.T
	dir string
}

func (d desk) put(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// run runs a command of the data directory and wants an exit code and words in what it prints.
func (d desk) run(code int, want []string, args ...string) string {
	d.t.Helper()
	var out, errs bytes.Buffer
	args = append(args, "--data", filepath.Join(d.dir, "data"))
	got := run(context.Background(), args, strings.NewReader(""), &out, &errs)
	if got != code {
		d.t.Fatalf("%v: exit %d, want %d: %s%s", args, got, code, out.String(), errs.String())
	}
	for _, w := range want {
		if !strings.Contains(out.String()+errs.String(), w) {
			d.t.Errorf("%v: no %q in\n%s%s", args, w, out.String(), errs.String())
		}
	}
	return out.String()
}

// newest returns the newest version of a head.
func (d desk) newest(name string) string {
	d.t.Helper()
	var rows []listedOwn
	if err := json.Unmarshal([]byte(d.run(exitFine, nil, "tune", "list", "--json")), &rows); err != nil {
		d.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Name == name {
			return r.Newest
		}
	}
	d.t.Fatalf("no head %q", name)
	return ""
}

// TestFromTrainingToDrift takes a head from its training into service and out
// again, as a person would.
func TestFromTrainingToDrift(t *testing.T) {
	d := desk{t, t.TempDir()}
	d.run(exitFine, []string{"no head or adapter yet"}, "tune", "list")
	d.run(exitFine, []string{"BEGIN PUBLIC KEY", "ed25519:"}, "tune", "show", "--key")
	few, more := d.put("few.csv", tickets(1, 250, false, 0)), d.put("more.csv", tickets(2, 700, false, 0))

	d.run(exitFine, nil, "tune", "train", few, "--name", "queue")
	first := d.newest("queue")
	d.run(exitFine, []string{"Nothing is in service"}, "tune", "show", "queue")
	d.run(exitFine, []string{"would go into service", "Against the baseline"}, "tune", "promote", "queue", "--check")
	d.run(exitFine, []string{"queue@" + first + " is in service."}, "tune", "promote", "queue")
	d.run(exitUsage, []string{"in service already"}, "tune", "promote", "queue")

	d.run(exitFine, nil, "tune", "train", more, "--name", "queue")
	second := d.newest("queue")
	if second == first {
		t.Fatal("another training is the same version")
	}
	compared := []string{"A is queue@" + first, "B is queue@" + second, "McNemar p", "F1 of A", "nearer to the truth in rows"}
	d.run(exitFine, compared, "tune", "compare", "queue", "queue@"+second[:5], "--rows", d.put("fresh.csv", tickets(3, 600, false, 0)))
	d.run(exitFault, []string{"tested on different rows of different data", "add --rows FILE"}, "tune", "compare", "queue", "queue@"+second)
	d.run(exitFine, []string{"same answers to all"}, "tune", "compare", "queue", "queue@"+first)

	// Where the data were moved the one in service cannot be run on the same rows.
	moved := filepath.Join(d.dir, "moved.csv")
	if err := os.Rename(more, moved); err != nil {
		t.Fatal(err)
	}
	d.run(exitFault, []string{"--rows FILE"}, "tune", "promote", "queue")
	d.run(exitFault, []string{"--rows FILE"}, "tune", "promote", "queue", "--rows", few)
	d.run(exitFine, []string{"in place of " + first, "was run on these"}, "tune", "promote", "queue", "--rows", moved, "--override", "an exercise")
	d.run(exitFine, []string{second + " went into service in place of " + first, "against queue@" + first}, "tune", "show", "queue")

	d.run(exitFine, []string{"stable", "true label"}, "tune", "watch", "queue", d.put("live.jsonl", tickets(4, 300, true, 0)), "--fail-on", "look")
	d.run(exitFindings, []string{"drifted", "known words"}, "tune", "watch", "queue", d.put("strange.jsonl", tickets(5, 300, true, 0.5)), "--fail-on", "drifted")
	d.run(exitFine, []string{"too few to tell", "Bring at least"}, "tune", "watch", "queue", d.put("few.txt", "mail with a link\n{\"no\":1}\nlogin locked\n"), "--fail-on", "drifted")
	d.run(exitFine, []string{"stable", "true label", `column "text", true labels in "queue"`}, "tune", "watch", "queue", d.put("live.csv", tickets(7, 300, false, 0)), "--fail-on", "look")
	d.run(exitFine, []string{"stable", "with a text that the head learnt from"}, "tune", "watch", "queue", moved, "--fail-on", "look")
	d.run(exitFine, []string{"stable", "read without labels"}, "tune", "watch", "queue", d.put("texts.csv", "ticket,text\n"+withoutQueues(tickets(8, 300, false, 0))), "--fail-on", "look")
	d.run(exitFine, []string{"stable", `column "subject"`}, "tune", "watch", "queue", d.put("other.jsonl", strings.ReplaceAll(tickets(9, 300, true, 0), `"text":`, `"subject":`)), "--fail-on", "look")
	d.run(exitFault, []string{"no input that can be used"}, "tune", "watch", "queue", d.put("none.txt", "{}\n"))

	d.run(exitFine, []string{"queue@" + first + " is in service again"}, "tune", "rollback", "queue")
	d.run(exitUsage, []string{"the first that was in service", "--out"}, "tune", "rollback", "queue")
	d.run(exitFine, []string{"nothing is in service as queue"}, "tune", "rollback", "queue", "--out")
	d.run(exitFine, []string{"was rolled back to " + first, first + " was taken out of service"}, "tune", "show", "queue")
}

// TestRefusedPromotion wants an exit code of its own, and the record to keep why
// a head went into service all the same.
func TestRefusedPromotion(t *testing.T) {
	d := desk{t, t.TempDir()}
	rows := strings.Split(tickets(6, 200, false, 0), "\n")
	queues := []string{"phishing", "malware", "account"}
	for i := 1; i < len(rows)-1; i++ { // labels that say nothing
		rows[i] = rows[i][:strings.LastIndexByte(rows[i], ',')+1] + queues[i*7%3]
	}
	d.run(exitFine, nil, "tune", "train", d.put("noise.csv", strings.Join(rows, "\n")), "--name", "noise", "--allow", "conflicts")
	d.run(exitFindings, []string{"does not go into service", "beyond chance", "--override"}, "tune", "promote", "noise")
	d.run(exitFine, []string{"The record keeps why: for a test"}, "tune", "promote", "noise", "--override", "for a test")
	d.run(exitFine, []string{`overridden, "for a test"`, "beyond chance"}, "tune", "show", "noise")
	var shown struct {
		Service struct {
			History []struct{ Override string }
		}
	}
	if err := json.Unmarshal([]byte(d.run(exitFine, nil, "tune", "show", "noise", "--json")), &shown); err != nil || len(shown.Service.History) != 1 || shown.Service.History[0].Override != "for a test" {
		t.Errorf("history %+v, %v", shown, err)
	}
}
