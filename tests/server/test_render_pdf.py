"""The PDF, read back as text: every number is there, whatever the texts, on any number of pages."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from evcs import rendering
from evcs.kinds import EntryKind, Flag
from evcs.rendering.words import _LANGUAGES, words
from evcs.services import months
from tests.server.render_samples import SHA, entry, full, report, session, statement


def pages_of(content: dict[str, Any], language: str = "de") -> list[str]:
    data = rendering.render(content, "pdf", language, SHA)
    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


def text_of(content: dict[str, Any], language: str = "de") -> str:
    return "\n".join(pages_of(content, language))


def test_all_that_a_person_compares() -> None:
    text = text_of(full())
    for wanted in (
        *("Wohnung 3 links", "Erika Musterfrau", "Hausverwaltung Müßig & Söhne", "Lader1"),
        *("22.11.2026 12:59", "1234,567", "1245,807", "11,240", "4711", "4711 / 0815"),
        *("Zähler wurde getauscht", "geprüft: Frau Verwalter, plausibel", "(geschätzt)"),
        *("Korrektur: Zähler falsch abgelesen, von Frau Verwalter", "-0,240", "Umbuchung"),
        *("späte Energie: after closing", "0,35000 €", "19,00 %", "9,26 €", "22,290 kWh"),
        *("nicht eichrechtskonform", SHA, "Seite 1 von 1", "IBAN DE00"),
    ):
        assert wanted in text, wanted
    # Not the whole number of a card, on paper that lies around.
    assert "04A3C6CAE26180" not in text
    assert "6180" in text


def test_in_english() -> None:
    text = text_of(full(), "en")
    for wanted in (
        "1234.567",
        "EUR 9.26",
        "2026-11-22 12:59",
        "not compliant with calibration law",
    ):
        assert wanted in text, wanted


def test_an_empty_month_says_so() -> None:
    assert "In diesem Monat wurde nicht geladen." in text_of(statement([]))
    assert "There was no charging in this month." in text_of(statement([]), "en")


def test_no_price_no_money() -> None:
    text = text_of(statement([session()]))
    for word in ("€", "netto", "brutto", "Preis"):
        assert word not in text


def test_what_belongs_to_nobody() -> None:
    assert "keiner Wohnung zugeordnet" in text_of(statement([session()], flat=None, recipient=[]))


def test_a_thousand_sessions() -> None:
    sessions = [session(number, energy_wh=1_000_000 + number) for number in range(1000)]
    pages = pages_of(statement(sessions))
    assert len(pages) > 10
    for number, page in enumerate(pages, 1):
        assert f"Seite {number} von {len(pages)}" in page
        assert "Stand Beginn" in page, "the head of the table stands on each page"
        assert SHA in page
    found = re.findall(r"\b1000,\d{3}\b|\b1000,\d{3}\n", "\n".join(pages))
    assert {text.strip() for text in found} >= {f"1000,{number:03}" for number in range(1000)}


def test_a_report_with_the_line_of_the_meter() -> None:
    text = text_of(report())
    for wanted in (
        *("1000,000", "1039,007", "39,007", "38,500", "0,507", "gezählt = Ladevorgänge"),
        *("Trotz offener Punkte abgeschlossen von Frau Verwalter: Station abgebaut", "-0,005"),
        *("Station schweigt", "flagged overlap", "keiner Wohnung zugeordnet", "14,04"),
    ):
        assert wanted in text, wanted
    # Hashes are broken over lines.
    assert SHA in text.replace("\n", "")


def test_the_hour_that_there_is_twice_is_told_apart() -> None:
    night = {"started_at": "2026-10-25T02:50:00+02:00", "ended_at": "2026-10-25T02:10:00+01:00"}
    content = statement([session(**night)])
    german, english = (" ".join(text_of(content, one).split()) for one in ("de", "en"))
    assert "25.10.2026 02:50 MESZ 25.10.2026 02:10 MEZ" in german
    assert "2026-10-25 02:50 CEST 2026-10-25 02:10 CET" in english
    assert "MEZ" not in text_of(statement([session()]))


@pytest.mark.parametrize("text", [months.SETTLED_LATE, months.SETTLED_ANEW])
def test_what_the_server_booked_itself_is_in_the_readers_language(text: str) -> None:
    """A person's words stay as they are, be they the same."""
    content = statement([], [entry(reason=text, by="")])
    assert "neu berechnet" in " ".join(text_of(content).split())
    assert "settled" in " ".join(text_of(content, "en").split())
    assert text in " ".join(text_of(statement([], [entry(reason=text)])).split())


def test_nothing_open() -> None:
    quiet = report() | {"override": None, "open_points": [], "previous": None}
    assert "Nichts war offen." in text_of(quiet)


@pytest.mark.parametrize("text", ["<b>fat</b> & <i>", "&amp;", "<para>", "]]>", "%d {0}"])
def test_text_is_no_markup(text: str) -> None:
    content = statement([session(tag_label=text)], [entry(reason=text)])
    assert " ".join(text_of(content).split()).count(text) == 2


@pytest.mark.parametrize("text", ["🚗 Auto", "汉字", "a\u200bb", "\x00\x1f", "x" * 3000, "\n\n\n"])
def test_text_that_does_not_fit_or_that_the_font_lacks(text: str) -> None:
    content = statement(
        [session(tag_label=text, station=text, meter_serial=text)],
        [entry(reason=text, by=text)],
        flat={"id": "7", "name": text},
        recipient=[text] * 9,
        issuer={"name": text, "address": [text] * 9, "footer": [text] * 9},
    )
    assert "11,240" in text_of(content)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(text=st.text(max_size=80))
def test_no_text_makes_it_fail(text: str) -> None:
    content = statement(
        [session(tag_label=text, flags=[text[:10]])],
        [entry(reason=text, kind=text[:10])],
        flat={"id": "7", "name": text},
        recipient=[text],
    )
    assert rendering.render(content, "pdf", "de", SHA).startswith(b"%PDF-")


def test_both_languages_have_all_texts() -> None:
    german, english = (set(_LANGUAGES[language]) for language in ("de", "en"))
    assert german == english
    for name in Flag:
        assert f"flag_{name.value}" in german
    for kind in EntryKind:
        assert f"entry_{kind.value}" in german


def test_a_flag_of_a_later_release_is_shown_by_its_name() -> None:
    assert "brand_new" in text_of(statement([session(flags=["brand_new"])]))
    with pytest.raises(ValueError, match="no language"):
        words("fr")


def test_title_and_language_of_the_file() -> None:
    data = rendering.render(full(), "pdf", "de", SHA)
    reader = PdfReader(io.BytesIO(data))
    assert reader.metadata is not None
    assert reader.metadata.title == "Abrechnung der Ladevorgänge 2026-11, Wohnung 3 links"
    assert reader.metadata.author == "Hausverwaltung Müßig & Söhne"
    assert reader.trailer["/Root"]["/Lang"] == "de"
