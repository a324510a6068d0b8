# The two commands: `make run` and `make test`. `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: help run test check format e2e bench lock migrations licences

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: ## set up what is missing, then the exchange with its demonstration world on http://127.0.0.1:8000
	@$(PYTHON) scripts/setup.py run --venv $(VENV)
	@exec $(BIN)/python -m hearthline up --demo $(ARGS)

test: ## the whole proof, as CI runs it: checks, front-end tests, pytest (only some: make test ARGS=tests/ledger)
	@$(PYTHON) scripts/setup.py test --venv $(VENV)
	@$(BIN)/python scripts/prove.py $(ARGS)

check: ## what reads the code without running it: ruff, mypy, import-linter, djlint, biome, tsc, house rules (one: ONLY=mypy)
	@$(BIN)/python scripts/check.py $(ONLY)

format: ## rewrite the code as the formatters like it
	@$(BIN)/ruff check --fix -q hearthline scripts tests bench; $(BIN)/ruff format -q hearthline scripts tests bench
	@$(BIN)/djlint --reformat --quiet templates; cd frontend && npx biome check --write --log-level=error .

e2e: ## the browser tests alone: Chromium, a provider with digest, phones
	@$(PYTHON) scripts/setup.py test --venv $(VENV)
	@$(BIN)/python scripts/prove.py -m "browser or sip" -x $(ARGS)

bench: ## measure the figures of the design, each beside its bar
	@$(BIN)/python -m bench $(ARGS)

lock: ## compile requirements/*.txt from the .in files (needs uv)
	@for f in base dev node; do $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" -q requirements/$$f.in -o requirements/$$f.txt; done

migrations: ## write the migrations of changed models
	@$(BIN)/python -m django makemigrations --settings hearthline.settings

licences: ## list third-party packages and their licences in docs/third-party.md
	@$(BIN)/python scripts/licences.py
