package tune

import (
	"time"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// Foretold is what is said of reading a table when the first rows took a while.
func Foretold(t *dataset.Table, took time.Duration, kept int64) (text string) {
	j := &job{table: t, o: Options{Note: func(s string) { text = s }}}
	all := make([]int, len(t.Rows))
	for i := range all {
		all[i] = i
	}
	r := j.startReading(all, kept, "DIR")
	r.start = r.start.Add(-took)
	r.read(all[:textsTogether], len(all))
	return text
}
