"""The pages speak German and English, whole."""

from __future__ import annotations

import ast
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
from evcs.services.errors import Noun, UsageError
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


def raised() -> list[ast.Call]:
    """All places in the services where an administrator is refused."""
    services = Path(corrections.__file__).parent
    return [
        node
        for path in services.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("UsageError", "Noun")
    ]


def test_every_refusal_has_a_sentence_that_can_be_translated() -> None:
    """One put together before it is looked up would be English on every page."""
    assert len(raised()) > 30
    for call in raised():
        assert isinstance(call.args[0], ast.Constant), ast.unparse(call)


def test_a_refusal_is_told_in_the_readers_language() -> None:
    error = UsageError("%(what)s has at most %(most)s characters", what=Noun("a name"), most=100)
    assert str(error) == "a name has at most 100 characters"
    with translation.override("de"):
        assert wording.refusal(error) == "Ein Name hat höchstens 100 Zeichen."
        assert str(error) == "a name has at most 100 characters"
    with translation.override("en"):
        assert wording.refusal(error) == "A name has at most 100 characters."


def test_what_was_typed_is_not_translated() -> None:
    with translation.override("de"):
        told = UsageError("tag %(uid)s is not on the list of unknown tags", uid="a name").told()
    assert "a name" in told


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
