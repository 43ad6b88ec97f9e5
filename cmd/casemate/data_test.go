package main

import "testing"

func TestUserData(t *testing.T) {
	for _, c := range []struct {
		system string
		env    map[string]string
		want   string
	}{
		{"linux", map[string]string{"HOME": "/home/ada"}, "/home/ada/.local/share"},
		{"linux", map[string]string{"HOME": "/home/ada", "XDG_DATA_HOME": "/srv/data"}, "/srv/data"},
		{"linux", map[string]string{"HOME": "/home/ada", "XDG_DATA_HOME": "relative"}, "/home/ada/.local/share"},
		{"freebsd", map[string]string{"HOME": "/home/ada"}, "/home/ada/.local/share"},
		{"darwin", map[string]string{"HOME": "/Users/ada", "XDG_DATA_HOME": "/srv/data"}, "/Users/ada/Library/Application Support"},
		{"windows", map[string]string{"LocalAppData": `C:\Users\ada\AppData\Local`}, `C:\Users\ada\AppData\Local`},
		{"linux", nil, ""},
		{"darwin", nil, ""},
		{"windows", nil, ""},
	} {
		got, err := userData(c.system, func(name string) string { return c.env[name] })
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("userData(%q, %v) = %q, %v, want %q", c.system, c.env, got, err, c.want)
		}
	}
}

func TestDataDir(t *testing.T) {
	t.Setenv("CASEMATE_DATA", "/srv/casemate")
	for asked, want := range map[string]string{"": "/srv/casemate", "here": "here"} {
		if got, err := (dataFlag{Data: asked}).dataDir(); got != want || err != nil {
			t.Errorf("dataDir with --data %q = %q, %v, want %q", asked, got, err, want)
		}
	}
}
