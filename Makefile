# crossmodal: `make` lists the targets. Everything is installed into .venv by the project's own files.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 7860
CATALOGUE ?=
TORCH_BACKEND ?=

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND))

# Where it is set, each process compiles our modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup app test soak lint docs docs-check bench browser clean

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("crossmodal needs Python 3.11 or newer: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.app-installed: pyproject.toml $(BIN)/uv
	$(UV) --editable .
	@touch $@

$(VENV)/.dev-installed: pyproject.toml $(VENV)/.app-installed
	$(UV) --editable '.[dev]'
	@touch $@

setup: $(VENV)/.app-installed  ## Make .venv and install crossmodal into it (what app and test share).

app: setup  ## Start the page on 127.0.0.1:7860. PORT= HOST= CATALOGUE= TORCH_BACKEND=
	@$(BIN)/crossmodal app --host '$(HOST)' --port '$(PORT)' $(if $(CATALOGUE),--catalogue '$(CATALOGUE)')

browser:  # Chromium for the browser tests, where the machine allows it.
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get -o DPkg::Lock::Timeout=300 update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq chromium >/dev/null; \
	else $(BIN)/python -m playwright install chromium || true; fi

test: $(VENV)/.dev-installed browser  ## Set up all that the tests need and run the whole suite.
	$(BIN)/python -m pytest -n 2 --dist loadgroup

soak: $(VENV)/.dev-installed browser  ## The long trials in full length: 50 kills of an indexing run.
	CROSSMODAL_SOAK=1 $(BIN)/python -m pytest tests/e2e/test_index_kill.py --timeout 7200

lint: $(VENV)/.dev-installed  ## ruff, mypy, import-linter; oxlint for the page.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/oxlint app/web

docs: $(VENV)/.dev-installed  ## Generate the reference pages.
	$(BIN)/python docs/generate.py

docs-check: $(VENV)/.dev-installed  ## Fail when a reference page is stale.
	$(BIN)/python docs/generate.py --check

bench: $(VENV)/.dev-installed  ## Run every benchmark; results land in benchmarks/results.
	@for file in benchmarks/[a-z]*.py; do case $$file in */harness.py) ;; *) echo "== $$file"; $(BIN)/python $$file || exit 1;; esac; done

clean:  ## Remove .venv and caches.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
