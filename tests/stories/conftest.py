"""Stories wait more than they work, so they are dealt out first: the longest ones to begin with."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

SHORT_S = 0.0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each of xdist's workers begins with one block of the list, all of the same length.

    So the stories are dealt out, longest first, to the beginnings of the blocks.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(items, workers)


def dealt(items: Iterable[pytest.Item], workers: int) -> list[pytest.Item]:
    """The same items in an order in which every block begins with its share of the long ones."""
    everything = list(items)
    longest_first = sorted(everything, key=_takes_s, reverse=True)
    long = [item for item in longest_first if _takes_s(item) > SHORT_S]
    rest = [item for item in everything if _takes_s(item) <= SHORT_S]
    rooms, left = [], len(everything)
    for number in range(workers):
        rooms.append(left // (workers - number))
        left -= rooms[-1]
    blocks: list[list[pytest.Item]] = [[] for _ in rooms]
    for number, item in enumerate(long):
        with_room = [i for i, block in enumerate(blocks) if len(block) < rooms[i]]
        blocks[with_room[number % len(with_room)]].append(item)
    for block, room in zip(blocks, rooms, strict=True):
        take = room - len(block)
        block += rest[:take]
        del rest[:take]
    return [item for block in blocks for item in block]


def _takes_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("takes")
    return float(mark.args[0]) if mark is not None else SHORT_S
