"""The pages speak German and English, whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polib
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from evcs import kinds
from evcs.pages import wording
from evcs.services import corrections
from evcs.services.errors import UsageError
from tests.server.pages.conftest import House
from tools import messages


def test_every_text_is_translated_and_compiled() -> None:
    assert messages.problems() == []


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (wording.PHASES, kinds.Phase),
        (wording.STATES, kinds.SessionState),
        (wording.END_REASONS, kinds.EndReason),
        (wording.COMMANDS, kinds.CommandType),
        (wording.RESULTS, kinds.CommandResult),
    ],
)
def test_every_name_has_words(table: dict[str, object], names: Callable[..., object]) -> None:
    assert set(table) == set(names)  # type: ignore[call-overload]


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in wording.REFUSALS])
def test_a_refusal_with_words_of_ours_is_one_that_services_give(pattern: str) -> None:
    services = Path(corrections.__file__).parent
    said = "\n".join(path.read_text() for path in services.glob("*.py"))
    assert re.search(pattern, said)


def test_any_other_refusal_is_told_as_it_is() -> None:
    with translation.override("de"):
        assert wording.refusal(UsageError("no such thing")) == "Nicht ausgeführt: no such thing"


def test_the_reader_chooses_the_language(house: House, owner: Client) -> None:
    url = reverse("evcs:sessions")
    german = owner.get(url).content.decode()
    assert '<html lang="de">' in german
    assert "Ladevorgänge" in german
    assert "11,240" in german
    owner.post(reverse("evcs:language"), {"language": "en", "next": url})
    english = owner.get(url).content.decode()
    assert '<html lang="en">' in english
    assert "Charging sessions" in english
    assert "11.240" in english


def test_the_browsers_language_is_taken(house: House, owner: Client) -> None:
    page = owner.get(reverse("evcs:live"), headers={"Accept-Language": "en-GB"}).content.decode()
    assert "Skip to the content" in page


def test_no_text_is_taken_by_another_apps_translation() -> None:
    """Django puts all catalogues into one; an app before this one wins."""
    with translation.override("de"):
        taken = {
            entry.msgid: translation.gettext(entry.msgid)
            for entry in polib.pofile(str(messages.CATALOGUE))
            if translation.gettext(entry.msgid) != entry.msgstr
        }
    assert taken == {}
