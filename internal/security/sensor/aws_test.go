package sensor_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
)

func users(a *casemate.Alert) []string {
	var out []string
	for _, e := range a.Entities {
		if e.Type == casemate.EntityUser {
			out = append(out, string(e.Role)+" "+e.Value)
		}
	}
	slices.Sort(out)
	return out
}

func TestAWSCallers(t *testing.T) {
	const issuer = `"sessionContext":{"sessionIssuer":{"type":"Role","userName":"%s"}}`
	assumed := func(role, session string) string {
		return `"type":"AssumedRole","principalId":"AROA1:` + session + `","arn":"arn:aws:sts::111122223333:assumed-role/` + role + `/` + session + `",` + fmt.Sprintf(issuer, role)
	}
	for _, tt := range []struct {
		name, identity, user string
		entities             []string
	}{
		{"single sign-on", assumed("AWSReservedSSO_Developer_5c1be0aa21", "s.okafor"), "s.okafor", []string{"actor s.okafor"}},
		{"single sign-on by mail", assumed("AWSReservedSSO_Developer_5c1be0aa21", "s.okafor@tarnholm.example"), "s.okafor@tarnholm.example", []string{"actor s.okafor", "actor s.okafor@tarnholm.example"}},
		{"single sign-on without a full stop", assumed("AWSReservedSSO_Developer_5c1be0aa21", "okafor"), "okafor", []string{"actor okafor"}},
		{"a person in a role", assumed("ops", "s.okafor"), "s.okafor", []string{"actor ops", "actor s.okafor"}},
		{"a machine", assumed("backup", "i-0a41c9e27bd3f5a10"), "backup/i-0a41c9e27bd3f5a10", []string{"actor backup/i-0a41c9e27bd3f5a10"}},
		{"no arn", `"type":"AssumedRole","principalId":"AROA1:i-1",` + fmt.Sprintf(issuer, "backup"), "backup/i-1", []string{"actor backup/i-1"}},
		{"neither", `"type":"AssumedRole",` + fmt.Sprintf(issuer, "backup"), "backup", []string{"actor backup"}},
		{"root", `"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root"`, "root", []string{"actor root"}},
		{"user", `"type":"IAMUser","userName":"ci","arn":"arn:aws:iam::1:user/ci"`, "ci", []string{"actor ci"}},
		{"user by its arn", `"type":"IAMUser","arn":"arn:aws:iam::1:user/teams/ci"`, "ci", []string{"actor ci"}},
		{"federated", `"type":"FederatedUser","arn":"arn:aws:sts::1:federated-user/bob"`, "bob", []string{"actor bob"}},
		{"service", `"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"`, "autoscaling.amazonaws.com", []string{"actor autoscaling.amazonaws.com"}},
		{"unknown", `"type":"Unknown"`, "Unknown", []string{"actor Unknown"}},
	} {
		a, _ := read(t, `{"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"ListUsers","userIdentity":{`+tt.identity+`}}`)
		if a.User != tt.user {
			t.Errorf("%s: User is %q, want %q", tt.name, a.User, tt.user)
		}
		if diff := cmp.Diff(tt.entities, users(a)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		b, _ := read(t, `{"rule":{"level":3,"id":"80202","description":"AWS"},"agent":{"id":"000"},"data":{"aws":{"eventName":"ListUsers","userIdentity":{`+tt.identity+`}}}}`)
		if b.User != tt.user {
			t.Errorf("%s: in Wazuh, User is %q, want %q", tt.name, b.User, tt.user)
		}
	}
}

func TestGuardDuty(t *testing.T) {
	for _, tt := range []struct {
		fields, user, action string
		severity             casemate.Severity
	}{
		{`"Severity":2,"Service":{"Action":{"NetworkConnectionAction":{"Blocked":false}}}`, "", "allowed", casemate.SeverityLow},
		{`"Severity":4.9,"Service":{"Action":{"PortProbeAction":{"Blocked":true}}}`, "", "blocked", casemate.SeverityMedium},
		{`"Severity":8.9,"Service":{"Action":{"AwsApiCallAction":{"Api":"StopLogging"}}}`, "", "StopLogging", casemate.SeverityHigh},
		{`"Severity":9,"Resource":{"AccessKeyDetails":{"UserName":"ci","UserType":"IAMUser","PrincipalId":"AIDA1"}}`, "ci", "", casemate.SeverityCritical},
		{`"Severity":1,"Resource":{"AccessKeyDetails":{"UserName":"AWSReservedSSO_Dev_1","UserType":"AssumedRole","PrincipalId":"AROA1:s.okafor"}}`, "s.okafor", "", casemate.SeverityLow},
		{`"Severity":3.9,"Resource":{"AccessKeyDetails":{"UserName":"Root","UserType":"Root","PrincipalId":"1"}}`, "root", "", casemate.SeverityLow},
		{`"Severity":6.9`, "", "", casemate.SeverityMedium},
		{`"Severity":7`, "", "", casemate.SeverityHigh},
	} {
		a, _ := read(t, `{"AccountId":"1","Type":"Recon:EC2/Portscan","Title":"Port scan",`+tt.fields+`}`)
		if a.User != tt.user || a.Action != tt.action || a.Severity != tt.severity {
			t.Errorf("%s: user %q, action %q, severity %v; want %q, %q, %v", tt.fields, a.User, a.Action, a.Severity, tt.user, tt.action, tt.severity)
		}
	}
}

// TestNumbersAreNoNames reads a table of alerts whose column Alert numbers them.
func TestNumbersAreNoNames(t *testing.T) {
	for _, tt := range []struct{ fields, name, kind string }{
		{`"Event Type":"AwsApiCall","Event Name":"ListObjects","Alert":" 302-2022-02-18T17:34:57Z","Event ID":"283770f5"`, "ListObjects", "alert"},
		{`"Alert":"4711","Rule":"Brute force"`, "Brute force", "alert"},
		{`"Alert":"4711","Signature":"9","Title":"Brute force"`, "Brute force", "alert"},
		{`"Alert":"4711"`, "4711", "alert"},
		{`"Alert":"Brute force","Event Name":"x y"`, "Brute force", "alert"},
		{`"Alert":"警告","Event Name":"xy"`, "警告", "alert"},
		{`"Event Name":"ListObjects"`, "ListObjects", "event"},
	} {
		if a, _ := read(t, `{`+tt.fields+`}`); a.Name != tt.name || a.Kind.String() != tt.kind {
			t.Errorf("%s is the %s %q, want the %s %q", tt.fields, a.Kind, a.Name, tt.kind, tt.name)
		}
	}
}
