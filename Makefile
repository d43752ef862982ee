# Everything a developer or operator runs. `make` alone lists it. `make check` is exactly what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STATE ?= .local
MEMBERS := shared gateway data-service forecast-service notification-service monitoring-service storage-service local
SERVICES := gateway data-service forecast-service notification-service monitoring-service storage-service
SOURCES := $(MEMBERS:%=%/src)
package = $(subst -,_,$(1))

##@ Start
.PHONY: help setup run
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' Makefile
	@printf '\nVariables: STATE=DIR (state folder, default .local)  FILES="a.csv b.csv" (your data)  ONCE=1  BUS=rabbitmq  S=data-service  M="message"\n'

setup: $(VENV)/.ready ## Make the environment in .venv from the lock file (done by itself when needed)

$(VENV)/.ready: requirements.lock $(MEMBERS:%=%/pyproject.toml) local/setup.sh
	@bash local/setup.sh "$(PYTHON)" "$(VENV)" $(MEMBERS)
	@touch $@

run: setup ## Start everything on this machine and do the main job (FILES=… your data, ONCE=1 stop afterwards)
	@$(BIN)/procurement run --state "$(STATE)" $(if $(ONCE),--once) $(if $(BUS),--bus $(BUS)) $(if $(PORT),--port $(PORT)) $(FILES)

##@ Containers
.PHONY: up down logs image
up: ## Build and start everything with docker compose; makes .env with random secrets first
	@[ -f .env ] || $(PYTHON) local/src/local/compose_environment.py .env
	docker compose up -d --build --wait

down: ## Stop the containers; volumes stay
	docker compose down

logs: ## Follow the logs of one service: make logs S=gateway
	docker compose logs -f --tail 100 $(S)

image: ## Build one image: make image S=data-service
	docker build -f $(S)/Dockerfile -t procurement/$(S) .

##@ One service
.PHONY: serve migrate revision bootstrap-database
serve: setup ## Run one service alone, settings from the environment: make serve S=data-service
	$(BIN)/python -m $(call package,$(S)).main

bootstrap-database: setup ## Create roles and schemas (BOOTSTRAP_ADMIN_URL, BOOTSTRAP_PASSWORD_<OWNER>)
	$(BIN)/python -m shared.database.bootstrap

migrate: setup ## Bring one service's schema up to date: make migrate S=data-service
	cd $(S) && ../$(BIN)/alembic upgrade head

revision: setup ## Write a new migration from the models: make revision S=data-service M="add barcode"
	cd $(S) && ../$(BIN)/alembic revision --autogenerate -m "$(M)"

##@ Quality
.PHONY: check format lint types imports test test-unit test-integration test-contract e2e contracts contracts-current
check: lint types imports contracts-current test ## What CI runs

format: setup ## Rewrite the code in the one format
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## Format and lint, read only
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: setup ## mypy, strict
	$(BIN)/mypy $(SOURCES)

imports: setup ## The architecture: who may import whom
	$(BIN)/lint-imports

test: setup ## All tests; the drills last and alone, as they measure the machine too
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not drills"
	$(BIN)/python -m pytest -m drills

test-unit: setup ## Pure tests only, a few seconds
	$(BIN)/python -m pytest -m unit

test-integration: setup ## One service at a time on real servers
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m integration

test-contract: setup ## Clients against their real providers, events against their recorded schemas
	$(BIN)/python -m pytest -m "contract or conformance"

e2e: setup ## The whole main job through the gateway
	$(BIN)/python -m pytest -m e2e

contracts: setup ## Rewrite what is generated: OpenAPI, event schemas, event, metric and configuration pages
	@for s in $(SERVICES); do $(BIN)/python -m shared.web.openapi $${s//-/_} > $$s/openapi.json || exit 1; done
	$(BIN)/python -m shared.events.catalogue --write shared/contracts/events --markdown docs/architecture/events.md
	$(BIN)/python tests/architecture/pages.py

contracts-current: contracts ## Fail when a generated file is stale
	@git diff --exit-code --stat -- '*/openapi.json' shared/contracts docs || { echo 'Generated files are stale: commit what `make contracts` wrote.'; exit 1; }

##@ Measure and prove
.PHONY: bench bench-gateway drill-events drill-restart attack
bench-gateway: setup ## The gateway beside nginx and others: requests per CPU second, latency, memory (needs nginx, wrk)
	@$(BIN)/python gateway/tests/bench/bench_gateway.py

bench: setup ## Speed as ratios: import, gateway, forecast (prints JSON lines)
	@for b in data-service/tests/bench/bench_import.py gateway/tests/bench/bench_gateway.py forecast-service/tests/bench/bench_forecast.py storage-service/tests/bench/bench_export.py; do $(BIN)/python $$b || exit 1; done

drill-events: setup ## Kill brokers, relays and consumers while events flow; prints what was lost (nothing)
	$(BIN)/python -m pytest -s shared/tests/integration/messaging/test_kill.py

drill-restart: setup ## Restart gateways behind nginx three times at 200 requests/s; prints what failed (nothing)
	$(BIN)/python -m pytest -q -s tests/drills/test_restart.py

attack: setup ## Hostile requests against a running gateway: make attack URL=https://… [TOKEN=…] or [EMAIL=… PASSWORD=…]
	@TOKEN="$(TOKEN)" EMAIL="$(EMAIL)" PASSWORD="$(PASSWORD)" $(BIN)/python -m tests.attack "$(or $(URL),http://127.0.0.1:8080)"

##@ Housekeeping
.PHONY: lock clean
lock: ## Resolve the dependencies again into the lock files (needs uv)
	@bash local/lock.sh $(MEMBERS)

clean: ## Remove the environment and caches; the state folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
