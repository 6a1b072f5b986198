# The commands of the repository (README.md says what each is for).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
MFRC522 := mfrc522==0.0.7
# For the script axe.min.js in it; the browser is the distribution's.
AXE := axe-playwright-python==0.1.8

.PHONY: install rollback uninstall setup system-packages run test test-databases test-database check format bench campaign clean

setup: .venv/.ready

# One stamp: made anew when a dependency list changes.
.venv/.ready: pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[server,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(MFRC522) $(AXE)
	@touch $@

# What a few tests need beside Python packages (as root): a simulated SPI device for the real spidev,
# a compiler for the witness of disk writes, a systemd to boot in a container and a Debian to install
# on, the servers and
# drivers of the databases (MariaDB's without a service; PostgreSQL's own cluster is not touched).
system-packages: setup
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends umockdev gir1.2-umockdev-1.0 python3 python3-gi gcc libc6-dev \
	  systemd systemd-container util-linux mmdebstrap \
	  nginx-light openssl sqlite3 curl chromium chromium-driver fonts-dejavu-core \
	  postgresql mariadb-server-core mariadb-client libmariadb-dev pkg-config python3-dev
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt spidev
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt --target .venv/rpi-lgpio rpi-lgpio
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[postgresql,mariadb]'

# On a Raspberry Pi, as root (docs/installation.md). FORCE=1: also while a car is charging.
install rollback uninstall:
	@/usr/bin/python3 -m tools.install $@

run: setup
	@$(BIN)/python -m tools.run $(if $(ONCE),--once)

test: setup
	$(BIN)/python -m pytest -n 6 --dist worksteal $(ARGS)

# The server on the databases that `make test` does not use, each on a throw-away server of its own.
test-databases: setup
	$(BIN)/python -m tools.databases postgresql -- $(MAKE) --no-print-directory test-database
	$(BIN)/python -m tools.databases mariadb -- $(MAKE) --no-print-directory test-database

# On the database that EVCS_DATABASE names.
test-database:
	$(BIN)/python -m server.manage migrate --verbosity 0
	$(BIN)/python -m server.manage makemigrations --check --dry-run
	$(BIN)/python -m server.manage check --database default
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/server $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py
	$(BIN)/python -m server.manage makemigrations --check --dry-run
	$(BIN)/python -m server.manage check
	$(BIN)/python -m tools.schema --check
	$(BIN)/python -m tools.safety --check
	$(BIN)/python -m tools.messages --check
	$(BIN)/python -m tools.pictures --check
	$(BIN)/python -m campaign.publish --check

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m bench $(PART)

# Randomized lives and all claims, judged against the truth: N whole lives [200], SEED of them all;
# PART=fast, whole, a claim, or one life by its seed (fast:1234).
campaign: setup
	$(BIN)/python -m campaign $(if $(N),--lives $(N)) $(if $(SEED),--seed $(SEED)) $(PART)

clean:
	rm -rf .venv .run build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
