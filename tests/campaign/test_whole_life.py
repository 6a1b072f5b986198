"""One short whole life, lived: the machinery of the campaign works, and nothing is lost in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.whole.acts import (
    Act,
    Cue,
    KillAtCommit,
    Moment,
    Network,
    Plug,
    PowerBack,
    PowerCut,
    Tap,
    Unplug,
    Way,
)
from campaign.whole.building import Built
from campaign.whole.run import house, live
from campaign.whole.script import Script
from campaign.whole.wire import Delivery

BUILT = Built(
    load="wallbox",
    phases=3,
    mirror_contact=False,
    vehicle_input=False,
    stop_button=False,
    policy="known_tags",
    sample_s=0.5,
    lost_after_s=5.0,
    final_reading_timeout_s=3600.0,
    finished_after_min=60.0,
    max_energy_kwh=150.0,
    timeout_s=2.0,
)

# Anna's START gets no answer, so the list decides; the END is lost after the server has it. Her
# second charge dies with the power.
ACTS = (
    Act(Moment(0.1), Plug(11.0, 3)),
    Act(Moment(0.1), Network(Way.LOSES_ANSWERS)),
    Act(Moment(0.1), Tap("Anna", begins=True)),
    Act(Moment(5.5, Cue.CLOSES), Tap("Anna")),
    Act(Moment(0.5, Cue.TELLS), Network(Way.PASS)),
    Act(Moment(4.0, Cue.OPENS), KillAtCommit(1, before=True)),
    Act(Moment(1.0), Tap("Anna", begins=True)),
    Act(Moment(1.5, Cue.CLOSES), PowerCut()),
    Act(Moment(0.3), PowerBack(3600.0)),
    Act(Moment(0.1), Unplug()),
)


@pytest.mark.timeout(240)
def test_a_short_life_loses_nothing(tmp_path: Path) -> None:
    script = Script(1, BUILT, Delivery(copies=2, last_answer=True), (), ACTS)
    with house(tmp_path / "house") as (server, certificates):
        outcome = live(script, tmp_path / "life", server, certificates)
    assert outcome.wrong == []
    assert outcome.sessions >= 1
    assert outcome.closings >= 1
    assert outcome.wh > 500
    assert outcome.injected["network loses_answers"] == 1
    assert outcome.injected["power cuts"] == 1
    assert outcome.injected["messages delivered again"] >= 4
    assert not (tmp_path / "life").exists(), "the folder of a good life is not kept"
