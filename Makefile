# Every command of the project, one line of meaning each. `make` lists them.
SHELL := /bin/bash
TARGET := wasm32-unknown-unknown
DATA ?=
# Of `make hostile`: which campaign, how large, one unit of it, and whether the host is built without its protections.
SEED ?= 1
MODULES ?= 10000
REQUESTS ?= 100000
ONLY ?=
WEAK ?=
# The weakened host has a folder of its own, since everything is compiled with other flags.
HOSTILE_TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)$(if $(WEAK),/weakened)

# What `make demo` runs: an example, so that the tests need no dependency compiled again.
DEMO := $(or $(CARGO_TARGET_DIR),target)/debug/examples/demo

# Of `make faults`: how large each part is.
FLIPS ?= 1000
KILLS ?= 200
LISTS ?= 100000

# Of `make bench`: whether other engines are measured too.
PEERS ?= 1
BENCH_TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

# A tool of a registry, built as fast as it can be: it runs for seconds.
CARGO_TOOL := CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --quiet --locked
CARGO_DENY := 0.20.2

.PHONY: help demo install story test lint deny bench instructions fuel hostile faults golden trial docs target

help: ## List the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: target ## Judge the scenes that the project carries, for a person to read
	@test -x $(DEMO) || echo "The first time, this compiles the sandbox and the modules of the law: about five minutes on two cores. Later it takes a second."
	@cargo build --locked --workspace --example demo
	@$(DEMO)

install: target ## Put the optimised command on the PATH, in cargo's folder of programs
	cargo install --locked --path host/cli

story: target ## Tell a rule's way from its author to a platform under load, and back, by what happens
	cargo test --quiet --locked --workspace --test story -- --nocapture

test: target ## Run every test
	cargo test --locked --workspace

lint: target ## Check formatting, lints and documentation
	cargo fmt --all --check
	cargo fmt --manifest-path tests/peers/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

deny: ## Check licences, sources and versions of dependencies; cargo-deny is installed when it is missing
	@cargo deny --version >/dev/null 2>&1 || $(CARGO_TOOL) cargo-deny@$(CARGO_DENY)
	cargo deny --locked check --hide-inclusion-graph bans licenses sources

bench: target ## Measure what the sandbox costs, against native code and other engines (PEERS=0: without these)
	cargo bench --locked -p normgate-tests --bench judging
ifneq ($(PEERS),0)
	cargo build --locked --release --target $(TARGET) --manifest-path tests/peers/plugin/Cargo.toml --target-dir $(BENCH_TARGET)
	cargo run --locked --profile bench --manifest-path tests/peers/Cargo.toml --target-dir $(BENCH_TARGET) -- \
		$(BENCH_TARGET)/$(TARGET)/release/normgate_peers_plugin.wasm
endif

instructions: target ## Count instructions of a fixed workload and compare them with the recorded ones
	cargo bench --locked -p normgate-tests --bench instructions

fuel: target ## Measure nanoseconds a unit of fuel, for the dearest sequences of operators
	cargo bench --locked -p normgate-tests --bench fuel

hostile: target ## Judge beside 10,000 hostile modules and count what must not happen; WEAK=1 shows that it would be noticed
	@$(if $(WEAK),RUSTFLAGS="$$RUSTFLAGS --cfg normgate_weakened") CARGO_TARGET_DIR=$(HOSTILE_TARGET) \
		cargo build --quiet --locked --workspace --bin hostile
	@$(HOSTILE_TARGET)/debug/hostile seed=$(SEED) modules=$(MODULES) requests=$(REQUESTS) \
		$(if $(ONLY),only=$(ONLY))

faults: target ## Alter, kill and measure a ledger: every flip noticed, nothing acknowledged lost, every list judged again the same
	@cargo build --quiet --release --locked --workspace --bin faults
	@$(or $(CARGO_TARGET_DIR),target)/release/faults seed=$(SEED) flips=$(FLIPS) kills=$(KILLS) lists=$(LISTS)

trial: target ## Judge real data sets: make trial DATA=folder
	@test -n "$(DATA)" || { echo "name the folder of data sets: make trial DATA=folder"; exit 2; }
	cargo build --quiet --release --locked -p normgate-cli
	cargo run --quiet --release --locked -p normgate-tests --bin trial -- $(DATA) --normgate target/release/normgate

golden: target ## Seal the scenes of tests/golden that have no case yet; those that are there are never written again
	cargo test --quiet --locked --workspace --test golden -- --ignored --nocapture

docs: target ## Regenerate the pages that come from the vocabulary and the manifests
	NORMGATE_ACCEPT=1 cargo test --quiet --locked -p normgate-tests --test contract --test law

target: # The target that policies compile for; added when it is missing
	@test -d "$$(rustc --print target-libdir --target $(TARGET) 2>/dev/null)" || rustup target add $(TARGET) \
		|| { echo "the Rust target $(TARGET) is missing: run 'rustup target add $(TARGET)'"; exit 1; }
