package outcome_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

func openKey(t *testing.T, data string) *outcome.Key {
	t.Helper()
	k, err := outcome.OpenKey(data)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openTrust(t *testing.T, data string) *outcome.Trust {
	t.Helper()
	trust, err := outcome.OpenTrust(data)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func TestSign(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	key := openKey(t, data)
	info, err := os.Stat(filepath.Join(data, "signing-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %o, want 600", info.Mode().Perm())
	}
	if again := openKey(t, data); again.Name() != key.Name() {
		t.Errorf("opened again the key is %s, was %s", again.Name(), key.Name())
	}
	evaluation := encode(t, sample())
	sig, err := key.Sign(outcome.SubjectEvaluation, evaluation)
	if err != nil {
		t.Fatal(err)
	}
	who, err := openTrust(t, data).Verify(outcome.SubjectEvaluation, evaluation, sig)
	if err != nil || who.Key != key.Name() {
		t.Errorf("Verify = %v, %v", who, err)
	}
	if _, err := openTrust(t, data).Verify(outcome.SubjectVersion, evaluation, sig); !errors.Is(err, outcome.ErrForged) {
		t.Errorf("the signature of an evaluation is one of a version: %v", err)
	}
	for i := range evaluation {
		if i%97 == 0 {
			forged := bytes.Clone(evaluation)
			forged[i] ^= 1
			if _, err := openTrust(t, data).Verify(outcome.SubjectEvaluation, forged, sig); !errors.Is(err, outcome.ErrForged) {
				t.Fatalf("with byte %d changed: %v", i, err)
			}
		}
	}
}

// TestTrustOthers wants the signature of another machine accepted only once its
// public key is among the trusted ones.
func TestTrustOthers(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	key := openKey(t, there)
	evaluation := encode(t, sample())
	sig, err := key.Sign(outcome.SubjectEvaluation, evaluation)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openTrust(t, here).Verify(outcome.SubjectEvaluation, evaluation, sig); !errors.Is(err, outcome.ErrUntrusted) {
		t.Fatalf("Verify = %v, want ErrUntrusted", err)
	}
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(here, "trusted-keys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lab.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if who, err := openTrust(t, here).Verify(outcome.SubjectEvaluation, evaluation, sig); err != nil || who.Name != "lab" {
		t.Errorf("Verify = %v, %v, want the key called lab", who, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.pem"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outcome.OpenTrust(here); err == nil || !strings.Contains(err.Error(), "broken.pem") {
		t.Errorf("a broken trusted key is passed over: %v", err)
	}
}

func TestSignatureRefused(t *testing.T) {
	data := t.TempDir()
	key := openKey(t, data)
	evaluation := encode(t, sample())
	sig, err := key.Sign(outcome.SubjectEvaluation, evaluation)
	if err != nil {
		t.Fatal(err)
	}
	trust := openTrust(t, data)
	for name, broken := range map[string]string{
		"empty":   "",
		"other":   "{}",
		"format":  strings.Replace(string(sig), `"format":1`, `"format":2`, 1),
		"unknown": strings.Replace(string(sig), `"format":1`, `"format":1,"x":1`, 1),
		"base64":  strings.Replace(string(sig), `"signature":"`, `"signature":"*`, 1),
		"short":   strings.Replace(string(sig), `"key":"`, `"key":"AAAA`, 1),
		"long":    string(sig) + strings.Repeat(" ", 5000),
	} {
		if _, err := trust.Verify(outcome.SubjectEvaluation, evaluation, []byte(broken)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestKeyRefused(t *testing.T) {
	if runtime.GOOS != "windows" {
		data := t.TempDir()
		openKey(t, data)
		if err := os.Chmod(filepath.Join(data, "signing-key.pem"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := outcome.OpenKey(data); err == nil {
			t.Error("a key that all may read is used")
		}
	}
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "signing-key.pem"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outcome.OpenKey(data); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("OpenKey of a damaged key = %v", err)
	}
}

// TestKeyMadeOnce has many make the first key at once.
func TestKeyMadeOnce(t *testing.T) {
	data := t.TempDir()
	names := make([]string, 8)
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			if k, err := outcome.OpenKey(data); err == nil {
				names[i] = k.Name()
			}
		})
	}
	wg.Wait()
	for i, n := range names {
		if n == "" || n != names[0] {
			t.Errorf("key %d is %q, want %q", i, n, names[0])
		}
	}
	if left, _ := filepath.Glob(filepath.Join(data, ".signing-key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
