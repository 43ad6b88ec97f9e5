package knowledge

import (
	"fmt"
	"strings"
)

// LogSource is a log that ATT&CK names as a place to look.
type LogSource struct {
	Name    string // WinEventLog:Sysmon
	Channel string // EventCode=1; empty where ATT&CK has prose or nothing
}

// String returns the name and the channel.
func (s LogSource) String() string {
	if s.Channel == "" {
		return s.Name
	}
	return s.Name + " " + s.Channel
}

// DataComponent is a kind of telemetry that shows a technique.
type DataComponent struct {
	ID        string      // DC0032
	Name      string      // Process Creation
	Platforms []string    // where ATT&CK's analytics look for it
	Sources   []LogSource // the most used first
}

type collect struct {
	uses map[string][]DataComponent // by technique
}

// DataComponents returns what to collect to see a technique: the components
// that most of ATT&CK's analytics for it name, and name first, come first. A revoked
// technique has those of its successor, a sub-technique without any those of
// its parent.
func (c *Catalogue) DataComponents(techniqueID string) []DataComponent {
	t, _, ok := c.Resolve(techniqueID)
	if !ok {
		return nil
	}
	k, _ := c.collect() // a damaged section answers as empty: see Catalogue
	found := k.uses[t.ID]
	if len(found) == 0 {
		found = k.uses[t.Parent]
	}
	return append([]DataComponent(nil), found...)
}

// collectReader builds the section from its rows.
type collectReader struct {
	names   map[string]string
	sources []LogSource
	lists   lists
	uses    map[string][]DataComponent
}

func decodeCollect(text string) (*collect, error) {
	r := &collectReader{names: map[string]string{}, lists: lists{}, uses: map[string][]DataComponent{}}
	err := eachRow(text, func(kind byte, f []string) error {
		switch {
		case kind == 'C' && len(f) == 2:
			r.names[f[0]] = f[1]
			return nil
		case kind == 'S' && len(f) == 2:
			r.sources = append(r.sources, LogSource{Name: f[0], Channel: f[1]})
			return nil
		case kind == 'c' && len(f) == 4:
			return r.use(f)
		}
		return errRow
	})
	if err != nil {
		return nil, err
	}
	return &collect{uses: r.uses}, nil
}

func (r *collectReader) use(f []string) error {
	name, ok := r.names[f[1]]
	if !ok {
		return fmt.Errorf("data component %q is not there", f[1])
	}
	d := DataComponent{ID: f[1], Name: name, Platforms: r.lists.split(f[2], "|")}
	if f[3] != "" {
		d.Sources = make([]LogSource, 0, strings.Count(f[3], ",")+1)
		for field := range strings.SplitSeq(f[3], ",") {
			i, err := number(field)
			if err != nil {
				return err
			}
			if i >= len(r.sources) {
				return fmt.Errorf("log source %d is not there", i)
			}
			d.Sources = append(d.Sources, r.sources[i])
		}
	}
	r.uses[f[0]] = append(r.uses[f[0]], d)
	return nil
}
