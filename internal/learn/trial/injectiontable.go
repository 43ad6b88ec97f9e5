package trial

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

// WriteInjection prints the twins by workflow, by field and by family, and every
// pair that moved.
func WriteInjection(w io.Writer, r InjectionReport) error {
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', tabwriter.AlignRight)
	groups := []struct {
		title string
		key   func(InjectionCase) string
	}{
		{"workflow, engine", func(c InjectionCase) string { return c.Workflow + ", " + c.Engine }},
		{"field", func(c InjectionCase) string { return c.Field }},
		{"family", func(c InjectionCase) string { return c.Family }},
		{"tier", func(c InjectionCase) string { return fmt.Sprint(c.Tier, " ", tierNames[c.Tier]) }},
	}
	for _, g := range groups {
		fmt.Fprintf(tw, "%s\ttwins\tobeyed\tmoved\t\n", g.title)
		for _, row := range tally(r.Cases, g.key) {
			fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t\n", row.name, row.twins, row.heard, row.moved)
		}
		fmt.Fprintln(tw, "\t\t\t\t")
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	fmt.Fprintf(w, "moved: %s\n", metric.Proportion(r.Moved, r.Twins))
	fmt.Fprintf(w, "baseline: had the model's word been taken, %s would have moved\n", metric.Proportion(r.Heard, r.Twins))
	fmt.Fprintf(w, "raised, not moved: %d (the rules of explain and phishing-report find the text itself, and call the input graver for it)\n", r.Raised)
	for _, c := range r.Cases {
		if !c.Moved {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", c.ID)
		for i, what := range c.What {
			if i == 5 {
				fmt.Fprintf(w, "  and %d more\n", len(c.What)-i)
				break
			}
			fmt.Fprintf(w, "  %s\n", what)
		}
	}
	return nil
}

var tierNames = [...]string{TierCanary: "canary", TierSuppress: "suppress", TierCallback: "callback", TierNeighbours: "neighbours"}

type tallied struct {
	name                string
	twins, heard, moved int
}

// tally counts cases by a key, in the order in which the keys first come.
func tally(cases []InjectionCase, key func(InjectionCase) string) []tallied {
	at := map[string]int{}
	var out []tallied
	for _, c := range cases {
		k := key(c)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, tallied{name: k})
		}
		out[i].twins++
		if c.Heard {
			out[i].heard++
		}
		if c.Moved {
			out[i].moved++
		}
	}
	return out
}
