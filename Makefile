# Two commands do everything: `make restore` (see it work) and `make test` (see it hold).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= restored
PHOTO  ?=
ARGS   ?=

.PHONY: restore test lint clean

# pip comes last: without it (Debian has python3-venv apart) the folder is no whole environment.
$(BIN)/pip:
	$(PYTHON) -c 'import sys; sys.exit("resilver needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV) || { echo "resilver: $(PYTHON) cannot make $(VENV);" \
		"on Debian and Ubuntu it needs: apt install python3-venv" >&2; exit 1; }

# The package alone: what a user gets. No torch.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# ... and what the tests need: the dev tools and the extras (a CPU build of torch suffices).
$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[train,serve,dev]'
	@touch $@

# Restores the sample portrait (into a folder of its own), or your own: make restore PHOTO=path/to/photo-or-folder
# ARGS are more options of `resilver restore`: make restore PHOTO=scans ARGS="--overwrite --ext png"
restore: $(VENV)/.installed
ifeq ($(strip $(PHOTO)),)
	$(BIN)/python examples/sample_portrait.py --out "$(OUT)/sample"
else
	$(BIN)/resilver restore "$(PHOTO)" -o "$(OUT)" --report html $(ARGS)
endif

# Two at a time, but those of the service one by one: they count seconds, and mostly wait.
test: $(VENV)/.installed-dev lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --ignore tests/service
	$(BIN)/python -m pytest tests/service

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# Restored photos stay: they may be somebody's only ones.
clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
