"""docs/safety.md against the tree: every promise names a rule and a test that are there."""

from __future__ import annotations

import pytest

from tools import safety


def test_the_safety_case_is_true_and_its_page_up_to_date() -> None:
    tables = safety.load(safety.SOURCE.read_text())
    assert list(safety.mistakes(tables)) == []
    before = safety.PAGE.read_text()
    assert safety.page(before, tables) == before


GOOD = """
[[box]]
id = "one"
sentence = "…"
rules = ["station.rules.closing.why_not_close"]
tests = ["tests/test_safety.py::test_a_promise_that_is_kept_has_no_mistake"]
"""


def test_a_promise_that_is_kept_has_no_mistake() -> None:
    assert list(safety.mistakes(safety.load(GOOD))) == []


@pytest.mark.parametrize(
    ("there", "gone", "word"),
    [
        ("closing.why_not_close", "closing.why_not_open", "rule"),
        ("rules.closing.why", "rules.opening.why", "rule"),
        ("station.rules.closing.why_not_close", "systemd/no.service", "rule"),
        ("test_a_promise_that_is_kept", "test_a_promise_that_is_broken", "test"),
        ("tests/test_safety.py::", "tests/test_nothing.py::", "test"),
        ("tests/test_safety.py::test_a_promise_that_is_kept_has_no_mistake", "no.story", "test"),
        ("test_a_promise_that_is_kept_has_no_mistake", "GOOD", "test"),
    ],
)
def test_what_is_not_there_is_found(there: str, gone: str, word: str) -> None:
    (mistake,) = safety.mistakes(safety.load(GOOD.replace(there, gone)))
    assert mistake.startswith(f"one: there is no {word} ")


@pytest.mark.parametrize("missing", ["rules", "tests"])
def test_a_promise_without_rule_or_test_says_so(missing: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(missing)]
    (mistake,) = safety.mistakes(safety.load("\n".join(lines)))
    assert "open" in mistake
    lines.append('open = "not yet"')
    assert list(safety.mistakes(safety.load("\n".join(lines)))) == []


def test_methods_and_constants_are_rules_too() -> None:
    names = ["drivers.contactor.Contactor.close", "station.lease.LEASE_S", "station.workers"]
    for name in names:
        text = GOOD.replace("station.rules.closing.why_not_close", name)
        assert list(safety.mistakes(safety.load(text))) == []


def test_two_promises_of_one_name_are_refused() -> None:
    with pytest.raises(safety.Wrong, match="two of this id"):
        safety.load(GOOD + GOOD)


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(safety.Wrong, match="box"):
        safety.page("no table here", safety.load(GOOD))


def test_a_table_is_made_anew_between_its_marks() -> None:
    made = safety.page("before\n<!-- table: box -->\nold\n<!-- end -->\nafter", safety.load(GOOD))
    assert "old" not in made
    assert made.startswith("before\n")
    assert made.endswith("<!-- end -->\nafter")
    assert "| one | … | `closing.why_not_close` |" in made
