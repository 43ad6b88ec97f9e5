package letter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Signs finds what no search for words does: parts of the mail that contradict
// one another, and attachments that are not what they seem.
func (l *Letter) Signs(add Adder) {
	l.senderSigns(add)
	l.linkSigns(add)
	l.attachmentSigns(add)
	if len(l.hidden) > 0 {
		add("hidden-text", 30, "The mail holds hidden text.", l.hidden...)
	}
}

// Adder takes a sign that was found: a name, points for fraud, one sentence and
// the evidence that shows it.
type Adder func(name string, points int, text string, evidence ...string)

var authentication = regexp.MustCompile(`(?i)\b(spf|dkim|dmarc)\s*=\s*(fail|softfail|none|permerror|temperror|neutral|pass)\b`)

func (l *Letter) senderSigns(add Adder) {
	if l.replyTo.domain != "" && l.from.domain != "" && !related(l.replyTo.domain, l.from.domain) {
		add("reply-to", 25, fmt.Sprintf("Answers go to %s; the mail comes from %s.", l.replyTo.mailbox, l.from.mailbox), l.head)
	}
	if l.returnTo.domain != "" && l.from.domain != "" && !related(l.returnTo.domain, l.from.domain) {
		add("return-path", 10, fmt.Sprintf("Bounces go to %s; the sender is of %s.", l.returnTo.mailbox, l.from.domain), l.head)
	}
	if shown := addressIn(l.from.name); shown != "" && !related(domainOf(shown), l.from.domain) {
		add("shown-address", 30, fmt.Sprintf("The sender's name shows the address %s, and the mail comes from %s.", shown, l.from.mailbox), l.head)
	}
	// Only the first header is of the receiver's own server: a sender can write
	// others below it.
	for i, result := range l.results {
		if i > 0 {
			break
		}
		for _, m := range authentication.FindAllStringSubmatch(result, 10) {
			how, what := strings.ToUpper(m[1]), strings.ToLower(m[2])
			switch what {
			case "fail":
				points := 20
				if how == "DMARC" {
					points = 30
				}
				add("authentication", points, fmt.Sprintf("The receiving server says %s=fail.", how), l.head)
			case "softfail", "permerror", "none":
				add("authentication", 8, fmt.Sprintf("The receiving server says %s=%s.", how, what), l.head)
			}
		}
	}
}

// addressIn returns the mail address that a text holds, or nothing.
func addressIn(text string) string {
	for word := range strings.FieldsSeq(text) {
		word = strings.ToLower(strings.Trim(word, `"'<>()[],;:`))
		if i := strings.IndexByte(word, '@'); i > 0 && strings.Contains(word[i:], ".") {
			return word
		}
	}
	return ""
}

func domainOf(mailbox string) string {
	_, domain, _ := strings.Cut(mailbox, "@")
	return domain
}

func (l *Letter) linkSigns(add Adder) {
	for _, k := range l.links {
		host := hostOf(k.target)
		if shown := hostOf(k.shown); shown != "" && host != "" && !related(shown, host) {
			add("masked-link", 35, fmt.Sprintf("A link shown as %s leads to %s.", shown, host), k.id)
		}
		switch {
		case host == "":
		case strings.Trim(host, "0123456789.") == "":
			add("address-link", 20, fmt.Sprintf("A link leads to the bare address %s.", host), k.id)
		case strings.Contains(host, "xn--"):
			add("international-name", 15, fmt.Sprintf("A link leads to %s, a name in letters of another script.", host), k.id)
		}
		if k.shown == "a form" {
			add("form", 20, fmt.Sprintf("The mail holds a form that sends what is typed to %s.", host), k.id)
		}
	}
}

// Extensions of what runs when it is opened, of what may hold macros, and of
// containers that hide both from a filter.
var (
	runs      = []string{".exe", ".scr", ".com", ".pif", ".bat", ".cmd", ".ps1", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".hta", ".lnk", ".msi", ".jar", ".cpl", ".chm", ".reg"}
	macros    = []string{".xlsm", ".docm", ".pptm", ".xlam", ".dotm", ".xll", ".one", ".doc", ".xls"}
	container = []string{".iso", ".img", ".vhd", ".vhdx", ".zip", ".rar", ".7z", ".gz", ".cab", ".ace", ".html", ".htm", ".shtml", ".svg"}
	documents = []string{".pdf", ".doc", ".docx", ".xls", ".xlsx", ".jpg", ".png", ".txt"}
)

func (l *Letter) attachmentSigns(add Adder) {
	for _, a := range l.attached {
		ext := extension(a.name)
		inner := extension(strings.TrimSuffix(a.name, a.name[len(a.name)-len(ext):]))
		switch {
		case slices.Contains(runs, ext) && slices.Contains(documents, inner):
			add("double-extension", 45, fmt.Sprintf("The attachment %q runs when it is opened and is named like a document.", a.name), a.id)
		case slices.Contains(runs, ext):
			add("program", 40, fmt.Sprintf("The attachment %q runs when it is opened.", a.name), a.id)
		case slices.Contains(macros, ext):
			add("macros", 20, fmt.Sprintf("The attachment %q is of a kind that can hold macros.", a.name), a.id)
		case slices.Contains(container, ext):
			add("container", 15, fmt.Sprintf("The attachment %q is of a kind that carries others past filters.", a.name), a.id)
		}
	}
}
