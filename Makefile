# `make demo` and `make test` each work on a machine that has only Python, pip and make.

.DEFAULT_GOAL := help
.PHONY: help demo test replay-suite matrix coverage lint format screenshot lock clean bench fuzz faults

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/bin/uv)
export UV
# uv is installed into .tools if the machine has none.
ifeq ($(UV),$(CURDIR)/.tools/bin/uv)
TOOLS := .tools/bin/uv
endif
BIN := .venv/bin
INSTALLED := .venv/installed

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(INSTALLED) ## Show what the program is for, with no key and no network.
	@$(BIN)/tracer demo

test: $(INSTALLED) lint ## Check style, types and contracts, then run every test.
	@$(BIN)/pytest -n auto --dist loadgroup

matrix: $(INSTALLED) ## Every client, directly and through the proxy; writes docs/clients.md. ROWS=curl runs some.
	@$(BIN)/python tests/end_to_end/clients/matrix.py $(if $(ROWS),--rows "$(ROWS)",--write)

coverage: $(INSTALLED) ## Run the guide's programs every way; writes docs/coverage.md.
	@$(BIN)/pytest -q -n auto --dist loadgroup --write-coverage tests/end_to_end/test_guide.py

replay-suite: $(INSTALLED) ## Replay thirty agent programs with three SDKs, twenty times each.
	@REPLAY_SUITE=full $(BIN)/pytest -q tests/pytest_plugin/test_agents.py

lint: $(INSTALLED) ## Style, types and import contracts.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED) ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

badinput: $(INSTALLED) ## Send the emulator 10,000 wrong requests.
	@TRACER_BAD_REQUESTS=10000 $(BIN)/pytest -q -n 2 --timeout 0 tests/serve/test_server_bad_input.py

fuzz: $(INSTALLED) ## A hundred thousand damaged streams, and as many stories in any order; takes hours.
	@HYPOTHESIS_PROFILE=deep $(BIN)/pytest -n auto --timeout 0 tests/fold/test_fuzz.py tests/fold/test_life_lines.py \
		tests/fold/test_any.py tests/wire/test_sse.py

faults: $(INSTALLED) ## Everything that can go wrong, at full size: 100 streams amid kills, a lock of 30 seconds.
	@TRACER_FAULT_STREAMS=50 TRACER_FAULT_SECONDS=30 $(BIN)/pytest -q tests/faults

bench: $(INSTALLED) ## What the proxy costs: direct, nginx, a bare mitmdump, LiteLLM and ours in one run.
	@ulimit -n 20000 2>/dev/null; $(BIN)/python benchmarks/proxy.py $(if $(LITELLM),--litellm "$(LITELLM)")

screenshot: $(INSTALLED) ## Draw the pictures in the README and docs/tui.md again.
	@$(BIN)/python docs/screenshot.py --project demo --size 132x28 --keys "tab k"
	@$(BIN)/python docs/screenshot.py --all

lock: $(TOOLS) ## Resolve requirements/dev.txt again.
	@$(UV) pip compile --quiet --upgrade --no-emit-index-url --no-header --python-version 3.13 \
		--extra proxy --extra tui --extra web --group dev pyproject.toml -o requirements/dev.txt

$(INSTALLED): requirements/dev.txt pyproject.toml $(TOOLS)
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$(cat .python-version)" .venv
	@$(UV) pip sync --quiet --python .venv requirements/dev.txt
	@$(UV) pip install --quiet --python .venv --no-deps --editable .
	@touch $@

.tools/bin/uv:
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv

clean: ## Remove environments, caches and builds.
	rm -rf .venv .tools .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
