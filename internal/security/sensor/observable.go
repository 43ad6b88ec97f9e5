package sensor

import (
	"strings"

	"github.com/casemate-ai/casemate"
)

// Observable says whether an indicator that stands in a record's field is
// something that happened, and can be looked for elsewhere, rather than a name
// that a product gave to the record or to itself. text is the field's value.
// These are none:
//
//   - loopback and unspecified addresses, which mean another machine on each;
//   - hashes, names and links in fields that hold identifiers, by their names:
//     an ARN, a GUID and a hash look alike. Mail and network addresses stay,
//     since they identify accounts and clients;
//   - links in fields that lead to documentation or to a product's console,
//     again by their names, and in fields that are likely to, if the host is
//     one of consoleHosts;
//   - the namespaces of XML, if the host is one of namespaceHosts;
//   - the names of Amazon's own services in the fields that name the service.
//
// What an attacker writes goes into other fields, and there every host counts.
func Observable(i *casemate.Indicator, text string) bool {
	switch i.Type {
	case casemate.IndicatorIPv4, casemate.IndicatorIPv6:
		return i.Scope != casemate.ScopeLoopback && i.Value != "0.0.0.0" && i.Value != "::"
	case casemate.IndicatorMail, casemate.IndicatorCVE:
		return true
	}
	use := useOf(i.Field)
	if use == useIdentifier || use == useReference {
		return false
	}
	if i.Type != casemate.IndicatorURL && i.Type != casemate.IndicatorDomain {
		return true
	}
	host := hostOf(i)
	switch {
	case use == usePointer && oneOf(consoleHosts[:], host):
		return false
	case use == useService && awsService(host):
		return false
	}
	return !(oneOf(namespaceHosts[:], host) && strings.Contains(text, "xmlns"))
}

// fieldUse is what the name of a field says of the links and names in it.
type fieldUse uint8

const (
	useOrdinary   fieldUse = iota
	useIdentifier          // names the record, or a thing by a number
	useReference           // leads to documentation or a console
	usePointer             // likely to
	useService             // of a cloud: names its service, or may
)

// consoleHosts are the documentation sites and consoles of vendors to which
// alerts link. A name that begins with a full stop stands for all below it.
var consoleHosts = [...]string{
	"attack.mitre.org", "capec.mitre.org", "cve.mitre.org", "cwe.mitre.org", "nvd.nist.gov",
	"security.microsoft.com", "securitycenter.windows.com", "securitycenter.microsoft.com", "portal.azure.com", "portal.cloudappsecurity.com",
	"learn.microsoft.com", "docs.microsoft.com", "technet.microsoft.com", "go.microsoft.com", "aka.ms", "graph.microsoft.com", "management.azure.com",
	"docs.aws.amazon.com", "console.aws.amazon.com", ".console.aws.amazon.com", "console.cloud.google.com", "cloud.google.com",
	"www.elastic.co", "docs.splunk.com", "documentation.wazuh.com", "docs.paloaltonetworks.com", "threatvault.paloaltonetworks.com",
	"falcon.crowdstrike.com", ".sentinelone.net", "www.virustotal.com", "fortiguard.com", "www.fortiguard.com", "doc.emergingthreats.net",
}

// namespaceHosts stand in the names of XML's namespaces, which are written as
// links and lead nowhere.
var namespaceHosts = [...]string{"schemas.microsoft.com", "schemas.xmlsoap.org", "schemas.openxmlformats.org", "www.w3.org", "docs.oasis-open.org"}

// useOf judges a field by the words of its name, above all the last.
func useOf(field string) fieldUse {
	if strings.HasPrefix(field, "@odata.") || strings.Contains(field, ".@odata.") || strings.HasSuffix(field, "kibana.alert.url") {
		return useReference
	}
	element := field[strings.LastIndexByte(field, '.')+1:]
	before, last := lastWords(element)
	switch last {
	case "id", "ids", "uid", "uids", "uuid", "guid", "arn", "arns", "sid",
		"alertid", "correlationid", "deviceid", "eventid", "externalid", "incidentid", "recordid", "requestid", "ruleid", "sessionid", "tenantid":
		return useIdentifier
	case "hash":
		if before == "event" { // of Splunk's notable events
			return useIdentifier
		}
	case "reference", "references", "refs", "documentation", "permalink", "xmlns", "schema":
		return useReference
	case "source", "name", "by", "address", "header":
		switch strings.ToLower(element) {
		case "eventsource", "servicename", "invokedby", "sourceipaddress", "clientprovidedhostheader":
			return useService
		}
		if strings.EqualFold(field, "api.service.name") {
			return useService
		}
	case "link", "links", "href", "url", "uri":
		switch before {
		case "web":
			return useReference // alertWebUrl, incidentWebUrl
		case "alert", "incident", "finding", "rule", "case", "help", "info", "extended", "portal", "console", "src", "source", "fw":
			return usePointer
		case "":
			if last == "link" || last == "links" || last == "href" || explains(field[:len(field)-len(element)]) {
				return usePointer
			}
		}
	}
	return useOrdinary
}

// explains says whether a path ends in an object that explains an alert: its
// rule, or what to do about it.
func explains(path string) bool {
	path = strings.ToLower(strings.TrimSuffix(path, "."))
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "alert", "rule", "recommendation", "remediation", "technique", "tactic", "reference", "analytic":
		return true
	}
	return false
}

// lastWords returns the last two words of a name in lower case, cut at capitals
// and at punctuation: "alertWebUrl" gives "web" and "url".
func lastWords(name string) (before, last string) {
	end := len(name)
	for n := 0; n < 2 && end > 0; n++ {
		start := end
		for start > 0 && !joint(name[start-1]) && (start == end || !wordBegins(name, start)) {
			start--
		}
		if n == 0 {
			last = strings.ToLower(name[start:end])
		} else {
			before = strings.ToLower(name[start:end])
		}
		for end = start; end > 0 && joint(name[end-1]); {
			end--
		}
	}
	return before, last
}

func joint(c byte) bool { return strings.IndexByte("_- :/[]()", c) >= 0 }

// wordBegins says whether a capital begins a word: "alertID" and "IPAddress"
// have two each.
func wordBegins(name string, at int) bool {
	capital := func(i int) bool { return i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	small := at+1 < len(name) && name[at+1] >= 'a' && name[at+1] <= 'z'
	return capital(at) && (!capital(at-1) || small)
}

// hostOf returns the host of a link, or the name itself.
func hostOf(i *casemate.Indicator) string {
	_, host, ok := strings.Cut(i.Value, "://")
	if !ok {
		return i.Value
	}
	if end := strings.IndexAny(host, "/?#"); end >= 0 {
		host = host[:end]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(host, ":")
	return host
}

// awsService says whether a name is that of a service or of its interface in a
// region. A longer name is that of someone's bucket, gateway or machine.
func awsService(host string) bool {
	if strings.HasSuffix(host, ".signin.aws.amazon.com") {
		return true
	}
	labels, ok := strings.CutSuffix(host, ".amazonaws.com")
	if !ok {
		return false
	}
	_, region, ok := strings.Cut(labels, ".")
	if !ok {
		return true
	}
	digit := strings.LastIndexByte(region, '-') + 1 // eu-north-1
	_, number := digits(region[digit:])
	return number && strings.Count(region, "-") >= 2 && !strings.Contains(region, ".")
}

// oneOf says whether a host is in a list, or below a name in it that begins
// with a full stop.
func oneOf(list []string, host string) bool {
	for _, have := range list {
		if have == host || have[0] == '.' && strings.HasSuffix(host, have) {
			return true
		}
	}
	return false
}
