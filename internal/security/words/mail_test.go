package words_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// attachmentMail is a mail whose body is parts.
func attachmentMail(parts string) string {
	return "From: ada@example.com\nTo: ben@example.com\nSubject: files\nDate: Wed, 4 Mar 2026 09:41:00 +0000\n" +
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + parts
}

// TestMailTellsNoDigestOfAPart wants a digest for a whole attachment, and none for
// one that is cut off or badly encoded: it would be that of no file.
func TestMailTellsNoDigestOfAPart(t *testing.T) {
	const head = "--b\nContent-Type: application/zip\nContent-Disposition: attachment; filename=a.zip\nContent-Transfer-Encoding: base64\n\n"
	data := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("content", 20)))
	for name, c := range map[string]struct {
		parts string
		whole bool
	}{
		"whole":         {head + data + "\n--b--\n", true},
		"cut off":       {head + data[:40], false},
		"badly encoded": {head + data[:41] + "\n--b--\n", false},
	} {
		_, got := read(t, "x.eml", attachmentMail(c.parts))
		text := strings.Join(got, "\n")
		if !strings.Contains(text, "a.zip") {
			t.Errorf("%s: the attachment is not told: %s", name, text)
		}
		if strings.Contains(text, "SHA-256") != c.whole {
			t.Errorf("%s: a digest is told: %v, want %v: %s", name, !c.whole, c.whole, text)
		}
	}
}

// TestMailSaysWhatItLeavesOut wants parts beyond the limit to be counted.
func TestMailSaysWhatItLeavesOut(t *testing.T) {
	var parts strings.Builder
	for i := range 120 {
		fmt.Fprintf(&parts, "--b\nContent-Type: text/plain\n\npart %d\n", i)
	}
	_, got := read(t, "x.eml", attachmentMail(parts.String()+"--b--\n"))
	if text := strings.Join(got, "\n"); strings.Count(text, "fault: ") != 1 || !strings.Contains(text, "21 parts") {
		t.Errorf("%s, want one fault that counts 21 parts", text)
	}
}
