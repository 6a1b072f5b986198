"""Who may import whom, read off the source: the directions of the design, and a few more borders.

The checker is a function of (path, source), so that the last part of this file can plant a
violation of every rule and see it found.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("station", "drivers", "simulator", "mcsp", "evcs", "server")

# What each package may import of ours, besides itself.
MAY_IMPORT = {
    "station": {"drivers", "mcsp"},
    "drivers": set(),
    "simulator": set(),
    "mcsp": set(),
    "evcs": {"mcsp"},
    "server": {"evcs", "mcsp"},
}
# Late, inside a function, and only here: a simulated box is asked for by config.
MAY_IMPORT_LATE = {
    "station/clock.py": {"simulator"},
    "station/daemon.py": {"simulator"},
    "drivers/libraries.py": {"simulator"},
}

HARDWARE = {"RPi", "lgpio", "spidev", "mfrc522", "serial", "minimalmodbus"}
HARDWARE_PLACES = ("drivers/", "station/failsafe.py", "evcs/listener/ports.py")

# The core computes; nothing in this list can wait, write, or look at the world.
PURE_MODULES = {
    "__future__",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "math",
    "operator",
    "typing",
}

IMPURE_BUILTINS = {"open", "print", "input", "exec", "eval", "__import__"}

CLOCK_FILE = "station/clock.py"
WALL_CLOCKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "localtime"),
    ("time", "gmtime"),
    ("time", "ctime"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}

ORM_WRITES = {
    "save",
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
}
ORM_PLACES = ("evcs/services/", "evcs/migrations/")
# Makes files of values: no database, no Django.
RENDERING = "evcs/rendering/"


def problems(path: str, source: str) -> list[str]:
    """Every broken rule of one file, as ``path:line: text``. ``path`` is relative to the root."""
    tree = ast.parse(source)
    found = [
        *_directions(path, tree),
        *_hardware(path, tree),
        *_pure_rules(path, tree),
        *_wall_clock(path, tree),
        *_orm_writes(path, tree),
        *_rendering(path, tree),
    ]
    return [f"{path}:{line}: {text}" for line, text in sorted(found)]


Found = Iterator[tuple[int, str]]


def _imports(path: str, tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """(line, absolute dotted name, whether it is imported late) of every import of a file.

    ``from a import b`` counts as a.b: b may be a module. Imports for the type checker alone are
    late ones, they never run.
    """
    late_nodes: set[int] = set()
    for node in ast.walk(tree):
        for_types = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            late_nodes.update(id(inner) for inner in ast.walk(node))
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree):
        late = id(node) in late_nodes
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, late
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}", late
        elif isinstance(node, ast.Call) and _called(node.func) in _IMPORTERS and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield node.lineno, name.value, late


_IMPORTERS = {"import_module", "__import__"}


def _called(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _directions(path: str, tree: ast.AST) -> Found:
    package = path.partition("/")[0]
    for line, name, late in _imports(path, tree):
        target = name.partition(".")[0]
        if target == package or target not in PACKAGES:
            continue
        if target in MAY_IMPORT[package]:
            continue
        if late and target in MAY_IMPORT_LATE.get(path, set()):
            continue
        yield line, f"{package} must not import {name}"


def _hardware(path: str, tree: ast.AST) -> Found:
    if path.startswith(HARDWARE_PLACES):
        return
    for line, name, _ in _imports(path, tree):
        if name.partition(".")[0] in HARDWARE:
            yield line, f"{name} is imported outside the drivers"


def _pure_rules(path: str, tree: ast.AST) -> Found:
    if not path.startswith("station/rules/"):
        return
    for line, name, _ in _imports(path, tree):
        if name.startswith("station.rules.") or name.partition(".")[0] in PURE_MODULES:
            continue
        yield line, f"{name} has no place in the pure core"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in IMPURE_BUILTINS:
            yield node.lineno, f"{ast.unparse(node.func)}() has no place in the pure core"


def _wall_clock(path: str, tree: ast.AST) -> Found:
    if path == CLOCK_FILE or not path.startswith(("station/", "drivers/")):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            if (owner, node.attr) in WALL_CLOCKS:
                yield node.lineno, f"{owner}.{node.attr} stands outside {CLOCK_FILE}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if ("time", alias.name) in WALL_CLOCKS:
                    yield node.lineno, f"time.{alias.name} stands outside {CLOCK_FILE}"


def _rendering(path: str, tree: ast.AST) -> Found:
    if not path.startswith(RENDERING):
        return
    for line, name, _ in _imports(path, tree):
        own = name.partition(".")[0] == "evcs" and not name.startswith("evcs.rendering.")
        if own or name.partition(".")[0] in ("django", "rest_framework"):
            yield line, f"{name} has no place in rendering"


def _orm_writes(path: str, tree: ast.AST) -> Found:
    if not path.startswith("evcs/") or path.startswith((*ORM_PLACES, RENDERING)):
        return
    # A function of a service may be called create; calling it is what is wanted.
    services = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "evcs.services"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        # Rows are updated by keywords only; with a value it is a dict, a set or a hash. A form
        # that is saved with commit=False writes nothing.
        if node.func.attr == "update" and node.args:
            continue
        if node.func.attr == "save" and "commit=False" in map(ast.unparse, node.keywords):
            continue
        if node.func.attr in ORM_WRITES and ast.unparse(node.func.value) not in services:
            yield node.lineno, f".{node.func.attr}() writes outside evcs.services"


def sources() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


# --- the tree ---------------------------------------------------------------------------------


def test_imports_run_one_way():
    files = sources()
    assert {path.relative_to(ROOT).parts[0] for path in files} == set(PACKAGES)
    found = [
        line
        for path in files
        for line in problems(path.relative_to(ROOT).as_posix(), path.read_text())
    ]
    assert found == [], "\n".join(found)


def test_the_failsafe_stands_alone():
    """Nothing that broke the daemon can break it: standard library and the GPIO library only."""
    tree = ast.parse((ROOT / "station/failsafe.py").read_text())
    names = {name.partition(".")[0] for _, name, _ in _imports("station/failsafe.py", tree)}
    assert names - {"RPi"} <= set(sys.stdlib_module_names)


# --- the checker ------------------------------------------------------------------------------

PLANTED = [
    ("drivers/meter.py", "from station.clock import monotonic", "must not import"),
    ("drivers/meter.py", "def f():\n    import station", "must not import"),
    ("drivers/meter.py", "def f():\n    from simulator import standins", "must not import"),
    ("drivers/libraries.py", "from simulator import standins", "must not import"),
    ("simulator/world/box.py", "import drivers.registers", "must not import"),
    ("simulator/world/box.py", "from station.rules import values", "must not import"),
    ("station/daemon.py", "import evcs", "must not import"),
    ("station/daemon.py", "from simulator.client import BoxClient", "must not import"),
    ("station/config.py", "def f():\n    from simulator import client", "must not import"),
    ("station/workers/meter.py", "import importlib\nimportlib.import_module('evcs.kinds')", "must"),
    ("evcs/kinds.py", "from station.rules.values import EndReason", "must not import"),
    ("evcs/api/base.py", "import server.settings", "must not import"),
    ("mcsp/codes.py", "import drivers", "must not import"),
    ("server/urls.py", "import station", "must not import"),
    ("station/clock.py", "import serial", "outside the drivers"),
    ("station/cli/main.py", "def f():\n    import RPi.GPIO as GPIO", "outside the drivers"),
    ("simulator/world/box.py", "from mfrc522 import MFRC522", "outside the drivers"),
    ("evcs/apps.py", "import minimalmodbus", "outside the drivers"),
    ("simulator/rfid/picc.py", "__import__('spidev')", "outside the drivers"),
    ("station/rules/limits.py", "import time", "pure core"),
    ("station/rules/limits.py", "import logging", "pure core"),
    ("station/rules/limits.py", "from random import random", "pure core"),
    ("station/rules/limits.py", "from station.clock import monotonic", "pure core"),
    ("station/rules/limits.py", "from ..journal import store", "pure core"),
    ("station/rules/limits.py", "from drivers import float32", "pure core"),
    ("station/rules/limits.py", "open('/tmp/x')", "pure core"),
    ("station/rules/limits.py", "print('x')", "pure core"),
    ("station/daemon.py", "import time\ntime.time()", "outside station/clock.py"),
    ("station/daemon.py", "from time import time", "outside station/clock.py"),
    ("drivers/meter.py", "import datetime\ndatetime.datetime.now()", "outside station/clock.py"),
    ("station/log.py", "from datetime import datetime\ndatetime.utcnow()", "outside station/clock"),
    ("station/log.py", "from datetime import date\ndate.today()", "outside station/clock.py"),
    ("station/log.py", "from datetime import datetime\nf = datetime.now", "outside station/clock"),
    ("evcs/api/base.py", "Session.objects.create(seq=1)", "writes outside evcs.services"),
    ("evcs/api/base.py", "session.save()", "writes outside evcs.services"),
    ("evcs/admin/tags.py", "form.save(commit=True)", "writes outside evcs.services"),
    ("evcs/api/base.py", "stations.create('not a service')", "writes outside evcs.services"),
    ("evcs/admin/__init__.py", "Tag.objects.filter(pk=1).update(x=1)", "writes outside"),
    ("evcs/management/commands/x.py", "tag.delete()", "writes outside evcs.services"),
    ("evcs/rendering/pdf.py", "from evcs.models import Session", "no place in rendering"),
    ("evcs/rendering/pdf.py", "from evcs import settings", "no place in rendering"),
    ("evcs/rendering/pdf.py", "def f():\n    import django.conf", "no place in rendering"),
    ("evcs/pages/x.py", "Tag.objects.bulk_create([])", "writes outside evcs.services"),
    ("evcs/listener/x.py", "Tag.objects.get_or_create(tag='')", "writes outside evcs.services"),
    ("evcs/models/tag.py", "Tag.objects.update_or_create(tag='')", "writes outside evcs.services"),
]


@pytest.mark.parametrize(("path", "source", "text"), PLANTED)
def test_a_planted_violation_is_found(path: str, source: str, text: str):
    found = problems(path, f'"""A file."""\n\n{source}\n')
    assert len(found) == 1, found
    assert text in found[0]
    assert re.match(rf"{re.escape(path)}:[3-9]: ", found[0])


ALLOWED = [
    ("station/workers/meter.py", "from drivers.meter import Meter"),
    ("station/transport/mcsp.py", "from mcsp.codes import Code"),
    ("station/clock.py", "import time\ntime.time()"),
    ("station/clock.py", "def f():\n    from simulator.client import BoxClient"),
    (
        "station/clock.py",
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from simulator.client import BoxClient",
    ),
    ("station/daemon.py", "def f():\n    from simulator.client import BoxClient"),
    ("station/daemon.py", "import time\ntime.monotonic()"),
    ("drivers/libraries.py", "def f():\n    from simulator import standins"),
    ("drivers/serial_line.py", "import serial"),
    ("station/failsafe.py", "def f():\n    import RPi.GPIO as GPIO"),
    ("station/rules/limits.py", "from datetime import datetime, timedelta"),
    ("station/rules/limits.py", "from .values import Now"),
    ("simulator/clock.py", "import time\ntime.time()"),
    ("evcs/services/starts.py", "Session.objects.create()"),
    ("evcs/migrations/0101_initial.py", "Session.objects.create()"),
    (
        "evcs/admin/stations.py",
        "from evcs.services import stations\ndef f():\n    stations.create('box')",
    ),
    ("evcs/admin/tags.py", "formset.save(commit=False)"),
    ("evcs/rendering/letter.py", "from evcs.rendering.words import Texts\nsuper().save()"),
    ("evcs/api/base.py", "headers = {}\nheaders.update({'Allow': 'GET'})"),
    ("server/settings.py", "from evcs import settings"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_is_allowed_is_not_found(path: str, source: str):
    assert problems(path, source) == []
