"""The German texts of the pages: `python -m tools.messages` writes them, `--check` says if it must.

The texts stand in English in templates and code. This command collects them into
evcs/locale/de/LC_MESSAGES/django.po, where what is new has an empty translation, and compiles the
.mo beside it; neither here nor where the server runs are gettext's tools needed.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "evcs"
CATALOGUE = APP / "locale/de/LC_MESSAGES/django.po"
# Not blocktranslate: a text with values in it is made in Python.
IN_TEMPLATES = re.compile(r"""{%-?\s*translate\s+(?:"([^"]+)"|'([^']+)')""")
IN_CODE = {"_", "gettext", "gettext_lazy", "gettext_noop", "UsageError", "Noun"}
HEADER = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Transfer-Encoding": "8bit",
    "Language": "de",
    "Plural-Forms": "nplurals=2; plural=(n != 1);",
}


def texts() -> dict[str, set[str]]:
    """Every text to translate, with the files that it stands in."""
    found: dict[str, set[str]] = {}
    for path in sorted([*APP.rglob("*.html"), *APP.rglob("*.py")]):
        source = path.read_text()
        for text in _of_template(source) if path.suffix == ".html" else _of_code(source):
            found.setdefault(text, set()).add(path.relative_to(ROOT).as_posix())
    return found


def _of_template(source: str) -> Iterator[str]:
    for match in IN_TEMPLATES.finditer(source):
        yield match[1] or match[2]


def _of_code(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            first = node.args[0]
            if node.func.id in IN_CODE and isinstance(first, ast.Constant):
                yield str(first.value)


def collected(old: polib.POFile) -> polib.POFile:
    """The catalogue with what is said today, and the translations that there are."""
    known = {entry.msgid: entry.msgstr for entry in old}
    new = polib.POFile(wrapwidth=100)
    new.metadata = dict(HEADER)
    for text, files in sorted(texts().items()):
        where = [(name, "") for name in sorted(files)]
        flags = ["python-format"] if re.search(r"%\(\w+\)[sd]", text) else []
        new.append(
            polib.POEntry(msgid=text, msgstr=known.get(text, ""), occurrences=where, flags=flags)
        )
    return new


def problems() -> list[str]:
    """What is not as it should be, a line each."""
    old = polib.pofile(str(CATALOGUE), wrapwidth=100)
    new = collected(old)
    found = [f"not translated: {entry.msgid!r}" for entry in new if not entry.msgstr]
    if str(new) != CATALOGUE.read_text():
        found.append(f"{CATALOGUE.name} is not up to date")
    compiled = CATALOGUE.with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != new.to_binary():
        found.append(f"{compiled.name} is not up to date")
    for entry in new:
        if _values(entry.msgid) != _values(entry.msgstr):
            found.append(f"other values in the translation of {entry.msgid!r}")
    return found


def _values(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]", text))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args().check:
        old = polib.pofile(str(CATALOGUE)) if CATALOGUE.exists() else polib.POFile()
        new = collected(old)
        CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
        CATALOGUE.write_text(str(new))
        CATALOGUE.with_suffix(".mo").write_bytes(new.to_binary())
    found = problems()
    for line in found:
        print(line)
    if found and parser.parse_args().check:
        print("translate in django.po, then run: python -m tools.messages")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
