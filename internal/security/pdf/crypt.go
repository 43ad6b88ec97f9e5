package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
)

// errEncrypted says that a file needs a password, or a method that is not read.
var errEncrypted = errors.New("the PDF is encrypted")

// crypt decrypts what a PDF protects with an empty password, as files do that
// forbid printing or copying. Security handlers of revision 2 to 6 are read.
//
// Source: PDF 32000-1:2008, 7.6, and for revisions 5 and 6 ISO 32000-2, 7.6.4.
type crypt struct {
	key  []byte
	aes  bool
	long bool // AES-256: one key for all objects
}

// passwordPad fills a password to 32 bytes; the empty one is all padding.
const passwordPad = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

// newCrypt derives the key of the empty password and checks that it is right.
func newCrypt(f *file, trailer dict) (*crypt, error) {
	d := f.dict(trailer["Encrypt"])
	if f.name(d["Filter"]) != "Standard" {
		return nil, errEncrypted
	}
	revision, version := f.int(d["R"]), f.int(d["V"])
	owner, _ := f.resolve(d["O"]).(text)
	user, _ := f.resolve(d["U"]).(text)
	var id text
	if ids := f.array(trailer["ID"]); len(ids) > 0 {
		id, _ = f.resolve(ids[0]).(text)
	}
	if revision == 5 || revision == 6 {
		sealed, _ := f.resolve(d["UE"]).(text)
		return newLongCrypt([]byte(user), []byte(sealed), revision)
	}
	c := &crypt{}
	size := 5
	switch {
	case revision < 2 || revision > 4 || len(owner) < 32 || len(user) < 16:
		return nil, errEncrypted
	case version == 4:
		size = 16
		filter := f.dict(f.dict(d["CF"])[f.name(d["StmF"])])
		c.aes = f.name(filter["CFM"]) == "AESV2"
	case version > 1:
		if size = f.int(d["Length"]) / 8; size < 5 || size > 16 {
			size = 5
		}
	}
	h := md5.New()
	h.Write([]byte(passwordPad))
	h.Write([]byte(owner[:32]))
	binary.Write(h, binary.LittleEndian, uint32(int64(f.num(d["P"])))) // a hash takes every write
	h.Write([]byte(id))
	if meta, ok := f.resolve(d["EncryptMetadata"]).(bool); ok && !meta && revision >= 4 {
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	key := h.Sum(nil)
	if revision >= 3 {
		for range 50 {
			sum := md5.Sum(key[:size])
			key = sum[:]
		}
	}
	c.key = key[:size]
	if !bytes.Equal(c.user(revision, id)[:16], []byte(user[:16])) {
		return nil, errEncrypted
	}
	return c, nil
}

// newLongCrypt unseals the key of AES-256 with the empty password.
func newLongCrypt(user, sealed []byte, revision int) (*crypt, error) {
	if len(user) < 48 || len(sealed) < 32 {
		return nil, errEncrypted
	}
	if !bytes.Equal(longHash(user[32:40], revision), user[:32]) {
		return nil, errEncrypted
	}
	block, err := aes.NewCipher(longHash(user[40:48], revision))
	if err != nil {
		return nil, errEncrypted
	}
	key := make([]byte, 32)
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(key, sealed[:32])
	return &crypt{key: key, aes: true, long: true}, nil
}

// longHash returns the hash of the empty password with a salt: SHA-256, and in
// revision 6 at least 64 rounds of encryption and a hash that its outcome chooses.
func longHash(salt []byte, revision int) []byte {
	sum := sha256.Sum256(salt)
	k := sum[:]
	if revision == 5 {
		return k
	}
	for round := 0; ; round++ {
		e := bytes.Repeat(k, 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil { // the key has 16 bytes
			return k[:32]
		}
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, e)
		rest := 0
		for _, b := range e[:16] {
			rest += int(b)
		}
		switch rest % 3 {
		case 0:
			h := sha256.Sum256(e)
			k = h[:]
		case 1:
			h := sha512.Sum384(e)
			k = h[:]
		default:
			h := sha512.Sum512(e)
			k = h[:]
		}
		if round >= 63 && int(e[len(e)-1]) <= round-31 {
			return k[:32]
		}
	}
}

// user returns what the file's U entry is if the key is right.
func (c *crypt) user(revision int, id text) []byte {
	if revision == 2 {
		return xorRC4(c.key, []byte(passwordPad))
	}
	sum := md5.Sum(append([]byte(passwordPad), id...))
	out := sum[:]
	for i := range 20 {
		key := bytes.Clone(c.key)
		for j := range key {
			key[j] ^= byte(i)
		}
		out = xorRC4(key, out)
	}
	return out
}

func xorRC4(key, data []byte) []byte {
	r, err := rc4.NewCipher(key)
	if err != nil { // the key has 5 to 16 bytes
		return data
	}
	out := make([]byte, len(data))
	r.XORKeyStream(out, data)
	return out
}

// bytes decrypts the bytes of an object.
func (c *crypt) bytes(data []byte, num int) []byte {
	key := c.key
	if !c.long {
		key = append(bytes.Clone(key), byte(num), byte(num>>8), byte(num>>16), 0, 0)
		if c.aes {
			key = append(key, "sAlT"...)
		}
		sum := md5.Sum(key)
		key = sum[:min(len(c.key)+5, 16)]
	}
	if !c.aes {
		return xorRC4(key, data)
	}
	block, err := aes.NewCipher(key)
	if err != nil || len(data) < 2*aes.BlockSize {
		return nil
	}
	iv, body := data[:aes.BlockSize], data[aes.BlockSize:]
	body = body[:len(body)/aes.BlockSize*aes.BlockSize]
	out := make([]byte, len(body))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, body)
	if pad := int(out[len(out)-1]); pad <= aes.BlockSize && pad <= len(out) {
		out = out[:len(out)-pad]
	}
	return out
}

// stream decrypts the bytes of a stream; those of cross-references are plain.
func (c *crypt) stream(s stream) []byte {
	if s.dict["Type"] == name("XRef") || s.at.num == 0 {
		return s.raw
	}
	return c.bytes(s.raw, s.at.num)
}

// strings decrypts the strings of an object.
func (c *crypt) strings(o any, num int) any {
	switch o := o.(type) {
	case text:
		return text(c.bytes([]byte(o), num))
	case array:
		for i := range o {
			o[i] = c.strings(o[i], num)
		}
	case dict:
		for k := range o {
			o[k] = c.strings(o[k], num)
		}
	case stream:
		c.strings(o.dict, num)
	}
	return o
}
