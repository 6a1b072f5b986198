"""A life is written from its seed alone, and the seeds together try everything there is."""

from __future__ import annotations

from campaign.whole.acts import Break, Deed, Network, Way
from campaign.whole.run import seeds
from campaign.whole.script import Script, write
from simulator.faults import FAULT_NAMES

LIVES = 400


def scripts() -> list[Script]:
    return [write(seed) for seed in seeds(LIVES, 1)]


def test_the_same_seed_writes_the_same_life() -> None:
    assert scripts() == scripts()
    assert [str(one) for one in scripts()] == [str(one) for one in scripts()]


def test_seeds_of_a_run_do_not_depend_on_its_length() -> None:
    assert seeds(10, 7) == seeds(200, 7)[:10]
    assert len(set(seeds(LIVES, 7))) == LIVES


def test_every_fault_and_every_bad_network_is_tried() -> None:
    deeds = [act.deed for script in scripts() for act in script.acts]
    assert {deed.fault for deed in deeds if isinstance(deed, Break)} == set(FAULT_NAMES)
    assert {deed.way for deed in deeds if isinstance(deed, Network)} == set(Way)


def test_every_kind_of_deed_is_tried_and_can_be_read() -> None:
    deeds = [act.deed for script in scripts() for act in script.acts]
    assert {type(deed) for deed in deeds} == set(Deed.__args__)
    for deed in deeds:
        assert "object at" not in str(deed)
        assert "(" not in str(deed).replace("phase(s)", "")


def test_requests_are_delivered_one_to_five_times() -> None:
    assert {script.delivery.copies for script in scripts()} == {1, 2, 3, 4, 5}
