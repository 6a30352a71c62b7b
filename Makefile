# Each target does its own set-up (tools/setup.sh): a virtual environment in .venv with the versions of
# constraints.txt. The lab's engines are fetched once into ~/.cache/netui-lab.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
RUN_STAMP := $(VENV)/.run
ENGINE ?= 20.10-nft
N ?= 10000
MINUTES ?= 60

.DEFAULT_GOAL := help

$(STAMP) $(RUN_STAMP): pyproject.toml constraints.txt requirements-dev.txt tools/setup.sh
$(STAMP):
	@PYTHON="$(PYTHON)" VENV="$(VENV)" tools/setup.sh dev
$(RUN_STAMP):
	@PYTHON="$(PYTHON)" VENV="$(VENV)" tools/setup.sh run

.PHONY: run
run: $(RUN_STAMP) ## open netui: live where an engine answers, else the demo host
	@if $(BIN)/python -c 'import docker; docker.from_env(timeout=3).ping()' 2>/dev/null; then exec $(BIN)/netui; else \
	  echo "no Docker Engine answers here: opening the demo host"; exec $(BIN)/netui --demo; fi

.PHONY: test
test: $(STAMP) ## all tests, the lab with real engines included (root, on a Debian or Ubuntu, for the lab); TESTS= names some
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

.PHONY: long
long: $(STAMP) ## what make test leaves out: the tests that take longest, and more kinds of engine
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long $(TESTS)

.PHONY: slowpath
slowpath: $(STAMP) ## the screen's tests on Textual's own driver, compositor and order of keys
	NETUI_FASTPATH=0 $(BIN)/python -m pytest -n 2 --dist loadfile tests/ui

.PHONY: coverage
coverage: $(STAMP) ## the lines of netui that no test runs, by all tests except the lab's (it takes twice as long)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not lab and not long" --cov=netui --cov-report=term:skip-covered $(TESTS)

.PHONY: bounds
bounds: $(STAMP) ## all tests except the lab's, with the lowest versions that pyproject.toml allows, and on Python 3.12 and 3.13
	$(BIN)/python -m tests.bounds

.PHONY: check
check: $(STAMP) ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lab
lab: $(STAMP) ## the blog post's host on a real engine (ENGINE=20.10-nft|20.10-legacy|26.1|28.5), netui in it
	$(BIN)/python -m tests.lab run $(ENGINE) --traffic 600 -- $(CURDIR)/$(BIN)/netui

.PHONY: judge
judge: $(STAMP) ## every flow on every engine against the kernel's trace
	$(BIN)/python -m tests.lab judge --variants all

.PHONY: fuzz
fuzz: $(STAMP) ## N random packets through random rules against the kernel's trace (N=10000)
	$(BIN)/python -m tests.lab fuzz $(N)

.PHONY: attack
attack: $(STAMP) ## hostile programs, engines, archives, rules, streams, signals, text and files: how many were tried, how many held
	$(BIN)/python -m tests.attack

.PHONY: soak
soak: $(STAMP) ## netui for MINUTES=60 on a host with ten times the events of a busy one: are memory, threads, files constant?
	$(BIN)/python -m tests.lab soak --minutes $(MINUTES)

.PHONY: untouched
untouched: $(STAMP) ## every command on Debian's own kernel in qemu: no module is loaded, nothing is changed or left
	$(BIN)/python -m tests.untouched

.PHONY: bench
bench: $(STAMP) ## the figures of docs/benchmarks.md, on this machine
	$(BIN)/python -m tests.bench --write

.PHONY: screenshots
screenshots: ENGINE = 28.5
screenshots: $(STAMP) ## regenerate screenshots/ from the real program on the lab's host
	$(BIN)/python -m tests.screenshots --tools
	$(BIN)/python -m tests.lab run $(ENGINE) --demo --traffic 120 -- $(CURDIR)/$(BIN)/python -m tests.screenshots screenshots

.PHONY: recording
recording: $(STAMP) ## regenerate the README's recording from the real program on the demo host
	$(BIN)/python -m tools.recording

.PHONY: demo
demo: ENGINE = 28.5
demo: $(STAMP) ## regenerate the demo recording from the lab's host
	rm -rf netui/demo/demo.tar.gz
	$(BIN)/python -m tests.lab run $(ENGINE) --demo --traffic 60 -- $(CURDIR)/$(BIN)/netui record netui/demo/demo.tar.gz --every 1 --for 24

.PHONY: dist
dist: $(STAMP) ## all files of a release in dist/: wheel, sdist, single file, packages, checksums
	$(BIN)/python -m tools.dist

.PHONY: packaged
packaged: $(STAMP) ## dist/'s single file and packages on bare Debian 11, 12, 13, forky and Ubuntu 24.04
	$(BIN)/python -m tests.lab.packaged

.PHONY: release
release: $(STAMP) ## check, make dist, make packaged, tag; refuses if changelog, version or tree is not ready
	@$(BIN)/python -m tools.release

.PHONY: share
share: $(STAMP) ## regenerate share/ from the program: man page, completions, example configuration
	$(BIN)/python -m tools.share

.PHONY: questions
questions: $(STAMP) ## regenerate the answers in docs/questions.md (its captures: python -m tests.lab.asked)
	$(BIN)/python -m tools.questions

.PHONY: constraints
constraints: $(STAMP) ## write the installed versions to constraints.txt
	@echo "# What was tested; names and versions only. Remake: make constraints" > constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable >> constraints.txt

.PHONY: clean
clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .bounds .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'
