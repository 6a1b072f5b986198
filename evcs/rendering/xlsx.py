"""Statements and reports as XLSX: numbers are numbers, times are times, text is never a formula."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from evcs.rendering.lines import entry_words, flat_name, remarks
from evcs.rendering.words import Texts, named

KWH_FORMAT, MONEY_FORMAT, TIME_FORMAT = "#,##0.000", "#,##0.00", "yyyy-mm-dd hh:mm"
LONGEST_CELL = 32_767
# What XML 1.0 cannot hold; a carriage return is read back as an escape.
_CONTROL = {number: 0xFFFD for number in (*range(32), 0xFFFE, 0xFFFF) if number not in (9, 10, 13)}
_CONTROL[13] = 10

Column = tuple[str, int, str]


def statement(content: dict[str, Any], texts: Texts, sha256: str) -> bytes:
    """Return a sheet of sessions and entries with their sum, and one of the facts."""
    columns: list[Column] = [
        (texts["kind"], 14, "text"),
        (texts["session"], 10, "whole"),
        (texts["station"], 14, "text"),
        (texts["tag"], 18, "text"),
        (texts["tag_label"], 18, "text"),
        (texts["start"], 17, "time"),
        (texts["end"], 17, "time"),
        (texts["serial"], 14, "text"),
        (texts["end_serial"], 14, "text"),
        (texts["start_kwh"], 17, "kwh"),
        (texts["end_kwh"], 17, "kwh"),
        (texts["kwh"], 12, "kwh"),
        (texts["remarks"], 60, "text"),
    ]
    rows: list[Sequence[Any]] = [
        (
            texts["session"], one["id"], one["station"], one["tag"], one["tag_label"],
            one["started_at"], one["ended_at"], one["meter_serial"], one["end_meter_serial"],
            one["start_wh"], one["end_wh"], one["energy_wh"], "; ".join(remarks(one, texts)),
        )
        for one in content["sessions"]
    ]  # fmt: skip
    rows += [
        (
            named("entry", one["kind"], texts), one["session_id"], one["station"], None, None,
            one["started_at"], one["ended_at"], None, None, None, None, one["energy_wh"],
            entry_words(one, texts),
        )
        for one in content["entries"]
    ]  # fmt: skip
    total = content["total"]
    facts: list[tuple[str, Any, str]] = [
        (texts["flat"], flat_name(content["flat"], texts), "text"),
        (texts["sessions"], total["sessions"], "whole"),
        (f"{texts['energy']} kWh", total["energy_wh"], "kwh"),
    ]
    for one in content["tariffs"]:
        since = f"{texts['valid_from']} {one['valid_from']}"
        facts += [
            (f"{texts['price']} ({one['currency']}), {since}", one["price_per_kwh"], "price"),
            (f"{texts['energy']} kWh, {since}", one["energy_wh"], "kwh"),
            (f"{texts['vat_percent']}, {since}", one["vat_percent"], "money"),
        ]
    if content["tariffs"]:
        facts += [
            (f"{texts[name]} ({total['currency']})", total[name], "money")
            for name in ("net", "vat", "gross")
        ]
        facts.append((f"{texts['unpriced']} kWh", total["unpriced_wh"], "kwh"))
    return _written(
        content, texts, sha256, facts, [(texts["sessions"], columns, rows, texts["kwh"])]
    )


def month(content: dict[str, Any], texts: Texts, sha256: str) -> bytes:
    """Return a sheet each of meters, statements and open points, and one of the facts."""
    meters: list[Column] = [
        (texts["station"], 14, "text"),
        (texts["serial"], 14, "text"),
        (texts["from_kwh"], 17, "kwh"),
        (texts["to_kwh"], 17, "kwh"),
        (texts["counted_kwh"], 14, "kwh"),
        (texts["sessions"], 14, "whole"),
        (texts["sessions_kwh"], 18, "kwh"),
        (texts["unassigned_kwh"], 20, "kwh"),
    ]
    statements: list[Column] = [
        (texts["flat"], 30, "text"),
        (texts["sessions"], 14, "whole"),
        (texts["kwh"], 12, "kwh"),
        (texts["gross"], 12, "money"),
        (texts["hash"], 68, "text"),
    ]
    points: list[Column] = [
        (texts["kind"], 24, "text"),
        (texts["station"], 14, "text"),
        (texts["session"], 12, "whole"),
        (texts["detail"], 80, "text"),
    ]
    keys = ("station", "serial", "from_wh", "to_wh", "counted_wh", "sessions", "sessions_wh")
    sheets = [
        (
            texts["serial"],
            meters,
            [tuple(one[key] for key in (*keys, "unassigned_wh")) for one in content["stations"]],
            texts["sessions_kwh"],
        ),
        (
            texts["statements"],
            statements,
            [
                (
                    flat_name(one["flat"], texts), one["sessions"], one["energy_wh"],
                    one["gross"], one["sha256"],
                )
                for one in content["statements"]
            ],
            texts["kwh"],
        ),
        (
            texts["open_points"],
            points,
            [
                (
                    named("open", one["kind"], texts), one["station"], one["session_id"],
                    one["detail"],
                )
                for one in content["open_points"]
            ],
            "",
        ),
    ]  # fmt: skip
    facts: list[tuple[str, Any, str]] = [(texts["closed_by"], content["closed_by"], "text")]
    if content["override"]:
        facts.append(("!", texts["override"].format(**content["override"]), "text"))
    if content["previous"]:
        previous = f"{content['previous']['month']} {content['previous']['sha256']}"
        facts.append((texts["previous"], previous, "text"))
    return _written(content, texts, sha256, facts, sheets)


def _written(
    content: dict[str, Any],
    texts: Texts,
    sha256: str,
    facts: list[tuple[str, Any, str]],
    sheets: Sequence[tuple[str, list[Column], Sequence[Sequence[Any]], str]],
) -> bytes:
    target = io.BytesIO()
    closed = dt.datetime.fromisoformat(content["closed_at"]).replace(tzinfo=None)
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        book.set_properties({"created": closed, "author": _clean(content["issuer"]["name"])})
        cells = _Cells(book)
        for name, columns, rows, summed in sheets:
            _table(book.add_worksheet(name[:31]), cells, columns, rows, summed, texts)
        common = [
            (texts["month"], content["month"], "text"),
            (texts["period"], f"{content['from']} – {content['to']}", "text"),
            (texts["closed_at"], content["closed_at"], "time"),
        ]
        last = [(texts["hash"], sha256, "text"), (texts["remarks"], texts["notice"], "text")]
        sheet = book.add_worksheet(texts["facts"])
        sheet.set_column(0, 0, 50)
        sheet.set_column(1, 1, 70)
        for row, (name, value, kind) in enumerate([*common, *facts, *last]):
            cells.write(sheet, row, 0, name, "head")
            cells.write(sheet, row, 1, value, kind)
    return target.getvalue()


def _table(
    sheet: Worksheet,
    cells: _Cells,
    columns: list[Column],
    rows: Sequence[Sequence[Any]],
    summed: str,
    texts: Texts,
) -> None:
    sheet.freeze_panes(1, 0)
    for place, (name, width, _) in enumerate(columns):
        sheet.set_column(place, place, width)
        cells.write(sheet, 0, place, name, "head")
    for number, row in enumerate(rows, 1):
        for place, (value, (_, _, kind)) in enumerate(zip(row, columns, strict=True)):
            cells.write(sheet, number, place, value, kind)
    for place, (name, _, kind) in enumerate(columns):
        if summed and name == summed:
            column = xlsxwriter.utility.xl_col_to_name(place)
            total = sum(row[place] or 0 for row in rows)
            formula = f"=SUM({column}2:{column}{len(rows) + 1})" if rows else "=0"
            cells.write(sheet, len(rows) + 1, 0, texts["sum"], "head")
            value = float(Decimal(total).scaleb(-3))
            sheet.write_formula(len(rows) + 1, place, formula, cells.formats[kind], value)


class _Cells:
    """Writes a value as what it is."""

    def __init__(self, book: Workbook) -> None:
        self.formats = {
            "head": book.add_format({"bold": True}),
            "kwh": book.add_format({"num_format": KWH_FORMAT}),
            "money": book.add_format({"num_format": MONEY_FORMAT}),
            "price": book.add_format({"num_format": "0.00000"}),
            "time": book.add_format({"num_format": TIME_FORMAT}),
            "whole": None,
            "text": None,
        }

    def write(self, sheet: Worksheet, row: int, column: int, value: Any, kind: str) -> None:
        if value is None:
            return
        form = self.formats[kind]
        writers: dict[str, Callable[[], Any]] = {
            "kwh": lambda: sheet.write_number(row, column, float(Decimal(value).scaleb(-3)), form),
            "money": lambda: sheet.write_number(row, column, float(Decimal(value)), form),
            "price": lambda: sheet.write_number(row, column, float(Decimal(value)), form),
            "whole": lambda: sheet.write_number(row, column, value, form),
            "time": lambda: sheet.write_datetime(
                row, column, dt.datetime.fromisoformat(value).replace(tzinfo=None), form
            ),
        }
        # Never a formula or a link, whatever it begins with.
        writers.get(kind, lambda: sheet.write_string(row, column, _clean(value), form))()


def _clean(text: str) -> str:
    return str(text).translate(_CONTROL)[:LONGEST_CELL]
