"""Every *.story file here, through the real daemon, the simulated box and the real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.telling import Stage, judge, tell
from tools.installation import Server, free_port

HERE = Path(__file__).parent
STORIES = sorted(HERE.glob("*.story"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all stories of this test process; each story has a station of its own."""
    server = Server(tmp_path_factory.mktemp("server"), free_port())
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path, server: Server, tmp_path: Path) -> None:
    stage = Stage(tmp_path, server, f"s{os.getpid()}-{STORIES.index(path)}")
    try:
        tell(stage, path)
        judge(stage)
    finally:
        stage.end()


def test_there_are_stories() -> None:
    assert len(STORIES) >= 12
