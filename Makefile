# Casemate is one static binary: no cgo, no network, no download at run time.
export CGO_ENABLED := 0

SHARED  ?= $(or $(CASEMATE_SHARED),../shared)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
SOURCES := $(shell find . -name '*.go' -not -path './.*' -not -name '*_test.go') go.mod go.sum \
           $(shell find internal cmd -type f \( -name '*.txt' -o -name '*.tmpl' -o -name '*.css' -o -name '*.bin' -o -name '*.yml' -o -name '*.yaml' -o -name '*.tsv' \) -not -path '*/testdata/*')
FUZZTIME ?= 20s

# The packages whose arithmetic comes in several sets of instructions.
RUNTIME := ./internal/model/isa ./internal/model/kernel/... ./internal/model/tensor ./internal/model/gemm ./internal/model/llama ./internal/model/gradient ./internal/engine/native/...

.PHONY: run build test test-levels test-arm64 check check-generated generate vuln fuzz bench heads clean

# run triages the example day, rules and inventory and all.
run: bin/casemate
	@bin/casemate triage examples/intrusion --assets examples/assets.csv --suppress examples/suppress.yaml --as-of 2026-03-05

build: bin/casemate

bin/casemate: $(SOURCES)
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/casemate

test:
	go vet ./...
	go test ./...

# test-levels runs the model runtime's tests once for each set of instructions. A
# set that this processor lacks is skipped, and said to be. Nothing is cached: the
# variable is read before the tests' cache begins to watch what is read. Where
# there is AVX2, the portable code also meets its digests as the compiler makes it
# for such processors, with products and sums fused where the source lets it.
test-levels:
	@set -e; for level in generic avx2 avx512 avx512vnni avx512bf16; do \
		export CASEMATE_REQUIRE=$$level; \
		if [ $$level != generic ] && ! go test -count=1 -run '^TestCheck$$' ./internal/model/isa >/dev/null 2>&1; then \
			echo "$$level: skipped, this processor lacks it"; continue; fi; \
		echo "$$level:"; go test -count=1 $(RUNTIME); \
		if [ $$level = avx2 ]; then CASEMATE_REQUIRE=generic GOAMD64=v3 go test -count=1 -run Digest $(RUNTIME); fi; \
	done

# test-arm64 runs the model runtime's portable code as a 64-bit Arm processor
# would, whose compiler fuses products and sums where the source lets it. The
# emulator does not say where a file that was cut short ends, so tests of that are
# left out.
test-arm64:
	@if command -v qemu-aarch64 >/dev/null; then GOARCH=arm64 go test -exec qemu-aarch64 -short -skip 'Fault|CutShort' $(RUNTIME); \
	else echo 'test-arm64: skipped, qemu-aarch64 is not installed (Debian: qemu-user)'; fi

# check is what a change must pass before it lands. The race detector is the
# one tool that needs a C compiler.
check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on these'; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(MAKE) check-generated
	go test -tags purego ./...
	$(MAKE) test-levels test-arm64
	CGO_ENABLED=1 go test -race -short ./...
	GOARCH=arm64 go vet ./...
	@if [ -d "$(SHARED)/data" ]; then \
		go run ./cmd/knowledge-facts --from $(SHARED)/data --out bin/facts.bin && \
		cmp bin/facts.bin internal/security/knowledge/facts.bin; fi
	$(MAKE) fuzz

# generate writes the assembly again. The same generators give the same bytes.
generate:
	go generate ./internal/model/kernel/... ./internal/model/tensor ./internal/model/bench

# check-generated fails if the assembly in the tree is not what its generators
# write, and leaves there what they write.
check-generated:
	@sums() { find internal/model -name '*_amd64.s' -o -name '*_stubs_amd64.go' | sort | xargs -r sha256sum; }; \
	before=$$(sums) && $(MAKE) -s generate && after=$$(sums) && \
	{ test "$$before" = "$$after" || { echo 'generated assembly was out of date: commit what make generate wrote'; exit 1; }; }

# vuln compares the dependencies with the public vulnerability database, which
# is the one check that needs the network.
vuln:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

# fuzz gives every fuzz test a while. Minimising is bounded, or it eats the time.
fuzz:
	@set -e; for dir in $$(go list -f '{{if .TestGoFiles}}{{.Dir}}{{else if .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do \
		for name in $$(grep -hoE '^func (Fuzz[A-Za-z0-9_]+)' $$dir/*_test.go | cut -d' ' -f2); do \
			echo "$$name in $$dir"; \
			(cd $$dir && go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .); \
		done; done

bench:
	go test -run '^$$' -bench . -benchmem ./...

# heads trains the embedded classifiers again: the same data give the same bytes.
heads:
	go run ./cmd/heads-train --from $(SHARED)/data --out internal/security/head

clean:
	rm -rf bin
