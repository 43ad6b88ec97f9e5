package outcome

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
)

// Places in the data directory.
const (
	keyFile    = "signing-key.pem" // PKCS #8, PEM, for its owner alone
	trustedDir = "trusted-keys"    // *.pem: the public keys of others, PKIX
)

const (
	signatureAlgorithm = "ed25519"
	maxSignatureBytes  = 4 << 10
	maxKeyBytes        = 16 << 10
	maxTrusted         = 256
)

// Subject is what a signature is of. It is part of what is signed, so that a
// signature of one thing is none of another.
type Subject string

// What is signed.
const (
	SubjectEvaluation Subject = "evaluation" // the bytes of EvaluationFile
	SubjectVersion    Subject = "version"    // the list of a version's files
	SubjectService    Subject = "service"    // an entry of what is in service
)

// Errors of Trust.Verify.
var (
	ErrUntrusted = errors.New("the signature is of a key that is not trusted here")
	ErrForged    = errors.New("the signature is not of these bytes")
)

// Key signs evaluations. There is one in a data directory.
type Key struct{ private ed25519.PrivateKey }

// signature is what a signature file says.
type signature struct {
	Format    int    `json:"format"`
	Algorithm string `json:"algorithm"`
	Key       string `json:"key"`       // base64 of the public key, 32 bytes
	Signature string `json:"signature"` // base64, 64 bytes
}

// OpenKey returns the key of a data directory, and makes one on first use.
func OpenKey(data string) (*Key, error) {
	path := filepath.Join(data, keyFile)
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(data, path); err != nil {
			return nil, fmt.Errorf("make the signing key: %w", err)
		}
		key, err = readKey(path)
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

func readKey(path string) (*Key, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read the signing key %q: others than its owner may read or change it", path),
			Hint: "if nobody did, chmod 600 it; else move it away: the next training makes another, and heads must be promoted again"}
	}
	data, err := files.Read(path, maxKeyBytes)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, damagedKey(path, errors.New("it is no PEM file"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, damagedKey(path, errors.New("it is no PKCS #8 key"))
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, damagedKey(path, errors.New("it is no Ed25519 key"))
	}
	return &Key{private}, nil
}

func damagedKey(path string, err error) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read the signing key %q", path), Err: err,
		Hint: "put its copy back, or move it away: the next training makes another, and heads must be promoted again"}
}

// makeKey writes a new key beside its place and links it there, so that of two
// processes that make one at once both use the same.
func makeKey(data, path string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(data, ".signing-key-*") // for its owner alone: 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil { // a file system without links
		err = os.Rename(f.Name(), path)
	}
	return errors.Join(err, files.SyncFolder(data))
}

// Name returns how the key is written where people compare it: "ed25519:" and the
// base64 of the public key.
func (k *Key) Name() string { return keyName(k.public()) }

func (k *Key) public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

func keyName(p ed25519.PublicKey) string {
	return signatureAlgorithm + ":" + base64.StdEncoding.EncodeToString(p)
}

// PublicPEM returns the public key as the file that others put among their
// trusted keys.
func (k *Key) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.public())
	if err != nil {
		return nil, fmt.Errorf("write the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// signed returns what a signature is over: a line that says what it is of, and
// one with the digest of the file's own bytes.
func signed(of Subject, data []byte) []byte {
	return []byte("casemate " + string(of) + " v1\n" + Digest(data) + "\n")
}

// Sign returns the signature file of bytes.
func (k *Key) Sign(of Subject, data []byte) ([]byte, error) {
	var b strings.Builder
	err := write(&b, "signature", signature{Format: formatVersion, Algorithm: signatureAlgorithm,
		Key:       base64.StdEncoding.EncodeToString(k.public()),
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, signed(of, data)))})
	return []byte(b.String()), err
}

// Trust is the keys whose signatures count in a data directory.
type Trust struct{ keys []trusted }

type trusted struct {
	name string
	key  ed25519.PublicKey
}

// OpenTrust returns the keys that a data directory trusts: its own, if it has one,
// and those in its folder of trusted keys.
func OpenTrust(data string) (*Trust, error) {
	t := &Trust{}
	own, err := readKey(filepath.Join(data, keyFile))
	if err == nil {
		t.keys = append(t.keys, trusted{"this data directory", own.public()})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	dir := filepath.Join(data, trustedDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the trusted keys: %w", err)
	}
	for _, e := range entries {
		name, isKey := strings.CutSuffix(e.Name(), ".pem")
		if !isKey {
			continue
		}
		if len(t.keys) > maxTrusted {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read the trusted keys: there are more than %d", maxTrusted), Hint: "remove those that are not needed from " + dir}
		}
		key, err := readPublic(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read the trusted key %q", e.Name()), Err: err, Hint: "remove it, or put there what `casemate tune show --key` prints on the other machine"}
		}
		t.keys = append(t.keys, trusted{name, key})
	}
	return t, nil
}

func readPublic(path string) (ed25519.PublicKey, error) {
	data, err := files.Read(path, maxKeyBytes)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it is no PEM file")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is no public key")
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("it is no Ed25519 key")
	}
	return key, nil
}

// Signer is whose signature something has.
type Signer struct {
	Name string `json:"name"` // of the trusted key
	Key  string `json:"key"`  // "ed25519:…"
}

// Verify says who of the trusted signed these bytes with this signature file. The
// error is ErrUntrusted or ErrForged, or says how the file is broken.
func (t *Trust) Verify(of Subject, data, sig []byte) (Signer, error) {
	if len(sig) > maxSignatureBytes {
		return Signer{}, fmt.Errorf("read signature: it is longer than %d bytes", maxSignatureBytes)
	}
	var s signature
	if err := unmarshal(sig, &s); err != nil {
		return Signer{}, fmt.Errorf("read signature: %w", err)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(s.Key)
	value, err2 := base64.StdEncoding.Strict().DecodeString(s.Signature)
	if s.Format != formatVersion || s.Algorithm != signatureAlgorithm || err != nil || err2 != nil || len(key) != ed25519.PublicKeySize || len(value) != ed25519.SignatureSize {
		return Signer{}, errors.New("read signature: it is not of the format")
	}
	i := slices.IndexFunc(t.keys, func(k trusted) bool { return k.key.Equal(ed25519.PublicKey(key)) })
	if i < 0 {
		return Signer{}, ErrUntrusted
	}
	if !ed25519.Verify(t.keys[i].key, signed(of, data), value) {
		return Signer{}, ErrForged
	}
	return Signer{t.keys[i].name, keyName(t.keys[i].key)}, nil
}
