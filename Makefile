# `make` lists the targets. Everything is set up in .venv inside this folder; nothing global is touched.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The peer that `bench-math` measures beside us has an environment of its own: nothing of it enters ours.
BENCH_VENV := .venv-bench
BENCH_INSTALLED := $(BENCH_VENV)/.installed
INSTALLED := $(VENV)/.installed
# Small models on few cores: more threads than one make torch slower, not faster.
export OMP_NUM_THREADS ?= 1
# More than cores: tests of servers and sandboxes often wait for a limit to pass.
TEST_PROCESSES ?= 3

.DEFAULT_GOAL := help
.PHONY: help install serve demo test check format acceptance acceptance-code acceptance-sample soak-code test-compose bench-score bench-sandbox bench-demo bench-algorithms bench-process bench-critic bench-math bench-checks checks-page fuzz-math up down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## a virtual environment in .venv with everything

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[server,lang,puzzles,train,data,dev]'
	touch $@

serve: $(INSTALLED) ## the reward server on http://127.0.0.1:8080
	$(BIN)/reward-server serve

demo: $(INSTALLED) ## train a small model on a small task against a server of its own (under 2 minutes)
	$(BIN)/python examples/demo.py

test: $(INSTALLED) ## all quick tests, in TEST_PROCESSES processes at a time
	$(BIN)/pytest -n $(TEST_PROCESSES) --no-loadscope-reorder -m "not slow and not gpu and not compose"

check: $(INSTALLED) ## formatting, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

checks-page: $(INSTALLED) ## write docs/checks.md anew from what the checks say of themselves
	$(BIN)/reward-server checks --page > docs/checks.md.new && mv docs/checks.md.new docs/checks.md

bench-checks: $(INSTALLED) ## items per second of the checks of r1-math but math, and each check alone (needs ../shared)
	$(BIN)/python tests/benchmarks/bench_checks.py

format: $(INSTALLED) ## rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

acceptance: $(INSTALLED) ## whole corpora and recipes (slow)
	$(BIN)/pytest -m slow

acceptance-code: $(INSTALLED) ## hostile, legitimate, reference and mutated programs, as root and as an ordinary user (needs ../shared)
	$(BIN)/python -m tests.acceptance.judge_corpora
	$(BIN)/python -m tests.acceptance.judge_corpora --user 65534 --base

acceptance-sample: $(INSTALLED) ## 225,600 samples drawn, judged, killed and gone on with; the files are read by sft and dpo (5 to 20 minutes)
	$(BIN)/python -m tests.acceptance.sample_scale $(ACCEPTANCE_SAMPLE)

soak-code: $(INSTALLED) ## 10,000 ordinary and hostile programs in a row: nothing may grow (needs ../shared)
	$(BIN)/python -m tests.acceptance.soak $(SOAK)

test-compose: $(INSTALLED) ## build and start the container, and judge code in it (needs a Docker engine)
	$(BIN)/pytest -m compose

bench-score: $(INSTALLED) ## items per second of the server on real completions (needs ../shared)
	$(BIN)/python tests/benchmarks/bench_score.py

bench-sandbox: $(INSTALLED) ## programs per second of the sandbox, as a library and over HTTP at each level (as root)
	$(BIN)/python tests/benchmarks/bench_sandbox.py
	$(BIN)/python -m tests.benchmarks.bench_code --level base uid best
	$(BIN)/python -m tests.benchmarks.bench_code --workload hello --clients 64 --seconds 60

bench-demo: $(INSTALLED) ## the demo with three seeds
	for seed in 0 1 2; do $(BIN)/python examples/demo.py --seed $$seed | grep -E 'accuracy  |SFT steps|in all'; done

bench-algorithms: $(INSTALLED) ## every RL preset from the same cold start, three seeds, with curves (about 25 minutes)
	$(BIN)/python tests/benchmarks/bench_algorithms.py $(BENCH_ALGORITHMS)

bench-process: $(INSTALLED) ## step rewards beside the outcome alone, chains of four and of seven equations, with curves
	$(BIN)/python tests/benchmarks/bench_process.py $(BENCH_PROCESS)

bench-critic: $(INSTALLED) ## what PPO's critic costs beside GRPO, in memory and time of a step (about ten minutes)
	$(BIN)/python tests/benchmarks/bench_critic.py $(BENCH_CRITIC)

bench-math: $(INSTALLED) $(BENCH_INSTALLED) ## the math engine beside Math-Verify, then hostile answers (needs ../shared)
	$(BIN)/python tests/benchmarks/bench_math.py $(BENCH_MATH)

$(BENCH_INSTALLED):
	test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		math-verify==0.9.0 antlr4-python3-runtime==4.13.2
	touch $@

fuzz-math: $(INSTALLED) ## ten minutes of random answers through the math engine
	$(BIN)/python tests/fuzz/fuzz_math.py $(FUZZ_MATH)

up: ## the server in a container: http://127.0.0.1:8080
	docker compose up --build --detach

down: ## stop that container
	docker compose down

clean: ## remove the environment and caches
	rm -rf $(VENV) $(BENCH_VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build *.egg-info
