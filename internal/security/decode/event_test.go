package decode_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/decode"
)

const logonFailed = `<?xml version="1.0" encoding="UTF-16"?>
<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>
<Provider Name="Microsoft-Windows-Security-Auditing"/><EventID Qualifiers="0">4625</EventID>
<TimeCreated SystemTime="2024-03-04T13:55:00.000Z"/><Channel>Security</Channel></System>
<EventData><Data Name="TargetUserName">alice</Data><Data Name="Status">0xc000006d</Data><Data>loose</Data></EventData></Event>`

// TestWindowsEvents reads an event as its viewer copies it, alone and among others.
func TestWindowsEvents(t *testing.T) {
	for _, in := range []string{logonFailed, "<Events>" + logonFailed[strings.Index(logonFailed, "<Event "):] + "</Events>"} {
		lines := strings.Split(strings.TrimSpace(decode.WindowsEvents(in)), "\n")
		if len(lines) != 1 {
			t.Fatalf("%d lines, want 1: %q", len(lines), lines)
		}
		var got struct {
			Event struct {
				System struct {
					EventID, Channel string
					TimeCreated      map[string]map[string]string
				}
				EventData map[string]string
			}
		}
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
			t.Fatalf("%v: %s", err, lines[0])
		}
		e := got.Event
		if e.System.EventID != "4625" || e.System.Channel != "Security" || e.EventData["TargetUserName"] != "alice" ||
			e.EventData["Status"] != "0xc000006d" || e.EventData["Data"] != "loose" ||
			e.System.TimeCreated["#attributes"]["SystemTime"] != "2024-03-04T13:55:00.000Z" {
			t.Errorf("got %+v", e)
		}
	}
	for _, in := range []string{"", "<Events>", "<Event><EventData/></Event>", "<Eventual/>", `{"Event":1}`, "<html></html>"} {
		if out := decode.WindowsEvents(in); out != "" {
			t.Errorf("WindowsEvents(%q) = %q, want nothing", in, out)
		}
	}
}

// FuzzWindowsEvents checks that every line that is returned is JSON with an event id.
func FuzzWindowsEvents(f *testing.F) {
	f.Add(logonFailed)
	f.Add("<Event><System><EventID>1</EventID></System></Event><Event>")
	f.Add("<Event" + strings.Repeat("<a>", 1000))
	f.Fuzz(func(t *testing.T, in string) {
		for line := range strings.SplitSeq(strings.TrimSpace(decode.WindowsEvents(in)), "\n") {
			var e struct {
				Event struct{ System map[string]any }
			}
			if line != "" && (json.Unmarshal([]byte(line), &e) != nil || e.Event.System["EventID"] == nil) {
				t.Errorf("%q gives %q", in, line)
			}
		}
	})
}

// TestTime holds numbers of one instant, worked out with date(1) and the
// difference of 11,644,473,600 seconds between the two epochs.
func TestTime(t *testing.T) {
	want := time.Date(2024, 3, 4, 13, 46, 40, 0, time.UTC)
	for _, in := range []string{"1709560000", "1709560000000", "133540336000000000"} {
		if got, ok := decode.Time(in); !ok || !got.Equal(want) {
			t.Errorf("Time(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "4625", "17095600000", "170956000a", "999999999999999999999"} {
		if got, ok := decode.Time(in); ok {
			t.Errorf("Time(%q) = %v, want none", in, got)
		}
	}
}
