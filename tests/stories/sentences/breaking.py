"""when: what breaks in the box and what is mended: people's words, the box's faults."""

from __future__ import annotations

from tests.stories.language import sentence
from tests.stories.stage import Stage

BREAKS = {
    "the meter falls silent": "meter-silent",
    "the meter's answers are garbage": "meter-garbage",
    "the meter answers late": "meter-late-answer",
    "the meter sends what is no number": "meter-nan",
    "the meter's register shows 2^32 too much": "meter-2to32",
    "the meter's register shows a thousand times too much": "meter-x1000",
    "the meter repeats the same values for ever": "meter-frozen",
    "the meter restarts and counts from zero for a moment": "meter-restart",
    "the meter is exchanged for another one": "meter-exchanged",
    "the meter counts backwards": "meter-reversed",
    "the meter's line echoes what is sent": "meter-echo",
    "the meter's cable is pulled out": "meter-unplugged",
    "the contactor welds": "contactor-welded",
    "the contactor's coil breaks": "contactor-stuck-open",
    "the mirror contact's wire breaks": "feedback-broken",
    "the stop button is pressed": "stop-pressed",
    "the mains sag": "undervoltage",
    "the Pi's own supply sags": "pi-undervoltage",
    "the reader's wire breaks": "reader-dead-00",
    "the reader's wire touches its supply": "reader-dead-ff",
    "the reader loses its supply for a moment": "reader-brownout",
    "the reader hangs": "reader-hung",
    "the reader's wires pick up noise": "reader-noise",
}
MENDS = {
    "the meter answers again": "meter-silent",
    "the meter answers in time again": "meter-late-answer",
    "the meter's cable is plugged in again": "meter-unplugged",
    "the contactor is replaced": "contactor-welded",
    "the stop button is released": "stop-pressed",
    "the mains are good again": "undervoltage",
    "the Pi's own supply is good again": "pi-undervoltage",
    "everything is mended": "all",
}


def _break(stage: Stage, fault: str) -> None:
    stage.box.client.call("fault", name=fault)


def _mend(stage: Stage, fault: str) -> None:
    stage.box.client.call("clear", name=fault)


for words, fault in BREAKS.items():
    sentence("when", words, fault=fault)(_break)
for words, fault in MENDS.items():
    sentence("when", words, fault=fault)(_mend)
