"""The claim about MCSP at a small size, and that it sees what a line may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaign.claims import line
from mcsp import requests, writer


@pytest.mark.timeout(240)
@pytest.mark.takes(40)
def test_a_few_charges_over_bad_lines(tmp_path: Path) -> None:
    missed = [one for one in line.measure(0.02, 20261127, tmp_path) if not one.met]
    assert missed == []


def test_without_the_check_a_garbled_register_would_be_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the claim is there to find: the check is what stands between noise and a booking."""
    from uuid import UUID

    from mcsp.messages import Meter, StartRequest

    message = StartRequest("box-1", "16AC936B", UUID(int=1), Meter(1_245_807))
    spoilt = writer.request(message).replace(b"1245.807", b"1241.807")
    assert requests.RequestReader().feed(spoilt, 0.0) == []

    def no_check(*_: Any) -> int:
        return 0

    monkeypatch.setattr(requests, "_crc", no_check)
    monkeypatch.setattr(writer, "crc32", no_check)
    spoilt = writer.request(message).replace(b"1245.807", b"1241.807")
    (found,) = requests.RequestReader().feed(spoilt, 0.0)
    assert isinstance(found, StartRequest)
    assert found.meter == Meter(1_241_807)
