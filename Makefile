# Greenlight. `make run` and open http://127.0.0.1:8000; `make test` and `make check` before a change lands.
# Needs Python 3.11 or newer with venv, and PyPI. No Docker, no system PostgreSQL.

UV_VERSION := 0.13.9
PYTHONS    := python3.13 python3.12 python3.11 python3.14 python3
BIN        := .venv/bin
READY      := .venv/.ready
PORT       := 8000
COMPILE    := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
              --no-emit-index-url --custom-compile-command 'make lock'

# What was compiled once is kept, whatever the environment says: tests start many processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run demo test check storm bench golden migrate rebuild lock clean

run: $(READY)  ## the service with a demo production, on an embedded PostgreSQL
	@exec $(BIN)/greenlight serve --demo --port $(PORT)

demo: $(READY)  ## one production's money from first pledge to wrap, told on the terminal
	@exec $(BIN)/greenlight demo

test: $(READY)  ## every test, on two workers, a file at a time
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

check: $(READY)  ## everything that is held without running the whole suite
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -m gate

storm: $(READY)  ## the storms in their long form, with figures; STORM_SEED repeats one
	STORM=long $(BIN)/pytest -q tests/storms tests/projections/test_replay.py tests/deciders/test_laws.py \
	    tests/deciders/test_duties.py

bench: $(READY) .venv/.bench .venv/.emmett  ## speed, side by side with peers; QUICK=1 for a look
	$(BIN)/python -m benchmarks

golden: $(READY)  ## rewrite the golden files; the diff is the review
	GOLDEN=write $(BIN)/pytest -q -m golden

migrate: $(READY)  ## bring the schema up to date
	@exec $(BIN)/greenlight migrate

rebuild: $(READY)  ## fold the read models again from the log
	@exec $(BIN)/greenlight rebuild

lock: .venv/bin/uv  ## pin every dependency with its hashes
	$(COMPILE) pyproject.toml --extra pdf -o requirements.txt
	$(COMPILE) pyproject.toml --extra pdf --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --group bench -c requirements-dev.txt -o requirements-bench.txt

clean:  ## what make made; data folders stay
	rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.bench: requirements-bench.txt $(READY)
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-bench.txt
	@touch $@

# A peer in JavaScript, where node is; without it the others are measured.
.venv/.emmett: benchmarks/emmett/package.json benchmarks/emmett/peer.mjs $(READY)
	@mkdir -p $@ && cp benchmarks/emmett/* $@
	@if command -v npm >/dev/null; then npm install --prefix $@ --no-package-lock --no-audit --no-fund --silent; fi
	@touch $@

.venv/bin/uv:
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "$$python -m venv .venv"; \
	    $$python -m venv --clear .venv && exec $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION); \
	    exit 1; \
	  fi; \
	done; \
	echo 'No Python 3.11 or newer with its venv module found (tried: $(PYTHONS)).' >&2; \
	echo 'On Debian or Ubuntu: apt-get install python3-venv' >&2; \
	exit 1
