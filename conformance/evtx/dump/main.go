// Command dump prints what package evtx reads from event logs, one JSON object
// a line, so that compare.py can hold it against other readers.
//
//	go run ./conformance/evtx/dump [-xml] FILE…
//
// A record is {"file", "record", "written", "offset", "fields": [[name, value,
// kind], …]}, with "xml" where asked for. Each file ends with {"file",
// "stats"}.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/casemate-ai/casemate/internal/security/evtx"
)

func main() {
	xml := flag.Bool("xml", false, "print each record as XML too")
	flag.Parse()
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for _, name := range flag.Args() {
		if err := dump(out, name, *xml); err != nil {
			fmt.Fprintln(os.Stderr, "dump:", err)
			os.Exit(3)
		}
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "dump:", err)
		os.Exit(3)
	}
}

// line is one record, or the end of a file.
type line struct {
	File    string      `json:"file"`
	Record  uint64      `json:"record,omitempty"`
	Written string      `json:"written,omitempty"`
	Offset  int64       `json:"offset,omitempty"`
	Fields  [][3]string `json:"fields,omitempty"`
	XML     string      `json:"xml,omitempty"`
	Stats   *evtx.Stats `json:"stats,omitempty"`
}

func dump(w io.Writer, name string, xml bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := evtx.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for {
		rec, err := r.Next()
		if err == io.EOF {
			stats := r.Stats()
			return enc.Encode(line{File: name, Stats: &stats})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		l := line{File: name, Record: rec.Number, Written: rec.Written.Format(time.RFC3339Nano), Offset: rec.Offset}
		for _, f := range rec.Fields {
			l.Fields = append(l.Fields, [3]string{f.Name, f.Value, f.Kind.String()})
		}
		if xml {
			if l.XML, err = rec.XML(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
}
