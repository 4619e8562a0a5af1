# What people and CI run. The work is done by cargo and by the scripts in infra/local.
#
#   PORT=4566         port of the local AWS; a free one if left out
#   SERVICE=sqs       what `make demo` shows: sqs, rdspostgresql, rdsmysql, rdsmariadb, aurorapostgresql or auroramysql
#   TOOLS=.tools      folder for the tools that are installed
#   PYTHON=python3    a Python 3.10 or newer with venv
#   SIMULATE=all      how much of the simulation: all, or how many times as much as `make test`
#   SEED=             the seed of the simulation and of tests by chance; without it they are the same every time
#   SHARD=            the part of `make mutants` to run, such as 1/50
#   ARCHITECTURE=     x86_64, or arm64 if the Rust target is installed: the processor that `make package` builds for
#   RELEASE=yes       for a package that others get: `make package` fails if an advisory applies to a dependency, and
#                     `make deny` if it cannot be found out

PYTHON ?= python3
TOOLS ?= .tools
SIMULATE ?= all
ARCHITECTURE ?= x86_64
RELEASE ?= no
export PORT TOOLS RELEASE SERVICE

BUILD := $(TOOLS)/build/bin
SCAN := $(TOOLS)/scan/bin/checkov --skip-download --framework cloudformation --compact --quiet
NEW_SERVICE := crates/asb/new_service/template.yaml
ASB := cargo run --quiet --locked --package asb --
LOCAL := PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=infra:infra/local:benches:tests/deployed $(TOOLS)/emulator/bin/python
DENY_VERSION := 0.20.2
DENY := $(TOOLS)/cargo-deny-$(DENY_VERSION)/bin/cargo-deny
MACHETE_VERSION := 0.9.2
MACHETE := $(TOOLS)/cargo-machete-$(MACHETE_VERSION)/bin/cargo-machete
MUTANTS_VERSION := 27.1.0
MUTANTS := $(TOOLS)/cargo-mutants-$(MUTANTS_VERSION)/bin/cargo-mutants
# As cargo's environment variables spell it.
HOST = $(shell rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: tools ## Deploy to a local AWS, then provision, bind, use, update, unbind and deprovision a queue; SERVICE=rdspostgresql for a database
	@$(LOCAL) infra/local/demo.py

.PHONY: serve
serve: tools ## Deploy to a local AWS and leave the broker running until Ctrl-C
	@$(LOCAL) infra/local/serve.py

.PHONY: test
test: tools ## Run all tests: without AWS, then against the broker on a local AWS
	cargo test --locked
	@$(LOCAL) infra/local/serve.py $(MAKE) --no-print-directory test-deployed

.PHONY: simulate
simulate: ## Run every schedule of the simulation, of which `make test` runs a part: an hour; SIMULATE=40 for minutes
	SIMULATE=$(SIMULATE) cargo test --locked --profile simulation --test simulation -- --nocapture

.PHONY: races
races: tools ## Let requests race each other on a local AWS 200 times each: minutes
	@RACES=200 $(LOCAL) infra/local/serve.py cargo test --locked --test local_aws races

.PHONY: mutants
mutants: $(MUTANTS) ## Change the code in every way that tests should notice: hours; SHARD=1/50 for a part
	@# libtest's --fail-fast (.cargo/mutants.toml) is not stable yet.
	CARGO_TARGET_$(HOST)_RUNNER='env RUSTC_BOOTSTRAP=1' $(MUTANTS) mutants --gitignore true --output target $(if $(SHARD),--shard $(SHARD) --sharding round-robin)

.PHONY: test-deployed
test-deployed: ## Run the tests that need the broker of `make serve`, whose broker.env is in the environment
	cargo test --locked --test local_aws
	$(LOCAL) -m unittest discover tests/deployed
	$(LOCAL) -m unittest discover tests/hostile

.PHONY: lint
lint: tools $(MACHETE) ## Check formatting, templates, code and dependencies
	cargo fmt --all --check
	$(BUILD)/ruff format --check --quiet
	$(BUILD)/ruff check --quiet
	PYTHONDONTWRITEBYTECODE=1 $(BUILD)/cfn-lint --append-rules infra/lint/stack -- infra/*.yaml
	cd templates && PYTHONDONTWRITEBYTECODE=1 $(abspath $(BUILD))/cfn-lint */template.yaml ../$(NEW_SERVICE)
	PYTHONDONTWRITEBYTECODE=1 $(BUILD)/python -m unittest discover --quiet tests/lint
	@$(SCAN) -f infra/*.yaml templates/*/template.yaml $(NEW_SERVICE)
	@# AWS has several partitions: an ARN takes its own from $${AWS::Partition}, or from another ARN.
	@! grep -rnE --include='*.rs' --include='*.yaml' 'arn:aws[a-z-]*:' src crates/*/src infra/*.yaml templates | grep -v '///'
	cd infra && AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(abspath $(BUILD))/sam validate --lint
	$(ASB) check
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --test local_aws --locked -- -D warnings
	cargo clippy --package asb --all-targets --features operator --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --no-deps
	$(MACHETE) --skip-target-dir
	@$(MAKE) --no-print-directory deny

.PHONY: deny
deny: $(DENY) ## Check the dependencies' licences, sources and duplicates, and advisories if there is a network
	$(DENY) check bans licenses sources
	@if $(DENY) fetch db 2> /dev/null; then $(DENY) check advisories; \
	else echo "Security advisories NOT checked: the RustSec advisory database cannot be fetched from here."; \
	[ "$(RELEASE)" != yes ]; fi

.PHONY: generate
generate: ## Write the pages and the roles that follow from the templates
	@$(ASB) generate

.PHONY: new-service
new-service: ## Start a service: make new-service NAME=my-service
	@$(ASB) new "$(NAME)"

.PHONY: bench
bench: ## Measure the function's cold start, memory and processor time, and what each MemorySize would cost
	cargo build --locked --release --bin broker --example hello_world
	@$(PYTHON) benches/cold_start.py target/release/examples/hello_world target/release/broker

.PHONY: package
package: tools $(if $(filter yes,$(RELEASE)),deny) ## Make a folder and a zip that others deploy without Rust; RELEASE=yes to hand out
	@$(LOCAL) infra/package.py $(ARCHITECTURE)

.PHONY: load
load: tools ## Put load on the broker on a local AWS for 30 seconds, then look for anything lost
	@$(LOCAL) infra/local/serve.py $(abspath $(TOOLS))/emulator/bin/python benches/load.py

.PHONY: fmt
fmt: tools ## Format the code
	cargo fmt --all
	$(BUILD)/ruff format --quiet

.PHONY: clean
clean: ## Remove everything that was built or installed
	rm -rf target infra/.aws-sam $(addprefix $(TOOLS)/,build cache emulator scan cargo-deny-$(DENY_VERSION) cargo-machete-$(MACHETE_VERSION) cargo-mutants-$(MUTANTS_VERSION))

.PHONY: tools
tools:
	@$(PYTHON) infra/local/tools.py $(TOOLS)

$(DENY):
	@echo "Installing cargo-deny into $(TOOLS) ..."
	@# Unoptimised: it runs for a second or two, and compiling takes a minute instead of three.
	@cargo install --locked --quiet --debug --root $(TOOLS)/cargo-deny-$(DENY_VERSION) cargo-deny@$(DENY_VERSION)

$(MACHETE):
	@echo "Installing cargo-machete into $(TOOLS) ..."
	@cargo install --locked --quiet --debug --root $(TOOLS)/cargo-machete-$(MACHETE_VERSION) cargo-machete@$(MACHETE_VERSION)

$(MUTANTS):
	@echo "Installing cargo-mutants into $(TOOLS) ..."
	@cargo install --locked --quiet --debug --root $(TOOLS)/cargo-mutants-$(MUTANTS_VERSION) cargo-mutants@$(MUTANTS_VERSION)
