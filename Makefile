# Casemate is one static binary: no cgo, no network, no download at run time.
export CGO_ENABLED := 0

SHARED  ?= $(or $(CASEMATE_SHARED),../shared)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
SOURCES := $(shell find . -name '*.go' -not -path './.*' -not -name '*_test.go') go.mod go.sum \
           $(shell find internal cmd -type f \( -name '*.txt' -o -name '*.tmpl' -o -name '*.css' -o -name '*.bin' -o -name '*.yml' -o -name '*.yaml' -o -name '*.tsv' \) -not -path '*/testdata/*')
FUZZTIME ?= 20s

.PHONY: run build test check vuln fuzz bench heads clean

# run triages the example day, rules and inventory and all.
run: bin/casemate
	@bin/casemate triage examples/intrusion --assets examples/assets.csv --suppress examples/suppress.yaml --as-of 2026-03-05

build: bin/casemate

bin/casemate: $(SOURCES)
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/casemate

test:
	go vet ./...
	go test ./...

# check is what a change must pass before it lands. The race detector is the
# one tool that needs a C compiler.
check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on these'; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go test -tags purego ./...
	CGO_ENABLED=1 go test -race -short ./...
	GOARCH=arm64 go vet ./...
	@if [ -d "$(SHARED)/data" ]; then \
		go run ./cmd/knowledge-facts --from $(SHARED)/data --out bin/facts.bin && \
		cmp bin/facts.bin internal/security/knowledge/facts.bin; fi
	$(MAKE) fuzz

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
