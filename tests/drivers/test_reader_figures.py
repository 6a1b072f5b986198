"""What a poll and a card cost, on the virtual clock: 1 MHz SPI, 60 us of host time a transfer."""

from __future__ import annotations

import pytest

from bench import rfid
from drivers.reader import LONGEST_SCAN_S


def test_the_stock_package_takes_2013_transfers_for_an_empty_poll() -> None:
    assert rfid.stock_empty_poll().transfers == 2013


@pytest.mark.parametrize("host_us", [0.0, 60.0, 120.0])
def test_an_empty_poll_takes_12_transfers(host_us: float) -> None:
    assert rfid.empty_poll(host_us).transfers == 12


def test_an_empty_poll_is_over_in_8_ms() -> None:
    assert rfid.empty_poll().duration_ms <= 8.0


@pytest.mark.parametrize(("size", "transfers"), [(4, 36), (7, 60), (10, 84)])
def test_one_reading(size: int, transfers: int) -> None:
    assert rfid.one_reading(rfid.CARDS[size]).transfers == transfers


@pytest.mark.parametrize(("size", "transfers"), [(4, 82), (7, 130), (10, 178)])
def test_a_scan_with_its_confirming_second_reading(size: int, transfers: int) -> None:
    assert rfid.held_card(rfid.CARDS[size]).transfers == transfers


def test_stock_frames_need_a_multiple_for_the_same_reading() -> None:
    stock, ours = rfid.stock_reading(rfid.CARDS[7], 0.0), rfid.one_reading(rfid.CARDS[7], 0.0)
    assert stock.transfers > 6 * ours.transfers
    assert stock.transfers == pytest.approx(371, abs=8)


@pytest.mark.parametrize("size", [4, 7, 10])
def test_the_longest_scan_keeps_its_promise_on_a_slow_host(size: int) -> None:
    cost = rfid.held_card(rfid.CARDS[size], host_us=120.0, sleep_late_us=100.0)
    assert cost.duration_ms <= LONGEST_SCAN_S * 1000
