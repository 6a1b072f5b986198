"""Statements and reports as files, made from the frozen text and from nothing else. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from evcs.rendering import delimited, pdf, xlsx
from evcs.rendering.words import words

FORMATS = {
    "pdf": ("application/pdf", "pdf"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "csv-excel": ("text/csv; charset=windows-1252", "csv"),
}
LONGEST_NAME = 60


def render(content: dict[str, Any], kind: str, language: str, sha256: str) -> bytes:
    """Return a statement or a month's report as a file: the same input, the same bytes.

    ``content`` is what canonical JSON holds, ``sha256`` the hash of that text. Raises ValueError
    for a kind or language that there is not, or a format of a later release.
    """
    texts = words(language)
    house = content["format"] == "evcs-month/1"
    if not house and content["format"] != "evcs-statement/1":
        raise ValueError(f"{content['format']!r} is of another release of evcs")
    if kind == "pdf":
        return (pdf.month if house else pdf.statement)(content, texts, sha256)
    if kind == "xlsx":
        return (xlsx.month if house else xlsx.statement)(content, texts, sha256)
    if kind in ("csv", "csv-excel"):
        flavour = delimited.EXCEL if kind == "csv-excel" else delimited.PLAIN
        rows = (delimited.month if house else delimited.statement)(content, texts, flavour)
        return delimited.written(rows, flavour)
    raise ValueError(f"a statement can be {', '.join(FORMATS)}; not {kind!r}")


def file_name(content: dict[str, Any], kind: str, language: str) -> str:
    """Return a name for the file: ASCII letters, digits, hyphens and dots only."""
    texts = words(language)
    if content["format"] == "evcs-month/1":
        parts = [texts["file_report"], content["month"]]
    else:
        flat = content["flat"]
        parts = [texts["file_statement"], content["month"], flat["name"] if flat else "-"]
    return f"{'-'.join(_ascii(part) for part in parts)}.{FORMATS[kind][1]}"


def _ascii(text: str) -> str:
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(umlaut, letters).replace(umlaut.upper(), letters.title())
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME] or "0"
