"""The paper: A4, fonts, letterhead and foot of each page. What is shown is text, never markup."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate

from evcs.rendering.words import Texts

FONT, BOLD = "EvcsText", "EvcsBold"
# Stands for a character that the font lacks.
LACKING = "\N{WHITE SQUARE}"
WIDTH = A4[0] - 40 * mm
# Longer than any field of the database, and short enough for a line of a table on one page.
_LONGEST_TEXT = 600

_styles: dict[str, ParagraphStyle] = {}


def style(name: str) -> ParagraphStyle:
    """Return a style by its name; the fonts are registered at the first call."""
    if not _styles:
        fonts = Path(reportlab.__file__).parent / "fonts"
        pdfmetrics.registerFont(TTFont(FONT, str(fonts / "Vera.ttf")))
        pdfmetrics.registerFont(TTFont(BOLD, str(fonts / "VeraBd.ttf")))
        common: dict[str, Any] = {"splitLongWords": True}
        for found in (
            ParagraphStyle("text", fontName=FONT, fontSize=9, leading=12, **common),
            ParagraphStyle("bold", fontName=BOLD, fontSize=9, leading=12, **common),
            ParagraphStyle("title", fontName=BOLD, fontSize=14, leading=20, spaceAfter=6, **common),
            ParagraphStyle(
                "heading", fontName=BOLD, fontSize=10, leading=14, spaceBefore=8, spaceAfter=3,
                **common,
            ),
            ParagraphStyle("small", fontName=FONT, fontSize=7, leading=8.5, **common),
            ParagraphStyle("small-bold", fontName=BOLD, fontSize=7, leading=8.5, **common),
            ParagraphStyle(
                "remark", fontName=FONT, fontSize=6.5, leading=8, leftIndent=8, **common
            ),
        ):  # fmt: skip
            _styles[found.name] = found
            right = ParagraphStyle(f"{found.name}-right", parent=found, alignment=TA_RIGHT)
            _styles[right.name] = right
    return _styles[name]


def escaped(text: str) -> str:
    """Return text as a Paragraph shows it literally."""
    style("text")
    known = pdfmetrics.getFont(FONT).face.charToGlyph
    shown = "".join(
        char if ord(char) in known or char == "\n" else (" " if char.isspace() else LACKING)
        for char in text
    )
    if len(shown) > _LONGEST_TEXT:
        shown = shown[: _LONGEST_TEXT - 1] + "…"
    return escape(shown)


class _Pages(Canvas):
    """Writes letterhead and foot when the number of pages is known."""

    letter: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number_, kept in enumerate(self._kept, 1):
            self.__dict__.update(kept)
            self._margins(number_, len(self._kept))
            super().showPage()
        super().save()

    def _margins(self, page: int, pages: int) -> None:
        issuer, texts = self.letter["issuer"], self.letter["texts"]
        self.setFont(BOLD, 10)
        top = A4[1] - 15 * mm
        self.drawRightString(A4[0] - 20 * mm, top, _plain(issuer["name"]))
        self.setFont(FONT, 7.5)
        for line in issuer["address"][:6]:
            top -= 3.6 * mm
            self.drawRightString(A4[0] - 20 * mm, top, _plain(line))
        low = 26 * mm
        notice = Paragraph(escaped(texts["notice"]), style("remark"))
        high = notice.wrap(WIDTH, 20 * mm)[1]
        notice.drawOn(self, 20 * mm, low)
        self.line(20 * mm, low + high + 1 * mm, A4[0] - 20 * mm, low + high + 1 * mm)
        self.setFont(FONT, 6.5)
        self.drawString(20 * mm, 22 * mm, f"{texts['hash']} {self.letter['sha256']}")
        count = texts["page"].format(page=page, pages=pages)
        self.drawRightString(A4[0] - 20 * mm, 22 * mm, count)
        for place, line in enumerate(issuer["footer"][:4]):
            self.drawString(20 * mm, (18 - 3 * place) * mm, _plain(line))


def _plain(text: str) -> str:
    """As drawn, without the escapes of markup."""
    shown = escaped(text)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def written(
    content: dict[str, Any], texts: Texts, sha256: str, story: list[Flowable], title: str
) -> bytes:
    """Return the file: the story on as many pages as it takes, each with letterhead and foot."""
    target = io.BytesIO()
    letter = {"issuer": content["issuer"], "texts": texts, "sha256": sha256}
    pages = type("Pages", (_Pages,), {"letter": letter})
    document = SimpleDocTemplate(
        target, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=45 * mm,
        bottomMargin=38 * mm, title=_plain(title), author=_plain(content["issuer"]["name"]),
        lang=texts["language"], invariant=1,
    )  # fmt: skip
    document.build(story, canvasmaker=pages)
    return target.getvalue()
