// Package label gives a machine and an account one spelling each. Sensors and
// people disagree on whether they name the domain, and on capitals.
package label

import (
	"net/netip"
	"strings"
)

// Host returns a machine's name up to the first dot, in lower case. Addresses
// stay whole, with a port and in parts, too.
func Host(name string) string {
	name = strings.Trim(strings.ToLower(name), ".")
	if i := strings.IndexByte(name, '.'); i > 0 && !isAddress(name) {
		return name[:i]
	}
	return name
}

// Account returns an account without its domain, before it or behind it, in lower
// case.
func Account(name string) string {
	name = strings.ToLower(name)
	name = name[strings.LastIndexByte(name, '\\')+1:]
	if i := strings.IndexByte(name, '@'); i > 0 {
		return name[:i]
	}
	return name
}

// isAddress reports whether a name with a dot in it is an address, a part of one,
// an address with a port, or a network.
func isAddress(name string) bool {
	if strings.Trim(name, "0123456789./") == "" {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(name)
	return err == nil
}
