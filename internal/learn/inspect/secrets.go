package inspect

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/casemate-ai/casemate"
)

const (
	secretChunk = 256 // rows between two looks at the context
	// genericRule is gitleaks' rule that goes by how random a value is alone.
	genericRule = "generic-api-key"

	maxPatterns     = 200
	maxPatternBytes = 1000
)

// finder returns gitleaks with its default rules, compiled when first asked for.
var finder = sync.OnceValues(func() (*detect.Detector, error) {
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, fmt.Errorf("load the rules for secrets: %w", err)
	}
	// A row must not be able to declare itself harmless.
	d.IgnoreGitleaksAllow = true
	return d, nil
})

// sighting is what was seen in a row.
type sighting struct {
	rule string // of a secret; a kind of personal data; the name of a user's pattern
	kind int
}

// The kinds of sighting.
const (
	sightSecret = iota
	sightMaybe
	sightPersonal
	sightPattern
)

// secrets looks for keys, tokens and passwords, personal data and what the user's
// own patterns describe. What it marks is not shown by any other finding.
func (i *inspector) secrets() error {
	d, err := finder()
	if err != nil {
		return err
	}
	seen := make([][]sighting, len(i.t.Rows))
	workers := min(runtime.GOMAXPROCS(0), 8)
	var group sync.WaitGroup
	next := make(chan int)
	done := make(chan int, workers)
	for range workers {
		group.Go(func() {
			for from := range next {
				for n := from; n < min(from+secretChunk, len(seen)) && i.ctx.Err() == nil; n++ {
					seen[n] = i.look(d, n)
				}
				done <- 1
			}
		})
	}
	go func() {
		defer close(done)
		for from := 0; from < len(seen) && i.ctx.Err() == nil; from += secretChunk {
			next <- from
		}
		close(next)
		group.Wait()
	}()
	chunks := 0
	for range done {
		chunks++
		i.progress("looking for secrets", min(chunks*secretChunk, len(seen)), len(seen))
	}
	if err := i.ctx.Err(); err != nil {
		return err
	}
	i.sighted(seen)
	return nil
}

// look looks at a row, and marks what must not be shown of its text.
func (i *inspector) look(d *detect.Detector, n int) []sighting {
	r := &i.t.Rows[n]
	var out []sighting
	for k, text := range []string{r.Text, r.Chosen, r.Rejected} {
		if text == "" {
			continue
		}
		note := func(what string, kind, start, end int) {
			out = append(out, sighting{what, kind})
			if k == 0 {
				i.marks[n] = append(i.marks[n], mark{start, end, what})
			}
		}
		sightings(d, i.o.Patterns, text, note)
	}
	return out
}

// sightings calls note for each secret, personal datum and user's pattern of a text.
func sightings(d *detect.Detector, patterns []Pattern, text string, note func(what string, kind, start, end int)) {
	for _, f := range d.DetectString(text) {
		kind := sightSecret
		if f.RuleID == genericRule {
			kind = sightMaybe
		}
		secret := f.Secret
		if secret == "" {
			secret = f.Match
		}
		found := false
		for at := 0; secret != ""; { // wherever it stands
			next := strings.Index(text[at:], secret)
			if next < 0 {
				break
			}
			found = true
			note(f.RuleID, kind, at+next, at+next+len(secret))
			at += next + len(secret)
		}
		if !found {
			note(f.RuleID, kind, 0, len(text))
		}
	}
	personal(text, func(what string, start, end int) { note(what, sightPersonal, start, end) })
	for _, p := range patterns {
		for _, at := range p.Expression.FindAllStringIndex(text, 100) {
			note(p.Name, sightPattern, at[0], at[1])
		}
	}
}

// sighted makes findings of what was seen.
func (i *inspector) sighted(seen [][]sighting) {
	for kind, f := range []Finding{
		{Code: CodeSecrets, Level: LevelRefuse, Message: "%s to have a secret in: %s", Advice: "replace each with a placeholder and change the secret itself: what is learnt from can be drawn out again"},
		{Code: CodeMaybeSecret, Level: LevelWarn, Message: "%s to have something as random as a key in: %s", Advice: "look at them: hashes and ids are harmless, keys are not"},
		{Code: CodePersonal, Level: LevelWarn, Message: "%s to have personal data in: %s", Advice: "replace what the label does not need, or see that you may learn from it"},
		{Code: CodePatterns, Level: LevelRefuse, Message: "%s to have what your patterns describe in: %s", Advice: "replace each with a placeholder"},
	} {
		var rows []int
		counts := map[string]int{}
		for n, all := range seen {
			inRow := map[string]bool{}
			for _, s := range all {
				if s.kind == kind && !inRow[s.rule] {
					inRow[s.rule] = true
					counts[s.rule]++
				}
			}
			if len(inRow) > 0 {
				rows = append(rows, n)
			}
		}
		if len(rows) == 0 {
			continue
		}
		f.Message = fmt.Sprintf(f.Message, plural(len(rows), "row seems", "rows seem"), listing(counts))
		f.Shown = i.some(rows)
		i.find(f, rows)
	}
}

// listing names what was counted, the most frequent first.
func listing(counts map[string]int) string {
	const most = 6
	names := make([]string, 0, len(counts))
	for k := range counts {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, k := range names[:min(len(names), most)] {
		out = append(out, fmt.Sprintf("%s %s", printable(k, 60), number(counts[k])))
	}
	if len(names) > most {
		out = append(out, fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(out, ", ")
}

// ParsePatterns reads a user's own patterns: a name, a tab or "=", and an expression
// a line; empty lines and those that begin with # are left out. A line without a
// name is named by its number.
func ParsePatterns(text string) ([]Pattern, error) {
	var out []Pattern
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, expression := fmt.Sprintf("pattern %d", n+1), line
		if before, after, ok := strings.Cut(line, "\t"); ok {
			name, expression = strings.TrimSpace(before), strings.TrimSpace(after)
		} else if before, after, ok := strings.Cut(line, " = "); ok {
			name, expression = strings.TrimSpace(before), strings.TrimSpace(after)
		}
		if len(expression) > maxPatternBytes || len(out) == maxPatterns {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read patterns: line %d: more than %d patterns or %d bytes", n+1, maxPatterns, maxPatternBytes)}
		}
		compiled, err := regexp.Compile(expression)
		if err != nil || compiled.MatchString("") {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read patterns: line %d is no expression, or one that nothing matches", n+1), Err: err, Hint: `write a name, " = " and a regular expression, such as: badge = \bB\d{6}\b`}
		}
		out = append(out, Pattern{name, compiled})
	}
	return out, nil
}
