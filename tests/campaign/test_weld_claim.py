"""The claim about welds at a small scale, and that it would find a careless rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from campaign.claims import weld as claim
from campaign.weld import ends, welds
from campaign.weld.welds import Class, Weld
from station.rules import metering, weld
from station.rules.values import Load

SEED = 20_261_126
STRONG = Class(Load.WALLBOX, strong=True, late=False)
WEAK_LATE = Class(Load.SOCKET, strong=False, late=True)


def test_every_weld_is_found_and_no_normal_end_raises_an_alarm(tmp_path: Path) -> None:
    figures = claim.measure(0.003, SEED, tmp_path)
    counted = [one for one in figures if "not found" in one.what or "alarms" in one.what]
    assert len(counted) == 2
    found = (tmp_path / claim.TOLD).read_text()
    assert all(one.met for one in counted), f"seed {SEED}: {found}"


def test_strong_welds_are_found_in_time() -> None:
    found = welds.live(SEED, STRONG)
    assert found.found_s is not None
    assert found.found_s <= 15.0, str(found)


def test_without_the_rule_no_weld_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weld, "_welded", lambda *_: None)
    assert welds.live(SEED, STRONG).found_s is None


def test_a_slow_rule_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weld, "SLOW_S", 700.0)
    found = welds.live(SEED, WEAK_LATE).found_s
    assert found is not None
    assert found > claim.WEAK_WITHIN_S + weld.SETTLED_ENABLE_S


def test_a_weld_that_is_late_or_missed_is_told() -> None:
    never = Weld(1, STRONG, None, 300.0, 1, 0.0)
    late = replace(never, found_s=15.1)
    figures = [one for some in ([never], [late]) for one in claim._class("welds", some)]
    assert [one.met for one in figures] == [False, False, False]
    assert list(claim._told([never, late], [])) == [str(never), str(late)]


def test_without_time_for_the_ramp_there_are_false_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weld, "SETTLED_ENABLE_S", 0.0)
    assert until_alarm()


def test_if_standby_counted_as_flow_there_are_false_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    careful = weld.observe
    monkeypatch.setattr(
        metering.weld,
        "observe",
        lambda watch, reading, opened_at_s, settings: careful(
            watch, reading, opened_at_s, replace(settings, standby_w=0.0)
        ),
    )
    monkeypatch.setattr(ends, "WATCHED_S", ((650.0, 700.0),))
    assert until_alarm()


def until_alarm(lives: int = 12) -> bool:
    """Behind a release, where a car ramps down and standby flows all the time."""
    return any(
        ends.live(seed, ends=6).alarms
        for seed in range(SEED, SEED + lives)
        if ends.load_of(seed) is Load.ENABLE
    )
