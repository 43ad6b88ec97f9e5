package firewall

import (
	"net/netip"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// Own is what belongs to a network, and what its analysts vouch for: it is never
// blocked. The zero value knows of nothing but reserved addresses.
type Own struct {
	Addresses map[string]bool
	Domains   []string // of its machines and accounts
	Resolvers map[string]bool
	Vouched   map[string]string // address -> the analysts' entry that names it
}

// Why says why an address must not be blocked, or "".
func (o Own) Why(addr string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return "it is no address"
	}
	switch scope := indicator.Scope(a); {
	case scope != casemate.ScopePublic && scope != casemate.ScopeDocumentation:
		return "it is a " + string(scope) + " address: isolate the machine instead"
	case o.Addresses[addr]:
		return "the inventory or an agent says that it is the network's own"
	case o.Resolvers[addr]:
		return "machines of the network ask it for names"
	case o.Vouched[addr] != "":
		return "the analysts vouch for it: suppression " + o.Vouched[addr]
	}
	return ""
}

// sharedHosts are domains below which anybody's content stands.
var sharedHosts = []string{
	"cloudfront.net", "akamaized.net", "akamai.net", "akamaihd.net", "fastly.net", "azureedge.net", "azurewebsites.net", "windows.net", "amazonaws.com",
	"googleapis.com", "googleusercontent.com", "github.com", "githubusercontent.com", "gitlab.com", "dropbox.com", "dropboxusercontent.com", "sharepoint.com",
	"onedrive.com", "live.com", "microsoft.com", "office.com", "google.com", "cloudflare.com", "workers.dev", "pages.dev", "discordapp.com", "discord.com",
	"telegram.org", "pastebin.com", "mega.nz", "box.com", "slack.com", "notion.so",
}

// WhyName says why a domain must not be blocked as a whole, or "".
func (o Own) WhyName(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	switch scope := indicator.Host(name); {
	case scope != casemate.ScopePublic && scope != casemate.ScopeDocumentation:
		return "it is a " + string(scope) + " name"
	}
	for _, own := range o.Domains {
		if under(name, own) {
			return "it stands under " + own + ", the network's own domain"
		}
	}
	for _, shared := range sharedHosts {
		if under(name, shared) {
			return "content of many stands under " + shared + ": block the full URL at the proxy"
		}
	}
	return ""
}

// under reports whether a name is a domain or stands in it.
func under(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }

// Shared returns the domain of many that a name stands under, or "".
func Shared(name string) string {
	for _, d := range sharedHosts {
		if under(strings.ToLower(name), d) {
			return d
		}
	}
	return ""
}
