"""Statements and reports as CSV: plain for programs, and as a German Excel opens it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evcs.rendering.lines import entry_words, flat_name, remarks
from evcs.rendering.words import Texts, named

# A cell that begins so is taken for a formula by spreadsheets, or makes them ask.
_FORMULA = ("=", "+", "-", "@", "\t", "\n")

Cell = str | Decimal | int | None


@dataclass(frozen=True, slots=True)
class Flavour:
    """``first``: a line before all others. What ``encoding`` lacks is written as ``?``."""

    delimiter: str
    decimal: str
    encoding: str
    line_end: str
    first: str
    careful: bool


PLAIN = Flavour(",", ".", "utf-8", "\n", "", False)
EXCEL = Flavour(";", ",", "cp1252", "\r\n", "sep=;", True)

Rows = list[Sequence[Cell]]


def statement(content: dict[str, Any], texts: Texts, flavour: Flavour) -> Rows:
    """Return a row for each session and entry, and the sum."""
    priced = bool(content["tariffs"])
    names = [
        "kind", "month", "flat", "session", "station", "tag", "tag_label", "start", "end", "serial",
        "end_serial", "start_kwh", "end_kwh", "kwh",
    ]  # fmt: skip
    head = [texts[name] for name in names]
    head += [texts["price"]] if priced else []
    rows: Rows = [[*head, texts["remarks"]]]
    common = [content["month"], flat_name(content["flat"], texts)]
    for one in content["sessions"]:
        row: list[Cell] = [
            texts["session"], *common, one["id"], one["station"], one["tag"], one["tag_label"],
            _time(one["started_at"], flavour), _time(one["ended_at"], flavour),
            one["meter_serial"], one["end_meter_serial"], _kwh(one["start_wh"]),
            _kwh(one["end_wh"]), _kwh(one["energy_wh"]),
        ]  # fmt: skip
        row += [_price(content, one)] if priced else []
        rows.append([*row, "; ".join(remarks(one, texts))])
    for one in content["entries"]:
        row = [
            named("entry", one["kind"], texts), *common, one["session_id"], one["station"], "", "",
            _time(one["started_at"], flavour), _time(one["ended_at"], flavour), "", "", None, None,
            _kwh(one["energy_wh"]),
        ]  # fmt: skip
        row += [_price(content, one)] if priced else []
        rows.append([*row, entry_words(one, texts)])
    total = content["total"]
    row = [texts["sum"], *common, *([""] * 8), None, None, _kwh(total["energy_wh"])]
    row += [None] if priced else []
    money = (
        f"{texts['net']} {total['net']}, {texts['vat']} {total['vat']}, "
        f"{texts['gross']} {total['gross']} {total['currency']}"
    )
    rows.append([*row, money if priced else ""])
    return rows


def month(content: dict[str, Any], texts: Texts, flavour: Flavour) -> Rows:
    """Return a row for each meter, statement and open point."""
    names = [
        "kind", "month", "station", "flat", "serial", "from_kwh", "to_kwh", "counted_kwh",
        "sessions", "sessions_kwh", "unassigned_kwh", "gross", "hash", "detail",
    ]  # fmt: skip
    rows: Rows = [[texts[name] for name in names]]
    when = content["month"]
    for one in content["stations"]:
        rows.append(
            [
                texts["serial"], when, one["station"], "", one["serial"], _kwh(one["from_wh"]),
                _kwh(one["to_wh"]), _kwh(one["counted_wh"]), one["sessions"],
                _kwh(one["sessions_wh"]), _kwh(one["unassigned_wh"]), None, "", "",
            ]
        )  # fmt: skip
    for one in content["statements"]:
        gross = Decimal(one["gross"]) if one["gross"] is not None else None
        rows.append(
            [
                texts["statement"], when, "", flat_name(one["flat"], texts), "", None, None, None,
                one["sessions"], _kwh(one["energy_wh"]), None, gross, one["sha256"], "",
            ]
        )  # fmt: skip
    for one in content["open_points"]:
        rows.append(
            [
                named("open", one["kind"], texts), when, one["station"], "", "", None, None, None,
                one["session_id"], None, None, None, "", one["detail"],
            ]
        )  # fmt: skip
    return rows


def written(rows: Iterable[Sequence[Cell]], flavour: Flavour) -> bytes:
    """Return the bytes of the file."""
    text = io.StringIO()
    if flavour.first:
        text.write(flavour.first + flavour.line_end)
    writer = csv.writer(
        text, delimiter=flavour.delimiter, lineterminator=flavour.line_end, quotechar='"'
    )
    for row in rows:
        writer.writerow([_cell(cell, flavour) for cell in row])
    return text.getvalue().encode(flavour.encoding, errors="replace")


def _cell(cell: Cell, flavour: Flavour) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return str(cell).replace(".", flavour.decimal)
    if isinstance(cell, int):
        return str(cell)
    # No file of lines can hold a NUL, and a lone carriage return is read as two lines.
    cell = cell.replace("\0", "\N{REPLACEMENT CHARACTER}")
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    if flavour.careful and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


def _kwh(wh: int | None) -> Decimal | None:
    return None if wh is None else Decimal(wh).scaleb(-3)


def _price(content: dict[str, Any], line: dict[str, Any]) -> Decimal | None:
    place = line["tariff"]
    return None if place is None else Decimal(content["tariffs"][place]["price_per_kwh"])


def _time(text: str, flavour: Flavour) -> str:
    """For programs with the offset; for a spreadsheet as it knows times."""
    return text[:19].replace("T", " ") if flavour.careful else text
