"""What the tests of the commands share: one simulated box per module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.station.cli_rig import CliRig
from tests.stories.recorder import Recorder
from tools.installation import Box


@pytest.fixture(scope="module")
def served_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, Recorder]]:
    box = Box(tmp_path_factory.mktemp("box"))
    box.start()
    recorder = Recorder(str(box.socket))
    yield box, recorder
    recorder.close()
    box.stop()


@pytest.fixture
def rig(served_box: tuple[Box, Recorder], tmp_path: Path) -> Iterator[CliRig]:
    """Ends every process that it started, and mends the box."""
    made = CliRig(tmp_path, *served_box)
    yield made
    made.end()
    made.mend()
