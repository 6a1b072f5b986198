"""Statements and reports as PDF: every line that a person can compare with the box's display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, LongTable, Paragraph, Spacer, TableStyle

from evcs.rendering.letter import WIDTH, escaped, style, written
from evcs.rendering.lines import entry_words, flat_name, remarks, serials
from evcs.rendering.words import Texts, day, kwh, moment, money, named, number


def statement(content: dict[str, Any], texts: Texts, sha256: str) -> bytes:
    """Return an apartment's statement."""
    name = flat_name(content["flat"], texts)
    story = _head(content, texts, texts["statement"])
    total = content["total"]
    rows = [
        (texts["flat"], name),
        (texts["period"], _period(content, texts)),
        (texts["closed_at"], moment(content["closed_at"], texts)),
        (texts["sessions"], str(total["sessions"])),
        (texts["energy"], f"{kwh(total['energy_wh'], texts)} kWh"),
    ]
    if content["tariffs"]:
        rows.append((texts["gross"], money(total["gross"], total["currency"], texts)))
    story += [_pairs(rows), Spacer(0, 5 * mm)]
    if not content["sessions"] and not content["entries"]:
        story.append(_text(texts["nothing"]))
    if content["sessions"]:
        story += [_title(texts["sessions"]), _sessions(content, texts)]
    if content["entries"]:
        story += [_title(texts["entries"]), _entries(content, texts)]
    if content["tariffs"]:
        story += [_title(texts["prices"]), _prices(content, texts)]
    return written(
        content, texts, sha256, story, f"{texts['statement']} {content['month']}, {name}"
    )


def month(content: dict[str, Any], texts: Texts, sha256: str) -> bytes:
    """Return the report of the house."""
    story = _head(content, texts, texts["report"])
    total = content["total"]
    rows = [
        (texts["period"], _period(content, texts)),
        (texts["closed_at"], moment(content["closed_at"], texts)),
        (texts["closed_by"], content["closed_by"]),
        (texts["sessions"], str(total["sessions"])),
        (texts["energy"], f"{kwh(total['energy_wh'], texts)} kWh"),
    ]
    if content["previous"]:
        previous = f"{content['previous']['month']}: {content['previous']['sha256']}"
        rows.append((texts["previous"], previous))
    story += [_pairs(rows), Spacer(0, 5 * mm), _title(texts["meters"])]
    head = ["station", "serial", "from_kwh", "to_kwh", "counted_kwh", "sessions_kwh"]
    meters = [
        [
            one["station"], one["serial"] or "–",
            *(
                kwh(one[key], texts)
                for key in ("from_wh", "to_wh", "counted_wh", "sessions_wh", "unassigned_wh")
            ),
        ]
        for one in content["stations"]
    ]  # fmt: skip
    names = [texts[name] for name in (*head, "unassigned_kwh")]
    story += [_table(names, meters, (26, 26, 25, 25, 23, 23, 22), 2), _text(texts["equation"])]
    story.append(_title(texts["statements"]))
    listed = [
        [
            flat_name(one["flat"], texts),
            f"{kwh(one['energy_wh'], texts)} kWh",
            number(one["gross"] or "–", texts),
            one["sha256"],
        ]
        for one in content["statements"]
    ]
    heads = [texts[name] for name in ("flat", "energy", "gross", "hash")]
    story += [_table(heads, listed, (45, 25, 20, 80), 1, 3), _title(texts["open_points"])]
    if content["override"]:
        story.append(_text(texts["override"].format(**content["override"])))
    points = [
        [
            named("open", one["kind"], texts),
            one["station"],
            str(one["session_id"] or ""),
            one["detail"],
        ]
        for one in content["open_points"]
    ]
    if points:
        heads = [texts[name] for name in ("kind", "station", "session", "detail")]
        story.append(_table(heads, points, (40, 25, 20, 85), 2, 3))
    else:
        story.append(_text(texts["none_open"]))
    return written(content, texts, sha256, story, f"{texts['report']} {content['month']}")


def _head(content: dict[str, Any], texts: Texts, title: str) -> list[Flowable]:
    recipient = content.get("recipient", [])
    lines = "<br/>".join(escaped(line) for line in recipient)
    # The window of an envelope, DIN 5008 form B: 45 mm from the top, 45 mm high.
    window = Paragraph(lines, style("text")) if recipient else Spacer(0, 5 * mm)
    high = window.wrap(85 * mm, 40 * mm)[1]
    return [
        window,
        Spacer(0, max(2 * mm, 32 * mm - high) if recipient else 2 * mm),
        Paragraph(escaped(title), style("title")),
    ]


def _sessions(content: dict[str, Any], texts: Texts) -> Flowable:
    zone = ZoneInfo(content["timezone"])
    names = ("start", "end", "station", "tag", "serial", "start_kwh", "end_kwh", "kwh")
    rows = []
    for one in content["sessions"]:
        times = [
            moment(one[f"{which}_at"], texts, zone)
            + (f" ({texts['estimated_mark']})" if one[f"{which}_estimated"] else "")
            for which in ("started", "ended")
        ]
        tag = f"…{one['tag'][-4:]} {one['tag_label']}".strip()
        registers = [kwh(one[key], texts) for key in ("start_wh", "end_wh", "energy_wh")]
        rows.append([*times, one["station"], tag, serials(one), *registers])
        if found := remarks(one, texts):
            rows.append(["", "; ".join(found)])
    return _table(
        [texts[name] for name in names], rows, (25, 25, 19, 24, 21, 20, 20, 16), 5, span=True
    )


def _entries(content: dict[str, Any], texts: Texts) -> Flowable:
    zone = ZoneInfo(content["timezone"])
    rows = [
        [
            moment(one["started_at"], texts, zone), moment(one["ended_at"], texts, zone),
            one["station"], entry_words(one, texts), kwh(one["energy_wh"], texts),
        ]
        for one in content["entries"]
    ]  # fmt: skip
    names = [texts[name] for name in ("start", "end", "station", "reason", "kwh")]
    return _table(names, rows, (25, 25, 20, 80, 20), 4)


def _prices(content: dict[str, Any], texts: Texts) -> Flowable:
    rows = []
    for one in content["tariffs"]:
        amounts = [money(one[key], one["currency"], texts) for key in ("net", "vat", "gross")]
        price = money(one["price_per_kwh"], one["currency"], texts)
        vat = f"{number(one['vat_percent'], texts)} %"
        since = day(one["valid_from"], texts)
        rows.append([since, kwh(one["energy_wh"], texts), price, vat, *amounts])
    total = content["total"]
    if total["unpriced_wh"]:
        rows.append([texts["unpriced"], kwh(total["unpriced_wh"], texts), "", "", "", "", ""])
    sums = [money(total[key], total["currency"], texts) for key in ("net", "vat", "gross")]
    rows.append([texts["sum"], kwh(total["energy_wh"], texts), "", "", *sums])
    names = ("valid_from", "kwh", "price", "vat_percent", "net", "vat", "gross")
    return _table([texts[name] for name in names], rows, (26, 22, 30, 20, 24, 24, 24), 1)


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths_mm: Sequence[float],
    numbers_from: int,
    numbers_to: int | None = None,
    *,
    span: bool = False,
) -> Flowable:
    """``numbers_from`` … ``numbers_to``: columns that stand to the right. With ``span`` a row of
    two cells is a remark over the whole width."""
    last = len(head) if numbers_to is None else numbers_to
    marks: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.7, colors.black),
        ("LEFTPADDING", (0, 0), (-1, -1), 1),
        ("RIGHTPADDING", (0, 0), (-1, -1), 1),
        ("TOPPADDING", (0, 0), (-1, -1), 1.2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.2),
    ]

    def cells(row: Sequence[str], kind: str) -> list[Any]:
        return [
            Paragraph(escaped(text), style(f"{kind}-right" if numbers_from <= n < last else kind))
            for n, text in enumerate(row)
        ]

    data: list[list[Any]] = [cells(head, "small-bold")]
    for row in rows:
        place = len(data)
        if span and len(row) == 2:
            remark = Paragraph(escaped(row[1]), style("remark"))
            data.append([remark, *([""] * (len(head) - 1))])
            marks.append(("SPAN", (0, place), (-1, place)))
        else:
            data.append(cells(row, "small"))
            marks.append(("LINEABOVE", (0, place), (-1, place), 0.2, colors.grey))
    widths = [width * mm for width in widths_mm]
    table = LongTable(data, colWidths=widths, repeatRows=1, hAlign="LEFT")
    table.setStyle(TableStyle(marks))
    return table


def _pairs(rows: Sequence[tuple[str, str]]) -> Flowable:
    data = [
        [Paragraph(escaped(name), style("text")), Paragraph(escaped(value), style("bold"))]
        for name, value in rows
    ]
    table = LongTable(data, colWidths=[45 * mm, WIDTH - 45 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ]
        )
    )
    return table


def _title(text: str) -> Flowable:
    return Paragraph(escaped(text), style("heading"))


def _text(text: str) -> Flowable:
    return Paragraph(escaped(text), style("text"))


def _period(content: dict[str, Any], texts: Texts) -> str:
    return f"{moment(content['from'], texts)} – {moment(content['to'], texts)}"
