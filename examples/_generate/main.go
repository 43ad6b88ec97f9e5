// Command _generate writes the example day: the exports of an invented
// company's consoles, in intrusion/, and truth.csv, the truth about them. The
// truth lies outside so that nobody reads it by naming the folder.
//
//	go run ./examples/_generate -out examples
//
// It reads no clock and draws its noise from a fixed seed: the same source
// writes the same bytes. The folder's name begins with an underscore so that
// ./... passes it by.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "examples", "the folder to write to")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run tells the day from midnight to evening and writes it out. The order of
// the calls is the order in which noise is drawn, so a new story goes last.
func run(out string) error {
	g := newGenerator()
	g.nightBackup()
	g.weeklyScan()
	g.morning()
	g.officeNoise()
	g.adminWork()
	g.linuxNoise()
	g.cloudNoise()
	g.consoleNoise()

	g.phish()
	g.discovery()
	g.credentials()
	g.fileServer()
	g.domainController()
	g.jumpHost()
	g.cloud()
	g.exfiltration()
	g.impact()

	g.portal()

	if err := os.MkdirAll(filepath.Join(out, evidenceFolder), 0o755); err != nil {
		return fmt.Errorf("make folder %q: %w", out, err)
	}
	return g.write(out)
}
