# Two commands that do all the set-up on a machine with Python 3.11+ (venv), git and make:
#
#   make demo     a small language model fixes a bug, on this machine
#   make test     every check there is
#
# They create .venv and install into it; a second call does not install again.
#   SWEAGENT=auto|none|PATH|URL   which SWE-agent to use (scripts/sweagent_choice.py)
#   DEMO=NAME                     which project of eval/demo to repair
#   PYTHON=…  VENV=…              which Python to take, where the environment goes

SWEAGENT ?= auto
DEMO ?= inventory
VENV ?= .venv
SETUP = sh scripts/with_python.sh scripts/setup_env.py --venv "$(VENV)" --sweagent "$(SWEAGENT)"

.PHONY: help demo test docs reference picture clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

demo:
	@$(SETUP) demo
	@"$(VENV)/bin/python" scripts/demo.py "$(DEMO)" $(if $(filter none,$(SWEAGENT)),--host mini)

test:
	@$(SETUP) test
	@"$(VENV)/bin/python" scripts/checks.py --sweagent "$(SWEAGENT)"

docs:
	@$(SETUP) test
	@"$(VENV)/bin/mkdocs" serve

reference:
	@$(SETUP) test
	@"$(VENV)/bin/python" scripts/make_reference.py

picture:
	@$(SETUP) test
	@"$(VENV)/bin/python" scripts/record_demo.py

clean:
	rm -rf .venv site
