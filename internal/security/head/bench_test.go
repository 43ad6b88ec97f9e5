package head_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// descriptions are of the length of most descriptions of vulnerabilities.
var descriptions = []string{
	"A stack-based buffer overflow in the web interface of the Example R7 router, firmware 2.1.4 and before, allows an unauthenticated attacker on the network to run code via a long ssid parameter in a request to /goform/setWireless.",
	"The Sample Gallery plugin for WordPress is vulnerable to Stored Cross-Site Scripting via the title attribute of its shortcode in all versions up to, and including, 3.2 due to insufficient input sanitization and output escaping. This makes it possible for authenticated attackers with contributor-level access to inject scripts that run whenever a user opens the page.",
	"SQL injection vulnerability in report.php in Example CRM 5.0 allows remote attackers to execute arbitrary SQL commands via the id parameter.",
	"In the kernel driver of the example network card there is a use after free in the teardown path. A local user could use it to crash the system or to gain privileges.",
}

// BenchmarkClassify prints texts a second: with the reasons that Classify gives
// by default, and without.
func BenchmarkClassify(b *testing.B) {
	for _, name := range head.Names() {
		h, err := head.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range []struct {
			name string
			opt  head.Options
		}{{"reasons", head.Options{}}, {"plain", head.Options{Because: -1}}} {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				i := 0
				for b.Loop() {
					h.Classify(descriptions[i%len(descriptions)], c.opt)
					i++
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
			})
		}
	}
}

// BenchmarkTechniques prints texts a second of the attack head on sentences of 20
// to 25 words: of reports if CASEMATE_SHARED, or ../shared beside the repository,
// has them, else invented ones.
func BenchmarkTechniques(b *testing.B) {
	h, err := head.Open("attack")
	if err != nil {
		b.Fatal(err)
	}
	texts := reportSentences(b)
	for _, c := range []struct {
		name string
		opt  head.Options
	}{{"reasons", head.Options{}}, {"plain", head.Options{Because: -1}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				h.Classify(texts[i%len(texts)], c.opt)
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
		})
	}
}

// reportSentences returns sentences of 20 to 25 words.
func reportSentences(b *testing.B) []string {
	b.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	invented := []string{
		"After the macro ran, the document started PowerShell with an encoded command that fetched a second stage from a server of the group.",
		"The intruders dumped the memory of the process that holds credentials, then moved to the file server with a shared administrator account.",
	}
	f, err := os.Open(filepath.Join(shared, "data", "attack", "tram-train.json.gz"))
	if err != nil {
		b.Log("sentences are invented: no reports in the shared data")
		return invented
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	var rows []struct {
		Text string `json:"text"`
	}
	if err := json.NewDecoder(z).Decode(&rows); err != nil {
		b.Fatal(err)
	}
	var texts []string
	for _, r := range rows {
		if n := len(strings.Fields(r.Text)); n >= 20 && n <= 25 {
			texts = append(texts, r.Text)
		}
	}
	return texts
}

// BenchmarkLoad decodes each head as its first use does.
func BenchmarkLoad(b *testing.B) {
	for _, name := range head.Names() {
		data, err := os.ReadFile(filepath.Join("weights", name+".bin"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := head.Load(name, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
