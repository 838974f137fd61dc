# imcore. `make` lists the targets. What is installed lives in .uv and .venv; a target sets up what it needs.

PYTHONS  := python3.14 python3.13 python3.12 python3.11 python3
UV       := .uv/bin/uv --quiet
BIN      := .venv/bin
RUN      := .venv/run-dependencies
TEST     := .venv/test-dependencies
LOAD     := .venv/load-dependencies
PROFILE  ?= distributed
LOCK     := $(UV) pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --python-version 3.11

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup run test properties chaos bench bench-compare profile loadtest compare capacity check fix migrate revision lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(TEST) ## install everything for work on the code

run: $(RUN) ## start the service on http://127.0.0.1:8000 (options: ARGS="--port 9000")
	@echo "imcore serve $(ARGS)   (Ctrl-C stops it)"
	@IM_LOG_FORMAT=$${IM_LOG_FORMAT:-console} exec $(BIN)/imcore serve $(ARGS)

test: $(TEST) ## run all tests (options: ARGS="tests/unit -x")
	@$(BIN)/pytest $(ARGS)

properties: $(TEST) ## ten thousand cases of each property (make test tries a few hundred)
	@IM_TEST_CASES=10000 $(BIN)/pytest --timeout 1800 tests/properties

chaos: $(TEST) ## kill and cut everything under load, count what is lost (options: ARGS="--list", docs/faults.md)
	@$(BIN)/python -m tests.faults $(ARGS)

bench: $(LOAD) ## work per second of CPU, in turn with a reference (options: ARGS="--list", docs/benchmarks.md)
	@$(BIN)/python -m loadtest.benchmarks $(ARGS)

bench-compare: $(LOAD) ## this tree in turn with another commit: make bench-compare BASE=<commit>
	@[ -n "$(BASE)" ] || { echo "say what to compare with: make bench-compare BASE=main" >&2; exit 2; }
	@$(BIN)/python -m loadtest.benchmarks --base "$(BASE)" $(ARGS)

profile: $(LOAD) ## flame graphs of API and worker under load, into build/profiles (options: ARGS="send")
	@$(BIN)/python -m loadtest.benchmarks.profile $(ARGS)

loadtest: $(LOAD) ## users against one profile: make loadtest PROFILE=distributed USERS=200 (docs/loadtest.md)
	@$(BIN)/python -m loadtest $(PROFILE) $(load-options) $(ARGS)

compare: $(LOAD) ## two profiles in alternation: make compare A=embedded B=distributed ROUNDS=5
	@$(BIN)/python -m loadtest.compare $(A) $(B) $(if $(ROUNDS),--rounds $(ROUNDS)) $(load-options) $(ARGS)

capacity: $(LOAD) ## the most users that a profile carries on this machine: make capacity PROFILE=distributed
	@$(BIN)/python -m loadtest.capacity $(PROFILE) $(load-options) $(ARGS)

load-options = $(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SCENARIO),--scenario $(SCENARIO))

check: $(LOAD) ## style, types, import rules, lock files, scripts
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "make fix formats these files:" >&2; $(BIN)/ruff format --check . >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@! find . -name '.?*' -prune -o -name node_modules -prune -o -type f \( -path './requirements/*' -o -iname '*lock*.json' \
		-o -name 'npm-shrinkwrap.json' -o -name '*.lock' -o -name 'pylock*.toml' \) -exec grep -n '://' {} + \
		|| { echo "a lock file may not contain addresses" >&2; exit 1; }
	@bash -n .ci/run
	@if docker compose version >/dev/null 2>&1; then IM_JWT_SECRET=checked docker compose config --quiet; \
		else $(BIN)/python -c 'import pathlib, yaml; yaml.safe_load(pathlib.Path("compose.yaml").read_text())'; fi
	@echo "all checks passed"

fix: $(TEST) ## mend style and format
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

migrate: $(RUN) ## bring the database to the newest schema
	@$(BIN)/imcore migrate $(ARGS)

revision: $(RUN) ## write a new, empty migration: make revision m="what it does"
	@[ -n "$(m)" ] || { echo 'say what it does: make revision m="add read receipts"' >&2; exit 2; }
	@$(BIN)/alembic revision -m "$(m)" --rev-id "$$(printf '%04d' $$(($$(ls migrations/versions/*.py | wc -l) + 1)))"

lock: .uv/bin/uv ## pin the dependencies of pyproject.toml anew (ARGS=--upgrade takes the newest)
	@$(LOCK) $(ARGS) -o requirements/run.txt
	@$(LOCK) $(ARGS) --extra test -c requirements/run.txt -o requirements/test.txt
	@$(LOCK) $(ARGS) --extra load --extra test -c requirements/test.txt -o requirements/load.txt

clean: ## remove all that was installed and cached
	@rm -rf .uv .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installing

.uv/bin/uv:
	@for python in $(PYTHONS); do \
		if $$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	[ -n "$$found" ] || { echo "imcore needs Python 3.11 to 3.14 with its venv module on the PATH (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }; \
	echo "setting up, under a minute the first time …"; \
	$$found -m venv .uv && .uv/bin/pip install -qq --disable-pip-version-check uv

.venv/bin/python: | .uv/bin/uv
	@$(UV) venv --allow-existing --python .uv/bin/python .venv

# $(call install,GROUP): exactly what requirements/GROUP.txt pins, and imcore itself in place
install = $(UV) pip sync --require-hashes requirements/$(1).txt && $(UV) pip install --no-deps --editable .

# What is there stays: load holds all of test, test all of run.
$(RUN): requirements/run.txt pyproject.toml | .venv/bin/python
	@$(call install,$(if $(wildcard $(LOAD)),load,$(if $(wildcard $(TEST)),test,run)))
	@touch $@

$(TEST): requirements/test.txt requirements/run.txt pyproject.toml | .venv/bin/python
	@$(call install,$(if $(wildcard $(LOAD)),load,test))
	@touch $(RUN) $@

$(LOAD): requirements/load.txt requirements/test.txt requirements/run.txt pyproject.toml | .venv/bin/python
	@$(call install,load)
	@touch $(RUN) $(TEST) $@
