package sensor_test

import (
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
	"github.com/casemate-ai/casemate/internal/security/sensor"
)

func TestObservable(t *testing.T) {
	const hash = "2b836c668e9796606e9c5399faa917cf"
	const task = `<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Command>http://schemas.example/x</Command></Task>`
	for _, tt := range []struct {
		field, text, value string
		typ                casemate.IndicatorType
		scope              casemate.Scope
		want               bool
	}{
		// Identifiers.
		{"Arn", "arn:aws:guardduty:eu-north-1:111122223333:detector/x/finding/" + hash, hash, "md5", "", false},
		{"Id", hash, hash, "md5", "", false},
		{"Service.DetectorId", hash, hash, "md5", "", false},
		{"providerAlertId", "da" + hash, hash, "md5", "", false},
		{"requestID", hash, hash, "md5", "", false},
		{"evidence.mdeDeviceId", "032d0d4d3babecbb902442ce1f30c704c34386a4", "032d0d4d3babecbb902442ce1f30c704c34386a4", "sha1", "", false},
		{"kibana.alert.uuid", hash, hash, "md5", "", false},
		{"_id", hash, hash, "md5", "", false},
		{"record id", hash, hash, "md5", "", false},
		{"event_hash", hash, hash, "md5", "", false},
		{"ProductFields.aws/securityhub/FindingId", "arn:x/" + hash, hash, "md5", "", false},
		{"evidence.internetMessageId", "<a@mail.evil.example>", "mail.evil.example", "domain", "", false},
		{"UserId", "a@evil.example", "a@evil.example", "mail", "", true},
		{"client_id", "198.51.100.4", "198.51.100.4", "ipv4", "documentation", true},

		// The fields of evidence.
		{"Hashes", "MD5=" + hash, hash, "md5", "", true},
		{"process.hash.md5", hash, hash, "md5", "", true},
		{"file_hash", hash, hash, "md5", "", true},
		{"evidence.imageFile.md5", hash, hash, "md5", "", true},
		{"paid", hash, hash, "md5", "", true},
		{"id.orig_h", "198.51.100.4", "198.51.100.4", "ipv4", "documentation", true},
		{"url.full", "https://security.microsoft.com/x", "https://security.microsoft.com/x", "url", "public", true},
		{"evidence.url", "https://security.microsoft.com/x", "https://security.microsoft.com/x", "url", "public", true},
		{"process.command_line", "curl https://s3.amazonaws.com/drop", "https://s3.amazonaws.com/drop", "url", "public", true},
		{"process.command_line", "curl https://attack.mitre.org/", "attack.mitre.org", "domain", "public", true},
		{"message", "see https://attack.mitre.org/", "https://attack.mitre.org/", "url", "public", true},

		// Links to a console or to documentation.
		{"alertWebUrl", "https://security.microsoft.com/alerts/x", "https://security.microsoft.com/alerts/x", "url", "public", false},
		{"incidentWebUrl", "https://console.corp.example/1", "console.corp.example", "domain", "public", false},
		{"kibana.alert.rule.threat.technique.reference", "https://attack.mitre.org/", "attack.mitre.org", "domain", "public", false},
		{"rule.references", "https://blog.example/", "https://blog.example/", "url", "public", false},
		{"kibana.alert.url", "https://kibana.corp.example/a/" + hash, hash, "md5", "", false},
		{"kibana.alert.url", "https://kibana.corp.example/a", "https://kibana.corp.example/a", "url", "public", false},
		{"data.virustotal.permalink", "https://www.virustotal.com/gui/file/x", "https://www.virustotal.com/gui/file/x", "url", "public", false},
		{"@odata.context", "https://graph.microsoft.com/v1.0/$metadata", "graph.microsoft.com", "domain", "public", false},
		{"Remediation.Recommendation.Url", "https://docs.aws.amazon.com/x", "https://docs.aws.amazon.com/x", "url", "public", false},
		{"Remediation.Recommendation.Url", "https://evil.example/x", "https://evil.example/x", "url", "public", true},
		{"link", "https://portal.azure.com/#x", "portal.azure.com", "domain", "public", false},
		{"link", "https://evil.example/", "evil.example", "domain", "public", true},
		{"src_url", "https://user@eu-north-1.console.aws.amazon.com:443/x?y", "https://user@eu-north-1.console.aws.amazon.com:443/x?y", "url", "public", false},
		{"TaskContent", task, "schemas.microsoft.com", "domain", "public", false},
		{"TaskContent", task, "http://schemas.microsoft.com/windows/2004/02/mit/task", "url", "public", false},
		{"TaskContent", task, "http://schemas.example/x", "url", "public", true},
		{"CommandLine", "curl http://schemas.microsoft.com/", "schemas.microsoft.com", "domain", "public", true},

		// Services of Amazon's.
		{"eventSource", "s3.amazonaws.com", "s3.amazonaws.com", "domain", "public", false},
		{"Service.Action.AwsApiCallAction.ServiceName", "sts.amazonaws.com", "sts.amazonaws.com", "domain", "public", false},
		{"sourceIPAddress", "cloudformation.amazonaws.com", "cloudformation.amazonaws.com", "domain", "public", false},
		{"sourceIPAddress", "host.evil.example", "host.evil.example", "domain", "public", true},
		{"tlsDetails.clientProvidedHostHeader", "sts.eu-north-1.amazonaws.com", "sts.eu-north-1.amazonaws.com", "domain", "public", false},
		{"tlsDetails.clientProvidedHostHeader", "drop.s3.eu-north-1.amazonaws.com", "drop.s3.eu-north-1.amazonaws.com", "domain", "public", true},
		{"tlsDetails.clientProvidedHostHeader", "drop.s3.amazonaws.com", "drop.s3.amazonaws.com", "domain", "public", true},
		{"requestParameters.Host", "s3.amazonaws.com", "s3.amazonaws.com", "domain", "public", true},

		// Addresses that mean nothing elsewhere.
		{"host.ip", "127.0.0.1", "127.0.0.1", "ipv4", casemate.ScopeLoopback, false},
		{"sourceTranslatedAddress", "0.0.0.0", "0.0.0.0", "ipv4", casemate.ScopeReserved, false},
		{"host.ip", "::1", "::1", "ipv6", casemate.ScopeLoopback, false},
		{"message", "::", "::", "ipv6", casemate.ScopeReserved, false},
		{"src_ip", "10.0.0.1", "10.0.0.1", "ipv4", casemate.ScopePrivate, true},
		{"", "198.51.100.4", "198.51.100.4", "ipv4", "documentation", true},
	} {
		i := casemate.Indicator{Type: tt.typ, Value: tt.value, Scope: tt.scope, Field: tt.field}
		if got := sensor.Observable(&i, tt.text); got != tt.want {
			t.Errorf("Observable(%s %s in %s) = %v, want %v", tt.typ, tt.value, tt.field, got, tt.want)
		}
	}
}

func FuzzObservable(f *testing.F) {
	f.Add("alertWebUrl", "https://security.microsoft.com/x", "url")
	f.Add("eventSource", "s3.amazonaws.com", "domain")
	f.Add("eventSource", ".amazonaws.com", "domain")
	f.Add("eventSource", "a..amazonaws.com", "domain")
	f.Add("src_url", "https://@:?#", "url")
	f.Add("_ID-", "", "md5")
	f.Fuzz(func(t *testing.T, field, value, typ string) {
		i := casemate.Indicator{Type: casemate.IndicatorType(typ), Value: value, Field: field}
		if sensor.Observable(&i, value); i.Field != field || i.Value != value {
			t.Errorf("Observable changed its indicator to %+v", i)
		}
	})
}

// FuzzMap checks that no record breaks the mapper or its bounds.
func FuzzMap(f *testing.F) {
	for _, seed := range []string{
		`{"EventID":7045,"Channel":"System","Hostname":"h","ImagePath":"%COMSPEC% /c x.exe","AccountName":"LocalSystem"}`,
		`{"EventID":4728,"Channel":"Security","Hostname":"h","MemberName":"CN=a\\,b,OU=c","SubjectUserName":"x"}`,
		`{"EventID":1116,"Channel":"Microsoft-Windows-Windows Defender/Operational","Hostname":"h","Threat Name":"x","Path":"file:_a; file:_b","Action ID":"2"}`,
		`{"eventVersion":"1","eventSource":"iam.amazonaws.com","eventName":"x","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/a/b@c"}}`,
		`{"AccountId":"1","Type":"a:b/c","Severity":9,"Resource":{"AccessKeyDetails":{"UserType":"AssumedRole","PrincipalId":":"}}}`,
		`{"Alert":" 302-2022","Event Name":"x","user":"A\\b@c"}`,
		`{"title":"x","severity":"low","alertWebUrl":"y","evidence":[{"recipientEmailAddress":"@"},{"recipientEmailAddress":"."}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p flat.Parser
		fields, err := p.Parse(nil, text)
		if err != nil {
			return
		}
		a := &casemate.Alert{Format: "json", Raw: text, Fields: fields}
		sensor.New(reference).Map(a)
		if a.Name == "" || len(a.Entities) > 64 {
			t.Errorf("name %q, %d entities", a.Name, len(a.Entities))
		}
		for _, e := range a.Entities {
			if e.Value == "" {
				t.Errorf("an empty %s", e.Type)
			}
		}
	})
}
