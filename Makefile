# The commands of this project. They use the uv that is installed; where there is none, one is put
# into .venv, for which Python 3.11 or newer with venv is enough.

# The same as in the Dockerfile.
UV_VERSION := 0.13.9

UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .venv/bin/uv)
OWN_UV := $(filter .venv/bin/uv,$(UV))
# Never `uv sync`: it is exact, and would remove the uv that lives in .venv.
RUN := $(UV) run --locked

.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint types check node-tools uv

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 12

demo: | $(OWN_UV) ## the service with a bundled sample: no key, no account, nothing asked of Wikimedia
	$(UV) run --no-dev --locked pageviews-api demo $(ARGS)

# Two at a time: many tests wait for servers, and for deadlines to pass.
test: | $(OWN_UV) ## the tests, without the long ones
	$(RUN) pytest -n 2 $(ARGS)

test-long: | $(OWN_UV) ## all tests, the long ones too
	$(RUN) pytest -m "" $(ARGS)

lint: | $(OWN_UV) ## ruff: rules and format
	$(RUN) ruff check
	$(RUN) ruff format --check

types: | $(OWN_UV) ## mypy, strict
	$(RUN) mypy

check: lint types test ## what a change has to pass

node-tools: | $(OWN_UV) ## install the OpenAPI linters and the TypeScript client's tools, from npm
	$(RUN) python -m tests.support.node

uv: | $(OWN_UV) ## get uv if need be, and print which one is used
	@echo $(UV)

FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.venv/bin/uv:
	@set -eu; \
	if ! .venv/bin/python -c '$(FITS)' 2>/dev/null; then \
		found=; \
		for python in python3 python3.11 python3.12 python3.13 python3.14; do \
			if "$$python" -c '$(FITS)' 2>/dev/null; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "Python 3.11 or newer with venv is needed, and none was found" \
				"(on Debian and Ubuntu: apt install python3 python3-venv)." >&2; \
			exit 1; \
		fi; \
		"$$found" -m venv --clear .venv; \
	fi; \
	.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null; \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)' >&2
