"""What the style sheet, the script and the templates promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[3] / "evcs"
CSS = (APP / "static/evcs/evcs.css").read_text()
TEMPLATES = sorted((APP / "templates/evcs/pages").glob("*.html"))
ENOUGH = 4.5

# Text colours and what they stand on.
PAIRS = [
    *(
        (text, ground)
        for text in ("text", "muted", "accent", "danger")
        for ground in ("card", "ground")
    ),
    ("text", "mark"),
    ("danger", "mark"),
    ("text", "area"),
    ("on-accent", "accent"),
    ("on-danger", "danger"),
]


def colours(scheme: str) -> dict[str, str]:
    """Return the variables of a scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < ENOUGH


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_contrast(scheme: str, text: str, ground: str) -> None:
    found = colours(scheme)
    assert contrast(found[text], found[ground]) >= ENOUGH


def test_both_schemes_have_the_same_colours() -> None:
    assert set(colours("light")) == set(colours("dark"))
    assert len(colours("light")) > 10


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_inline_and_nothing_from_elsewhere(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", source)
    assert not re.search(r"(?:src|href|action)=.(?:https?:)?//", source)
    for head in re.findall(r"<th\b[^>]*>", source):
        assert "scope=" in head


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_posts_has_its_token(path: Path) -> None:
    source = path.read_text()
    assert source.count('method="post"') == source.count("{% csrf_token %}")
