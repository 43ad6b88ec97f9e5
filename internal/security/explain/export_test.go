package explain

import (
	"fmt"
	"regexp"
)

// Inspect reads the tables, compiles every pattern and returns the ids of all
// techniques that the tables name.
func Inspect() (techniques []string, err error) {
	t, err := read()
	if err != nil {
		return nil, err
	}
	compile := func(where string, p *pattern) error {
		if p == nil {
			return nil
		}
		if _, err := regexp.Compile(p.src); err != nil {
			return fmt.Errorf("compile pattern of %s: %w", where, err)
		}
		return nil
	}
	for _, p := range t.list {
		for _, c := range p.clues {
			if err := compile(p.names[0], c.re); err != nil {
				return nil, err
			}
			techniques = append(techniques, c.techniques...)
		}
	}
	for _, c := range t.text {
		if err := compile(c.means, c.re); err != nil {
			return nil, err
		}
		techniques = append(techniques, c.techniques...)
	}
	for _, p := range t.address {
		if err := compile("address.txt", p); err != nil {
			return nil, err
		}
	}
	for _, list := range t.events {
		for _, e := range list {
			techniques = append(techniques, e.techniques...)
		}
	}
	for _, list := range t.ordered {
		for _, f := range list {
			techniques = append(techniques, f.techniques...)
		}
	}
	return techniques, nil
}

// Known counts what the tables hold.
func Known() (programs, clues, events, facts int) {
	t := load()
	for _, p := range t.list {
		clues += len(p.clues)
	}
	for _, list := range t.events {
		events += len(list)
	}
	for _, list := range t.ordered {
		facts += len(list)
	}
	return len(t.programs), clues + len(t.text), events, facts
}
