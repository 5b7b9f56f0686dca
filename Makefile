# guildlake. `make` lists what there is. Everything that is built or fetched goes under target/.
# Programs take arguments by ARGS: make demo ARGS="--help"

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CARGO  ?= cargo
PYTHON ?= python3
PREFIX ?= /usr/local
export PYTHON

# Cargo's own folder can be elsewhere (CARGO_TARGET_DIR); the library, the venv and the tools stay here.
BUILT := $(or $(CARGO_TARGET_DIR),target)
VENV  := target/venv
TOOLS := target/tools
BENCH_VENV := target/bench-venv
READERS := target/readers

DENY_VERSION := 0.20.2
FUZZ_VERSION := 0.13.1

# What `make fuzz` runs: all targets, a million inputs each. FUZZ_RUNS=-1 ARGS=-max_total_time=600 goes by time.
FUZZ_TARGETS ?= $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
FUZZ_RUNS    ?= 1000000

# On CI the lock file is law, and the runner lists what failed and what was slow only.
LOCKED  := $(if $(CI),--locked)
PROFILE := $(if $(CI),--profile ci)

.PHONY: help
help: ## use: This list
	@for group in "use:To use it" "develop:To work on it" "prove:Long runs, and measurements"; do \
	  printf '\n%s\n' "$${group#*:}"; \
	  awk -F ":.*## $${group%%:*}: " '/^[a-z-]+:.*## / && NF == 2 { printf "  make %-12s %s\n", $$1, $$2 }' \
	    $(firstword $(MAKEFILE_LIST)); \
	done

.PHONY: demo
demo: build ## use: Set up, build and run the demo: the service on its built-in community, no token needed
	$(BUILT)/release/guildlake demo $(ARGS)

.PHONY: build
build: libduckdb ## use: The release build: target/release/guildlake, with DuckDB's library beside it
	@scripts/need cargo cc
	$(CARGO) build --release $(LOCKED)

.PHONY: bundled
bundled: ## use: One binary with DuckDB compiled in: needs a C++ compiler and over half an hour
	@scripts/need cargo cc c++
	$(CARGO) build --release --features bundled $(LOCKED)

.PHONY: unit
unit: libduckdb ## develop: The tests that need nothing but cargo: no Python, no other programs, no network
	@scripts/need cargo cc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -- nextest run $(PROFILE); else set -- test; fi; \
	set -x; $(CARGO) "$$@" --lib --test in_process $(LOCKED) $(ARGS)

.PHONY: test
test: libduckdb venv ## develop: The whole test suite
	@scripts/need cargo cc curl
	@# Without it one proof is skipped.
	@scripts/need strace || true
	$(CARGO) test --workspace --doc $(LOCKED)
	@# The tests of tests/tools are ignored unless they are asked for; they find Python and DuckDB's command line by
	@# GUILDLAKE_VENV. What .config/nextest.toml leaves out is no test: other tests start it.
	@export GUILDLAKE_VENV="$(CURDIR)/$(VENV)"; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; \
	  $(CARGO) nextest run $(PROFILE) --run-ignored all --workspace $(LOCKED) $(ARGS); \
	else set -x; failed=; \
	  $(CARGO) test --no-fail-fast --lib --bins --tests --workspace $(LOCKED) $(ARGS) || failed=1; \
	  $(CARGO) test --no-fail-fast --test tools $(LOCKED) -- --ignored || failed=1; [ -z "$$failed" ]; fi

.PHONY: full
full: libduckdb ## prove: The faults at full size: 50,000 messages, bursts of 5,000 events (minutes)
	@scripts/need cargo cc
	GUILDLAKE_FULL=1 $(CARGO) test --release $(LOCKED) --test service -- --test-threads=1 ingest:: $(ARGS)

.PHONY: crash
crash: libduckdb ## prove: The service killed 500 times, stopped 200 times, its disk full or failing 20 times (an hour); GUILDLAKE_SEED replays
	@scripts/need cargo cc strace
	GUILDLAKE_CRASH_ROUNDS=$${GUILDLAKE_CRASH_ROUNDS:-500} GUILDLAKE_TERM_ROUNDS=$${GUILDLAKE_TERM_ROUNDS:-200} \
	  GUILDLAKE_FAULT_ROUNDS=$${GUILDLAKE_FAULT_ROUNDS:-20} \
	  $(CARGO) test --release $(LOCKED) --test faults --test tools -- --test-threads=1 --nocapture \
	  --include-ignored crash::birth crash::disk crash::fsync crash::kill crash::terminate $(ARGS)

.PHONY: outages
outages: libduckdb ## prove: 100 outages of a minute to a day of simulated time in one data folder (a quarter of an hour)
	@scripts/need cargo cc
	GUILDLAKE_OUTAGES=$${GUILDLAKE_OUTAGES:-100} \
	  $(CARGO) test --release $(LOCKED) --test faults -- --nocapture outages:: $(ARGS)

.PHONY: reconnects
reconnects: libduckdb ## prove: A Gateway that accepts connections and ends them, in nine ways, a minute each: attempts, log lines, time to recover
	@scripts/need cargo cc
	GUILDLAKE_RECONNECTS=$${GUILDLAKE_RECONNECTS:-60} \
	  $(CARGO) test $(LOCKED) --test service -- --nocapture a_minute_of_each_way $(ARGS)

.PHONY: soak
soak: libduckdb ## prove: A million events at GUILDLAKE_SOAK_RATE (1,000 a second): memory, lag, the whole truth (17 minutes)
	@scripts/need cargo cc
	GUILDLAKE_SOAK_EVENTS=$${GUILDLAKE_SOAK_EVENTS:-1000000} \
	  $(CARGO) test --release $(LOCKED) --test faults -- --nocapture soak:: $(ARGS)

.PHONY: load
load: libduckdb ## prove: Ten minutes of a noisy key, 500 rude connections and 100 events a second beside a healthy caller
	@scripts/need cargo cc
	GUILDLAKE_LOAD_SECONDS=$${GUILDLAKE_LOAD_SECONDS:-600} \
	  $(CARGO) test --release $(LOCKED) --test faults -- --nocapture load:: $(ARGS)

.PHONY: failpoints
failpoints: libduckdb ## prove: A fault at each step of a commit, a move, a checkpoint and a snapshot, twenty times each: error, panic, kill (minutes)
	@scripts/need cargo cc
	GUILDLAKE_FAILPOINT_TIMES=$${GUILDLAKE_FAILPOINT_TIMES:-20} $(CARGO) test $(LOCKED) --features failpoints --test failpoints -- --nocapture $(ARGS)

.PHONY: damage
damage: libduckdb ## prove: Logs cut and bits flipped, 500 times each, and 1,000 kills in checkpoints (minutes)
	@scripts/need cargo cc
	GUILDLAKE_DAMAGE=$${GUILDLAKE_DAMAGE:-500} GUILDLAKE_TORN_KILLS=$${GUILDLAKE_TORN_KILLS:-1000} \
	  $(CARGO) test $(LOCKED) --test faults -- --nocapture record::damage record::torn $(ARGS)

.PHONY: histories
histories: libduckdb ## prove: Ten thousand random histories of messages, and a hundred of coverage, against models (minutes)
	@scripts/need cargo cc
	GUILDLAKE_HISTORIES=$${GUILDLAKE_HISTORIES:-10000} GUILDLAKE_LIVES=$${GUILDLAKE_LIVES:-100} \
	  $(CARGO) test $(LOCKED) --test in_process -- --nocapture record::histories record::coverage $(ARGS)

.PHONY: rows
rows: libduckdb ## prove: Ten thousand random requests answered by the row store and by the record, compared byte for byte (minutes)
	@scripts/need cargo cc
	GUILDLAKE_ROWS_REQUESTS=$${GUILDLAKE_ROWS_REQUESTS:-10000} $(CARGO) test --release $(LOCKED) --test in_process -- --nocapture rows:: $(ARGS)

# Without a sanitizer, which this crate without unsafe code has no use for, the stable compiler is enough. What a target
# has found so far is in target/fuzz/corpus, an input that broke something in target/fuzz/artifacts.
FUZZ = $(CARGO) fuzz

.PHONY: fuzz
fuzz: libduckdb ## prove: libFuzzer against everything that strangers can send: FUZZ_TARGETS="payload ranges", FUZZ_RUNS=1000000 each
	@scripts/need cargo cc c++
	@if $(FUZZ) --version >/dev/null 2>&1 || [ -x $(TOOLS)/bin/cargo-fuzz ]; then :; else \
	  set -x; CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	  CARGO_PROFILE_RELEASE_DEBUG=0 $(CARGO) install --quiet --locked cargo-fuzz@$(FUZZ_VERSION) --root $(TOOLS); fi
	@set -e; PATH="$$PATH:$(CURDIR)/$(TOOLS)/bin"; for target in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/corpus/$$target target/fuzz/artifacts/$$target; set -x; \
	  $(FUZZ) run --sanitizer none --target-dir target/fuzz $$target target/fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -runs=$(FUZZ_RUNS) -timeout=10 -print_final_stats=1 -artifact_prefix=target/fuzz/artifacts/$$target/ $(ARGS); \
	  { set +x; } 2>/dev/null; done

.PHONY: malformed
malformed: libduckdb venv ## prove: 100,000 requests that nobody should send, over sockets, and schemathesis with each key (minutes); GUILDLAKE_SEED sends them again
	@scripts/need cargo cc
	GUILDLAKE_MALFORMED=$${GUILDLAKE_MALFORMED:-100000} \
	  $(CARGO) test --release $(LOCKED) --test faults -- --nocapture malformed:: $(ARGS)
	GUILDLAKE_VENV="$(CURDIR)/$(VENV)" GUILDLAKE_SCHEMATHESIS_EXAMPLES=$${GUILDLAKE_SCHEMATHESIS_EXAMPLES:-300} \
	  $(CARGO) test --release $(LOCKED) --test tools -- --include-ignored --nocapture api::schemathesis

.PHONY: zones
zones: venv ## prove: Reports by hour, day, week and month in all time zones that DuckDB knows, 2015 to 2035, against a model (half an hour)
	@scripts/need python
	$(VENV)/bin/python tests/reports/zones.py --duckdb $(VENV)/bin/duckdb --zones all $(ARGS)

.PHONY: snapshots
snapshots: libduckdb ## prove: Snapshots: a process killed 100 times while they are read, and what one costs at a million messages (minutes)
	@scripts/need cargo cc
	GUILDLAKE_SNAPSHOT_KILLS=$${GUILDLAKE_SNAPSHOT_KILLS:-100} GUILDLAKE_SNAPSHOT_ROWS=$${GUILDLAKE_SNAPSHOT_ROWS:-1000000} \
	  $(CARGO) test --release $(LOCKED) --test in_process --test faults -- --test-threads=1 --nocapture \
	  snapshots::kill snapshots::size $(ARGS)

.PHONY: search
search: libduckdb ## prove: The search against the table: 100 kills, each file of the index damaged 20 times, 100,000 queries (an hour)
	@scripts/need cargo cc
	GUILDLAKE_SEARCH_KILLS=$${GUILDLAKE_SEARCH_KILLS:-100} GUILDLAKE_SEARCH_DAMAGE=$${GUILDLAKE_SEARCH_DAMAGE:-20} \
	  GUILDLAKE_SEARCH_QUERIES=$${GUILDLAKE_SEARCH_QUERIES:-100000} GUILDLAKE_SEARCH_SENT=$${GUILDLAKE_SEARCH_SENT:-100} \
	  $(CARGO) test --release $(LOCKED) --test in_process --test faults -- --test-threads=1 --nocapture \
	  search::ahead search::crash search::damage search::fuzz $(ARGS)

.PHONY: mutations
mutations: libduckdb ## develop: Takes out one safeguard at a time, and sees the suite fail (minutes)
	@scripts/need cargo cc strace
	scripts/mutations $(ARGS)

.PHONY: recipes
recipes: venv $(READERS)/.ready ## develop: Each reader of docs/bi.md and docs/readers.md, against a service: ARGS="--url … --key … --guild … --data …"
	@scripts/need java jq node office
	$(VENV)/bin/python tests/recipes/run.py $(ARGS)
	$(VENV)/bin/python tests/recipes/run.py --duckdb $(VENV)/duckdb2 $(ARGS)
	$(READERS)/bin/python tests/recipes/run.py --group readers --node $(READERS) $(ARGS)

$(READERS)/.ready: tests/recipes/readers/requirements.txt tests/recipes/readers/package.json
	@scripts/need python node
	rm -rf $(READERS)
	$(PYTHON) -m venv $(READERS)
	$(READERS)/bin/python -m pip install --quiet --disable-pip-version-check --prefer-binary -r $<
	cp tests/recipes/readers/package.json $(READERS)
	npm install --prefix $(READERS) --silent --no-audit --no-fund
	@touch $@

.PHONY: check
check: libduckdb ## develop: Format, imports, lints and docs, warnings denied; the mutations still fit
	@scripts/need cargo cc git python
	$${PYTHON:-python3} scripts/imports
	$(CARGO) fmt --all --check
	for patch in tests/mutations/*.patch; do git apply --check "$$patch" || exit; done
	$(CARGO) clippy --workspace --all-targets --features failpoints,fuzzing $(LOCKED) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items $(LOCKED)

.PHONY: deny
deny: ## develop: Licences, banned crates and sources of all dependencies (cargo-deny, installed if missing)
	@scripts/need cargo cc
	@if $(CARGO) deny --version >/dev/null 2>&1 || [ -x $(TOOLS)/bin/cargo-deny ]; then :; else \
	  set -x; CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	  CARGO_PROFILE_RELEASE_DEBUG=0 $(CARGO) install --quiet --locked cargo-deny@$(DENY_VERSION) --root $(TOOLS); fi
	PATH="$$PATH:$(CURDIR)/$(TOOLS)/bin" $(CARGO) deny $(LOCKED) check --hide-inclusion-graph licenses bans sources

# All programs of the benchmarks in one build: two would compile the dependencies twice, each with its own features.
BENCH_BUILD = $(CARGO) build --release $(LOCKED) --workspace --bins --example fill

.PHONY: bench
bench: libduckdb $(BENCH_VENV)/.ready ## prove: Reading beside SQLite, PostgreSQL and JSON, into docs/PERFORMANCE.md: GUILDLAKE_BENCH_SIZES="1 10", in millions
	@scripts/need cargo cc curl
	@scripts/need postgres || true
	$(BENCH_BUILD)
	$(BENCH_VENV)/bin/python benches/read/bench.py --built $(BUILT)/release --work target/bench \
	  --sizes "$${GUILDLAKE_BENCH_SIZES:-1}" $(ARGS)
	$(BENCH_VENV)/bin/python benches/read/render.py target/bench/results-*.json

.PHONY: relevance
relevance: libduckdb $(BENCH_VENV)/.ready ## prove: The judged queries, asked of the search, of SQLite FTS5 and of PostgreSQL
	@scripts/need postgres || true
	$(CARGO) test $(LOCKED) --test in_process -- relevance::
	$(BENCH_VENV)/bin/python tests/relevance/rivals.py $(BUILT)/tmp/relevance.json

.PHONY: bench-search
bench-search: libduckdb $(BENCH_VENV)/.ready ## prove: Searching beside SQLite FTS5 and PostgreSQL: GUILDLAKE_BENCH_SIZES="1 5", in millions
	@scripts/need cargo cc
	@scripts/need postgres || true
	$(BENCH_BUILD)
	$(BENCH_VENV)/bin/python benches/search/bench.py --built $(BUILT)/release --work target/bench \
	  --sizes "$${GUILDLAKE_BENCH_SIZES:-1}" $(ARGS)

.PHONY: bench-ingest
bench-ingest: libduckdb ## prove: How fast messages get into the record, beside a plain loop of inserts
	@scripts/need cargo cc
	$(CARGO) bench --workspace $(LOCKED) $(ARGS)

$(BENCH_VENV)/.ready: benches/read/requirements.txt
	@scripts/need python
	rm -rf $(BENCH_VENV)
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --prefer-binary -r $<
	@touch $@

.PHONY: fmt
fmt: ## develop: Format the code
	$(CARGO) fmt --all

.PHONY: install
install: build ## use: Install under PREFIX (/usr/local): bin/guildlake and lib/guildlake/
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/guildlake"
	install -m 755 $(BUILT)/release/guildlake "$(DESTDIR)$(PREFIX)/bin/"
	for f in $(BUILT)/release/libduckdb.so $(BUILT)/release/libduckdb.dylib target/libduckdb/LICENSE.duckdb; do \
	  if [ -e "$$f" ]; then install -m 644 "$$f" "$(DESTDIR)$(PREFIX)/lib/guildlake/" || exit; fi; done

.PHONY: libduckdb
libduckdb: ## use: DuckDB's prebuilt library, fetched and checked; after this plain `cargo build` works
	@scripts/fetch-libduckdb

.PHONY: venv
venv: $(VENV)/.ready ## develop: The Python tools that the tests use (DuckDB's command line, pandas, schemathesis)

$(VENV)/.ready: tests/requirements.txt tests/recipes/readers/duckdb2.txt
	@scripts/need python
	rm -rf $(VENV)
	mkdir -p target
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --prefer-binary -r tests/requirements.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/duckdb2 \
	  -r tests/recipes/readers/duckdb2.txt
	@touch $@

.PHONY: clean
clean: ## use: Remove target/: what was built and what was fetched (never the data folder)
	$(CARGO) clean
	rm -rf target
