package main

import (
	"fmt"
	"strings"
	"time"
)

// cloudUser is an identity in the AWS account.
type cloudUser struct {
	name, key string
	role      string // for an assumed role: its name; name is then the session's
	root      bool
}

var (
	ciDeployer = cloudUser{name: "ci-deployer", key: "AKIA4TQ7RKCIDEXAMPLE"}
	exporter   = cloudUser{name: "report-exporter", key: "AKIA4TQ7RKREXEXAMPLE"}
	backupRole = cloudUser{name: "i-0a41c9e27bd3f5a10", key: "ASIA4TQ7RKBKPEXAMPLE", role: "tarnholm-backup"}
	rootUser   = cloudUser{name: "root", key: "", root: true}
	engineer   = cloudUser{name: "s.okafor", key: "ASIA4TQ7RKSSOEXAMPLE", role: "AWSReservedSSO_Developer_5c1be0aa21"}
)

func (u cloudUser) principal() string {
	if u.root {
		return account
	}
	kind := "AIDA"
	name := u.name
	if u.role != "" {
		kind, name = "AROA", u.role
	}
	id := kind + strings.ToUpper(strings.NewReplacer("0", "Q", "1", "R", "8", "S", "9", "T").Replace(digest(5, "principal", name))[:10])
	id = id[:13] + "EXAMPLE"
	if u.role != "" {
		id += ":" + u.name
	}
	return id
}

func (u cloudUser) identity() O {
	switch {
	case u.root:
		return O{"type", "Root", "principalId", account, "arn", "arn:aws:iam::" + account + ":root", "accountId", account, "accessKeyId", ""}
	case u.role != "":
		role, _, _ := strings.Cut(u.principal(), ":")
		return O{"type", "AssumedRole", "principalId", u.principal(), "arn", "arn:aws:sts::" + account + ":assumed-role/" + u.role + "/" + u.name,
			"accountId", account, "accessKeyId", u.key, "sessionContext", O{"sessionIssuer", O{"type", "Role", "principalId", role,
				"arn", "arn:aws:iam::" + account + ":role/" + u.role, "accountId", account, "userName", u.role},
				"attributes", O{"creationDate", "2026-03-04T00:02:11Z", "mfaAuthenticated", "false"}}}
	}
	return O{"type", "IAMUser", "principalId", u.principal(), "arn", "arn:aws:iam::" + account + ":user/" + u.name, "accountId", account,
		"accessKeyId", u.key, "userName", u.name}
}

// call is an API call that CloudTrail recorded.
type call struct {
	who              cloudUser
	source, name     string // service without .amazonaws.com
	from, agent      string
	params, response any
	code, message    string // error
	data             bool   // a data event
	write            bool
	extra            O // additionalEventData
	resources        L
	kind             string // eventType, AwsApiCall if empty
}

// trail adds a record of CloudTrail.
func (g *generator) trail(clock string, c call) {
	t := at(clock)
	if c.kind == "" {
		c.kind = "AwsApiCall"
	}
	category := "Management"
	if c.data {
		category = "Data"
	}
	o := O{"eventVersion", "1.11", "userIdentity", c.who.identity(), "eventTime", t.Format("2006-01-02T15:04:05Z"), "eventSource", c.source + ".amazonaws.com",
		"eventName", c.name, "awsRegion", region, "sourceIPAddress", c.from, "userAgent", c.agent}
	if c.code != "" {
		o = append(o, "errorCode", c.code, "errorMessage", c.message)
	}
	o = append(o, "requestParameters", c.params, "responseElements", c.response)
	if c.extra != nil {
		o = append(o, "additionalEventData", c.extra)
	}
	o = append(o, "requestID", uuid("request", clock, c.name), "eventID", uuid("event", clock, c.name), "readOnly", !c.write)
	if c.resources != nil {
		o = append(o, "resources", c.resources)
	}
	g.putJSON(fileTrail, t, append(o, "eventType", c.kind, "managementEvent", !c.data, "recipientAccountId", account, "eventCategory", category,
		"tlsDetails", O{"tlsVersion", "TLSv1.3", "cipherSuite", "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader", c.source + "." + region + ".amazonaws.com"}))
}

// guard is what differs between findings of GuardDuty.
type guard struct {
	kind, title, text string
	severity          jsonNumber
	resource          O // Resource
	action            O // Service.Action
	first, last       time.Time
	count             int
	role              string
}

// guardDuty adds a finding as "aws guardduty get-findings" prints it.
func (g *generator) guardDuty(f guard) {
	made := f.last.Add(9*time.Minute + g.jitter(8*time.Minute)).Truncate(time.Millisecond)
	id := digest(16, "guardduty", f.kind, f.first.String())
	detector := digest(16, "detector")
	iso := "2006-01-02T15:04:05Z"
	g.putJSON(fileGuardDuty, made, O{"AccountId", account, "Arn", fmt.Sprintf("arn:aws:guardduty:%s:%s:detector/%s/finding/%s", region, account, detector, id),
		"CreatedAt", made.Format("2006-01-02T15:04:05.000Z"), "Description", f.text, "Id", id, "Partition", "aws", "Region", region, "Resource", f.resource,
		"SchemaVersion", "2.0", "Service", O{"Action", f.action, "Archived", false, "Count", f.count, "DetectorId", detector,
			"EventFirstSeen", f.first.Format(iso), "EventLastSeen", f.last.Format(iso), "ResourceRole", f.role, "ServiceName", "guardduty",
			"AdditionalInfo", O{"Value", "{}", "Type", "default"}},
		"Severity", f.severity, "Title", f.title, "Type", f.kind, "UpdatedAt", made.Format("2006-01-02T15:04:05.000Z")})
}

func keyResource(u cloudUser) O {
	kind := "IAMUser"
	if u.root {
		kind = "Root"
	}
	return O{"AccessKeyDetails", O{"AccessKeyId", u.key, "PrincipalId", u.principal(), "UserName", u.name, "UserType", kind}, "ResourceType", "AccessKey"}
}

func apiAction(api, service, ip string) O {
	return O{"ActionType", "AWS_API_CALL", "AwsApiCallAction", O{"Api", api, "CallerType", "Remote IP", "RemoteIpDetails", remote(ip),
		"ServiceName", service + ".amazonaws.com", "AffectedResources", O{}}}
}

func remote(ip string) O {
	return O{"City", O{"CityName", ""}, "Country", O{"CountryName", "Reserved"}, "GeoLocation", O{"Lat", 0, "Lon", 0}, "IpAddressV4", ip,
		"Organization", O{"Asn", "64500", "AsnOrg", "DOCUMENTATION-HOSTING", "Isp", "Documentation Hosting", "Org", "Documentation Hosting"}}
}

func instanceResource(id, private, public, name string) O {
	return O{"InstanceDetails", O{"AvailabilityZone", region + "a", "ImageId", "ami-0f3c81a2b6d7e9041", "InstanceId", id, "InstanceState", "running",
		"InstanceType", "t3.small", "LaunchTime", "2025-11-20T09:14:02Z", "NetworkInterfaces", L{O{"Ipv6Addresses", L{}, "NetworkInterfaceId", "eni-" + id[2:],
			"PrivateDnsName", "ip-" + strings.ReplaceAll(private, ".", "-") + "." + region + ".compute.internal", "PrivateIpAddress", private, "PublicIp", public,
			"SecurityGroups", L{O{"GroupId", "sg-0b41aa0917c3e2d50", "GroupName", "bastion"}}, "SubnetId", "subnet-0c7d3b1190e2fa845", "VpcId", "vpc-02a9b41c7de8f3360"}},
		"Tags", L{O{"Key", "Name", "Value", name}}}, "ResourceType", "Instance"}
}
