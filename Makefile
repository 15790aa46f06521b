# make demo   train on the built-in text for a minute, then sample     make test   everything that must hold
# make slow   the tests that take longer                               make lint   style and types only
# make clean  remove what these made                                  make sanitize  the C++ under AddressSanitizer, UBSan
#
# Needs Python 3.11 or later, and a C++17 compiler to be fast; another one than python3: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

# A stamp is touched when its step has succeeded, so a broken step is done again and a good one is not.
SOURCES := pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/*/*)
CREATED := $(VENV)/.created
FOR_USE := $(VENV)/.installed
FOR_TESTS := $(VENV)/.installed-test

.PHONY: demo test slow lint sanitize clean

demo: $(FOR_USE)
	$(BIN)/unspool train language --minutes 1 --out runs/demo --force
	$(BIN)/unspool sample runs/demo --length 400

# Every worker of the tests is one thread, or two workers on two cores would fight for them, and begins with one half, so that
# what the tests of a file share is made once: 288 s, not 359. To count the lines that run, which takes half as long again:
# make test COVERAGE=--cov
COVERAGE :=
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(COVERAGE)

# Fifty kills, ten thousand damaged model files, a budget in minutes.
slow: $(FOR_TESTS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --timeout 600

lint: $(FOR_TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

sanitize: $(FOR_TESTS)
	$(BIN)/cmake -S . -B build/sanitize -DUNSPOOL_SANITIZE=ON
	$(BIN)/cmake --build build/sanitize --parallel 2
	build/sanitize/check_sequences 20
	build/sanitize/check_generator 10
	build/sanitize/check_pen 10

clean:
	rm -rf $(VENV) build dist runs/demo .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

$(CREATED):
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "unspool needs Python 3.11 or later, this is %d.%d; choose one with make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(FOR_USE): $(CREATED) $(SOURCES)
	$(INSTALL) -e ".[all]"
	@touch $@

# What the tests need holds what use needs: one installation fills both stamps.
$(FOR_TESTS): $(CREATED) $(SOURCES)
	$(INSTALL) -e ".[test]"
	@touch $(FOR_USE) $@
