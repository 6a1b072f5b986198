"""The claim about tags at a small scale, and that it would find a reader without its rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.claims import tags
from drivers.presence import Presence
from drivers.reader import Reader

SEED = 20_261_125
SCALE = 0.01


def test_the_claim_holds_at_a_hundredth_of_its_size(tmp_path: Path) -> None:
    missed = [figure for figure in tags.measure(SCALE, SEED, tmp_path) if not figure.met]
    assert not missed, f"seed {SEED}: {missed}"


def test_a_reader_that_reads_once_brings_phantoms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "_read_twice", Reader._read_once)
    assert tags.among_noise_on_air(SEED, 5_000)["phantoms"] > 0
    assert tags.among_noise_at_chip(SEED, 200)["phantoms"] > 0


def test_a_held_tag_taps_again_if_damage_counts_as_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Presence.feed
    monkeypatch.setattr(Presence, "feed", lambda self, scan, *, heard: kept(self, scan))
    assert tags.held(SEED, 20.0, tags.WIRE_NOISE, tags.AIR_NOISE) > 1


def test_a_held_tag_taps_again_if_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Presence, "feed", lambda self, scan, *, heard: scan)
    assert tags.held(SEED, 2.0, 0.0, 0.0) > 1
