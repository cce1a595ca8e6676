# The habits of this project, one word each. Only Python 3.11, make and git are needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTS ?=

.PHONY: setup up down test chaos bench lint messages lock

setup: $(INSTALLED)

# uv when it is there, else venv and pip; both install exactly what the hash-pinned list names.
$(INSTALLED): requirements-dev.txt
	@if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then \
		([ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) $(VENV)) && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt; \
	else \
		([ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt; \
	fi
	@$(BIN)/python -m ordercenter.runtime.catalogues
	@touch $@

up: setup
	@exec $(BIN)/python manage.py up

down: setup
	@exec $(BIN)/python manage.py down

# make test TESTS=tests/finance runs a part of them. A process for each core; the tests of a file stay together, for what they share.
test: setup
	@$(BIN)/python -m ordercenter.runtime.catalogues
	$(BIN)/pytest -m "not chaos" -n logical --maxprocesses 4 --dist loadfile $(TESTS)

chaos: setup
	$(BIN)/pytest -m chaos --timeout 900 $(TESTS)

bench: setup
	@exec $(BIN)/python manage.py bench

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

# Collects new texts (needs the xgettext program of GNU gettext), names those to translate, compiles all catalogues.
messages: setup
	$(BIN)/python manage.py makemessages --all --no-location --no-obsolete --no-wrap --ignore=.venv --ignore=tests
	@$(BIN)/python -m ordercenter.runtime.catalogues --tidy

# After a change of the dependencies in pyproject.toml; needs uv. No host names in the lists.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		pyproject.toml --group dev -o requirements-dev.txt
