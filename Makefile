# make demo and make test each work alone on a fresh machine with Python 3.11 or 3.12 and make.
PYTHON ?= $(shell command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && echo python3.12 || echo python3.11)
BIN := .venv/bin
DEMO := demo
export MPLBACKEND := Agg
# Byte code is made when a module is first imported: most of 17,000 modules never are, and all take 90 seconds.
export PIP_NO_COMPILE := 1

.PHONY: install demo test test-slow test-browser lint docs clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	@touch $@

demo: install
	$(BIN)/survembed train coxvae --data liver --config demo.toml --runs-dir $(DEMO)
	$(BIN)/survembed evaluate --downstream coxph --downstream rsf --runs-dir $(DEMO)
	$(BIN)/survembed traverse --risk --runs-dir $(DEMO)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install lint
	$(BIN)/python -m pytest -n auto --dist loadgroup -m 'not slow and not startup'
	$(BIN)/python -m pytest -q -m 'startup and not slow'

test-slow: install
	$(BIN)/python -m pytest -m slow

# Needs Chromium on the machine (Debian: apt-get install chromium), and skips without it.
test-browser: install
	$(BIN)/python -m pytest -m browser

docs: install
	$(BIN)/python -m sphinx -q -W -b html docs docs/_build

clean:
	rm -rf .venv $(DEMO) .mypy_cache .ruff_cache .pytest_cache .hypothesis
