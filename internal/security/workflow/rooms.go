package workflow

import (
	"context"
	"io"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/investigate"
	"github.com/casemate-ai/casemate/internal/security/note"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/ranklogs"
	"github.com/casemate-ai/casemate/internal/security/summary"
)

// room makes an entry of a room that runs on the pipeline: what it found is the
// document, its page is for people, and its coverage says what could not be read.
func room[I, O any](w Workflow, run func(context.Context, *pipeline.Run, I) (O, error), show func(O) page.Page, coverage func(O) casemate.Coverage, more func(O, *Result)) Workflow {
	var zero O
	w.Model, w.Output = true, zero
	return entry(w, func(ctx context.Context, in *I, env Env) (Result, error) {
		r, err := pipeline.Start(env.Options)
		if err != nil {
			return Result{}, err
		}
		out, err := run(ctx, r, *in)
		if err != nil {
			return Result{}, err
		}
		p, c := show(out), coverage(out)
		result := Result{Value: out, Page: &p, Faults: c.Faults, FaultCount: c.FaultCount, Incomplete: c.FaultCount > 0}
		if more != nil {
			more(out, &result)
		}
		return result, nil
	})
}

func investigateEntry() Workflow {
	return room(Workflow{
		Name: "investigate", Group: GroupSOC,
		Summary: "Investigate an incident: entities, hypotheses, root cause, actions, report.",
		Help:    "Reads incident material of any kind and works the gravest incident, or those that are named: who and what took part and what ties them, explanations with the evidence for and against, root causes, and actions with what they touch and how to undo them. Plain logs of servers are counted for root causes, and firewall rules are proposed (casemate investigate examples/logs). It never applies anything.",
		Example: "casemate investigate examples/intrusion --assets examples/assets.csv --suppress examples/suppress.yaml",
		Levels:  []string{"grave"},
	}, investigate.Run, investigate.Page, func(o investigate.Output) casemate.Coverage { return o.Coverage }, func(o investigate.Output, r *Result) {
		if o.Grave {
			r.Level = "grave"
		}
	})
}

func summarizeEntry() Workflow {
	return room(Workflow{
		Name: "summarize", Group: GroupSOC,
		Summary: "Summarise the material of an incident: five sentences, the course by phase, a timeline, open questions.",
		Help:    "Reads alerts, logs, notes, chats, tickets, mails and reports of an incident together, of any size. Every sentence names what it rests on; text in the material that gives orders to its reader is told as such. A model puts the sentences better; where its evidence does not show one, the rules' sentence stands.",
		Example: "casemate summarize examples/intrusion examples/incident --assets examples/assets.csv --suppress examples/suppress.yaml",
	}, summary.Run, summary.Page, func(o summary.Output) casemate.Coverage { return o.Coverage }, nil)
}

func noteEntry() Workflow {
	return room(Workflow{
		Name: "note", Group: GroupSOC,
		Summary: "Write a case note, a shift handover or a customer notification.",
		Help:    "Writes what is known of an incident for those who go on with it, take over the shift or have to be told. With --format it is what TheHive, Jira or ServiceNow takes to create a case. A customer notification names nothing internal unless it is asked to.",
		Example: "casemate note examples/intrusion examples/incident --assets examples/assets.csv --suppress examples/suppress.yaml",
	}, note.Run, note.Page, func(o note.Output) casemate.Coverage { return o.Coverage }, func(o note.Output, r *Result) {
		if len(o.Payload) > 0 {
			r.Text = func(w io.Writer, _ page.TerminalOptions) error {
				_, err := w.Write(append(slices.Clip(o.Payload), '\n'))
				return err
			}
		}
	})
}

func rankLogsEntry() Workflow {
	w := room(Workflow{
		Name: "rank-logs", Group: GroupSOC,
		Summary: "Rank the lines of logs by how suspicious they are.",
		Help:    "Finds the needle in a stack of logs: signs that rules know, forms of lines that are rare, and breaks in the course of things. With --fit and labelled lines, scores become probabilities; with a model the first lines are judged once more.",
		Example: "casemate rank-logs examples/ranklogs/fleet.log",
		Line:    ranklogs.Line{},
	}, ranklogs.Run, ranklogs.Page, func(o ranklogs.Output) casemate.Coverage { return o.Coverage }, nil)
	run := w.Run
	w.Run = func(ctx context.Context, in any, env Env) (Result, error) {
		r, err := run(ctx, in, env)
		if err != nil || env.Emit == nil {
			return r, err
		}
		for _, l := range r.Value.(ranklogs.Output).Lines {
			if err := env.Emit(l); err != nil {
				return r, err
			}
		}
		return r, nil
	}
	return w
}
