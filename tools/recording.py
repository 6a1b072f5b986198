"""The recording of ``make run`` in the README: ``python -m tools.recording`` plays it anew.

The lines as they were printed, each at its time, as a drawing that plays once.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from html import escape

from tools.installation import ROOT

PATH = ROOT / "docs/images/run.svg"
COLUMNS, LINE, CHARACTER = 118, 19, 8.0
# Nobody wants to watch a server start.
LONGEST_PAUSE_S = 1.5


def record() -> list[tuple[float, str]]:
    """Play one charge; (seconds, line)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.run", "--once"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines, at_s, last_s = [], 0.0, time.monotonic()
    for line in process.stdout:
        now_s = time.monotonic()
        at_s += min(LONGEST_PAUSE_S, now_s - last_s)
        last_s = now_s
        lines.append((at_s, line.rstrip()))
    if process.wait() != 0:
        raise SystemExit("make run did not book its charge; nothing was recorded")
    return lines


def drawing(lines: list[tuple[float, str]]) -> str:
    """An SVG whose lines appear at their times; all of them where nothing moves."""
    width, height = int(COLUMNS * CHARACTER) + 24, LINE * (len(lines) + 1) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="make run, one charge">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>',
        '<g font-family="DejaVu Sans Mono, Menlo, monospace" font-size="13" fill="#e6edf3">',
        f'<text x="12" y="{LINE + 4}" fill="#7ee787">$ make run ONCE=1</text>',
    ]
    for number, (at_s, line) in enumerate(lines):
        y = LINE * (number + 2) + 4
        text = escape(line[:COLUMNS])
        parts.append(
            f'<text x="12" y="{y}" xml:space="preserve">{text}'
            f'<set attributeName="opacity" to="0" begin="0s" dur="{max(0.1, at_s):.1f}s"/></text>'
        )
    return "\n".join([*parts, "</g></svg>", ""])


def without_places(line: str) -> str:
    """No path, port or password of the machine that it was played on."""
    line = re.sub(r"/\S+/(\S+)", r"…/\1", line)
    return re.sub(r"password \S+", "password …", line)


def main() -> int:
    PATH.write_text(drawing([(at_s, without_places(line)) for at_s, line in record()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
