"""Plays a story, sentence by sentence, and says where it stopped being true."""

from __future__ import annotations

import tests.stories.sentences  # noqa: F401 - with it the sentences get their meanings
from tests.stories.language import Story, meaning
from tests.stories.stage import Stage


def tell(stage: Stage, story: Story) -> None:
    """Play it. An error names file, line and sentence, and has the end of the daemon's log.

    `given` comes before the box is switched on; the time of `then` counts from the last `when`.
    """
    for line in story.lines:
        try:
            act = meaning(line)
            if line.kind != "given" and not stage.started:
                stage.begin()
            if line.kind == "when":
                stage.moment()
            act(stage)
        except Exception as error:
            error.add_note(f"{story.path.name}:{line.number}: {line}")
            if hasattr(stage, "station"):
                error.add_note(stage.station.tail())
            raise
