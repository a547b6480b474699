# Every target installs what it needs: a fresh clone with Python 3.11 or newer, Git and make is enough.
# Go is optional: with it, `make test` also runs the actions and workflows under act.

PYTHON ?= python3
VENV ?= .venv
TOOLS := $(CURDIR)/.tools

ACT := github.com/nektos/act@v0.2.89
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
UV := uv==0.13.8

UNIT := tests/core tests/history tests/reports tests/publishing/test_plan.py tests/publishing/test_wording.py \
	tests/test_architecture.py tests/test_documents.py

# A file stays in one process, for its fixtures take longest; at most four, for MLflow's servers take memory.
WORKERS := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

INSTALL := $(PYTHON) scripts/install.py
LOCK := -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Train, persist and reopen a history on this machine
	@python=$$($(INSTALL) train --venv "$(VENV)") && "$$python" scripts/demo.py

.PHONY: test
test: tools lint ## Run every check: linters, types, tests with branch coverage
	@python=$$($(INSTALL) dev --venv "$(VENV)") \
		&& "$$python" -m pytest $(WORKERS) $(if $(PYTEST_ARGS),$(PYTEST_ARGS),--cov)

.PHONY: unit
unit: ## Run the tests that need no repository, no server and no MLflow, in seconds
	@python=$$($(INSTALL) dev --venv "$(VENV)") && "$$python" -m pytest --quiet $(UNIT)

.PHONY: lint
lint: ## Check style and types
	@python=$$($(INSTALL) dev --venv "$(VENV)") && "$$python" -m ruff check && "$$python" -m ruff format --check \
		&& "$$python" -m mypy

.PHONY: format
format: ## Rewrite the sources in one style
	@python=$$($(INSTALL) dev --venv "$(VENV)") && "$$python" -m ruff check --fix && "$$python" -m ruff format

.PHONY: lock
lock: ## Resolve pyproject.toml into requirements/ anew
	@python=$$($(INSTALL) uv --venv "$(TOOLS)/uv") \
		&& echo "$(UV)" | "$$python" $(LOCK) - -o requirements/uv.txt \
		&& "$$python" $(LOCK) pyproject.toml -o requirements/persist.txt \
		&& "$$python" $(LOCK) pyproject.toml --extra train -o requirements/train.txt \
		&& "$$python" $(LOCK) pyproject.toml --extra dev -o requirements/dev.txt

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf "$(VENV)" "$(TOOLS)" .demo dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: tools
tools: # act and actionlint; the tests that need them say so where they are missing
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory .tools/act .tools/actionlint; \
		else echo "Go is not installed: the tests that need act or actionlint will be skipped."; fi

.tools/act: MODULE = $(ACT)
.tools/actionlint: MODULE = $(ACTIONLINT)
.tools/act .tools/actionlint: Makefile
	@echo "Building $(MODULE) ..."
	@GOBIN="$(TOOLS)" go install $(MODULE) && touch $@ \
		|| echo "$(MODULE) could not be built: the tests that need it will be skipped."
