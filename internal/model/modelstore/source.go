package modelstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is what an import reads.
type source struct {
	path     string // absolute, links followed
	folder   bool
	files    []sourceFile // in the order of their names
	leftOut  []string     // of a folder: what is no part of a model
	followed []string     // names that are symbolic links
}

// sourceFile is one file of a source.
type sourceFile struct {
	name string
	role Role
	path string // links followed
}

// maxText is how large a licence, notice or card may be to be taken along, in bytes.
const maxText = 4 << 20

// shardPattern is what the files of a split GGUF model are called.
var shardPattern = regexp.MustCompile(`^(.+)-([0-9]{5})-of-([0-9]{5})\.gguf$`)

// licensePattern is what the files of a licence are called.
var licensePattern = regexp.MustCompile(`(?i)^(licen[sc]e|notice|copying|use_policy)([._-][a-z0-9._-]*)?(\.md|\.txt)?$`)

// knownFiles are the files of a Hugging Face folder that a model is opened with,
// and what they are for. Others stay where they are.
var knownFiles = map[string]Role{
	"config.json":                  RoleConfig,
	"generation_config.json":       RoleGeneration,
	"tokenizer.json":               RoleTokenizer,
	"tokenizer_config.json":        RoleTokenizer,
	"special_tokens_map.json":      RoleTokenizer,
	"added_tokens.json":            RoleTokenizer,
	"chat_template.jinja":          RoleTemplate,
	"chat_template.json":           RoleTemplate,
	"model.safetensors.index.json": RoleIndex,
}

// pickleEndings are those of files that run code when Python loads them.
var pickleEndings = []string{".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill"}

func isPickleName(name string) bool {
	return slices.Contains(pickleEndings, strings.ToLower(filepath.Ext(name)))
}

// errPickle is the error for weights that only code can load.
var errPickle = errors.New("a pickle can run any code when it is loaded and is never read")

const pickleHint = "get the model as safetensors or GGUF"

// findSource looks what there is to import at a path.
func findSource(path string) (*source, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, input("find the model", err, "")
	}
	s := &source{}
	info, err := os.Lstat(absolute)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		s.followed = append(s.followed, filepath.Base(absolute))
	}
	if s.path, err = filepath.EvalSymlinks(absolute); err == nil {
		info, err = os.Stat(s.path)
	}
	if err != nil {
		return nil, input(fmt.Sprintf("find the model at %q", path), err, "name a GGUF file, a shard of a split one, or a folder of safetensors")
	}
	switch {
	case info.IsDir():
		s.folder = true
		return s, s.addFolder()
	case !info.Mode().IsRegular():
		return nil, input(fmt.Sprintf("import %q", path), errNotRegular, "name a GGUF file or a folder of safetensors")
	}
	// The name is that which the person gave; the link's target may be a digest.
	return s, s.addFile(absolute)
}

// errNotRegular is the error for devices, pipes and sockets.
var errNotRegular = errors.New("it is no regular file")

// addFile adds a GGUF file, and the other shards of a split one.
func (s *source) addFile(path string) error {
	name := filepath.Base(path)
	switch {
	case isPickleName(name):
		return input(fmt.Sprintf("import %q", name), errPickle, pickleHint)
	case strings.EqualFold(filepath.Ext(name), ".safetensors"):
		return input(fmt.Sprintf("import %q", name), errors.New("weights alone are no model"), "name the folder that also has config.json and tokenizer.json")
	}
	shard := shardPattern.FindStringSubmatch(name)
	if shard == nil {
		return s.add(s.path, name, RoleWeights)
	}
	count, err := strconv.Atoi(shard[3])
	if err != nil || count < 1 || count > maxFiles {
		return input(fmt.Sprintf("import %q", name), fmt.Errorf("a model has 1 to %d shards", maxFiles), "")
	}
	for i := range count {
		n := fmt.Sprintf("%s-%05d-of-%05d.gguf", shard[1], i+1, count)
		if err := s.addEntry(filepath.Dir(path), n, RoleWeights); err != nil {
			return err
		}
	}
	return nil
}

// addFolder adds the files of a Hugging Face folder. Which of the safetensors
// belong to the model is seen when it has been opened.
func (s *source) addFolder() error {
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return input("read the folder of the model", err, "")
	}
	pickle, ggufs := "", 0
	for _, e := range entries {
		name := e.Name()
		role := knownFiles[name]
		switch {
		case role != "":
		case strings.HasSuffix(name, ".safetensors"):
			role = RoleWeights
		case licensePattern.MatchString(name) && s.isText(name):
			role = RoleLicense
		case name == "README.md" && s.isText(name):
			role = RoleCard
		case isPickleName(name):
			pickle = name
		case strings.EqualFold(filepath.Ext(name), ".gguf"):
			ggufs++
		}
		if role == "" {
			s.leftOut = append(s.leftOut, name)
			continue
		}
		if err := s.addEntry(s.path, name, role); err != nil {
			return err
		}
	}
	return s.checkFolder(pickle, ggufs)
}

// isText says whether a file is regular and no larger than people write.
func (s *source) isText(name string) bool {
	info, err := os.Stat(filepath.Join(s.path, name))
	return err == nil && info.Mode().IsRegular() && info.Size() <= maxText
}

// checkFolder says what is missing in a folder that can be no model.
func (s *source) checkFolder(pickle string, ggufs int) error {
	has := func(role Role) bool {
		return slices.ContainsFunc(s.files, func(f sourceFile) bool { return f.role == role })
	}
	message := fmt.Sprintf("import the folder %q", filepath.Base(s.path))
	switch {
	case !has(RoleWeights) && pickle != "":
		return input(message, fmt.Errorf("its weights are %q: %w", pickle, errPickle), pickleHint)
	case !has(RoleWeights) && ggufs > 0:
		return input(message, errors.New("it has GGUF files"), "name the file to import; of a split model any shard will do")
	case !has(RoleWeights):
		return input(message, errors.New("it has no safetensors"), "name a folder with config.json, tokenizer.json and model.safetensors, or a GGUF file")
	case !has(RoleConfig):
		return input(message, errors.New("it has no config.json"), "an adapter is not imported: name it with --adapter")
	}
	return nil
}

// addEntry adds a file of a folder. It may be a symbolic link to a file in the
// same folder, or to where Hugging Face's cache keeps files: a downloaded
// folder's links must not bring in what its author has no right to.
func (s *source) addEntry(folder, name string, role Role) error {
	path := filepath.Join(folder, name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return input(fmt.Sprintf("import %q", name), errors.New("it is missing"), "all files of a model must lie in one folder")
	}
	if err != nil {
		return input(fmt.Sprintf("import %q", name), err, "")
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return s.add(path, name, role)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return input(fmt.Sprintf("follow the link %q", name), err, "")
	}
	home, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return input(fmt.Sprintf("follow the link %q", name), err, "")
	}
	// models--ORG--NAME/snapshots/REVISION/FILE leads to models--ORG--NAME/blobs/DIGEST.
	cache := filepath.Join(filepath.Dir(filepath.Dir(home)), "blobs")
	inCache := filepath.Base(filepath.Dir(home)) == "snapshots" && filepath.Dir(target) == cache
	if filepath.Dir(target) != home && !inCache {
		return input(fmt.Sprintf("follow the link %q", name), errors.New("it leads out of the model's folder"), "put the file itself in its place, if you trust it")
	}
	if !slices.Contains(s.followed, name) {
		s.followed = append(s.followed, name)
	}
	return s.add(target, name, role)
}

// add adds a file, links followed, that must be a regular one.
func (s *source) add(path, name string, role Role) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return input(fmt.Sprintf("import %q", name), err, "")
	case !info.Mode().IsRegular():
		return input(fmt.Sprintf("import %q", name), errNotRegular, "")
	case !goodFileName(name):
		return input(fmt.Sprintf("import %q", name), errors.New("the store keeps no file of this name"), "rename it: no more than 200 characters, none of / \\ : * ? \" < > | and no dot or hyphen first")
	case len(s.files) == maxFiles:
		return input(fmt.Sprintf("import %q", name), fmt.Errorf("a model has at most %d files", maxFiles), "")
	}
	s.files = append(s.files, sourceFile{name, role, path})
	slices.SortFunc(s.files, func(a, b sourceFile) int { return strings.Compare(a.name, b.name) })
	return nil
}

// open is the path to open the source as a model.
func (s *source) open() string {
	if s.folder {
		return s.path
	}
	return s.files[0].path
}

// keepOnly leaves out weights that an opened folder does not use.
func (s *source) keepOnly(used []string) {
	s.files = slices.DeleteFunc(s.files, func(f sourceFile) bool {
		unused := s.folder && f.role == RoleWeights && !slices.Contains(used, f.name)
		if unused {
			s.leftOut = append(s.leftOut, f.name)
		}
		return unused
	})
	slices.Sort(s.leftOut)
}
