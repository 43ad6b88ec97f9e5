package inspect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/split"
)

// lines makes n rows of CSV whose label follows from the text, mostly.
func lines(n int) [][2]string {
	r := rand.New(rand.NewPCG(1, 1))
	about := map[string][]string{
		"mail":  {"attachment", "sender", "link", "inbox", "phish", "letter", "reply", "subject"},
		"login": {"password", "account", "logon", "session", "failed", "spray", "ticket", "domain"},
		"disk":  {"encrypt", "volume", "backup", "ransom", "file", "shadow", "wipe", "partition"},
	}
	names := []string{"disk", "login", "mail"}
	out := make([][2]string, n)
	for i := range out {
		label := names[r.IntN(len(names))]
		words := make([]string, 12)
		for j := range words {
			words[j] = fmt.Sprintf("word%d", r.IntN(400))
			if r.IntN(8) == 0 {
				words[j] = about[label][r.IntN(8)]
			}
		}
		out[i] = [2]string{strings.Join(words, " "), label}
	}
	return out
}

// report checks rows of text and label.
func report(tb testing.TB, rows [][2]string, o inspect.Options) *inspect.Report {
	tb.Helper()
	var b strings.Builder
	b.WriteString("text\tlabel\n")
	for _, r := range rows {
		b.WriteString(r[0] + "\t" + r[1] + "\n")
	}
	return checked(tb, b.String(), dataset.Options{Text: "text", Label: "label"}, o)
}

// checked checks a text of rows.
func checked(tb testing.TB, text string, d dataset.Options, o inspect.Options) *inspect.Report {
	tb.Helper()
	ctx := context.Background()
	t, err := dataset.Parse(ctx, "rows", []byte(text), d)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := split.Find(ctx, t, split.FindOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	r, err := inspect.Check(ctx, t, g, o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// finding returns the finding of a code, or nil.
func finding(r *inspect.Report, code string) *inspect.Finding {
	for i := range r.Findings {
		if r.Findings[i].Code == code {
			return &r.Findings[i]
		}
	}
	return nil
}

// TestSound refuses nothing of sound rows.
func TestSound(t *testing.T) {
	r := report(t, lines(400), inspect.Options{})
	if bad := r.AtLeast(inspect.LevelWarn); len(bad) > 1 || len(bad) == 1 && bad[0].Code != inspect.CodeSuspects {
		t.Errorf("findings %+v", bad)
	}
	if len(r.Classes) != 3 || r.Classes[0].F1 == nil || r.Classes[0].F1.Value < 0.7 || len(r.Curve) != 3 || r.Found == nil {
		t.Errorf("classes %+v, curve %v, found %v", r.Classes, r.Curve, r.Found)
	}
	if r.Curve[0].Accuracy.Value >= r.Curve[2].Accuracy.Value {
		t.Errorf("a quarter of the rows is as good as all: %v", r.Curve)
	}
}

// TestFindings makes rows wrong in one way each, and looks for what is said of it.
func TestFindings(t *testing.T) {
	// A key in the format of a vendor's, and so no key.
	key := "AKIA" + "Q3EGVXKZW7N2LJ4T"
	for _, c := range []struct {
		code  string
		level inspect.Level
		spoil func(rows [][2]string) [][2]string
		want  string // in the message
	}{
		{inspect.CodeFewRows, inspect.LevelRefuse, func(r [][2]string) [][2]string { return r[:30] }, "30 rows"},
		{inspect.CodeOneClass, inspect.LevelRefuse, func(r [][2]string) [][2]string {
			for i := range r {
				r[i][1] = "mail"
			}
			return r
		}, "mail"},
		{inspect.CodeSmallClasses, inspect.LevelWarn, func(r [][2]string) [][2]string { r[0][1] = "rare"; return r }, "of 4 labels, 1 has fewer than 5 rows"},
		{inspect.CodeSmallClasses, inspect.LevelRefuse, func(r [][2]string) [][2]string {
			for i := range 30 {
				r[i][1] = fmt.Sprint("rare", i/3)
			}
			return r
		}, "10 have fewer than 5 rows"},
		{inspect.CodeBalance, inspect.LevelWarn, func(r [][2]string) [][2]string {
			for i := range r[:190] {
				r[i][1] = "mail"
			}
			return r
		}, "are \"mail\""},
		{inspect.CodeSpelling, inspect.LevelWarn, func(r [][2]string) [][2]string {
			for i := range 10 {
				r[i][1] = "Mail"
			}
			return r
		}, "1 label differs"},
		{inspect.CodeConflicts, inspect.LevelWarn, func(r [][2]string) [][2]string {
			return append(r, [2]string{strings.ToUpper(r[0][0]), "other of " + r[0][1]})
		}, "1 text stands under different labels, in 2 rows"},
		{inspect.CodeConflicts, inspect.LevelRefuse, func(r [][2]string) [][2]string {
			for i := range 5 {
				r = append(r, [2]string{r[i][0], map[string]string{"mail": "disk", "disk": "login", "login": "mail"}[r[i][1]]})
			}
			return r
		}, "in 10 rows (4.9 %)"},
		{inspect.CodeNearConflict, inspect.LevelWarn, func(r [][2]string) [][2]string {
			long := strings.Repeat("one two three four five six seven ", 1) + r[1][0] + " " + r[2][0] + " " + r[3][0]
			return append(r, [2]string{long + " tail", "mail"}, [2]string{long + " end", "disk"})
		}, "2 rows have nearly the same text"},
		{inspect.CodeDuplicates, inspect.LevelWarn, func(r [][2]string) [][2]string { return append(r, r[:20]...) }, "20 rows have a text"},
		{inspect.CodeDuplicates, inspect.LevelNote, func(r [][2]string) [][2]string { return append(r, r[0]) }, "1 row has a text"},
		{inspect.CodeSecrets, inspect.LevelRefuse, func(r [][2]string) [][2]string { r[7][0] += " with " + key + " in it"; return r }, "aws-access-token 1"},
		{inspect.CodeSecrets, inspect.LevelRefuse, func(r [][2]string) [][2]string { r[7][0] += " " + key + " gitleaks:allow"; return r }, "aws-access-token 1"},
		{inspect.CodePersonal, inspect.LevelWarn, func(r [][2]string) [][2]string { r[7][0] += " of jane.roe@corp.example"; return r }, "mail address 1"},
		{inspect.CodeLabelInText, inspect.LevelWarn, func(r [][2]string) [][2]string {
			for i := range 50 {
				r[i][0] += " is " + r[i][1]
			}
			return r
		}, "says its label"},
		{inspect.CodeLabelInText, inspect.LevelRefuse, func(r [][2]string) [][2]string {
			for i := range r {
				r[i][0] += " is " + r[i][1]
			}
			return r
		}, "100 %"},
		{inspect.CodeShort, inspect.LevelWarn, func(r [][2]string) [][2]string {
			for i := range 100 {
				r[i][0] = fmt.Sprint("word", i)
			}
			return r
		}, "100 texts (50 %)"},
		{inspect.CodeLanguages, inspect.LevelWarn, func(r [][2]string) [][2]string {
			for i := range 10 {
				r[i][0] = fmt.Sprintf("der Angreifer hat mit dem Konto %d auf die Freigabe und nicht auf das Laufwerk gegriffen", i)
				r[10+i][0] = fmt.Sprintf("злоумышленник зашифровал файлы на сервере %d", i)
			}
			return r
		}, "Cyrillic script 10, German 10"},
		{inspect.CodeContext, inspect.LevelWarn, func(r [][2]string) [][2]string {
			r[0][0] = strings.Repeat("much ", 5000)
			return r
		}, "1 text is longer"},
	} {
		r := report(t, c.spoil(lines(200)), inspect.Options{Quick: true})
		f := finding(r, c.code)
		if f == nil || f.Level != c.level || !strings.Contains(f.Message, c.want) || f.Advice == "" {
			t.Errorf("%s: %+v, want level %q and %q", c.code, f, c.level, c.want)
		}
		if (c.level == inspect.LevelRefuse) != slices.ContainsFunc(r.Refused(), func(f inspect.Finding) bool { return f.Code == c.code }) {
			t.Errorf("%s: refused %+v", c.code, r.Refused())
		}
		for _, f := range r.Findings {
			for _, s := range f.Shown {
				if strings.Contains(s, key) || strings.Contains(s, "jane.roe") {
					t.Errorf("%s shows %q", f.Code, s)
				}
			}
		}
	}
}

func TestAllow(t *testing.T) {
	rows := lines(200)
	rows[3][0] += " AKIA" + "Q3EGVXKZW7N2LJ4T"
	r := report(t, rows, inspect.Options{Quick: true, Allow: []string{inspect.CodeSecrets}})
	f := finding(r, inspect.CodeSecrets)
	if len(r.Refused()) > 0 || f == nil || !f.Allowed || !slices.Equal(r.Allowed, []string{inspect.CodeSecrets}) {
		t.Errorf("refused %v, finding %+v, allowed %v", r.Refused(), f, r.Allowed)
	}
	table, err := dataset.Parse(context.Background(), "rows", []byte("text,label\na b c d,x\n"), dataset.Options{Text: "text", Label: "label"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := split.Find(context.Background(), table, split.FindOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inspect.Check(context.Background(), table, g, inspect.Options{Allow: []string{"everything"}}); err == nil {
		t.Error("a code that is none was allowed")
	}
}

// TestLeakage looks at parts that the data give.
func TestLeakage(t *testing.T) {
	var b strings.Builder
	b.WriteString("text\tlabel\tsplit\n")
	rows := lines(200)
	for i, r := range rows {
		part := "train"
		if i%4 == 0 {
			part = "test"
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\n", r[0], r[1], part)
	}
	if f := finding(checked(t, b.String(), dataset.Options{Text: "text", Label: "label"}, inspect.Options{Quick: true}), inspect.CodeLeakage); f != nil {
		t.Errorf("leakage of rows that all differ: %+v", f)
	}
	fmt.Fprintf(&b, "%s\t%s\ttrain\n", strings.ToUpper(rows[0][0]), rows[0][1])
	f := finding(checked(t, b.String(), dataset.Options{Text: "text", Label: "label"}, inspect.Options{Quick: true}), inspect.CodeLeakage)
	if f == nil || f.Level != inspect.LevelRefuse || !slices.Equal(f.Rows, []int{1}) || !strings.Contains(f.Message, "1 the same text") {
		t.Errorf("leakage %+v", f)
	}
	if f := finding(checked(t, b.String(), dataset.Options{Text: "text", Label: "label"}, inspect.Options{Quick: true, Anew: true}), inspect.CodeLeakage); f != nil {
		t.Errorf("leakage of parts that are divided anew: %+v", f)
	}
}

// TestMarkers has a code of the label in each text.
func TestMarkers(t *testing.T) {
	code := map[string]string{}
	rows := lines(200)
	plain := lines(200)
	for i := range rows {
		l := rows[i][1]
		if code[l] == "" {
			code[l] = fmt.Sprintf("[q%d]", len(code))
		}
		rows[i][0] += " " + code[l]
	}
	f := finding(report(t, rows, inspect.Options{Quick: true}), inspect.CodeLabelInText)
	if f == nil || f.Level != inspect.LevelRefuse || !strings.Contains(strings.Join(f.Shown, "\n"), `"q0" in`) {
		t.Errorf("a code of the label in each text: %+v", f)
	}
	if f := finding(report(t, plain, inspect.Options{Quick: true}), inspect.CodeLabelInText); f != nil {
		t.Errorf("texts without a code: %+v", f)
	}
}

// TestLeakageFromWhatIsChosenBy has rows to test on among those to choose by, from
// which a head learns, too.
func TestLeakageFromWhatIsChosenBy(t *testing.T) {
	var b strings.Builder
	b.WriteString("text\tlabel\tsplit\n")
	rows := lines(200)
	for i, r := range rows {
		part := []string{"train", "train", "validation", "test"}[i%4]
		fmt.Fprintf(&b, "%s\t%s\t%s\n", r[0], r[1], part)
	}
	fmt.Fprintf(&b, "%s\t%s\tvalidation\n%s\t%s\tvalidation\n", rows[3][0], rows[3][1], rows[7][0], rows[7][1])
	f := finding(checked(t, b.String(), dataset.Options{Text: "text", Label: "label"}, inspect.Options{Quick: true}), inspect.CodeLeakage)
	if f == nil || f.Level != inspect.LevelRefuse || !slices.Equal(f.Rows, []int{4, 8}) {
		t.Errorf("leakage %+v", f)
	}
}

// TestPersonal tells numbers that have the check digits of what they look like.
func TestPersonal(t *testing.T) {
	for text, want := range map[string]string{
		"pay to GB82 WEST 1234 5698 7654 32 today":       "IBAN",
		"pay to GB82 WEST 1234 5698 7654 33 today":       "",
		"card 4111 1111 1111 1111 was charged":           "card number",
		"card 4111 1111 1111 1112 was charged":           "",
		"call +41 44 668 18 00 at once":                  "phone number",
		"fixed in 1.1.0+14.04.20140416-0ubuntu1":         "",
		"version 0.9+2013071101 and 8.57+15.04.20141127": "",
		"the number 123-45-6789 on the form":             "national id",
		"the number 000-45-6789 on the form":             "",
		"el DNI 12345678Z del titular":                   "national id",
		"el DNI 12345678A del titular":                   "",
		"from 10.0.0.1 to 192.168.1.20 at 2024-01-02":    "",
	} {
		rows := lines(60)
		rows[5][0] = text + " " + rows[5][0]
		f := finding(report(t, rows, inspect.Options{Quick: true}), inspect.CodePersonal)
		switch {
		case want == "" && f != nil:
			t.Errorf("%q: %s", text, f.Message)
		case want != "" && (f == nil || !strings.Contains(f.Message, want+" 1")):
			t.Errorf("%q: %+v, want %s", text, f, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	patterns, err := inspect.ParsePatterns("# ours\nbadge = \\bB\\d{6}\\b\n\nproject\tORCHID-\\d+\n")
	if err != nil || len(patterns) != 2 || patterns[0].Name != "badge" || patterns[1].Name != "project" {
		t.Fatalf("%+v, %v", patterns, err)
	}
	rows := lines(60)
	rows[2][0] += " seen by B123456 of ORCHID-7"
	f := finding(report(t, rows, inspect.Options{Quick: true, Patterns: patterns}), inspect.CodePatterns)
	if f == nil || f.Level != inspect.LevelRefuse || !strings.Contains(f.Message, "badge 1, project 1") || strings.Contains(f.Shown[0], "B123456") {
		t.Errorf("%+v", f)
	}
	for _, bad := range []string{"x = (", "x = a*"} {
		if _, err := inspect.ParsePatterns(bad); err == nil {
			t.Errorf("ParsePatterns(%q) was read", bad)
		}
	}
}

// TestTokens counts by a given vocabulary.
func TestTokens(t *testing.T) {
	rows := lines(60)
	rows[4][0] += strings.Repeat(" more", 20)
	r := report(t, rows, inspect.Options{Quick: true, Context: 20, Tokens: func(s string) int { return len(strings.Fields(s)) }})
	if f := finding(r, inspect.CodeContext); f == nil || !slices.Equal(f.Rows, []int{5}) || r.Tokens == nil || r.Tokens.Max != 32 || r.Tokens.Median != 12 {
		t.Errorf("%+v, tokens %+v", f, r.Tokens)
	}
}

// TestSuspects makes some labels wrong, of one label and of several.
func TestSuspects(t *testing.T) {
	rows := lines(600)
	var wrong []int
	for i := 10; i < 600; i += 60 {
		rows[i][1] = map[string]string{"mail": "disk", "disk": "login", "login": "mail"}[rows[i][1]]
		wrong = append(wrong, i+1)
	}
	for name, spoil := range map[string]func(string) string{"single": func(s string) string { return s }, "multi": func(s string) string { return s + ";any" }} {
		all := slices.Clone(rows)
		for i := range all {
			if i%2 == 0 {
				all[i][1] = spoil(all[i][1])
			}
		}
		r := report(t, all, inspect.Options{})
		hits := 0
		for _, s := range r.Suspects {
			if slices.Contains(wrong, s.Row) {
				hits++
			}
		}
		if hits < 7 {
			t.Errorf("%s, kind %s: %d of %d wrong labels among %d suspects", name, r.Kind, hits, len(wrong), len(r.Suspects))
		}
	}
}

// TestNoSignal looks at labels that were drawn by lot.
func TestNoSignal(t *testing.T) {
	rows := lines(200)
	if f := finding(report(t, rows, inspect.Options{}), inspect.CodeNoSignal); f != nil {
		t.Errorf("rows that tell their labels: %+v", f)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for i := range rows {
		rows[i][1] = []string{"mail", "disk", "login"}[r.IntN(3)]
	}
	if f := finding(report(t, rows, inspect.Options{}), inspect.CodeNoSignal); f == nil || f.Level != inspect.LevelWarn {
		t.Errorf("labels drawn by lot: %+v", f)
	}
}

// TestRemaining works the bound out by hand: of labels of which 0.8 are found, none
// is found of 1 with a chance of 0.2, of 2 with 0.04.
func TestRemaining(t *testing.T) {
	r := &inspect.Report{Rows: 1000}
	if got := r.Remaining(0); got != -1 {
		t.Errorf("without a measurement: %d", got)
	}
	r = report(t, lines(400), inspect.Options{})
	r.Found.Low = 0.8
	if got := r.Remaining(0); got != 1 {
		t.Errorf("none found: at most %d, want 1", got)
	}
	if a, b := r.Remaining(5), r.Remaining(50); a < 1 || b <= a {
		t.Errorf("5 found: at most %d; 50 found: at most %d", a, b)
	}
	r.Found.Low = 0
	if got := r.Remaining(0); got != r.Rows {
		t.Errorf("nothing is ever found: at most %d", got)
	}
}

// TestSame gives the same report whatever the order in which workers end.
func TestSame(t *testing.T) {
	rows := lines(300)
	for i := range 20 {
		rows[i][0] += fmt.Sprintf(" of user%d@corp.example", i)
	}
	first := fmt.Sprintf("%+v", report(t, rows, inspect.Options{Seed: 4}).Findings)
	if again := fmt.Sprintf("%+v", report(t, rows, inspect.Options{Seed: 4}).Findings); again != first {
		t.Error("the same rows and seed give another report")
	}
}

func TestRedact(t *testing.T) {
	got := inspect.Redact("mail jane.roe@corp.example the key AKIA" + "Q3EGVXKZW7N2LJ4T today")
	if got != "mail [mail address] the key [aws-access-token] today" {
		t.Errorf("Redact = %q", got)
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add("badge = \\bB\\d{6}\\b", "B123456")
	f.Fuzz(func(t *testing.T, file, text string) {
		patterns, err := inspect.ParsePatterns(file)
		if err != nil {
			return
		}
		for _, p := range patterns {
			if _, err := regexp.Compile(p.Expression.String()); err != nil || p.Expression.MatchString("") {
				t.Fatalf("pattern %q", p.Expression)
			}
		}
	})
}

// FuzzRedact never lets a marked mail address through, whatever is around it.
func FuzzRedact(f *testing.F) {
	f.Add("before ", " after")
	f.Fuzz(func(t *testing.T, before, after string) {
		if got := inspect.Redact(before + " jane.roe@corp.example " + after); strings.Contains(got, " jane.roe@corp") && !strings.Contains(before+after, "jane.roe@corp") {
			t.Fatalf("Redact leaves %q", got)
		}
	})
}
