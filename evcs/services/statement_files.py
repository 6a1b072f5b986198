"""What was closed, as files. Reads nothing but what it is given."""

from __future__ import annotations

import json
from pathlib import PurePath

from evcs import rendering

LANGUAGES = ("de", "en")
# JSON is the very text that was hashed.
FORMATS = {**rendering.FORMATS, "json": ("application/json", "json")}


def of(text: str, sha256: str, kind: str, language: str) -> tuple[str, bytes]:
    """Return name and bytes of a statement or report (its ``content`` as stored) as a file.

    ``kind`` is a key of FORMATS, ``language`` one of LANGUAGES; ValueError for another.
    """
    if kind not in FORMATS or language not in LANGUAGES:
        raise ValueError(
            f"a statement can be {', '.join(FORMATS)}, in {' or '.join(LANGUAGES)}; not {kind!r}, "
            f"{language!r}"
        )
    content = json.loads(text)
    if kind == "json":
        name = PurePath(rendering.file_name(content, "pdf", language)).stem
        return f"{name}.json", text.encode()
    name = rendering.file_name(content, kind, language)
    return name, rendering.render(content, kind, language, sha256)
