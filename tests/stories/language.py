"""The grammar of the stories: a title, then sentences; each sentence is a pattern with a meaning.

What each sentence does stands in sentences/; how to write a story stands in docs/stories.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = ("given", "when", "then")
USUAL_S = 20.0

Action = Callable[..., None]


class NotUnderstood(ValueError):
    """A line of a story means nothing; the text names the nearest sentence there is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a story, as it was written."""

    number: int
    kind: str
    words: str

    def __str__(self) -> str:
        return f"{self.kind:<5} {self.words}"


@dataclass(frozen=True, slots=True)
class Story:
    """A story that was read. ``takes_s``: about how long it takes.

    ``waits``: why it cannot be true yet; ``always``: whether it fails every time until then.
    """

    path: Path
    title: str
    lines: tuple[Line, ...]
    waits: str | None
    always: bool
    takes_s: float


_SENTENCES: list[tuple[str, str, re.Pattern[str], Action]] = []


def sentence(kind: str, *patterns: str, **fixed: Any) -> Callable[[Action], Action]:
    """Give sentences their meaning: ``action(stage, **words)``.

    ``{name}`` stands for words, ``{name:n}`` for a number. ``fixed`` goes to the action as it is.
    """
    assert kind in KINDS

    def add(action: Action) -> Action:
        def act(stage: Any, **words: str) -> None:
            action(stage, **fixed, **words)

        for pattern in patterns:
            _SENTENCES.append((kind, pattern, re.compile(_regex(pattern)), act))
        return action

    return add


def _regex(pattern: str) -> str:
    regex = re.sub(r"\\{(\w+):n\\}", r"(?P<\1>[0-9.]+)", re.escape(pattern))
    return re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", regex)


def meaning(line: Line) -> Callable[[Any], None]:
    """What a line does to the stage. Raises NotUnderstood."""
    for kind, _, regex, action in _SENTENCES:
        match = regex.fullmatch(line.words)
        if kind == line.kind and match:
            words = match.groupdict()
            return lambda stage: action(stage, **words)
    known = [pattern for kind, pattern, _, _ in _SENTENCES if kind == line.kind]
    near = difflib.get_close_matches(line.words, known, 1, 0.0)
    raise NotUnderstood(
        f"nothing is meant by {line.words!r}; nearest: {near[0] if near else 'nothing'}"
    )


def sentences() -> list[str]:
    """Every sentence there is, as docs/stories.md shows them: with a WORD for what may be there."""
    shown = (f"{kind:<5} {pattern}" for kind, pattern, _, _ in _SENTENCES)
    return [re.sub(r"\{(\w+)(:n)?\}", lambda word: word[1].upper(), text) for text in shown]


def read(path: Path) -> Story:
    """Read a story. Raises NotUnderstood for a line that is none; meanings are looked up later."""
    title, lines, waits, always, takes_s = "", [], None, True, USUAL_S
    for number, text in enumerate(path.read_text().splitlines(), 1):
        text = text.strip()
        kind, _, words = text.partition(" ")
        if kind in KINDS and words:
            lines.append(Line(number, kind, words.strip()))
        elif found := re.fullmatch(r"# waits( at times)?: (.+)", text):
            always, waits = found[1] is None, found[2]
        elif found := re.fullmatch(r"# takes: ([0-9.]+) s", text):
            takes_s = float(found[1])
        elif text and not text.startswith("#"):
            if title or lines:
                raise NotUnderstood(
                    f"{path.name}:{number}: a line begins with given, when, then or #: {text!r}"
                )
            title = text
    if not title:
        raise NotUnderstood(f"{path.name}: a story begins with its title")
    return Story(path, title, tuple(lines), waits, always, takes_s)
