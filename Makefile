# The two commands: `make run` and `make test`. `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: help lock migrations
help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

lock: ## compile requirements/*.txt from the .in files (needs uv)
	@for f in base dev node; do $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" -q requirements/$$f.in -o requirements/$$f.txt; done

migrations: ## write the migrations of changed models
	@$(BIN)/python -m django makemigrations --settings hearthline.settings
