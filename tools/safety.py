"""docs/safety.md and the tree it speaks of: the tables are made from docs/safety.toml and checked.

    python -m tools.safety           write the tables anew
    python -m tools.safety --check   1 if a table is old, or names a rule or test that is not there

Every promise has an id, words, the rules that keep it and the tests that hold it there. A promise
without one or the other says why, under ``open``.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "safety.toml"
PAGE = ROOT / "docs" / "safety.md"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence of the safety case.

    ``rules``: ``package.module.name`` or a file's path. ``tests``: ``file.py::name`` (in a class
    ``Class.name``) or a story's path. ``open``: what is missing, empty if nothing is.
    """

    id: str
    sentence: str
    rules: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    open: str = ""


class Wrong(ValueError):
    """docs/safety.toml or docs/safety.md cannot be used; the text says where and why."""


def load(text: str) -> dict[str, list[Promise]]:
    """The promises by their table. Raises Wrong."""
    tables: dict[str, list[Promise]] = {}
    seen: set[str] = set()
    for table, lines in tomllib.loads(text).items():
        tables[table] = []
        for line in lines:
            unknown = sorted(line.keys() - {"id", "sentence", "rules", "tests", "open"})
            if unknown or not {"id", "sentence"} <= line.keys():
                raise Wrong(f"[[{table}]] {line.get('id', '?')}: id and sentence, not {unknown}")
            promise = Promise(
                line["id"],
                line["sentence"],
                tuple(line.get("rules", ())),
                tuple(line.get("tests", ())),
                line.get("open", ""),
            )
            if promise.id in seen:
                raise Wrong(f"{promise.id}: there are two of this id")
            seen.add(promise.id)
            tables[table].append(promise)
    return tables


def mistakes(tables: dict[str, list[Promise]]) -> Iterator[str]:
    """A line for each promise that names what is not there, or hides that nothing is."""
    for promise in (one for promises in tables.values() for one in promises):
        for rule in promise.rules:
            if not _rule_exists(rule):
                yield f"{promise.id}: there is no rule {rule}"
        for test in promise.tests:
            if not _test_exists(test):
                yield f"{promise.id}: there is no test {test}"
        if not promise.open and not (promise.rules and promise.tests):
            yield f"{promise.id}: has no rule or no test; say why under open"


def page(text: str, tables: dict[str, list[Promise]]) -> str:
    """The page with every table as it should be. Raises Wrong if a table has no place in it."""
    places = {found[2] for found in _TABLE.finditer(text)}
    if places != set(tables):
        raise Wrong(f"tables without their like on the other side: {sorted(places ^ set(tables))}")
    return _TABLE.sub(lambda found: found[1] + _table(tables[found[2]]) + found[3], text)


def _table(promises: list[Promise]) -> str:
    lines = ["| id | promise | kept by | held by |", "|---|---|---|---|"]
    for one in promises:
        rules = "<br>".join(f"`{_short(rule)}`" for rule in one.rules) or "–"
        tests = "<br>".join(f"`{_short(test)}`" for test in one.tests) or "–"
        missing = f"<br>**open:** {one.open}" if one.open else ""
        lines.append(f"| {one.id} | {one.sentence}{missing} | {rules} | {tests} |")
    return "\n".join(lines) + "\n"


def _short(name: str) -> str:
    """As it can still be found: without the folders that all of its kind are in."""
    name = name.removeprefix("tests/").removeprefix("station.rules.")
    return name.removeprefix("station/").removeprefix("drivers/")


def _rule_exists(rule: str) -> bool:
    """By its source: nothing is imported, so that no part of the tree has to be set up for it."""
    if "/" in rule:
        return (ROOT / rule).exists()
    parts = rule.split(".")
    for end in range(len(parts), 0, -1):
        place, name = ROOT.joinpath(*parts[:end]), ".".join(parts[end:])
        if place.with_suffix(".py").is_file():
            return not name or name in _names_in(place.with_suffix(".py"))
        if place.is_dir():
            return not name and (place / "__init__.py").is_file()
    return False


def _test_exists(test: str) -> bool:
    path, _, name = test.partition("::")
    if not (ROOT / path).is_file():
        return False
    if path.endswith(".story"):
        return not name
    return name.split(".")[-1].startswith("test_") and name in _names_in(ROOT / path)


@cache
def _names_in(path: Path) -> frozenset[str]:
    """What a module defines at its top, and ``Class.name`` for what its classes define."""
    return frozenset(_defined(ast.parse(path.read_text()).body))


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
                yield from (f"{name}.{inner}" for inner in _defined(node.body))
            case ast.Assign():
                yield from (one.id for one in node.targets if isinstance(one, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools.safety", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    arguments = parser.parse_args(argv)
    tables = load(SOURCE.read_text())
    before = PAGE.read_text()
    after = page(before, tables)
    wrong = list(mistakes(tables))
    if not arguments.check:
        PAGE.write_text(after)
    elif after != before:
        wrong.append("docs/safety.md is old; run: python -m tools.safety")
    for line in wrong:
        print(f"safety: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
