package sensor_test

import (
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/sensor"
)

func TestParseTime(t *testing.T) {
	const moment = "2024-08-07T13:30:12Z"
	for _, tt := range []struct{ in, want string }{
		{"2024-08-07T13:30:12Z", moment}, {"2024-08-07 13:30:12", moment}, {"2024/08/07 13:30:12", moment}, {"2024-08-07T15:30:12+02:00", moment}, {"2024-08-07T15:30:12+0200", moment},
		{"2024-08-07T08:30:12-05", moment}, {"2024-08-07 13:30:12 UTC", moment}, {"2024-08-07T13:30:12.123456789Z", "2024-08-07T13:30:12.123456789Z"}, {"2024-08-07 13:30:12,5", "2024-08-07T13:30:12.5Z"},
		{"2024-08-07T13:30Z", "2024-08-07T13:30:00Z"}, {"2024-08-07", "2024-08-07T00:00:00Z"}, {"20240807", "2024-08-07T00:00:00Z"}, {"20240807133012", moment},
		{"1723037412", moment}, {"1723037412.25", "2024-08-07T13:30:12.25Z"}, {"1723037412000", moment}, {"1723037412000000", moment}, {"1723037412000000000", moment},
		{"133675110120000000", moment}, {"/Date(1723037412000)/", moment},
		{"8/7/2024 1:30:12 PM", moment}, {"13/8/2024 13:30:12", "2024-08-13T13:30:12Z"}, {"07/Aug/2024:15:30:12 +0200", moment}, {"Wed, 07 Aug 2024 13:30:12 GMT", moment}, {"Wed Aug  7 13:30:12 2024", moment},
		{"Aug 7, 2024 @ 13:30:12.000", moment}, {"7.8.2024 13:30:12", moment},
		// The reference is 8 August 2024: a day ahead is the same year, two are the year before.
		{"Aug  7 13:30:12", moment}, {"Aug  8 13:30:12", "2024-08-08T13:30:12Z"}, {"Dec 31 23:59:59", "2023-12-31T23:59:59Z"}, {"Feb 29 00:00:00", "2024-02-29T00:00:00Z"},
		{"", ""}, {"now", ""}, {"2024-13-01", ""}, {"2024-02-30", ""}, {"0001-01-01T00:00:00Z", ""}, {"9999-12-31T23:59:59Z", ""}, {"-5", ""}, {"99999999999999999999", ""}, {"1e9", ""},
		{"2024-08-07T13:30:12+99:00", ""}, {"2024-08-07Tx", ""}, {"1723037412.x", ""},
	} {
		got, ok := sensor.ParseTime(tt.in, reference)
		text := ""
		if ok {
			text = got.Format(time.RFC3339Nano)
		}
		if text != tt.want {
			t.Errorf("ParseTime(%q) = %q, want %q", tt.in, text, tt.want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2024-08-07T13:30:12.5+02:00", "1723037412.5", "Aug  7 13:30:12", "133675110120000000", "/Date(1)/", "2.1.2006"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := sensor.ParseTime(s, reference)
		if ok && (got.Year() < 1970 || got.Year() > 2200 || got.Location() != time.UTC) || !ok && !got.IsZero() {
			t.Errorf("ParseTime(%q) = %v, %v", s, got, ok)
		}
	})
}
