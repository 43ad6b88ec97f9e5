package feed

import (
	"bufio"
	"errors"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
)

const maxLine = 64 << 10 // bytes of a line of EPSS, which has 40

var errLine = errors.New("a line of more than 64 KiB")

// epss reads the scores: a comment with version and date, which old files lack,
// a line of names, and a line a CVE.
func (r *reader) epss(f *unpack.File) error {
	pub, err := r.only("epss")
	if err != nil {
		return r.broken(err)
	}
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 0, maxLine), maxLine)
	columns := map[string]int{}
	for s.Scan() {
		r.at.Line++
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			epssComment(pub, line)
		case len(columns) == 0:
			for i, name := range strings.Split(line, ",") {
				columns[strings.ToLower(strings.TrimSpace(name))] = i
			}
		default:
			if err := r.epssRow(pub, columns, line); err != nil {
				return err
			}
		}
	}
	err = s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = errLine
	}
	if err != nil {
		return r.broken(err)
	}
	return nil
}

// epssComment reads "#model_version:v2023.03.01,score_date:2024-05-01T00:00:00+0000".
func epssComment(pub *edition, line string) {
	for _, part := range strings.Split(strings.TrimPrefix(line, "#"), ",") {
		key, value, _ := strings.Cut(part, ":")
		switch strings.TrimSpace(key) {
		case "model_version":
			pub.version(strings.TrimSpace(value))
		case "score_date":
			pub.released(strings.TrimSpace(value))
		}
	}
}

func (r *reader) epssRow(pub *edition, columns map[string]int, line string) error {
	cells := strings.Split(line, ",")
	cell := func(name string) string {
		if i, known := columns[name]; known && i < len(cells) {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	score := cell("epss")
	if !probability(score) {
		r.faultf("the score %.40q is no probability", score)
		return nil
	}
	e := &Entry{Kind: KindVulnerability, ID: cell("cve")}
	e.field("epss", score)
	if p := cell("percentile"); probability(p) {
		e.field("percentile", p)
	} else if p != "" {
		r.faultf("the percentile %.40q is no probability", p)
		return nil
	}
	_, err := r.entry(pub, e)
	return err
}

// probability reports a number from 0 to 1.
func probability(s string) bool {
	if len(s) > 40 {
		return false
	}
	p, err := strconv.ParseFloat(s, 64)
	return err == nil && p >= 0 && p <= 1
}
