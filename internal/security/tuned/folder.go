package tuned

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
)

// File is one of a folder.
type File struct {
	Name string
	Data []byte
}

// Open reads the head of a folder. The weights must be those of the card.
func Open(dir string) (*Head, error) {
	h, err := open(dir)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open head %q", dir), Err: err,
			Hint: "give a folder that `casemate tune train` wrote, whole and unchanged"}
	}
	return h, nil
}

func open(dir string) (*Head, error) {
	card, err := readCard(dir)
	if err != nil {
		return nil, err
	}
	weights, err := files.Read(filepath.Join(dir, WeightsFile), MaxWeightsBytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", WeightsFile, err)
	}
	return Parse(card, weights)
}

func readCard(dir string) ([]byte, error) {
	card, err := files.Read(filepath.Join(dir, CardFile), MaxCardBytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", CardFile, err)
	}
	return card, nil
}

// Parse makes a head of the bytes of its two files. It keeps parts of weights.
func Parse(card, weights []byte) (*Head, error) {
	c, err := ParseCard(card)
	if err != nil {
		return nil, err
	}
	if c.Encoder == EncoderAdapter {
		return nil, errors.New("its card is of an adapter")
	}
	if have := digest(weights); have != c.Weights {
		return nil, fmt.Errorf("%s is %s, and its card names %s", WeightsFile, have, c.Weights)
	}
	file, err := safetensors.ParseBytes(weights)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", WeightsFile, err)
	}
	h := &Head{card: c, digest: digest(card), cardBytes: card, weights: weights}
	if err := h.load(file); err != nil {
		return nil, fmt.Errorf("read %s: %w", WeightsFile, err)
	}
	return h, nil
}

// Files returns the files of the head's folder; of an adapter its card alone.
func (h *Head) Files() []File {
	if h.weights == nil { // the adapter stays where it is
		return []File{{CardFile, h.cardBytes}}
	}
	return []File{{CardFile, h.cardBytes}, {WeightsFile, h.weights}}
}

// Save writes the head's folder, which must not be there or be empty.
func (h *Head) Save(dir string) error { return WriteFolder(dir, h.Files()) }

// WriteFolder writes files beside their place and then moves the whole folder
// there, so that nobody finds half of it, whenever it is interrupted. The folder
// must not be there or be empty.
func WriteFolder(dir string, list []File) (err error) {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("write folder %q: %w", dir, err)
	}
	temp, err := os.MkdirTemp(parent, ".casemate-head-*")
	if err != nil {
		return fmt.Errorf("write folder %q: %w", dir, err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temp) // what cannot be removed is harmless: nothing reads it
			err = fmt.Errorf("write folder %q: %w", dir, err)
		}
	}()
	for _, f := range list {
		if err := writeFile(filepath.Join(temp, f.Name), f.Data); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Chmod(temp, 0o755), files.SyncFolder(temp)); err != nil {
		return err
	}
	// An empty folder in the way is replaced; one that holds something is not.
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.New("there is something in it: name another folder, or move this one away")
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return files.SyncFolder(parent)
}

func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(data))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
