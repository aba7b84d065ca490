# Every target makes what it needs: the virtual environment, and as root the system's packages.
# PYTHON chooses the interpreter (3.11 or newer), ARGS is handed to pytest or to the benchmarks.

PYTHON ?= python3
ARGS ?=
export PYTHON

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo test check lint bench clean apiserver rules requirements image-check venv system system-tests
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:
	@echo 'make demo       audit the scenario shop into out/'
	@echo 'make test       run all tests, with branch coverage'
	@echo 'make check      lint, then test'
	@echo 'make lint       ruff, mypy, import-linter'
	@echo 'make bench      run the benchmarks'
	@echo 'make rules      write RULES.md anew from the docstrings of the rules'
	@echo 'make apiserver  build the control plane and the helm that some tests need (Go 1.26)'
	@echo 'make requirements  lock the libraries of the image, by version and hash'
	@echo 'make image-check   build the image without a registry, and run it as Kubernetes would (root)'
	@echo 'make clean      remove what was made here, but for $(VENV)'

demo: system $(INSTALLED)
	$(BIN)/netpol-auditor audit -f tests/clusters/shop/main -o out

test: system-tests $(INSTALLED)
	$(BIN)/pytest --numprocesses auto --dist loadfile --cov --cov-report=term-missing:skip-covered $(ARGS)

check: lint test

lint: system $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy auditor reports tests cronjob
	$(BIN)/lint-imports

bench: system $(INSTALLED)
	$(BIN)/python -m tests.benchmarks $(ARGS)

rules: $(INSTALLED)
	$(BIN)/netpol-auditor rules list -o markdown > RULES.md

requirements: $(INSTALLED)
	$(BIN)/python cronjob/lock.py $(BIN)/uv

# ARGS: a folder for the report that the image writes
image-check:
	@cronjob/check-image.sh $(ARGS)

apiserver:
	@tests/apiserver/build.sh
	@tests/apiserver/helm/build.sh

venv: system $(INSTALLED)

system: python-version
	@.ci/system run

system-tests: python-version
	@.ci/system tests

.PHONY: python-version
python-version:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "python is too old or missing: $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; \
		echo "hint: install Python 3.11 or newer and name it: make PYTHON=python3.11 …" >&2; \
		exit 2; }

# An environment that is incomplete, or made by an older interpreter, is made anew.
$(INSTALLED): pyproject.toml
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& $(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf build dist out htmlcov .coverage .coverage.* *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find auditor reports tests -name __pycache__ -prune -exec rm -rf {} +
