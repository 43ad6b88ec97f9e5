package decode

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Host decodes the Punycode labels (xn--) of a name, and reports whether there
// were any.
func Host(host string) (string, bool) {
	if !strings.Contains(host, "xn--") || len(host) > 253 {
		return host, false
	}
	labels := strings.Split(host, ".")
	puny := false
	for i, l := range labels {
		if rest, ok := strings.CutPrefix(l, "xn--"); ok {
			if u, ok := punycode(rest); ok {
				labels[i], puny = u, true
			}
		}
	}
	return strings.Join(labels, "."), puny
}

// punycode decodes one label. Source: RFC 3492, section 6.2.
func punycode(s string) (string, bool) {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	var out []rune
	if i := strings.LastIndexByte(s, '-'); i > 0 {
		out = []rune(s[:i])
		s = s[i+1:]
	}
	n, i, bias := 128, 0, 72
	for first := true; s != ""; first = false {
		old, w := i, 1
		for k := base; ; k += base {
			if s == "" {
				return "", false
			}
			c := s[0]
			s = s[1:]
			digit := 0
			switch {
			case '0' <= c && c <= '9':
				digit = int(c-'0') + 26
			case 'a' <= c|0x20 && c|0x20 <= 'z':
				digit = int(c | 0x20 - 'a')
			default:
				return "", false
			}
			i += digit * w
			t := min(max(k-bias, tMin), tMax)
			if digit < t {
				break
			}
			w *= base - t
			if w > 1<<30 || i > 1<<30 {
				return "", false
			}
		}
		count := len(out) + 1
		delta := (i - old) / 2
		if first {
			delta = (i - old) / damp
		}
		delta += delta / count
		k := 0
		for ; delta > (base-tMin)*tMax/2; k += base {
			delta /= base - tMin
		}
		bias = k + (base-tMin+1)*delta/(delta+skew)
		n += i / count
		i %= count
		if n > unicode.MaxRune || len(out) > 63 {
			return "", false
		}
		out = slices.Insert(out, i, rune(n))
		i++
	}
	return string(out), true
}

// MixedScripts reports a label that has Latin letters beside look-alikes of
// other alphabets, or is written in look-alikes alone.
func MixedScripts(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		var latin, other bool
		for _, r := range label {
			switch {
			case r < 128 && unicode.IsLetter(r):
				latin = true
			case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian):
				other = true
			}
		}
		if latin && other || other && !strings.ContainsFunc(label, func(r rune) bool {
			return unicode.Is(unicode.Cyrillic, r) && !strings.ContainsRune("аеорсухіјѕһԁԛԝ", r)
		}) {
			return true
		}
	}
	return false
}

// address forms that programs take and people do not read.
var dotless = regexp.MustCompile(`(?i)^(0x[0-9a-f]{1,8}|0[0-7]{1,11}|[1-9]\d{7,9})$`)
var oddQuad = regexp.MustCompile(`(?i)^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)(\.(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)){1,3}$`)

// LooseAddress reads an IPv4 address in any of the notations of inet_aton: parts in decimal, octal or
// hexadecimal, the last of which fills the rest.
func LooseAddress(text string) (netip.Addr, bool) {
	if !dotless.MatchString(text) && !oddQuad.MatchString(text) {
		return netip.Addr{}, false
	}
	parts := strings.Split(text, ".")
	var v uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		rest := 4 - i
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			v |= n << (8 * (3 - i))
			continue
		}
		if rest < 4 && n >= 1<<(8*rest) {
			return netip.Addr{}, false
		}
		v |= n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// Address reads an address with the port or network length that may stand
// behind it (extra), in any notation that programs take. trick says how it is
// written where that hides it from people and filters.
func Address(text string) (addr netip.Addr, extra, trick string, ok bool) {
	t := strings.TrimSpace(text)
	if len(t) > 60 || t == "" {
		return
	}
	if p, err := netip.ParsePrefix(t); err == nil {
		return p.Addr(), p.Masked().String(), "", true
	}
	if a, err := netip.ParseAddr(strings.Trim(t, "[]")); err == nil {
		if a.Is4In6() {
			return a.Unmap(), "", "an IPv4 address written as IPv6", true
		}
		return a, "", "", true
	}
	if ap, err := netip.ParseAddrPort(t); err == nil {
		return ap.Addr().Unmap(), strconv.Itoa(int(ap.Port())), "", true
	}
	// A bare number is more often an id than an address, and one that begins with
	// 1 a time: only 0x… and other ten digits count.
	if a, loose := LooseAddress(t); loose && (strings.ContainsAny(t, ".xX") || len(t) == 10 && t[0] != '1') {
		return a, "", "written so that people and filters do not see the address; programs read it as " + a.String(), true
	}
	return
}

// URL is url.Parse for what people paste: with blanks, brackets or quotes around
// it. A bad escape does not make it less of a URL.
func URL(text string) (*url.URL, bool) {
	t := strings.Trim(strings.TrimSpace(text), `<>"'`)
	if len(t) > 1<<16 || strings.ContainsAny(t, " \n") {
		return nil, false
	}
	u, err := url.Parse(t)
	if err != nil {
		if u, err = url.Parse(strings.ReplaceAll(t, "%", "%25")); err != nil {
			return nil, false
		}
	}
	return u, u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
}

// Time reads a number that counts seconds or milliseconds since 1970, or steps
// of 100 nanoseconds since 1601 (FILETIME).
func Time(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
	case len(text) == 10:
		return time.Unix(n, 0).UTC(), true
	case len(text) == 13:
		return time.UnixMilli(n).UTC(), true
	case len(text) == 18:
		return time.Unix(n/10_000_000-11_644_473_600, n%10_000_000*100).UTC(), true
	}
	return time.Time{}, false
}

var (
	pathForm        = regexp.MustCompile(`(?i)^"?(?:[a-z]:\\|\\\\[^\\\s]+\\|\\\?\?\\|/(?:[\w.@+-]+/)*|~/|(?:\.\./)+|%\w+%\\|\$env:\w+\\)[^\r\n"<>|]+"?$`)
	pathArguments   = regexp.MustCompile(`(?i)\.(exe|bat|cmd|ps1|vbs|com|dll)"?[ ,]+\S`)
	doubleExtension = regexp.MustCompile(`(?i)\.(pdf|docx?|xlsx?|pptx?|jpe?g|png|gif|txt|csv|mp[34]|zip|html?)\s*\.(exe|scr|js|jse|vbs|hta|lnk|bat|cmd|com|msi|ps1|iso|img)$`)
)

// DoubleExtension reports whether a program is named like a document.
func DoubleExtension(name string) bool { return doubleExtension.MatchString(name) }

// Path reports whether a text is the path of a file, without arguments behind it,
// or a name that ends in two ways.
func Path(text string) bool {
	if strings.Contains(text, "\n") || len(text) > 500 {
		return false
	}
	if !pathForm.MatchString(text) {
		return !strings.ContainsAny(text, " /") && DoubleExtension(text)
	}
	option := strings.HasPrefix(text, "/") && (strings.Contains(text, " ") || !strings.Contains(text[1:], "/"))
	return !option && !strings.Contains(text, " -") && !strings.Contains(text, " /") && !pathArguments.MatchString(text)
}
