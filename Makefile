# Firebreak. `make` lists what can be made.
GO ?= go
DEMO_DIR ?= demo-data

.PHONY: help build demo test check fuzz generate bench services

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 12

build: ## the static binary, bin/firebreak
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/firebreak ./cmd/firebreak

demo: build ## run the demo: local CA, users, policies, generated patients
	bin/firebreak demo --dir $(DEMO_DIR) --listen 127.0.0.1:8443

services: ## install and start what tests need (PostgreSQL, Keycloak, Chromium, SMART clients)
	@sh internal/service/install.sh

test: services ## install what tests need and run them all
	FIREBREAK_SERVICES=required $(GO) test -timeout 30m ./...

check: ## vet, staticcheck, race: before a commit
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(GO) test -race ./...

fuzz: ## each fuzz target for 20 seconds
	@sh internal/service/fuzz.sh

generate: ## regenerate the tables from the published definitions
	$(GO) generate ./...

bench: ## the benchmarks of docs/performance.md, as ratios in one run
	$(GO) run ./cmd/bench
