"""Every story here, through the real daemon, the simulated box and the real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.house import House
from tests.stories.judge import judge
from tests.stories.language import Story, meaning, read, sentences
from tests.stories.stage import Stage
from tests.stories.telling import tell
from tools.installation import free_port

HERE = Path(__file__).parent
GUIDE = HERE.parent.parent / "docs" / "stories.md"
STORIES = [read(path) for path in sorted(HERE.rglob("*.story"))]
LONGEST_S = 240.0


def _told(story: Story) -> object:
    """The story as a test; one that waits has to fail, so that nobody forgets it."""
    marks = [pytest.mark.takes(story.takes_s), pytest.mark.timeout(LONGEST_S)]
    if story.waits is not None:
        marks.append(pytest.mark.xfail(reason=story.waits, strict=story.always))
    return pytest.param(story, id=story.path.stem, marks=marks)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all stories of this test process; each story has a station of its own."""
    house = House(tmp_path_factory.mktemp("house"), free_port())
    house.open()
    yield house
    house.shut()


@pytest.mark.parametrize("story", [_told(story) for story in STORIES])
def test_story(story: Story, house: House, tmp_path: Path) -> None:
    stage = Stage(tmp_path, house, f"s{os.getpid()}-{STORIES.index(story)}")
    try:
        tell(stage, story)
        judge(stage)
    finally:
        stage.end()


def test_every_sentence_means_something() -> None:
    for story in STORIES:
        for line in story.lines:
            meaning(line)


def test_every_story_expects_something_and_has_a_name_of_its_own() -> None:
    for story in STORIES:
        assert any(line.kind == "then" for line in story.lines), story.path
    names = [story.path.stem for story in STORIES]
    assert len(set(names)) == len(names) >= 40


def test_the_guide_has_every_sentence_and_no_other() -> None:
    """docs/stories.md is all that somebody needs who does not read Python."""
    shown = [line for line in GUIDE.read_text().splitlines() if line.startswith("    ")]
    listed = [line[4:] for line in shown if line[4:].startswith(("given", "when", "then"))]
    assert sorted(listed) == sorted(sentences())
