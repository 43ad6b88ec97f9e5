package casemate

// EntityType is what an entity is.
type EntityType string

// The types of entity.
const (
	EntityHost    EntityType = "host"
	EntityUser    EntityType = "user"
	EntityProcess EntityType = "process"
	EntityFile    EntityType = "file"
	EntityAddress EntityType = "address"
	EntityDomain  EntityType = "domain"
	EntityURL     EntityType = "url"
	EntityHash    EntityType = "hash"
	EntityMail    EntityType = "mail"
)

// Role is an entity's part in a record.
type Role string

// The roles. RoleNone is an entity that is only mentioned.
const (
	RoleNone        Role = ""
	RoleSource      Role = "source"      // where traffic or a request comes from
	RoleDestination Role = "destination" // where it goes
	RoleActor       Role = "actor"       // who does it
	RoleTarget      Role = "target"      // whom or what it is done to
	RoleObserver    Role = "observer"    // the sensor or collector itself
	RoleParent      Role = "parent"      // the parent of the process it is about
)

// Entity is a thing that a record is about, named as the record names it but
// for case: hosts, domains, mail addresses and hashes are in lower case.
type Entity struct {
	Type  EntityType `json:"type"`
	Value string     `json:"value"`
	Role  Role       `json:"role,omitempty"`
}

// IndicatorType is what an indicator is.
type IndicatorType string

// The types of indicator.
const (
	IndicatorIPv4   IndicatorType = "ipv4"
	IndicatorIPv6   IndicatorType = "ipv6"
	IndicatorDomain IndicatorType = "domain"
	IndicatorURL    IndicatorType = "url"
	IndicatorMail   IndicatorType = "mail"
	IndicatorMD5    IndicatorType = "md5"
	IndicatorSHA1   IndicatorType = "sha1"
	IndicatorSHA256 IndicatorType = "sha256"
	IndicatorSHA512 IndicatorType = "sha512"
	IndicatorCVE    IndicatorType = "cve"
)

// Scope tells indicators that the whole Internet shares from those that mean
// something inside one network only.
type Scope string

// The scopes. Only addresses, and URLs and domains that stand for them, have
// one other than ScopePublic.
const (
	ScopePublic        Scope = "public"
	ScopePrivate       Scope = "private"       // RFC 1918, RFC 4193, RFC 6598, single-label and .local, .internal … names
	ScopeLoopback      Scope = "loopback"      // 127/8, ::1, localhost
	ScopeLinkLocal     Scope = "link-local"    // 169.254/16, fe80::/10
	ScopeMulticast     Scope = "multicast"     // 224/4, ff00::/8 and broadcast
	ScopeDocumentation Scope = "documentation" // RFC 5737, RFC 3849, RFC 2606 names
	ScopeReserved      Scope = "reserved"      // any other range of IANA's special-purpose registries
)

// Indicator is an observable that can be looked for elsewhere, refanged and
// validated.
type Indicator struct {
	Type  IndicatorType `json:"type"`
	Value string        `json:"value"`           // canonical: refanged, in lower case but for CVE ids and paths of URLs
	Scope Scope         `json:"scope,omitempty"` // of addresses, domains and URLs
	Field string        `json:"field,omitempty"` // the original field it was found in
}
