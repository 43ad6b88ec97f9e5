package openbook

import "strings"

// set returns the words of a list as a set.
func set(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// stopWords carry no content in questions, options and passages alike.
var stopWords = set(`a an the of in on to for and or nor is are was were be been being by with which what that this these those
	it its as from at how when where who whom whose why do does did done has have had having can could may might must shall should will would
	not no they them their theirs there then than so such into onto upon about if but also only just very both either neither each any some
	you your we our he she his her i me my us one ones other others more most much many same s t etc via per while during through`)

// softStems belong to the phrasing of questions. They count a little: now and
// then one of them is what the question is about.
var softStems = stems(`following best describe describes described description primary primarily main mainly purpose goal aim example
	term refer refers referred called known commonly common typically typical mention mentioned listed identify statement true false correct
	correctly accurate potential potentially consider considered key role characteristic context regarding according accordance page section
	entry provided given involve involves associated related relate concern recommended recommend recommendation suggest suggested effective effectively help helps
	important significant likely least scenario situation case way method approach measure strategy step reason result outcome effect
	advised advise indicate indicates define defined definition specific specifically particular particularly considered often usually generally
	primary focus focuses aspect feature need needs use used uses using utilize utilized perform performed type kind category form option answer
	attack attacker adversary adversaries technique tactic mitigation weakness pattern cwe capec mitre att&ck attck framework threat actor actors organization`)

// stems returns the stems of a list as a set.
func stems(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[stem(w)] = true
	}
	return m
}

// spellings lead variants of a word to one form.
var spellings = map[string]string{
	"defence": "defense", "defences": "defenses", "licence": "license", "behaviour": "behavior", "behaviours": "behaviors",
	"authorise": "authorize", "authorised": "authorized", "authorisation": "authorization", "unauthorised": "unauthorized",
	"initialise": "initialize", "initialised": "initialized", "initialisation": "initialization", "uninitialised": "uninitialized",
	"neutralise": "neutralize", "neutralised": "neutralized", "neutralisation": "neutralization", "sanitise": "sanitize", "sanitised": "sanitized",
	"sanitisation": "sanitization", "deserialisation": "deserialization", "serialise": "serialize", "serialisation": "serialization",
	"organisation": "organization", "organisations": "organizations", "recognise": "recognize", "utilise": "utilize", "synchronisation": "synchronization",
	"virtualisation": "virtualization", "canonicalisation": "canonicalization", "catalogue": "catalog", "centre": "center", "programme": "program",
	"emails": "email", "e-mail": "email", "attackers": "adversary", "attacker": "adversary", "adversaries": "adversary", "intruder": "adversary", "intruders": "adversary",
	"passcode": "password", "passcodes": "password", "cellphone": "phone", "smartphone": "phone", "website": "site", "websites": "site", "webpage": "page", "webpages": "page",
	"hijacking": "hijack", "hijacks": "hijack", "administrators": "administrator", "admin": "administrator", "admins": "administrator",
	"repository": "repository", "repositories": "repository", "parametrised": "parameterized", "parameterised": "parameterized",
	"data": "data", "databases": "database", "params": "parameter", "dlls": "dll", "apis": "api", "gpos": "gpo", "vms": "vm", "macros": "macro",
	"auth": "authentication", "creds": "credential", "config": "configuration", "configs": "configuration", "info": "information", "log": "log", "logging": "log", "logs": "log", "logged": "log",
	"chosen": "choose", "stolen": "steal", "stole": "steal", "written": "write", "wrote": "write", "hidden": "hide", "sent": "send", "ran": "run", "taken": "take", "took": "take",
	"made": "make", "built": "build", "found": "find", "kept": "keep", "held": "hold", "forgotten": "forget", "gave": "give", "broken": "break", "overwritten": "overwrite",
	"children": "child", "indices": "index", "indexes": "index", "analyses": "analysis", "vertices": "vertex", "matrices": "matrix",
}
