"""Sums that stay exact over millions of small additions. Pure."""

from __future__ import annotations


class ExactSum:
    """A running sum with what rounding took kept beside it (Neumaier's summation)."""

    __slots__ = ("_lost", "_sum")

    def __init__(self, start: float = 0.0) -> None:
        self._sum = start
        self._lost = 0.0

    def add(self, amount: float) -> None:
        total = self._sum + amount
        if abs(self._sum) >= abs(amount):
            self._lost += (self._sum - total) + amount
        else:
            self._lost += (amount - total) + self._sum
        self._sum = total

    @property
    def value(self) -> float:
        return self._sum + self._lost
