"""The tables of the meter driver, and float32 kilowatt-hours as watt-hours."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.float32 import float32, step_wh, watt_hours
from drivers.narrowing import narrowed
from drivers.registers import (
    BAUD_CODE,
    CURRENTS,
    METER_CODE,
    MODELS,
    NARROW_REGISTERS,
    NODE_ADDRESS,
    POWERS,
    SERIAL_NUMBER,
    VOLTAGES,
    Block,
    ModelTable,
    Quantity,
)
from drivers.serial_line import PARITIES

ALL_MODELS = pytest.mark.parametrize("table", MODELS.values(), ids=MODELS.keys())
FINITE = st.floats(width=32, min_value=0, allow_nan=False, allow_infinity=False)


@settings(max_examples=500, derandomize=True)
@given(kwh=FINITE)
def test_watt_hours_are_exact_and_half_to_even(kwh: float) -> None:
    assert watt_hours(kwh) == round(Fraction(kwh) * 1000)


@settings(max_examples=500, derandomize=True)
@given(steps=st.integers(0, 2**31))
def test_halves_go_to_the_even_side(steps: int) -> None:
    """Thousandths of a power of two hold every case of exactly one half."""
    kwh = float32(struct.pack(">f", (2 * steps + 1) / 2000 if steps % 2 else steps / 16))
    assert watt_hours(kwh) == round(Fraction(kwh) * 1000)


@pytest.mark.parametrize(
    ("kwh", "wh"),
    [(0.0, 0), (0.0625, 62), (0.1875, 188), (5188.8471679, 5_188_847), (2e6, 2 * 10**9)],
)
def test_watt_hours(kwh: float, wh: int) -> None:
    assert watt_hours(kwh) == wh


@settings(max_examples=500, derandomize=True)
@given(kwh=FINITE.filter(lambda kwh: kwh < 2.0**127))
def test_a_step_is_the_distance_to_the_next_float32(kwh: float) -> None:
    (bits,) = struct.unpack(">I", struct.pack(">f", kwh))
    (following,) = struct.unpack(">f", struct.pack(">I", bits + 1))
    assert Fraction(step_wh(kwh)) == (Fraction(following) - Fraction(kwh)) * 1000


@pytest.mark.parametrize(
    ("kwh", "wh"), [(1_234, 0.12), (5_000, 0.49), (12_345, 0.98), (99_999, 7.8), (999_999, 62.5)]
)
def test_steps_of_a_long_life(kwh: float, wh: float) -> None:
    assert step_wh(kwh) == pytest.approx(wh, rel=0.02)


def test_words_come_high_first() -> None:
    assert float32(bytes.fromhex("00 00 45 a2 26 c7"), 2) == pytest.approx(5188.847)
    assert math.isnan(float32(bytes.fromhex("7f c0 00 00")))


def test_sdm630_is_asked_where_its_manual_says() -> None:
    registers = MODELS["sdm630"].registers
    assert registers == {
        Quantity.VOLTAGE_L1: 0x00,
        Quantity.VOLTAGE_L2: 0x02,
        Quantity.VOLTAGE_L3: 0x04,
        Quantity.CURRENT_L1: 0x06,
        Quantity.CURRENT_L2: 0x08,
        Quantity.CURRENT_L3: 0x0A,
        Quantity.POWER_L1: 0x0C,
        Quantity.POWER_L2: 0x0E,
        Quantity.POWER_L3: 0x10,
        Quantity.POWER: 0x34,
        Quantity.FREQUENCY: 0x46,
        Quantity.IMPORT: 0x48,
        Quantity.EXPORT: 0x4A,
        Quantity.IMPORT_L1: 0x15A,
        Quantity.IMPORT_L2: 0x15C,
        Quantity.IMPORT_L3: 0x15E,
    }


@ALL_MODELS
def test_every_quantity_is_in_the_full_sample(table: ModelTable) -> None:
    for quantity, register in table.registers.items():
        holding = [block for block in table.everything if register in block]
        assert len(holding) == 1, quantity
    assert any(table.registers[Quantity.IMPORT] in block for block in table.energy)


def test_the_smaller_sisters_are_asked_where_their_manuals_say() -> None:
    everywhere = {Quantity.IMPORT: 0x48, Quantity.EXPORT: 0x4A}
    three_phases = {*VOLTAGES, *CURRENTS, *POWERS, Quantity.POWER, Quantity.FREQUENCY}
    sdm630 = MODELS["sdm630"].registers
    assert MODELS["sdm72"].registers == {Quantity.POWER: 0x34, **everywhere}
    assert MODELS["sdm72v2"].registers == everywhere | {
        quantity: sdm630[quantity] for quantity in three_phases
    }
    assert MODELS["sdm120"].registers == everywhere | {
        Quantity.VOLTAGE_L1: 0x00,
        Quantity.CURRENT_L1: 0x06,
        Quantity.POWER_L1: 0x0C,
        Quantity.POWER: 0x0C,
        Quantity.FREQUENCY: 0x46,
    }


@ALL_MODELS
def test_what_is_compared_is_in_the_first_block(table: ModelTable) -> None:
    assert table.energy[0].count <= NARROW_REGISTERS
    assert table.registers[Quantity.IMPORT] in table.energy[0]
    if table.import_and_export is not None:
        assert table.registers[Quantity.EXPORT] in table.energy[0]


@ALL_MODELS
def test_no_code_is_claimed_twice(table: ModelTable) -> None:
    others = [other for other in MODELS.values() if other is not table]
    assert all(table.meter_codes.isdisjoint(other.meter_codes) for other in others)


@ALL_MODELS
def test_a_model_is_delivered_as_it_can_be_set(table: ModelTable) -> None:
    assert table.baudrate in table.baud_codes
    assert table.parity in PARITIES
    assert table.phases in (1, 3)
    assert table.phases == 3 or not {*VOLTAGES[1:], *CURRENTS[1:]} & set(table.registers)


@ALL_MODELS
def test_blocks_suit_every_unit(table: ModelTable) -> None:
    for block in (*table.energy, *table.everything):
        assert block.count <= 50
        assert block.count % 2 == block.start % 2 == 0


@ALL_MODELS
def test_neighbours_differ_in_length(table: ModelTable) -> None:
    both = () if table.import_and_export is None else (Block(table.import_and_export, 2),)
    compared = (table.energy[0], *both, *(table.energy[:1] if both else ()))
    identifying = (NODE_ADDRESS, METER_CODE, BAUD_CODE, *compared, SERIAL_NUMBER)
    for plan in (table.energy, table.everything):
        narrow = narrowed(plan, table.registers.values())
        for blocks in (plan, (*identifying, *plan), (*identifying, *narrow)):
            for earlier, later in pairwise(blocks):
                assert (earlier.function, earlier.count) != (later.function, later.count)
    # Samples follow each other in any order.
    for earlier in (table.energy[-1], table.everything[-1]):
        for later in (table.energy[0], table.everything[0]):
            assert earlier == later or earlier.count != later.count


@ALL_MODELS
def test_narrow_blocks_hold_the_same_registers(table: ModelTable) -> None:
    parts = narrowed(table.everything, table.registers.values())
    assert max(part.count for part in parts) <= NARROW_REGISTERS
    for register in table.registers.values():
        assert any(register in part for part in parts)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(registers=st.sets(st.integers(0, 20).map(lambda index: 2 * index), min_size=1))
def test_narrowed_blocks_cover_everything(registers: set[int]) -> None:
    parts = narrowed([Block(0, 44)], registers)
    for register in registers:
        assert any(register in part for part in parts)
    assert all(part.start >= 0 and part.start + part.count <= 44 for part in parts)
    assert all(part.count in (2, 4, 6) for part in parts)
    assert all(earlier.count != later.count for earlier, later in pairwise(parts))


def test_narrowing_looks_ahead() -> None:
    """Greedily, 6 4 6 2 would leave only another 2 for the lone register."""
    registers = [*range(0, 18, 2), 0x34]
    counts = [part.count for part in narrowed([Block(0, 18), Block(0x34, 24)], registers)]
    assert sum(counts) == 20
    assert counts[-1] == 2
    assert counts[-2] != 2


def test_lone_registers_take_unwanted_ones_with_them() -> None:
    """A single-phase meter has one register of each three."""
    parts = narrowed([Block(0, 14), Block(0x46, 6)], [0x00, 0x06, 0x0C, 0x46, 0x48, 0x4A])
    assert [0x00 in part or 0x06 in part or 0x0C in part for part in parts].count(True) == 3
    assert all(earlier.count != later.count for earlier, later in pairwise(parts))
    assert sum(part.count for part in parts) > 12


def test_two_quantities_may_share_a_register() -> None:
    """On a single-phase meter the power of L1 is the power."""
    assert narrowed([Block(0, 12)], [0, 2, 8, 8]) == (Block(0, 4), Block(8, 2))


def test_blocks_of_one_value_in_a_row_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        narrowed([Block(0, 2), Block(8, 2)], [0, 8])


def test_a_block_holds_both_words_of_a_value() -> None:
    block = Block(0x48, 4)
    assert [register in block for register in (0x46, 0x48, 0x49, 0x4A, 0x4B, 0x4C)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
