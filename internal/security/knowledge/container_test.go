package knowledge_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// sections are the tables of a catalogue with one entry of each kind.
func sections() []knowledge.Section {
	text := map[string]string{
		knowledge.SectionVersions: "V\tkev\tKEV\t1\t2024-01-02\t3\t00\n",
		knowledge.SectionAttack: "A\tTA0002\texecution\tExecution\te\t4\t\n" +
			"T\tT1059\tInterpreter\te\t\texecution\tLinux|Windows\t\n" +
			"T\tT1059.001\tPowerShell\te\t\texecution\tWindows\t\n" +
			"T\tT1086\tPowerShell\te\tr\texecution\tWindows\tT1059.001\n" +
			"M\tM1038\tExecution Prevention\nm\tT1059\tM1038\n",
		knowledge.SectionCollect: "C\tDC0032\tProcess Creation\nS\tWinEventLog:Sysmon\tEventCode=1\nc\tT1059\tDC0032\tWindows\t0\n",
		knowledge.SectionActors:  "G\tG0016\tAPT29\t\t\tCozy Bear\tT1059\nS\tS0002\tMimikatz\t\t\tt\t\n",
		knowledge.SectionCWE:     "W\t79\tXSS\tBase\tStable\tAllowed\t74,20\n",
		knowledge.SectionKEV:     "K\tCVE-2021-44228\t2021-12-10\t2021-12-24\tr\tApache\tLog4j2\n",
		knowledge.SectionD3FEND:  "D\tD3-PSA\tProcess Spawn Analysis\tDetect\nd\tT1059\tD3-PSA\tanalyzes\tProcess\t\n",
	}
	var out []knowledge.Section
	for _, name := range names {
		out = append(out, knowledge.Section{Name: name, Text: []byte(text[name])})
	}
	return out
}

var names = []string{
	knowledge.SectionVersions, knowledge.SectionAttack, knowledge.SectionCollect, knowledge.SectionActors,
	knowledge.SectionCWE, knowledge.SectionKEV, knowledge.SectionD3FEND,
}

func pack(t testing.TB, sections []knowledge.Section) []byte {
	t.Helper()
	data, err := knowledge.Pack(sections)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPackAndOpen(t *testing.T) {
	data := pack(t, sections())
	if !bytes.Equal(data, pack(t, sections())) {
		t.Error("Pack writes different bytes for the same sections")
	}
	c, err := knowledge.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	if got := c.Mitigations("T1086"); len(got) != 1 || got[0].ID != "M1038" {
		t.Errorf("Mitigations(T1086) = %v, want those of T1059, the parent of its successor", got)
	}
	if got := c.DataComponents("T1059.001"); len(got) != 1 || got[0].Sources[0].Channel != "EventCode=1" {
		t.Errorf("DataComponents(T1059.001) = %v, want those of its parent", got)
	}
	other := sections()
	other[4].Text = bytes.Replace(other[4].Text, []byte("XSS"), []byte("XsS"), 1)
	changed, err := knowledge.Open(pack(t, other))
	if err != nil {
		t.Fatal(err)
	}
	if changed.Digest() == c.Digest() {
		t.Error("a changed fact leaves the digest as it was")
	}
}

func TestPackRefuses(t *testing.T) {
	missing := sections()[1:]
	unordered := sections()
	slices.Reverse(unordered)
	huge := sections()
	huge[3].Text = make([]byte, 5<<20)
	for name, s := range map[string][]knowledge.Section{"missing": missing, "unordered": unordered, "huge": huge} {
		if _, err := knowledge.Pack(s); err == nil {
			t.Errorf("%s: Pack gives no error", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	whole := pack(t, sections())
	change := func(at int, b ...byte) []byte {
		data := bytes.Clone(whole)
		copy(data[at:], b)
		return data
	}
	u32 := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	const firstSize, firstLength = 16, 20 // behind the magic and the name
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "not a catalogue"},
		{"magic alone", whole[:8], "unexpected EOF"},
		{"other version", change(7, 2), "of another version"},
		{"another name", change(8, 'V'), "found section"},
		{"size beyond the limit", change(firstSize, u32(1<<31)...), "limit"},
		{"length beyond the file", change(firstLength, u32(1<<32-1)...), "unexpected EOF"},
		{"cut", whole[:len(whole)-1], "unexpected EOF"},
		{"longer", append(bytes.Clone(whole), 0), "after the last section"},
		{"huge", make([]byte, 5<<20), "limit"},
	}
	for _, tt := range tests {
		if _, err := knowledge.Open(tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Open gives %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestDamagedSection(t *testing.T) {
	data := pack(t, sections())
	data[len(data)-20] ^= 0x10 // in the last body, D3FEND's
	c, err := knowledge.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(); err == nil || !strings.Contains(err.Error(), `"d3fend"`) {
		t.Errorf("Verify() = %v, want an error that names the section", err)
	}
	if got := c.Countermeasures("T1059", 5); got != nil {
		t.Errorf("Countermeasures of a damaged section = %v, want none", got)
	}
	if _, ok := c.Technique("T1059"); !ok {
		t.Error("a damaged section takes a whole one with it")
	}
}

func TestBadRows(t *testing.T) {
	tests := []struct{ section, text string }{
		{knowledge.SectionAttack, "T"},
		{knowledge.SectionAttack, "T\tT1\n"},
		{knowledge.SectionAttack, "X\tT1059\n"},
		{knowledge.SectionAttack, "M\tM1\tno line feed"},
		{knowledge.SectionAttack, "M\tM1\tA\nM\tM1\tB\n"},
		{knowledge.SectionAttack, "m\tT1059\tM1038\n"},
		{knowledge.SectionAttack, "T\tT1\tA\tx\t\t\t\t\n"},
		{knowledge.SectionAttack, "T\tT1\tA\te\tx\t\t\t\n"},
		{knowledge.SectionAttack, "A\tTA1\ta\tA\te\t-4\t\n"},
		{knowledge.SectionAttack, "M\t" + strings.Repeat("a\t", 40) + "\n"},
		{knowledge.SectionCollect, "C\tDC1\tA\nc\tT1\tDC1\t\t0\n"},
		{knowledge.SectionCollect, "c\tT1\tDC1\t\t\n"},
		{knowledge.SectionCWE, "W\t07\tA\tB\tC\tD\t\n"},
		{knowledge.SectionKEV, "K\tCVE-1\t2024-02-30\t2024-01-01\t\tA\tB\n"},
		{knowledge.SectionKEV, "K\t\t2024-01-01\t2024-01-01\t\tA\tB\n"},
		{knowledge.SectionD3FEND, "d\tT1\tD3-A\t\t\t\n"},
		{knowledge.SectionVersions, "V\ta\tb\tc\td\t99999999999\t\n"},
		{knowledge.SectionActors, "G\tG1\tA\t\t\t\t\xff\n"},
	}
	for _, tt := range tests {
		s := sections()
		s[slices.Index(names, tt.section)].Text = []byte(tt.text)
		c, err := knowledge.Open(pack(t, s))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(); err == nil {
			t.Errorf("%s: %.40q is accepted", tt.section, tt.text)
		}
		exercise(c)
	}
}

// FuzzOpen damages whole files: most die at the digest of a section.
func FuzzOpen(f *testing.F) {
	f.Add(pack(f, sections()))
	f.Add([]byte("CMFACTS\x01"))
	if data, err := os.ReadFile("facts.bin"); err == nil {
		f.Add(data[:4096])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := knowledge.Open(data)
		if err != nil {
			return
		}
		if c.Verify() == nil {
			exercise(c)
		}
	})
}

// FuzzRows puts any text into a section, behind a digest that fits.
func FuzzRows(f *testing.F) {
	for i, s := range sections() {
		f.Add(uint8(i), s.Text)
	}
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		s := sections()
		s[int(which)%len(s)].Text = text
		data, err := knowledge.Pack(s)
		if err != nil {
			return
		}
		c, err := knowledge.Open(data)
		if err != nil {
			t.Fatalf("Open refuses what Pack wrote: %v", err)
		}
		_ = c.Verify() // any text may be refused; none may make a lookup panic
		exercise(c)
	})
}
