# make demo and make test each work alone on a fresh machine with Python 3.11, 3.12 or 3.13 and make.
# 3.13 comes last: there pip must compile ecos, which scikit-survival requires, and needs a C compiler for it.
PYTHON ?= $(shell for each in 3.12 3.11 3.13; do python$$each -c '' 2>/dev/null && echo python$$each && break; done)
PIP = $(BIN)/python -m pip install --quiet -c constraints.txt
BIN := .venv/bin
DEMO := demo
export MPLBACKEND := Agg
# Byte code is made when a module is first imported: most of 17,000 modules never are, and all take 90 seconds.
export PIP_NO_COMPILE := 1

.PHONY: install install-test demo test test-oldest test-newest test-slow test-browser test-wheel lint docs dist clean

# What a user gets, and what the tests need on top.
install: .venv/installed
install-test: .venv/installed-test

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[test]'
	@touch .venv/installed $@

demo: install
	$(BIN)/survembed train coxvae --data liver --config demo.toml --runs-dir $(DEMO)
	$(BIN)/survembed evaluate --downstream coxph --downstream rsf --runs-dir $(DEMO)
	$(BIN)/survembed traverse --risk --runs-dir $(DEMO)

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install-test lint
	$(BIN)/python -m pytest -n auto --dist loadgroup -m 'not slow and not startup'
	$(BIN)/python -m pytest -q -m 'startup and not slow'

# The oldest versions that pyproject.toml allows (there, new packages warn in old ones), and the newest that exist: each in
# an environment of its own.
test-oldest test-newest: test-%:
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet uv
	VIRTUAL_ENV=.venv-$* .venv-$*/bin/uv pip install --torch-backend cpu -e '.[test]' \
	    --resolution $(if $(filter oldest,$*),lowest-direct,highest) --upgrade
	.venv-$*/bin/python -m pytest -n auto --dist loadgroup -m 'not slow and not startup' $(if $(filter oldest,$*),-W default)

test-slow: install-test
	$(BIN)/python -m pytest -m slow

# Needs Chromium on the machine (Debian: apt-get install chromium), and skips without it.
test-browser: install-test
	$(BIN)/python -m pytest -m browser

# The wheel, in an empty environment, runs the tutorial as far as its first picture.
test-wheel: install-test
	$(BIN)/python -m pytest -m slow tests/project/test_distribution.py

docs: install-test
	$(BIN)/python -m sphinx -q -W -b html docs docs/_build

# What a release uploads.
dist: install-test
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m twine check --strict dist/*

clean:
	rm -rf .venv .venv-* dist $(DEMO) .mypy_cache .ruff_cache .pytest_cache .hypothesis
