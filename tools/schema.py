"""Writes docs/openapi.yaml from the views, or checks that it is up to date.

``python -m tools.schema`` writes; ``python -m tools.schema --check`` says whether it would change
anything. Exit status 1 if it would, or if the schema has warnings or is not valid OpenAPI.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import CommandError, call_command

TARGET = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"


def generate() -> str:
    """Return the schema as YAML. Raises CommandError; the reasons stand on standard error."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.yaml"
        call_command("spectacular", file=str(file), validate=True, fail_on_warn=True, lang="en")
        return file.read_text(encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    try:
        text = generate()
    except CommandError as error:
        print(f"schema: {error}", file=sys.stderr)
        return 1
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if text == current:
        return 0
    if options.check:
        print(
            "docs/openapi.yaml is out of date; run python -m tools.schema and commit it",
            file=sys.stderr,
        )
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print("docs/openapi.yaml written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
