"""The figures in docs/reliability.md, from those that were kept: ``python -m campaign.publish``.

``python -m campaign --keep`` keeps what it measured in docs/reliability.json, part by part, with
date, seed and time taken; this writes the tables of the page from there, so that no figure is ever
copied by hand. ``--check`` says whether the page is up to date.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Any

from campaign.figures import Figure, table

DOCS = Path(__file__).resolve().parent.parent / "docs"
KEPT = DOCS / "reliability.json"
PAGE = DOCS / "reliability.md"
_TABLE = re.compile(r"(<!-- figures: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def keep(part: str, figures: list[Figure], seed: int, took_s: float) -> None:
    """Remember what a part measured, in place of what was kept of it."""
    kept = _kept()
    kept[part] = {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": seed,
        "took_s": round(took_s),
        "machine": f"{platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}",
        "figures": [asdict(one) for one in figures],
    }
    KEPT.write_text(json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def page() -> str:
    """docs/reliability.md with its tables as they should be."""
    kept = _kept()

    def filled(match: re.Match[str]) -> str:
        parts = [part for part in match[2].split() if part in kept]
        if not parts:
            return f"{match[1]}Not measured in this release.\n{match[3]}"
        figures = [Figure(**one) for part in parts for one in kept[part]["figures"]]
        lines = [
            f"`{part}`: {kept[part]['date']}, seed {kept[part]['seed']}, "
            f"{kept[part]['took_s']} s on {kept[part]['machine']}."
            for part in parts
        ]
        return f"{match[1]}{table(figures)}\n\n{' '.join(lines)}\n{match[3]}"

    return _TABLE.sub(filled, PAGE.read_text())


def _kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return found


def main() -> int:
    wanted = page()
    if "--check" not in sys.argv:
        PAGE.write_text(wanted)
    elif wanted != PAGE.read_text():
        sys.stderr.write("docs/reliability.md: old figures; run python -m campaign.publish\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
