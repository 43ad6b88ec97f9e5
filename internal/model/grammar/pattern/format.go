package pattern

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// Format is a named format as an automaton.
type Format struct {
	DFA *automaton.DFA
	Max int // code points at most; 0 means any number
	// Exact says that DFA and Max accept the whole format. Otherwise they
	// accept a part of it, so what they refuse may still have the format.
	Exact bool
}

// formatLimit bounds the states of a format; the largest needs about 300.
const formatLimit = 2000

// Known says what is done about a format.
type Known int

// What is done about a format.
const (
	Unknown Known = iota // no format of JSON Schema
	Refused              // a format of JSON Schema that is not built here
	Built                // an automaton exists
)

// refused are the formats of JSON Schema that are no regular language.
var refused = []string{"regex"}

// source is a format before it is compiled.
type source struct {
	pattern string
	max     int
	exact   bool
}

// Named returns the automaton of the format called name.
func Named(name string) (Format, Known, error) {
	if slices.Contains(refused, name) {
		return Format{}, Refused, nil
	}
	s, ok := lookupFormat(name)
	if !ok {
		return Format{}, Unknown, nil
	}
	d, err := compile("^(?:"+s.pattern+")$", formatLimit)
	if err != nil {
		return Format{}, Built, fmt.Errorf("format %q: %w", name, err)
	}
	return Format{DFA: d, Max: s.max, Exact: s.exact}, Built, nil
}

const (
	hex    = `[0-9A-Fa-f]`
	octet  = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	ipv4   = octet + `(?:\.` + octet + `){3}`
	date   = `(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`
	clock  = `(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])`
	atom   = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
	second = `[0-9]+S`
	minute = `[0-9]+M(?:` + second + `)?`
	hour   = `[0-9]+H(?:` + minute + `)?`
	hours  = `T(?:` + hour + `|` + minute + `|` + second + `)`
	day    = `[0-9]+D`
	month  = `[0-9]+M(?:` + day + `)?`
	year   = `[0-9]+Y(?:` + month + `)?`
	steps  = `(?:/(?:[^~/]|~[01])*)*`
)

// lookupFormat returns what a format means. Left out of the inexact ones are:
// leap seconds; quoted local parts of addresses and addresses in brackets; host
// names with "--" as third and fourth character, which are encodings of others,
// and those that are not ASCII; index arithmetic of relative pointers.
func lookupFormat(name string) (source, bool) {
	switch name {
	case "date":
		return source{pattern: date, exact: true}, true
	case "time":
		return source{pattern: clock}, true
	case "date-time":
		return source{pattern: date + `[Tt]` + clock}, true
	case "duration":
		return source{pattern: `P(?:(?:` + day + `|` + month + `|` + year + `)(?:` + hours + `)?|` + hours + `|[0-9]+W)`, exact: true}, true
	case "uuid":
		return source{pattern: hex + `{8}-` + hex + `{4}-` + hex + `{4}-` + hex + `{4}-` + hex + `{12}`, exact: true}, true
	case "ipv4":
		return source{pattern: ipv4, exact: true}, true
	case "ipv6":
		return source{pattern: ipv6(), exact: true}, true
	case "hostname":
		return source{pattern: host(), max: 253}, true
	case "email":
		return source{pattern: atom + `(?:\.` + atom + `)*@` + host(), max: 254}, true
	case "idn-hostname":
		return source{pattern: host(), max: 253}, true
	case "idn-email":
		local := `(?:` + atom + `|[` + beyond + `])+`
		return source{pattern: local + `(?:\.` + local + `)*@` + host(), max: 254}, true
	case "uri":
		return source{pattern: uri("", ""), exact: true}, true
	case "uri-reference":
		return source{pattern: uri("", "") + `|` + relative("", ""), exact: true}, true
	case "iri":
		return source{pattern: uri(beyond, private), exact: true}, true
	case "iri-reference":
		return source{pattern: uri(beyond, private) + `|` + relative(beyond, private), exact: true}, true
	case "uri-template":
		return source{pattern: template(), exact: true}, true
	case "json-pointer":
		return source{pattern: steps, exact: true}, true
	case "relative-json-pointer":
		return source{pattern: `(?:0|[1-9][0-9]*)(?:#|` + steps + `)`}, true
	}
	return source{}, false
}

// host writes names of up to 63 characters a label that begin and end with a
// letter or a digit and have no "--" as third and fourth character.
func host() string {
	const in, edge = `[A-Za-z0-9-]`, `[A-Za-z0-9]`
	// Of one, two, three, four, and five or more characters. "--" cannot end a
	// label of four, so only the last kind needs to leave it out.
	part := edge + `(?:` + edge + `|` + in + edge + `|` + in + in + edge + `|` + in + `(?:` + edge + in + `|-` + edge + `)` + in + `{0,58}` + edge + `)?`
	return part + `(?:\.` + part + `)*`
}

// ipv6 is RFC 4291's text form: at most one run of groups left out, and the
// last two groups possibly written as an IPv4 address.
func ipv6() string {
	const group = hex + `{1,4}`
	last := `(?:` + group + `:` + group + `|` + ipv4 + `)`
	ways := []string{`(?:` + group + `:){6}` + last}
	for before := range 8 {
		left := ``
		if before > 0 {
			left = fmt.Sprintf(`(?:%s(?::%s){0,%d})?`, group, group, before-1)
		}
		// The run stands for at least one group: before, the run and after make 8.
		switch after := 7 - before; {
		case after >= 2:
			ways = append(ways, left+fmt.Sprintf(`::(?:%s:){%d}%s`, group, after-2, last))
		case after == 1:
			ways = append(ways, left+`::`+group)
		default:
			ways = append(ways, left+`::`)
		}
	}
	return `(?:` + strings.Join(ways, `|`) + `)`
}

// The characters of RFC 3986 and RFC 3987: unreserved ones and sub-delimiters;
// those beyond ASCII; and those for private use, of a query.
const (
	pct    = `%` + hex + hex
	plain  = `A-Za-z0-9._~!$&'()*+,;=\-`
	beyond = `\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF` +
		`\u{10000}-\u{1FFFD}\u{20000}-\u{2FFFD}\u{30000}-\u{3FFFD}\u{40000}-\u{4FFFD}\u{50000}-\u{5FFFD}\u{60000}-\u{6FFFD}\u{70000}-\u{7FFFD}` +
		`\u{80000}-\u{8FFFD}\u{90000}-\u{9FFFD}\u{A0000}-\u{AFFFD}\u{B0000}-\u{BFFFD}\u{C0000}-\u{CFFFD}\u{D0000}-\u{DFFFD}\u{E1000}-\u{EFFFD}`
	private = `\uE000-\uF8FF\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD}`
)

// some writes one character of a class, or an encoded one.
func some(class string) string { return `(?:[` + class + `]|` + pct + `)` }

// rest writes the segments of a path after the first.
func rest(extra string) string { return `(?:/` + some(plain+extra+`:@`) + `*)*` }

// tail writes a query and a fragment.
func tail(extra, query string) string {
	return `(?:\?` + some(plain+extra+query+`:@/?`) + `*)?(?:#` + some(plain+extra+`:@/?`) + `*)?`
}

func authority(extra string) string {
	literal := `\[(?:` + ipv6() + `|[vV]` + hex + `+\.[` + plain + `:]+)\]`
	return `//(?:` + some(plain+extra+`:`) + `*@)?(?:` + literal + `|` + some(plain+extra) + `*)(?::[0-9]*)?` + rest(extra)
}

// rooted writes a path that begins with one slash.
func rooted(extra string) string {
	return `/(?:` + some(plain+extra+`:@`) + `+` + rest(extra) + `)?`
}

func uri(extra, query string) string {
	return `[A-Za-z][A-Za-z0-9+.-]*:(?:` + authority(extra) + `|` + rooted(extra) + `|` + some(plain+extra+`:@`) + `+` + rest(extra) + `|)` + tail(extra, query)
}

// relative is a reference without a scheme; its first segment has no colon.
func relative(extra, query string) string {
	return `(?:` + authority(extra) + `|` + rooted(extra) + `|` + some(plain+extra+`@`) + `+` + rest(extra) + `|)` + tail(extra, query)
}

// template is RFC 6570.
func template() string {
	const letter = `(?:[A-Za-z0-9_]|` + pct + `)`
	variable := letter + `(?:\.?` + letter + `)*(?::[1-9][0-9]{0,3}|\*)?`
	literal := `[!#$&(-;=?-\[\]_a-z~` + beyond + private + `]`
	return `(?:` + literal + `|` + pct + `|\{[+#./;?&=,!@|]?` + variable + `(?:,` + variable + `)*\})*`
}
