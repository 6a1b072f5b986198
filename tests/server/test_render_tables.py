"""CSV and XLSX: read back, every number is there, and nothing becomes a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evcs import rendering
from tests.server.render_samples import SHA, entry, full, report, session, statement

NASTY = ["=1+1", "+49 30", "-x", "@SUM(A1)", "\tx", "<b>&amp;</b>", 'say "hi"', "a;b,c", "Ähß€–"]


def rows_of(content: dict[str, Any], kind: str = "csv", language: str = "de") -> list[list[str]]:
    data = rendering.render(content, kind, language, SHA)
    if kind == "csv":
        return list(csv.reader(io.StringIO(data.decode(), newline="")))
    text = data.decode("cp1252")
    first, _, rest = text.partition("\r\n")
    assert first == "sep=;"
    return list(csv.reader(io.StringIO(rest, newline=""), delimiter=";"))


def book_of(content: dict[str, Any], language: str = "de") -> openpyxl.Workbook:
    data = rendering.render(content, "xlsx", language, SHA)
    return openpyxl.load_workbook(io.BytesIO(data))


class TestCsv:
    """Plain for programs, and for a German Excel."""

    def test_the_bytes_that_a_german_excel_opens(self) -> None:
        data = rendering.render(statement([session()]), "csv-excel", "de", SHA)
        assert data == (
            "sep=;\r\n"
            "Art;Monat;Wohnung;Ladevorgang;Station;Karte;Bezeichnung;Beginn;Ende;Zähler;"
            "Zähler am Ende;Stand Beginn kWh;Stand Ende kWh;kWh;Bemerkungen\r\n"
            "Ladevorgang;2026-11;Wohnung 3 links;23;Lader1;04A3C6CAE26180;Karte;"
            "2026-11-22 12:59:00;2026-11-22 13:59:59;4711;4711;1234,567;1245,807;11,240;\r\n"
            "Summe;2026-11;Wohnung 3 links;;;;;;;;;;;11,240;\r\n"
        ).encode("cp1252")

    def test_plain(self) -> None:
        data = rendering.render(statement([session()]), "csv", "en", SHA)
        assert data.startswith(b"Kind,Month,Apartment,session,")
        assert b"\r" not in data
        rows = rows_of(statement([session()]), language="en")
        assert rows[1][7] == "2026-11-22T12:59:00+01:00"
        assert rows[1][13] == "11.240"

    @pytest.mark.parametrize("kind", ["csv", "csv-excel"])
    def test_every_line_and_the_sum(self, kind: str) -> None:
        content = full()
        rows = rows_of(content, kind)
        width = {len(row) for row in rows}
        assert width == {16}
        mark = "." if kind == "csv" else ","
        kwh = [row[13].replace(mark, "") for row in rows[1:]]
        lines = [*content["sessions"], *content["entries"]]
        assert [int(text) for text in kwh[:-1]] == [one["energy_wh"] for one in lines]
        assert int(kwh[-1]) == content["total"]["energy_wh"]
        assert "9.26 EUR" in rows[-1][15]

    def test_no_price_no_money(self) -> None:
        text = rendering.render(statement([session()]), "csv", "de", SHA).decode()
        assert "netto" not in text
        assert "brutto" not in text

    def test_an_empty_month(self) -> None:
        rows = rows_of(statement([]))
        assert len(rows) == 2
        assert rows[1][13] == "0.000"

    def test_a_report(self) -> None:
        rows = rows_of(report(), language="en")
        assert {len(row) for row in rows} == {14}
        assert rows[1][5:11] == ["1000.000", "1039.007", "39.007", "3", "38.500", "0.507"]
        assert [row[12] for row in rows if row[0].startswith("Statement")] == [SHA, SHA[::-1]]

    @pytest.mark.parametrize("text", NASTY)
    def test_no_cell_is_a_formula(self, text: str) -> None:
        content = statement([session(tag_label=text)], [entry(reason=text)])
        cell = rows_of(content, "csv-excel")[1][6]
        assert cell == (f"'{text}" if text[0] in "=+-@\t" else text)
        # A program gets what is stored.
        assert rows_of(content)[1][6] == text

    def test_what_windows_1252_lacks_is_marked(self) -> None:
        rows = rows_of(statement([session(tag_label="Łódź 🚗")]), "csv-excel")
        assert rows[1][6] == "?ód? ?"

    @settings(max_examples=100, derandomize=True, deadline=None)
    @given(text=st.text(max_size=60))
    def test_any_text_survives(self, text: str) -> None:
        try:
            text.encode()
        except UnicodeEncodeError:
            return
        content = statement(
            [session(tag_label=text)],
            [entry(reason=text)],
            flat={"id": "7", "name": text},
        )
        row = rows_of(content)[1]
        wanted = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        assert row[6] == row[2] == wanted.replace("\r\n", "\n").replace("\r", "\n")
        rows_of(content, "csv-excel")


class TestXlsx:
    """Numbers that can be summed, times that can be sorted."""

    def test_numbers_and_times_are_what_they_are(self) -> None:
        sheet = book_of(full()).worksheets[0]
        row = [cell.value for cell in sheet[2]]
        assert row[5:7] == [
            dt.datetime(2026, 11, 22, 12, 59),
            dt.datetime(2026, 11, 22, 13, 59, 59),
        ]
        assert row[9:12] == [1234.567, 1245.807, 11.24]
        assert sheet["L2"].number_format == "#,##0.000"
        assert sheet.freeze_panes == "A2"

    def test_the_sum_is_a_formula_with_its_value(self) -> None:
        data = rendering.render(full(), "xlsx", "de", SHA)
        last = len(full()["sessions"]) + len(full()["entries"]) + 2
        formulas = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
        values = openpyxl.load_workbook(io.BytesIO(data), data_only=True).worksheets[0]
        assert formulas[f"L{last}"].value == f"=SUM(L2:L{last - 1})"
        assert values[f"L{last}"].value == 22.29
        assert values[f"A{last}"].value == "Summe"

    def test_facts(self) -> None:
        sheet = book_of(full()).worksheets[1]
        facts = {row[0].value: row[1].value for row in sheet.iter_rows()}
        assert facts["SHA-256"] == SHA
        assert facts["brutto (EUR)"] == 9.26
        assert "nicht eichrechtskonform" in facts["Bemerkungen"]

    def test_an_empty_month(self) -> None:
        sheet = book_of(statement([])).worksheets[0]
        assert sheet["A2"].value == "Summe"
        assert sheet["L2"].value == "=0"

    def test_a_report(self) -> None:
        meters, statements, points, facts = book_of(report(), "en").worksheets
        assert [cell.value for cell in meters[2]] == [
            *("Lader1", "4711", 1000, 1039.007, 39.007, 3, 38.5, 0.507)
        ]
        assert statements["E2"].value == SHA
        assert points["D3"].value == "flagged overlap"
        assert any("Station abgebaut" in str(row[1].value) for row in facts.iter_rows())

    @pytest.mark.parametrize("text", NASTY)
    def test_no_cell_is_a_formula(self, text: str) -> None:
        cell = book_of(statement([session(tag_label=text)])).worksheets[0]["E2"]
        assert (cell.data_type, cell.value) == ("s", text)

    @settings(max_examples=60, derandomize=True, deadline=None)
    @given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
    def test_any_text_survives(self, text: str) -> None:
        found = book_of(statement([session(tag_label=text)])).worksheets[0]["E2"].value or ""
        wanted = "".join(
            "\n" if char == "\r" else "\N{REPLACEMENT CHARACTER}" if _forbidden(char) else char
            for char in text
        )
        assert found == wanted


def _forbidden(char: str) -> bool:
    """XML 1.0 has no such character."""
    return (char < " " and char not in "\t\n\r") or char in "\ufffe\uffff"


@pytest.mark.parametrize("kind", list(rendering.FORMATS))
@pytest.mark.parametrize("content", [full(), report()], ids=["statement", "report"])
def test_the_same_bytes_every_time(kind: str, content: dict[str, Any]) -> None:
    assert rendering.render(content, kind, "de", SHA) == rendering.render(content, kind, "de", SHA)


@pytest.mark.parametrize(
    ("content", "kind", "language"),
    [(full(), "docx", "de"), (full(), "pdf", "fr"), (full() | {"format": "x/2"}, "pdf", "de")],
)
def test_what_there_is_not(content: dict[str, Any], kind: str, language: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        rendering.render(content, kind, language, SHA)


@pytest.mark.parametrize(
    ("name", "language", "file"),
    [
        ("Wohnung 3 links", "de", "Ladeabrechnung-2026-11-Wohnung-3-links.pdf"),
        ("Straße/Öl ../x", "en", "Charging-statement-2026-11-Strasse-Oel-x.pdf"),
        ("🚗", "de", "Ladeabrechnung-2026-11-0.pdf"),
        ("x" * 300, "de", f"Ladeabrechnung-2026-11-{'x' * 60}.pdf"),
    ],
)
def test_names_of_files(name: str, language: str, file: str) -> None:
    content = statement([], flat={"id": "7", "name": name})
    assert rendering.file_name(content, "pdf", language) == file
    assert rendering.file_name(report(), "csv-excel", language).endswith("-2026-11.csv")
