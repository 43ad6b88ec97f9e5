package sensor_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
)

// TestOneAccount checks that an account is an entity by its bare name as well,
// however a source spells it, and that accounts of one machine are not.
func TestOneAccount(t *testing.T) {
	for _, tt := range []struct {
		user string
		want []string
	}{
		{`TARNHOLM\m.lindqvist`, []string{`TARNHOLM\m.lindqvist`, "m.lindqvist"}},
		{`TARNHOLM\M.Lindqvist`, []string{`TARNHOLM\M.Lindqvist`, "m.lindqvist"}},
		{"m.lindqvist@tarnholm.example", []string{"m.lindqvist@tarnholm.example", "m.lindqvist"}},
		{"M.Lindqvist@CORP.TARNHOLM.EXAMPLE", []string{"M.Lindqvist@CORP.TARNHOLM.EXAMPLE", "m.lindqvist"}},
		{`TARNHOLM\FS01$`, []string{`TARNHOLM\FS01$`, "fs01$"}},
		{"m.lindqvist", []string{"m.lindqvist"}},
		{"M.Lindqvist", []string{"M.Lindqvist"}},
		{`NT AUTHORITY\SYSTEM`, []string{`NT AUTHORITY\SYSTEM`}},
		{`NT-AUTORITÄT\SYSTEM`, []string{`NT-AUTORITÄT\SYSTEM`}},
		{`WS-7\admin`, []string{`WS-7\admin`}},
		{`ws-7\admin`, []string{`ws-7\admin`}},
		{`.\admin`, []string{`.\admin`}},
		{`A\B\c`, []string{`A\B\c`}},
		{`CORP\`, []string{`CORP\`}},
		{"@corp.example", []string{"@corp.example"}},
		{"http/web@CORP.EXAMPLE", []string{"http/web@CORP.EXAMPLE"}},
		{"Bob <bob@corp.example>", []string{"Bob <bob@corp.example>"}},
		{"a@b@c", []string{"a@b@c"}},
	} {
		a, _ := read(t, `{"title":"x","host":"WS-7.corp.example","user":`+strconv.Quote(tt.user)+`}`)
		if a.User != tt.user {
			t.Errorf("%s: User is %q", tt.user, a.User)
		}
		var got []string
		for _, e := range a.Entities {
			if e.Type == casemate.EntityUser && e.Role == casemate.RoleActor {
				got = append(got, e.Value)
			}
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.user, diff)
		}
	}
}

func TestMailWithoutAccount(t *testing.T) {
	check(t, []sample{
		{"reported mail", `{"id":"da1","title":"Email reported by user as malware or phish","severity":"low","status":"new","category":"InitialAccess","serviceSource":"microsoftDefenderForOffice365","detectorId":"det","createdDateTime":"2024-08-07T13:30:12Z",
			"evidence":[{"@odata.type":"#microsoft.graph.security.analyzedMessageEvidence","p1Sender":{"emailAddress":"offers@news.example.net"},"recipientEmailAddress":"T.Ferrand@corp.example"}]}`,
			gist{Format: "ms-graph-alert", Kind: "alert", Name: "Email reported by user as malware or phish", Rule: "det", Severity: "low", Time: "2024-08-07T13:30:12Z", User: "T.Ferrand@corp.example", Action: "new",
				Log: casemate.Logsource{Product: "m365", Service: "threat_management"}, Entities: []string{"mail offers@news.example.net", "mail t.ferrand@corp.example", "target user T.Ferrand@corp.example", "target user t.ferrand"}}},
		{"account known", `{"id":"da2","title":"Mail removed","severity":"low","status":"new","serviceSource":"microsoftDefenderForOffice365","detectorId":"det","createdDateTime":"2024-08-07T13:30:12Z",
			"evidence":[{"recipientEmailAddress":"t.ferrand@corp.example"},{"userAccount":{"accountName":"m.lindqvist"}}]}`,
			gist{Format: "ms-graph-alert", Kind: "alert", Name: "Mail removed", Rule: "det", Severity: "low", Time: "2024-08-07T13:30:12Z", User: "m.lindqvist", Action: "new",
				Log: casemate.Logsource{Product: "m365", Service: "threat_management"}, Entities: []string{"mail t.ferrand@corp.example", "user m.lindqvist"}}},
	})
}
