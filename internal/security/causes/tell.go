package causes

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Detail is the command, URL or path of a record, for display.
func (r *Record) Detail() string {
	return phrase.Cut(cmp.Or(r.Command, r.URL, r.File, r.Key), maxDetail)
}

// Tell says what a record shows, in no more words than it has.
func (r *Record) Tell() string {
	on, as := "", ""
	if r.Host != "" {
		on = " on " + Label(r.Host)
	}
	if r.User != "" {
		as = " as " + r.User
	}
	switch {
	case r.Fault && r.Message != "":
		return "A service said " + phrase.Quote(r.Message) + on + "."
	case r.Act == ActProcess && r.Image != "" && r.Parent != "":
		return Base(r.Parent) + " started " + Base(r.Image) + on + as + "."
	case r.Act == ActProcess && r.Image != "":
		return Base(r.Image) + " was started" + on + as + "."
	case r.Act == ActLogon && r.Src != "":
		return "There was a logon" + on + as + " from " + cmp.Or(Label(r.SrcHost), r.Src) + "."
	case r.Act == ActService:
		return "A service was installed" + on + "."
	case r.Act == ActTask:
		return "A scheduled task was made" + on + as + "."
	case r.Act == ActFile && r.File != "":
		return "The file " + r.File + " was written" + on + as + "."
	case r.Act == ActNetwork && r.Image != "" && r.Dst != "":
		return Base(r.Image) + on + " connected to " + r.Dst + "."
	case r.Act == ActRequest && r.Src != "":
		return fmt.Sprintf("%s: a web request for %s came from %s%s.", phrase.Quote(r.Name), phrase.Quote(PathOf(r.URL)), r.Src, on)
	case r.Act == ActCloud && r.User != "" && r.Src != "":
		return fmt.Sprintf("%s was called as %s from %s.", phrase.Quote(r.Name), r.User, r.Src)
	}
	if r.Src != "" && r.Kind == casemate.KindEvent {
		as += " from " + r.Src
	}
	return phrase.Quote(r.Name) + on + as + "."
}

// Lower writes the first letter small where the word is one of ours.
func Lower(text string) string {
	for _, word := range []string{"There ", "A ", "The "} {
		if strings.HasPrefix(text, word) {
			return strings.ToLower(text[:1]) + text[1:]
		}
	}
	return text
}

// Brief is Tell for a place that names time, host and account beside it.
func (r *Record) Brief() string {
	text := strings.TrimSuffix(r.Tell(), ".")
	if r.User != "" {
		text = strings.TrimSuffix(text, " as "+r.User)
	}
	if r.Host != "" {
		text = strings.Replace(text, " on "+Label(r.Host), "", 1)
	}
	return text
}

// Called says in a sentence's middle what a record is: an alert by its name, an
// event by what it tells.
func (r *Record) Called() string {
	if r.Kind == casemate.KindAlert || r.Act == ActOther {
		if r.Src != "" && r.Kind == casemate.KindEvent {
			return phrase.Quote(r.Name) + On(r) + " from " + r.Src
		}
		return phrase.Quote(r.Name) + On(r)
	}
	return Lower(strings.TrimSuffix(r.Tell(), "."))
}

// On says on which host a record is, for a sentence.
func On(r *Record) string {
	if r.Host == "" {
		return ""
	}
	return " on " + Label(r.Host)
}

// Has reports whether a record shows one of the techniques, or one below it.
func Has(r *Record, ids ...string) bool {
	for _, have := range r.Techniques {
		for _, id := range ids {
			if have == id || strings.HasPrefix(have, id+".") {
				return true
			}
		}
	}
	return false
}
