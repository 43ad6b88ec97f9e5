package casemate_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/casemate-ai/casemate"

// allowed lists, for each package, the packages of this module it may import.
// It is the architecture: change it in the same commit as ARCHITECTURE.md.
var allowed = map[string][]string{
	".": {},

	// The file system, for all who write.
	"internal/files": {},

	// Formats and text: know nothing of one another.
	"internal/security/evtx":      {},
	"internal/security/textlog":   {},
	"internal/security/decode":    {},
	"internal/security/indicator": {"."},
	"internal/security/flat":      {"."},
	"internal/security/label":     {},
	"internal/security/phrase":    {},

	// What a record means, and reading any of them.
	"internal/security/sensor":   {".", "internal/security/flat"},
	"internal/security/evidence": {".", "internal/security/evtx", "internal/security/flat", "internal/security/indicator", "internal/security/sensor", "internal/security/textlog"},

	// What is known, what is found, what is made of it, how it is shown.
	"internal/security/knowledge":      {"."},
	"internal/security/sigma":          {"."},
	"internal/security/triage":         {".", "internal/security/knowledge", "internal/security/label", "internal/security/phrase"},
	"internal/security/explain":        {".", "internal/security/decode", "internal/security/evidence", "internal/security/indicator", "internal/security/knowledge", "internal/security/phrase", "internal/security/report", "internal/security/sigma"},
	"internal/security/report":         {".", "internal/security/indicator", "internal/security/knowledge", "internal/security/phrase", "internal/security/report/axis", "internal/security/report/columns"},
	"internal/security/report/axis":    {"internal/security/phrase"},
	"internal/security/report/columns": {},
	"internal/security/intake":         {".", "internal/security/evidence", "internal/security/explain", "internal/security/head", "internal/security/knowledge", "internal/security/phrase", "internal/security/report", "internal/security/sigma", "internal/security/triage"},

	// The machine that workflows run on, the workflows, and the one table of them.
	"internal/security/grounding":          {".", "internal/security/grounding/deed", "internal/security/grounding/duration", "internal/security/grounding/effect", "internal/security/grounding/fields", "internal/security/grounding/harm", "internal/security/grounding/moment", "internal/security/grounding/naming", "internal/security/grounding/numeral", "internal/security/grounding/opposite", "internal/security/grounding/reason", "internal/security/grounding/rough", "internal/security/grounding/sentence", "internal/security/grounding/sequence", "internal/security/grounding/stem", "internal/security/grounding/verdict", "internal/security/grounding/voice", "internal/security/indicator", "internal/security/knowledge", "internal/security/label"},
	"internal/security/grounding/deed":     {"internal/security/grounding/numeral", "internal/security/grounding/stem"},
	"internal/security/grounding/duration": {"internal/security/grounding/numeral"},
	"internal/security/grounding/effect":   {"internal/security/grounding/stem"},
	"internal/security/grounding/fields":   {"."},
	"internal/security/grounding/harm":     {},
	"internal/security/grounding/moment":   {},
	"internal/security/grounding/naming":   {},
	"internal/security/grounding/numeral":  {},
	"internal/security/grounding/opposite": {},
	"internal/security/grounding/reason":   {"internal/security/grounding/stem"},
	"internal/security/grounding/rough":    {"internal/security/grounding/numeral"},
	"internal/security/grounding/sentence": {},
	"internal/security/grounding/sequence": {"internal/security/grounding/stem"},
	"internal/security/grounding/verdict":  {},
	"internal/security/grounding/voice":    {},
	"internal/security/grounding/stem":     {},
	"internal/security/prompt":             {".", "internal/engine", "internal/security/phrase", "internal/security/report"},
	"internal/security/pipeline":           {".", "internal/engine", "internal/security/grounding", "internal/security/head", "internal/security/identifier", "internal/security/knowledge", "internal/security/library", "internal/security/phrase", "internal/security/prompt"},
	"internal/security/casefile":           {".", "internal/engine", "internal/engine/scripted", "internal/security/pipeline"},
	"internal/security/page":               {".", "internal/security/indicator", "internal/security/page/diagram", "internal/security/phrase", "internal/security/report", "internal/security/report/axis", "internal/security/report/columns"},
	"internal/security/page/diagram":       {},
	"internal/security/words":              {".", "internal/security/document"},
	"internal/security/dossier":            {".", "internal/security/evidence", "internal/security/head", "internal/security/indicator", "internal/security/intake", "internal/security/knowledge", "internal/security/label", "internal/security/phrase", "internal/security/report", "internal/security/sigma", "internal/security/triage", "internal/security/words"},
	"internal/security/material":           {".", "internal/security/dossier", "internal/security/evidence", "internal/security/head", "internal/security/pipeline"},
	"internal/security/summary":            {".", "internal/security/dossier", "internal/security/head", "internal/security/indicator", "internal/security/intake", "internal/security/knowledge", "internal/security/material", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/report"},
	"internal/security/note":               {".", "internal/security/dossier", "internal/security/head", "internal/security/indicator", "internal/security/intake", "internal/security/knowledge", "internal/security/material", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/report"},
	"internal/security/causes":             {".", "internal/security/firewall", "internal/security/knowledge", "internal/security/label", "internal/security/phrase"},
	"internal/security/firewall":           {".", "internal/security/indicator"},
	"internal/security/logcount":           {".", "internal/security/phrase"},
	"internal/security/investigate":        {".", "internal/security/causes", "internal/security/dossier", "internal/security/evidence", "internal/security/firewall", "internal/security/logcount", "internal/security/head", "internal/security/indicator", "internal/security/intake", "internal/security/knowledge", "internal/security/material", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/report", "internal/security/triage"},
	"internal/security/opinion":            {".", "internal/security/dossier", "internal/security/head", "internal/security/indicator", "internal/security/intake", "internal/security/knowledge", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/report"},
	"internal/security/narrate":            {".", "internal/security/explain", "internal/security/knowledge", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/report", "internal/security/sigma"},
	"internal/security/ranklogs":           {".", "internal/engine", "internal/security/evidence", "internal/security/explain", "internal/security/flat", "internal/security/head", "internal/security/indicator", "internal/security/knowledge", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/report", "internal/security/sigma", "internal/security/textlog"},
	"internal/security/recipe":             {".", "internal/engine", "internal/engine/scripted", "internal/security/casefile", "internal/security/document", "internal/security/dossier", "internal/security/evidence", "internal/security/indicator", "internal/security/knowledge", "internal/security/label", "internal/security/library", "internal/security/material", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/recipe/layout", "internal/security/recipe/letter", "internal/security/report"},
	"internal/security/recipe/layout":      {".", "internal/security/page", "internal/security/phrase"},
	"internal/security/recipe/letter":      {"."},
	"internal/security/workflow":           {".", "internal/engine", "internal/security/document", "internal/security/dossier", "internal/security/evidence", "internal/security/explain", "internal/security/feed", "internal/security/grounding", "internal/security/head", "internal/security/intake", "internal/security/investigate", "internal/security/knowledge", "internal/security/library", "internal/security/mapping", "internal/security/narrate", "internal/security/note", "internal/security/openbook", "internal/security/opinion", "internal/security/page", "internal/security/phrase", "internal/security/pipeline", "internal/security/prompt", "internal/security/ranklogs", "internal/security/recipe", "internal/security/report", "internal/security/summary", "internal/security/triage", "internal/security/tuned"},

	// Published knowledge, the embedded classifiers, and what works with both.
	"internal/security/feed":          {".", "internal/security/feed/loose", "internal/security/feed/ontology", "internal/security/feed/oscal", "internal/security/feed/prose", "internal/security/feed/turtle", "internal/security/feed/unpack", "internal/security/feed/weakness", "internal/security/feed/yaml", "internal/security/feed/yara"},
	"internal/security/feed/loose":    {"internal/security/feed/prose"},
	"internal/security/feed/ontology": {"internal/security/feed/turtle"},
	"internal/security/feed/oscal":    {"internal/security/feed/loose", "internal/security/feed/prose"},
	"internal/security/feed/prose":    {},
	"internal/security/feed/weakness": {"internal/security/feed/loose"},
	"internal/security/feed/turtle":   {},
	"internal/security/feed/unpack":   {},
	"internal/security/feed/yaml":     {},
	"internal/security/feed/yara":     {},
	"internal/security/stem":          {},
	"internal/security/library":       {".", "internal/security/feed", "internal/security/stem"},
	"internal/security/document":      {".", "internal/security/pdf"},
	"internal/security/pdf":           {},
	"internal/security/head":          {".", "internal/model/lexical", "internal/model/linear", "internal/security/knowledge"},
	"internal/security/mapping":       {".", "internal/security/document", "internal/security/feed", "internal/security/head", "internal/security/knowledge", "internal/security/library", "internal/security/report"},
	"internal/security/identifier":    {"internal/security/feed", "internal/security/knowledge", "internal/security/library"},
	"internal/security/openbook":      {".", "internal/security/feed", "internal/security/library", "internal/security/stem"},

	// Numbers: know nothing of security.
	"internal/model/container": {},
	"internal/model/kernel":    {},
	"internal/model/isa":       {},
	"internal/model/lexical":   {"internal/model/container", "internal/model/kernel"},
	"internal/model/linear":    {"internal/model/container", "internal/model/kernel"},

	// Language models: formats, arithmetic, text and tokens.
	"internal/model/quant":                   {},
	"internal/model/kernel/packed":           {"internal/model/isa", "internal/model/quant"},
	"internal/model/kernel/floats":           {"internal/model/isa", "internal/model/quant"},
	"internal/model/tensor":                  {"internal/model/isa", "internal/model/kernel", "internal/model/kernel/floats", "internal/model/kernel/packed", "internal/model/quant"},
	"internal/model/tokenizer":               {},
	"internal/model/modelfile":               {"internal/model/modelfile/gguf", "internal/model/modelfile/mapped", "internal/model/modelfile/safetensors", "internal/model/modelfile/tokenizerjson", "internal/model/quant", "internal/model/tokenizer"},
	"internal/model/modelfile/gguf":          {"internal/model/quant"},
	"internal/model/modelfile/mapped":        {},
	"internal/model/modelfile/safetensors":   {"internal/model/quant"},
	"internal/model/modelfile/tokenizerjson": {"internal/model/tokenizer"},
	"internal/model/modelfile/modeltest":     {"internal/model/modelfile/gguf", "internal/model/modelfile/safetensors", "internal/model/quant", "internal/model/tokenizer"},
	"internal/model/adapter":                 {"internal/files", "internal/model/kernel/floats", "internal/model/modelfile", "internal/model/modelfile/gguf", "internal/model/modelfile/mapped", "internal/model/modelfile/safetensors", "internal/model/quant"},
	"internal/model/llama":                   {"internal/model/adapter", "internal/model/isa", "internal/model/kernel", "internal/model/kernel/floats", "internal/model/modelfile", "internal/model/quant", "internal/model/tensor"},
	"internal/model/sample":                  {},
	"internal/model/grammar":                 {"internal/model/grammar/automaton", "internal/model/grammar/program", "internal/model/grammar/schema"},
	"internal/model/grammar/automaton":       {},
	"internal/model/grammar/decimal":         {"internal/model/grammar/automaton"},
	"internal/model/grammar/pattern":         {"internal/model/grammar/automaton"},
	"internal/model/grammar/program":         {"internal/model/grammar/automaton"},
	"internal/model/grammar/schema":          {"internal/model/grammar/automaton", "internal/model/grammar/decimal", "internal/model/grammar/pattern", "internal/model/grammar/program"},
	"internal/model/jinja":                   {"internal/model/jinja/marked", "internal/model/jinja/syntax", "internal/model/jinja/value"},
	"internal/model/jinja/marked":            {},
	"internal/model/jinja/number":            {},
	"internal/model/jinja/syntax":            {"internal/model/jinja/marked"},
	"internal/model/jinja/value":             {"internal/model/jinja/marked", "internal/model/jinja/number"},
	"internal/model/chat":                    {"internal/model/jinja", "internal/model/tokenizer"},
	"internal/model/quantize":                {"internal/files", "internal/model/modelfile", "internal/model/modelfile/gguf", "internal/model/quant", "internal/model/tokenizer"},
	"internal/model/merge":                   {"internal/model/adapter", "internal/model/kernel", "internal/model/llama", "internal/model/modelfile", "internal/model/quant", "internal/model/quantize"},
	"internal/model/synth":                   {"internal/files", "internal/model/modelfile", "internal/model/modelfile/gguf", "internal/model/quant", "internal/model/quantize", "internal/model/tokenizer"},
	"internal/model/bench":                   {"internal/engine/native/batch", "internal/model/gradient", "internal/model/isa", "internal/model/llama", "internal/model/modelfile", "internal/model/optimizer", "internal/model/quant", "internal/model/tensor"},
	"internal/model/modelstore":              {".", "internal/files", "internal/model/modelfile", "internal/model/quant"},

	// Training: products and backwards, the optimiser, the loop, heads on hidden states.
	"internal/model/kernel/tiles":    {"internal/model/isa", "internal/model/quant"},
	"internal/model/gemm":            {"internal/model/isa", "internal/model/kernel/floats", "internal/model/kernel/tiles", "internal/model/quant", "internal/model/tensor"},
	"internal/model/kernel/backward": {"internal/model/isa", "internal/model/kernel/floats", "internal/model/quant"},
	"internal/model/optimizer":       {"internal/model/isa", "internal/model/kernel/backward", "internal/model/tensor"},
	"internal/model/gradient":        {"internal/model/adapter", "internal/model/gemm", "internal/model/isa", "internal/model/kernel", "internal/model/kernel/backward", "internal/model/kernel/floats", "internal/model/llama", "internal/model/modelfile", "internal/model/optimizer", "internal/model/quant", "internal/model/tensor"},
	"internal/model/train":           {".", "internal/files", "internal/model/gradient", "internal/model/modelfile/mapped", "internal/model/modelfile/safetensors", "internal/model/optimizer", "internal/model/quant", "internal/model/tensor"},
	"internal/model/vocabulary":      {"internal/model/tokenizer"},
	"internal/model/probe":           {"internal/model/gemm", "internal/model/isa", "internal/model/kernel", "internal/model/kernel/backward", "internal/model/kernel/floats", "internal/model/modelfile/safetensors", "internal/model/minimize", "internal/model/optimizer", "internal/model/quant", "internal/model/tensor"},
	"internal/model/minimize":        {"internal/model/tensor"},
	"internal/model/tagger":          {"internal/model/gemm", "internal/model/kernel", "internal/model/minimize", "internal/model/modelfile/safetensors", "internal/model/quant", "internal/model/tensor"},
	"internal/model/activation":      {"internal/model/quant"},

	"internal/engine":               {},
	"internal/engine/native":        {".", "internal/engine", "internal/engine/native/batch", "internal/model/adapter", "internal/model/chat", "internal/model/grammar", "internal/model/llama", "internal/model/modelfile", "internal/model/quant", "internal/model/sample", "internal/model/tokenizer"},
	"internal/engine/native/batch":  {"internal/engine/native/prefix", "internal/model/llama", "internal/model/quant"},
	"internal/engine/native/prefix": {},
	"internal/engine/scripted":      {"internal/engine"},
	"internal/engine/enginetest":    {"internal/engine/native", "internal/model/modelfile/modeltest"},

	// Fine-tuning, as a person meets it.
	"internal/security/tuned":    {".", "internal/engine", "internal/files", "internal/model/lexical", "internal/model/linear", "internal/model/modelfile/safetensors", "internal/model/probe", "internal/model/tagger", "internal/security/head"},
	"internal/learn/dataset":     {"."},
	"internal/learn/near":        {},
	"internal/learn/split":       {"internal/learn/dataset", "internal/learn/near"},
	"internal/learn/metric":      {},
	"internal/learn/inspect":     {".", "internal/learn/dataset", "internal/learn/metric", "internal/learn/near", "internal/learn/split", "internal/model/lexical"},
	"internal/learn/outcome":     {".", "internal/files", "internal/learn/metric"},
	"internal/learn/instruct":    {".", "internal/learn/dataset", "internal/model/chat", "internal/model/tokenizer", "internal/model/train"},
	"internal/learn/tune":        {".", "internal/engine", "internal/files", "internal/learn/dataset", "internal/learn/inspect", "internal/learn/instruct", "internal/learn/metric", "internal/learn/outcome", "internal/learn/split", "internal/model/activation", "internal/model/adapter", "internal/model/gradient", "internal/model/lexical", "internal/model/linear", "internal/model/modelfile", "internal/model/optimizer", "internal/model/probe", "internal/model/tagger", "internal/model/train", "internal/security/head", "internal/security/phrase", "internal/security/tuned"},
	"internal/learn/tune/report": {".", "internal/learn/inspect", "internal/learn/metric", "internal/learn/outcome", "internal/learn/tune", "internal/security/phrase", "internal/security/report", "internal/security/tuned"},
	"internal/learn/registry":    {".", "internal/files", "internal/learn/metric", "internal/learn/outcome", "internal/security/tuned"},
	"internal/learn/cluster":     {".", "internal/engine", "internal/files", "internal/learn/dataset", "internal/learn/instruct", "internal/learn/metric", "internal/learn/outcome", "internal/learn/split", "internal/model/adapter"},

	"internal/learn/trial":     {".", "internal/learn/metric", "internal/engine", "internal/engine/scripted", "internal/security/dossier", "internal/security/evidence", "internal/security/explain", "internal/security/grounding", "internal/security/intake", "internal/security/knowledge", "internal/security/page", "internal/security/pipeline", "internal/security/report", "internal/security/workflow"},
	"internal/learn/needle":    {".", "internal/security/pipeline", "internal/security/ranklogs"},
	"internal/learn/corpus":    {".", "internal/security/feed"},
	"internal/learn/technique": {"internal/learn/corpus", "internal/model/lexical", "internal/model/linear"},
	"internal/learn/eval":      {".", "internal/learn/corpus", "internal/learn/metric", "internal/learn/technique", "internal/security/document", "internal/security/evidence", "internal/security/feed", "internal/security/head", "internal/security/knowledge", "internal/security/library", "internal/security/mapping", "internal/security/openbook", "internal/security/triage"},

	"cmd/casemate":                 {"*"},
	"cmd/heads-train":              {".", "internal/learn/corpus", "internal/learn/technique", "internal/model/lexical", "internal/model/linear", "internal/security/feed", "internal/security/head", "internal/security/knowledge"},
	"cmd/knowledge-facts":          {".", "internal/security/feed/turtle", "internal/security/knowledge"},
	"conformance/evtx/dump":        {"internal/security/evtx"},
	"conformance/jsonschema/run":   {"internal/model/grammar"},
	"conformance/jsonschema/walk":  {"internal/model/grammar"},
	"conformance/probe/run":        {"internal/model/probe"},
	"conformance/quantization/run": {"internal/model/quant"},
	"conformance/training/run":     {"internal/model/gradient", "internal/model/modelfile"},
}

const (
	maxFileLines    = 800
	maxPackageFiles = 15
	maxPackageLines = 4000
	// cmd/casemate holds one file a command: it grows with the commands, and
	// each file stays short.
	maxCommandFiles = 60
	maxCommandLines = 12000
)

// offline are the standard library's packages below net that open no connection.
var offline = []string{"net/netip", "net/url", "net/mail"}

// room is what TestArchitecture learns about one package.
type room struct {
	documented   bool
	files, lines int
}

// TestArchitecture fails on an import that allowed does not list, a package
// that allowed does not name, a network or process import, a package or an
// exported name without a comment, a file or a package over its limit, and an
// exit outside cmd.
func TestArchitecture(t *testing.T) {
	rooms := map[string]*room{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != "." && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if _, known := allowed[dir]; !known {
			t.Errorf("%s: package %q is not in the architecture table", path, dir)
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments)
		if err != nil {
			return err
		}
		lines := bytes.Count(src, []byte("\n"))
		if lines > maxFileLines && !ast.IsGenerated(f) {
			t.Errorf("%s: %d lines, limit %d", path, lines, maxFileLines)
		}
		r := rooms[dir]
		if r == nil {
			r = &room{}
			rooms[dir] = r
		}
		r.files++
		r.lines += lines
		r.documented = r.documented || f.Doc != nil
		checkImports(t, path, dir, f)
		if f.Name.Name != "main" {
			checkExits(t, path, f)
			checkComments(t, path, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, r := range rooms {
		if !r.documented {
			t.Errorf("%s: no package comment", dir)
		}
		files, lines := maxPackageFiles, maxPackageLines
		if dir == "cmd/casemate" {
			files, lines = maxCommandFiles, maxCommandLines
		}
		if r.files > files || r.lines > lines {
			t.Errorf("%s: %d files and %d lines, limit %d and %d", dir, r.files, r.lines, files, lines)
		}
	}
}

func checkImports(t *testing.T, path, dir string, f *ast.File) {
	for _, spec := range f.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if imp == "net" || strings.HasPrefix(imp, "net/") && !slices.Contains(offline, imp) || imp == "os/exec" {
			t.Errorf("%s: imports %s: nothing leaves the building, nothing is run", path, imp)
		}
		rel, inside := strings.CutPrefix(imp, module)
		if !inside || (rel != "" && rel[0] != '/') {
			continue
		}
		if rel = strings.TrimPrefix(rel, "/"); rel == "" {
			rel = "."
		}
		if !slices.Contains(allowed[dir], rel) && !slices.Contains(allowed[dir], "*") {
			t.Errorf("%s: %s must not import %s", path, dir, rel)
		}
	}
}

// checkExits reports calls that end the program.
func checkExits(t *testing.T, path string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && (pkg.Name == "os" && sel.Sel.Name == "Exit" || pkg.Name == "log" && strings.HasPrefix(sel.Sel.Name, "Fatal")) {
			t.Errorf("%s: %s.%s outside cmd", path, pkg.Name, sel.Sel.Name)
		}
		return true
	})
}

// checkComments reports exported functions, types, and methods of exported
// types that have no comment. A constant or variable may share its group's.
func checkComments(t *testing.T, path string, f *ast.File) {
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
				t.Errorf("%s: exported %s has no comment", path, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				var name string
				var doc *ast.CommentGroup
				switch s := spec.(type) {
				case *ast.TypeSpec:
					name, doc = s.Name.Name, s.Doc
				case *ast.ValueSpec:
					name, doc = s.Names[0].Name, s.Doc
				}
				if ast.IsExported(name) && doc == nil && d.Doc == nil {
					t.Errorf("%s: exported %s has no comment", path, name)
				}
			}
		}
	}
}

// receiver returns the type name of a method's receiver.
func receiver(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}
