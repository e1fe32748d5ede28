# Everything a person or CI does here. `make demo` and `make test` set up what they need first.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
SAM := SAM_CLI_TELEMETRY=0 PATH="$$(cat .local/python-bin):$$PATH" .local/venvs/sam/bin/sam

.PHONY: help setup demo demo-canary demo-cost demo-retrain test lint bench bench-canary bench-drift bench-sizing fuzz build local local-down lock clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## Make the environments (the other targets do it by themselves)
	@local/setup.sh

demo: setup ## The main job on the local cloud, on real data: from captures to one alert
	@$(PYTHON) -m local.demo

demo-canary: setup ## Four rollouts on the local cloud: one is promoted, two are rolled back, one gets no traffic
	@$(PYTHON) -m local.demo_canary

demo-cost: setup ## A fleet of six endpoints on the local cloud: what each should run on, and what a prediction costs
	@$(PYTHON) -m local.demo_cost

demo-retrain: setup ## From a drift to a better model on the local cloud: trained on spot, gated, released; a bad one is refused
	@$(PYTHON) -m local.demo_retrain

test: setup build ## All tests: unit, contract, and integration on the local cloud
	@local/setup.sh tests
	@$(PYTHON) -m pytest tests/unit tests/contract --numprocesses auto --dist loadfile
	@$(PYTHON) -m pytest tests/integration --numprocesses auto --dist loadfile

lint: setup ## Style, types, import rules, template
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(SAM) validate --lint

bench: ## How fast it is and what it costs, into docs/performance.md (QUICK=1: small files, the page stays)
	@local/setup.sh bench
	@$(if $(QUICK),,$(PYTHON) -m bench.cold_start)
	@.local/venvs/bench/bin/python -m bench.capture $(if $(QUICK),--quick)

bench-canary: setup ## How often the canary judge errs, into docs/canary-figures.md (QUICK=1: few runs, the page stays)
	@$(PYTHON) -m bench.canary $(if $(QUICK),--quick)

bench-drift: ## How often drift cries wolf, into docs/drift-figures.md (QUICK=1: few windows; DATA=DIR: your own data)
	@local/setup.sh bench
	@.local/venvs/bench/bin/python -m bench.drift $(if $(QUICK),--quick) $(if $(DATA),--data "$(DATA)")

bench-sizing: setup ## How often a proposed size holds, into docs/sizing-figures.md (QUICK=1: few endpoints, the page stays)
	@$(PYTHON) -m bench.sizing $(if $(QUICK),--quick)

fuzz: ## Feed the decoder broken captures for SECONDS (600)
	@local/setup.sh bench
	@.local/venvs/bench/bin/python -m bench.fuzz_capture --seconds $(or $(SECONDS),600)

build: setup ## Build the template as it is deployed (sam build)
	@$(PYTHON) -m local.deploy

local: setup ## Start the local cloud and print the lines that let aws, boto3 and sam talk to it
	@$(PYTHON) -m local.cloud up

local-down: ## Stop the local cloud
	@$(PYTHON) -m local.cloud down

# What the core layer and the Lambda runtime have, and what Evidently asks for and reports never import.
NOT_IN_EVIDENTLY = annotated-types msgspec numpy pydantic pydantic-core pyyaml typing-extensions typing-inspection wrapt \
	python-dateutil six urllib3 \
	annotated-doc appdirs cffi click colorama cryptography defusedxml distro dynaconf faker filelock formulaic h11 httpcore \
	httptools httpx interface-meta iterative-telemetry litestar-htmx markdown-it-py mdurl patsy polyfactory pyarrow pycparser \
	pygments python-dotenv rich rich-click shellingham statsmodels tenacity tqdm typer tzdata uvicorn uvloop watchdog \
	watchfiles websockets
EXPORT = $$uv export --quiet --frozen --no-emit-project --no-header --no-annotate
lock: setup ## Lock the newest versions that pyproject.toml allows, for every environment and all layers
	@uv=$$(cat .local/uv-path); $$uv lock --upgrade; \
	 $(EXPORT) --group dev -o local/locked/dev.txt >/dev/null; \
	 for group in cloud sam runtime; do $(EXPORT) --only-group $$group -o local/locked/$$group.txt >/dev/null; done; \
	 $(EXPORT) --no-default-groups --group bench -o local/locked/bench.txt >/dev/null; \
	 $(EXPORT) --no-hashes --no-default-groups -o layers/core/requirements.txt \
	   $(foreach name,botocore urllib3 python-dateutil six,--no-emit-package $(name)) >/dev/null; \
	 $(EXPORT) --no-hashes --only-group arrow -o layers/arrow/requirements.txt >/dev/null; \
	 $(EXPORT) --no-hashes --only-group evidently -o layers/evidently/requirements.txt \
	   $(foreach name,$(NOT_IN_EVIDENTLY),--no-emit-package $(name)) >/dev/null

clean: local-down ## Remove everything that was made
	rm -rf .venv .local .aws-sam
