package workflow

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// WriteDocs writes the documentation of the whole table as Markdown.
func WriteDocs(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(`# Workflows

<!-- Written by "casemate run --docs docs/workflows.md" from the table in internal/security/workflow; a test fails when it is out of date. -->

Each workflow is declared once. Its command, its documentation and its place in ` + "`casemate run --list`" + ` come from that declaration, and so do the JSON Schemas of its input and its output, which ` + "`casemate run --list --json`" + ` prints.

- All of them work without a language model. Where a model makes one better, ` + "`--model NAME`" + ` names it; ` + "`--dry-run`" + ` prints what would be sent to it, ` + "`--trace DIR`" + ` keeps each step, ` + "`--strict`" + ` leaves out sentences that their evidence does not show.
- ` + "`casemate run NAME --input @FILE`" + ` takes the whole input as one JSON document in place of files and flags.
- Results go to standard output, all else to standard error. The exit code is 0, 1 for findings at or over ` + "`--fail-on`" + `, 2 for wrong use, 3 for a fault, 4 if a part of the input could not be used.
`)
	group := ""
	for _, flow := range All() {
		if flow.Group != group {
			group = flow.Group
			fmt.Fprintf(b, "\n## %s\n", group)
		}
		flow.writeDocs(b)
	}
	return b.Flush()
}

// writeDocs writes the part of one workflow.
func (w Workflow) writeDocs(b *bufio.Writer) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n%s\n\n```\n%s\n```\n", w.Name, w.Summary, w.Help, w.Example)
	var says []string
	if w.Stream {
		says = append(says, "It writes one JSON object a line.")
	} else if w.Line != nil {
		says = append(says, "`--jsonl` writes one JSON object a line.")
	}
	if w.Model {
		says = append(says, "`--model` lets a language model add to it.")
	}
	if w.Library {
		says = append(says, "It uses the knowledge base, where there is one.")
	}
	if w.Levels != nil {
		says = append(says, "`--fail-on` takes "+strings.Join(w.Levels, ", ")+".")
	}
	if len(says) > 0 {
		fmt.Fprintf(b, "\n%s\n", strings.Join(says, " "))
	}
	b.WriteString("\n| input | as a flag | what |\n|---|---|---|\n")
	for _, f := range reflect.VisibleFields(reflect.TypeOf(w.New()).Elem()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, flagOf(f), strings.ReplaceAll(Interpolate(f.Tag.Get("help")), "|", "\\|"))
	}
}

// flagOf names a field as the command line does.
func flagOf(f reflect.StructField) string {
	name := f.Tag.Get("name")
	if _, isArg := f.Tag.Lookup("arg"); isArg {
		return "`" + strings.ToUpper(name) + "`"
	}
	if name == "" {
		name = strings.ReplaceAll(strings.Split(f.Tag.Get("json"), ",")[0], "_", "-")
	}
	if f.Type.Kind() == reflect.Bool {
		return "`--" + name + "`"
	}
	placeholder := f.Tag.Get("placeholder")
	if enum := strings.TrimPrefix(f.Tag.Get("enum"), ","); enum != "" {
		placeholder = strings.ReplaceAll(enum, ",", "|")
	}
	if placeholder == "" {
		placeholder = strings.ToUpper(name)
	}
	return "`--" + name + " " + strings.ReplaceAll(placeholder, "|", "\\|") + "`"
}
