package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/recipe"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how to use what it prints.
func (completionCmd) Help() string {
	return "Print a script that completes commands, flags and their values. It is made of the commands of this program and asks nobody.\n\n" +
		"    bash: source <(casemate completion bash)\n    zsh:  source <(casemate completion zsh)\n    fish: casemate completion fish | source"
}

// Run prints the script.
func (c *completionCmd) Run(s *streams, k *kong.Kong) error {
	places := completions(k.Model.Node)
	var b bytes.Buffer
	switch c.Shell {
	case "bash":
		writeBash(&b, places)
	case "zsh":
		writeZsh(&b, places)
	case "fish":
		writeFish(&b, places)
	}
	_, err := b.WriteTo(s.stdout)
	return err
}

// completion is what can follow at one place of the command line.
type completion struct {
	path     string // the commands so far, such as "model list"
	commands []word
	flags    []word
	values   map[string][]string // of flags, by --name
	words    []string            // that an argument may be, besides a file
}

// word is a word with what it means.
type word struct{ text, help string }

// completions lists the places below a command, itself first.
func completions(root *kong.Node) []completion {
	var out []completion
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		c := completion{path: path, values: map[string][]string{}}
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				c.flags = append(c.flags, word{"--" + f.Name, shortHelp(f.Help)})
				switch {
				case f.Enum != "":
					c.values["--"+f.Name] = enumWords(f.Enum)
				case f.Name == "head":
					c.values["--head"] = head.Names()
				case f.Name == "format":
					c.values["--format"] = evidence.Formats()
				}
			}
		}
		if cmd, ok := commandOf(n); ok && cmd.w.Levels != nil {
			c.values["--fail-on"] = cmd.w.Levels
		}
		for _, p := range n.Positional {
			c.words = append(c.words, enumWords(p.Enum)...)
		}
		switch path {
		case "run":
			for _, w := range workflow.All() {
				c.words = append(c.words, w.Name)
			}
		case "recipe new", "recipe test":
			for _, r := range recipe.Builtin() {
				c.words = append(c.words, r.Name)
			}
		}
		for _, child := range n.Children {
			if !child.Hidden {
				c.commands = append(c.commands, word{child.Name, shortHelp(child.Help)})
			}
		}
		out = append(out, c)
		for _, child := range n.Children {
			if !child.Hidden {
				walk(child, strings.TrimSpace(path+" "+child.Name))
			}
		}
	}
	walk(root, "")
	return out
}

// commandOf returns the command of a workflow behind a node.
func commandOf(n *kong.Node) (*workflowCmd, bool) {
	if n.Target.IsValid() && n.Target.CanAddr() {
		c, ok := n.Target.Addr().Interface().(*workflowCmd)
		return c, ok
	}
	return nil, false
}

func enumWords(enum string) []string {
	return strings.FieldsFunc(enum, func(r rune) bool { return r == ',' })
}

// shortHelp is the first sentence of a help text, without what shells act on.
func shortHelp(help string) string {
	help, _, _ = strings.Cut(help, ". ")
	help = strings.Map(func(r rune) rune {
		if strings.ContainsRune("'\"`$\\!:[]", r) {
			return ' '
		}
		return r
	}, strings.TrimSuffix(help, "."))
	return strings.Join(strings.Fields(help), " ")
}

func texts(words []word) string {
	var out []string
	for _, w := range words {
		out = append(out, w.text)
	}
	return strings.Join(out, " ")
}

// paths lists the places below the root as patterns of a case of a shell, each
// with a space before its last word.
func paths(places []completion) string {
	var out []string
	for _, p := range places[1:] {
		before, last := "", p.path
		if i := strings.LastIndexByte(p.path, ' '); i >= 0 {
			before, last = p.path[:i], p.path[i+1:]
		}
		out = append(out, fmt.Sprintf("%q", before+" "+last))
	}
	return strings.Join(out, "|")
}

func writeBash(w io.Writer, places []completion) {
	fmt.Fprintf(w, `# Completion of casemate for bash: source <(casemate completion bash)
_casemate() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at="" i
	if [[ $cur == "=" ]]; then cur=""
	elif [[ $prev == "=" ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at ${COMP_WORDS[i]}" in
		%s) at="${at:+$at }${COMP_WORDS[i]}" ;;
		esac
	done
	local commands="" flags="" words=""
	case "$at" in
`, paths(places))
	for _, p := range places {
		fmt.Fprintf(w, "\t%q) commands=%q flags=%q words=%q ;;\n", p.path, texts(p.commands), texts(p.flags), strings.Join(p.words, " "))
	}
	fmt.Fprint(w, "\tesac\n\tcase \"$at $prev\" in\n")
	for _, p := range places {
		for _, f := range p.flags {
			if values := p.values[f.text]; len(values) > 0 {
				fmt.Fprintf(w, "\t%q) COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", p.path+" "+f.text, strings.Join(values, " "))
			}
		}
	}
	fmt.Fprint(w, `	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$cur"))
	elif [[ -n $commands ]]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	else
		COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _casemate casemate
`)
}

func writeZsh(w io.Writer, places []completion) {
	fmt.Fprintf(w, `#compdef casemate
# Completion of casemate for zsh: source <(casemate completion zsh)
_casemate() {
	local at="" i
	for (( i = 2; i < CURRENT; i++ )); do
		case "$at ${words[i]}" in
		(%s) at="${at:+$at }${words[i]}" ;;
		esac
	done
	local -a commands flags values
	case "$at ${words[CURRENT-1]}" in
`, paths(places))
	for _, p := range places {
		for _, f := range p.flags {
			if values := p.values[f.text]; len(values) > 0 {
				fmt.Fprintf(w, "\t(%q) values=(%s); compadd -a values; return ;;\n", p.path+" "+f.text, strings.Join(values, " "))
			}
		}
	}
	fmt.Fprint(w, "\tesac\n\tcase \"$at\" in\n")
	described := func(words []word) string {
		var out []string
		for _, d := range words {
			out = append(out, "'"+d.text+":"+d.help+"'")
		}
		return strings.Join(out, " ")
	}
	for _, p := range places {
		fmt.Fprintf(w, "\t(%q) commands=(%s) flags=(%s) values=(%s) ;;\n", p.path, described(p.commands), described(p.flags), strings.Join(p.words, " "))
	}
	fmt.Fprint(w, `	esac
	if [[ ${words[CURRENT]} == -* ]]; then
		_describe -o flag flags
	elif (( ${#commands} )); then
		_describe command commands
	else
		(( ${#values} )) && compadd -a values
		_files
	fi
}
compdef _casemate casemate
`)
}

func writeFish(w io.Writer, places []completion) {
	fmt.Fprintf(w, `# Completion of casemate for fish: casemate completion fish | source
function __casemate_at
	set -l at ""
	for word in (commandline -opc)[2..-1]
		switch "$at $word"
			case %s
				set at (string trim "$at $word")
		end
	end
	test "$at" = "$argv[1]"
end
complete -c casemate -f
`, strings.ReplaceAll(paths(places), "|", " "))
	for _, p := range places {
		condition := fmt.Sprintf("-n '__casemate_at \"%s\"'", p.path)
		for _, c := range p.commands {
			fmt.Fprintf(w, "complete -c casemate %s -a %s -d '%s'\n", condition, c.text, c.help)
		}
		if len(p.commands) == 0 {
			fmt.Fprintf(w, "complete -c casemate %s -F\n", condition)
		}
		if len(p.words) > 0 {
			fmt.Fprintf(w, "complete -c casemate %s -a '%s'\n", condition, strings.Join(p.words, " "))
		}
		for _, f := range p.flags {
			values := ""
			if v := p.values[f.text]; len(v) > 0 {
				values = " -x -a '" + strings.Join(v, " ") + "'"
			}
			fmt.Fprintf(w, "complete -c casemate %s -l %s%s -d '%s'\n", condition, strings.TrimPrefix(f.text, "--"), values, f.help)
		}
	}
}
