# What people and CI type. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test soak bench catalog format lint clean services update-aws-actions \
	compare-pmapper
MAKEFLAGS += --no-print-directory

# Private servers of the tests, and of a developer's shell.
test_stack := .sv0-test
shell_stack := .sv0

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 28

setup: ## install what is missing (Debian 12: apt and PyPI); does nothing the second time
	@deploy/local/setup.sh >&2

demo: setup ## build sv0, scan an account with planted exposures, show what changes; stops everything
	swift build -c release --product sv0
	@deploy/demo/demo.sh "$$(swift build -c release --show-bin-path)/sv0"

# The servers are stopped whatever happens, and the last words are the test runner's.
test: setup ## all tests, on private servers (or those that SV0_KAFKA, SV0_POSTGRES name)
	swift build --build-tests
	@sv0="$$(swift build --show-bin-path)/sv0"; \
	trap '"$$sv0" local down --dir $(test_stack) >/dev/null' EXIT; \
	trap 'exit 130' INT; trap 'exit 143' TERM; \
	servers="$$("$$sv0" local up --dir $(test_stack) --with moto)" || exit; \
	eval "$$servers"; \
	SV0_VENV="$${SV0_VENV:-$(CURDIR)/.venv}" \
	  swift test --disable-xctest --skip-build --no-parallel

# make soak SEEDS=1000 [INVARIANT=name], or SECONDS_TO_RUN=3600
soak: setup ## random histories of the pipeline in a simulated world: SEEDS=N or SECONDS_TO_RUN=N
	swift build -c release --product soak
	@"$$(swift build -c release --show-bin-path)/soak" \
	  $(if $(SECONDS_TO_RUN),--seconds $(SECONDS_TO_RUN),--seeds $(or $(SEEDS),1000)) \
	  $(if $(FIRST),--first $(FIRST)) $(if $(INVARIANT),--invariant $(INVARIANT))

# make bench [ROWS="P5 P6 P7 P8 P9"]
bench: setup ## measure speed and cost, a line for each row: ROWS="P5 P6 P7 P8 P9"
	@swift build -c release --product bench >&2
	@"$$(swift build -c release --show-bin-path)/bench" $(ROWS)

# make compare-pmapper [SEED=2]
compare-pmapper: setup ## who comes to be whom, by Principal Mapper and by sv0: every difference, and why
	@swift build --product sv0 >&2
	@Tests/PrincipalMapper/compare.sh "$$(swift build --show-bin-path)/sv0" "$(or $(SEED),1)"

services: setup ## print exports of private servers for this shell: eval "$(make services)"
	@swift build --product sv0 >&2
	@sv0="$$(swift build --show-bin-path)/sv0"; "$$sv0" local up --dir $(shell_stack) --with moto; \
	status=$$?; echo "stop them with: $$sv0 local down --dir $(shell_stack)" >&2; exit $$status

catalog: setup ## renew what follows from the catalog of calls: deploy/aws/read-only-role.yaml, docs/connectors/aws.md
	@swift build --product sv0 >&2
	@"$$(swift build --show-bin-path)/sv0" catalog aws --write .

format: ## rewrite the sources in the house style
	@swift format format --in-place --parallel --recursive Sources Tests Package.swift

lint: ## check the style; nothing is changed
	@swift format lint --strict --parallel --recursive Sources Tests Package.swift

update-aws-actions: ## renew the table of AWS's actions from its pinned package, and say what changed
	@python3 deploy/local/aws-actions.py

clean: ## remove build products and stopped servers' logs
	@for state in .sv0*/stack.json; do \
	  [ ! -e "$$state" ] || { echo "servers of $${state%/*} run; stop them: sv0 local down --dir $${state%/*}" >&2; exit 69; }; \
	done
	rm -rf .build .sv0*
