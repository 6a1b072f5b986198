"""The simulated chip by register, as the data sheet tells, and under the stock package."""

from __future__ import annotations

import importlib
import random
import sys
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.rfid.iso14443a import ETU_US, FRAME_DELAY_US
from simulator.rfid.mfrc522 import WAKE_US, Mfrc522Chip
from simulator.rfid.mfrc522_faults import NAMES, ChipFaults
from simulator.rfid.mfrc522_registers import RESET_VALUES, Command, Reg
from simulator.rfid.picc import Field
from tests.drivers.rfid_rig import Rig

U4 = bytes.fromhex("DEADBEEF")
U7 = bytes.fromhex("04A3C6CAE26180")
RX_IRQ, IDLE_IRQ, ERR_IRQ, TIMER_IRQ = 0x20, 0x10, 0x02, 0x01


class Host:
    """The other end of the SPI wires, with a clock of its own."""

    def __init__(self, *, ready: bool = True) -> None:
        self.field = Field()
        self.chip = Mfrc522Chip(self.field)
        self.now_us = 0.0
        if ready:
            self.write(Reg.TModeReg, 0x80)
            self.write(Reg.TPrescalerReg, 0xA9)
            self.write(Reg.TReloadRegL, 0x27)
            self.write(Reg.TxASKReg, 0x40)
            self.write(Reg.CollReg, 0x00)
            self.write(Reg.TxControlReg, 0x83)
            self.now_us += 6_000

    def transfer(self, *mosi: int) -> bytes:
        miso = self.chip.transfer(bytes(mosi), self.now_us)
        self.now_us += len(mosi) * 8
        return miso

    def write(self, register: int, *values: int) -> None:
        assert self.transfer(register << 1, *values) == bytes(len(values) + 1)

    def read(self, register: int) -> int:
        return self.transfer(0x80 | register << 1, 0x00)[1]

    def fifo(self) -> bytes:
        length = self.read(Reg.FIFOLevelReg)
        return self.transfer(*[0x80 | Reg.FIFODataReg << 1] * length, 0x00)[1:]

    def transceive(self, text: str, bits: int = 0, align: int = 0, wait_us: float = 3_000) -> None:
        self.write(Reg.CommandReg, Command.Idle)
        self.write(Reg.ComIrqReg, 0x7F)
        self.write(Reg.FIFOLevelReg, 0x80)
        self.write(Reg.FIFODataReg, *bytes.fromhex(text))
        self.write(Reg.BitFramingReg, 0x00)
        self.write(Reg.CommandReg, Command.Transceive)
        self.write(Reg.BitFramingReg, 0x80 | align << 4 | bits)
        self.now_us += wait_us


def test_reset_values() -> None:
    host = Host(ready=False)
    for register in Reg:
        if register not in (Reg.VersionReg, Reg.Status1Reg):
            assert host.read(register) == RESET_VALUES.get(register, 0x00), register.name
    assert host.read(Reg.VersionReg) == 0x92
    assert host.read(Reg.Status1Reg) == 0x21


def test_burst_write_goes_to_one_register_and_burst_read_lags_one_byte() -> None:
    host = Host(ready=False)
    host.write(Reg.FIFODataReg, 1, 2, 3)
    assert host.read(Reg.FIFOLevelReg) == 3
    fifo, version = 0x80 | Reg.FIFODataReg << 1, 0x80 | Reg.VersionReg << 1
    assert host.transfer(fifo, version, fifo, fifo, 0x00) == bytes([0, 1, 0x92, 2, 3])


def test_read_only_registers_keep_their_value() -> None:
    host = Host(ready=False)
    for register in (Reg.VersionReg, Reg.ErrorReg, Reg.CRCResultRegH):
        before = host.read(register)
        host.write(register, before ^ 0xFF)
        assert host.read(register) == before


def test_irq_registers_set_and_clear_marked_bits() -> None:
    host = Host(ready=False)
    host.write(Reg.ComIrqReg, 0x7F)
    assert host.read(Reg.ComIrqReg) == 0x00
    host.write(Reg.ComIrqReg, 0x80 | 0x21)
    assert host.read(Reg.ComIrqReg) == 0x21
    host.write(Reg.ComIrqReg, 0x01)
    assert host.read(Reg.ComIrqReg) == 0x20


def test_fifo_overflow_is_noted_and_a_flush_clears_it() -> None:
    host = Host(ready=False)
    host.write(Reg.FIFODataReg, *range(65))
    assert host.read(Reg.FIFOLevelReg) == 64
    assert host.read(Reg.ErrorReg) == 0x10
    host.write(Reg.FIFOLevelReg, 0x80)
    assert host.read(Reg.FIFOLevelReg) == 0
    assert host.read(Reg.ErrorReg) == 0x00


def test_crc_coprocessor() -> None:
    host = Host(ready=False)
    host.write(Reg.ModeReg, 0x3D)
    host.write(Reg.FIFODataReg, 0x50, 0x00)
    host.write(Reg.CommandReg, Command.CalcCRC)
    assert host.read(Reg.DivIrqReg) & 0x04
    assert (host.read(Reg.CRCResultRegL), host.read(Reg.CRCResultRegH)) == (0x57, 0xCD)


def test_timer_of_the_stock_settings_runs_15_5_ms() -> None:
    host = Host(ready=False)
    for register, value in ((Reg.TModeReg, 0x8D), (Reg.TPrescalerReg, 0x3E), (Reg.TReloadRegL, 30)):
        host.write(register, value)
    host.write(Reg.ComIrqReg, 0x7F)
    host.write(Reg.ControlReg, 0x40)
    started_us = host.now_us
    assert host.read(Reg.TCounterValRegL) == 30
    assert host.read(Reg.Status1Reg) & 0x08
    host.now_us = started_us + 15_480
    assert not host.read(Reg.ComIrqReg) & TIMER_IRQ
    host.now_us = started_us + 15_510
    assert host.read(Reg.ComIrqReg) & TIMER_IRQ


def test_silence_ends_by_the_timer_and_not_by_a_reception() -> None:
    host = Host()
    host.transceive("26", bits=7, wait_us=0)
    sent_us = 9 * ETU_US
    host.now_us += sent_us + 1_000 - 60
    assert host.read(Reg.ComIrqReg) & (RX_IRQ | TIMER_IRQ | IDLE_IRQ) == 0
    host.now_us += 60
    assert host.read(Reg.ComIrqReg) & (RX_IRQ | TIMER_IRQ) == TIMER_IRQ
    assert host.read(Reg.FIFOLevelReg) == 0


def test_an_answer_arrives_at_its_time_and_stops_the_timer() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.transceive("26", bits=7, wait_us=0)
    answer_us = 9 * ETU_US + FRAME_DELAY_US + 19 * ETU_US
    host.now_us += answer_us - 40
    assert not host.read(Reg.ComIrqReg) & RX_IRQ
    host.now_us += 40
    assert host.read(Reg.ComIrqReg) & (RX_IRQ | TIMER_IRQ) == RX_IRQ
    host.now_us += 5_000
    assert not host.read(Reg.ComIrqReg) & TIMER_IRQ
    assert host.read(Reg.ControlReg) & 0x07 == 0
    assert host.fifo().hex() == "0400"


@pytest.mark.parametrize(
    ("register", "value"),
    [(Reg.TxControlReg, 0x80), (Reg.TxASKReg, 0x00)],
    ids=["antenna-off", "no-100-percent-ask"],
)
def test_no_answer_without_field_or_modulation(register: Reg, value: int) -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.write(register, value)
    host.transceive("52", bits=7)
    assert not host.read(Reg.ComIrqReg) & RX_IRQ


def test_modem_state_follows_a_frame() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000

    def states(*at_us: float) -> list[int]:
        host.transceive("52", bits=7, wait_us=0)
        began_us = host.now_us
        seen = []
        for due_us in at_us:
            host.now_us = began_us + due_us
            seen.append(host.read(Reg.Status2Reg) & 0x07)
        return seen

    assert states(40, 120, 200, 500) == [3, 5, 6, 1]
    host.field.remove()
    assert states(40, 120, 200, 5_000) == [3, 5, 5, 5]


def test_start_send_left_standing_sends_with_the_command() -> None:
    host = Host()
    host.write(Reg.BitFramingReg, 0x87)
    host.write(Reg.FIFODataReg, 0x26)
    host.write(Reg.CommandReg, Command.Transceive)
    host.now_us += 1_000
    host.read(Reg.ComIrqReg)
    assert [(frame.data, frame.bits) for frame in host.chip.air] == [(b"\x26", 7)]


def test_idle_cancels_a_reception() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.transceive("26", bits=7, wait_us=150)
    host.write(Reg.CommandReg, Command.Idle)
    host.now_us += 3_000
    assert not host.read(Reg.ComIrqReg) & RX_IRQ
    assert host.read(Reg.FIFOLevelReg) == 0


def collided(first: bytes, second: bytes, keep_values: bool = False) -> Host:
    host = Host()
    host.field.present(first, second)
    host.now_us += 6_000
    host.write(Reg.CollReg, 0x80 if keep_values else 0x00)
    host.transceive("26", bits=7)
    host.transceive("9320")
    return host


@pytest.mark.parametrize(("bit", "shown"), [(0, 1), (12, 13), (30, 31), (31, 0)])
def test_collision_position_counts_from_one_and_shows_32_as_0(bit: int, shown: int) -> None:
    other = (int.from_bytes(U4, "little") ^ 1 << bit).to_bytes(4, "little")
    host = collided(U4, other)
    assert host.read(Reg.ErrorReg) & 0x08
    assert host.read(Reg.ComIrqReg) & (RX_IRQ | ERR_IRQ) == RX_IRQ | ERR_IRQ
    assert host.read(Reg.CollReg) & 0x3F == shown
    known = int.from_bytes(U4, "little") & (1 << bit) - 1
    assert int.from_bytes(host.fifo(), "little") == known


def test_values_after_a_collision_are_kept_if_asked_for() -> None:
    first, second = bytes.fromhex("01000000"), bytes.fromhex("02000040")
    assert collided(first, second, keep_values=True).fifo() == bytes.fromhex("0300004043")


def test_no_collision_is_shown_as_not_valid() -> None:
    host = collided(U4, U4)
    assert host.read(Reg.CollReg) & 0x20
    assert host.read(Reg.ErrorReg) == 0


def test_partial_anticollision_fills_the_fifo_from_rx_align() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.transceive("26", bits=7)
    host.transceive("9324" + f"{U4[0] & 0x0F:02x}", bits=4, align=4)
    assert host.read(Reg.ControlReg) & 0x07 == 0
    assert host.fifo() == bytes([U4[0] & 0xF0, *U4[1:], 0x22])


def test_receive_crc_check_when_switched_on() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.write(Reg.ModeReg, 0x3D)
    host.write(Reg.RxModeReg, 0x80)
    host.transceive("26", bits=7)
    assert host.read(Reg.ErrorReg) & 0x04
    host.write(Reg.RxModeReg, 0x00)
    host.transceive("9320")
    host.write(Reg.TxModeReg, 0x80)
    host.write(Reg.RxModeReg, 0x80)
    host.transceive("9370deadbeef22")
    assert host.read(Reg.ErrorReg) == 0
    assert host.fifo()[:1] == b"\x08"


def test_a_new_command_clears_errors() -> None:
    host = collided(U4, U7[:4])
    assert host.read(Reg.ErrorReg)
    host.write(Reg.CommandReg, Command.Idle)
    assert host.read(Reg.ErrorReg) == 0


def test_soft_reset_restores_the_registers_and_drops_the_field() -> None:
    host = Host()
    assert host.field.on
    host.write(Reg.CommandReg, Command.SoftReset)
    assert host.read(Reg.TModeReg) == 0x00
    assert not host.field.on


def test_hard_reset_answers_nothing_while_low_and_loses_what_comes_too_early() -> None:
    host = Host()
    host.chip.set_reset(True, host.now_us)
    assert host.read(Reg.VersionReg) == 0x00
    host.now_us += 10_000
    host.chip.set_reset(False, host.now_us)
    host.write(Reg.TModeReg, 0x80)
    assert host.read(Reg.CommandReg) & 0x10
    host.now_us += WAKE_US
    assert not host.read(Reg.CommandReg) & 0x10
    assert host.read(Reg.TModeReg) == 0x00
    host.write(Reg.TModeReg, 0x80)
    assert host.read(Reg.TModeReg) == 0x80


def test_soft_power_down_and_its_end() -> None:
    host = Host()
    host.write(Reg.CommandReg, 0x10)
    assert not host.field.on
    host.write(Reg.TModeReg, 0x11)
    assert host.read(Reg.TModeReg) == 0x80
    host.write(Reg.CommandReg, 0x00)
    assert host.read(Reg.CommandReg) & 0x10
    host.now_us += WAKE_US
    assert not host.read(Reg.CommandReg) & 0x10


@pytest.mark.parametrize("level", [0x00, 0xFF])
def test_fault_dead(level: int) -> None:
    host = Host()
    host.chip.faults.dead = level
    assert host.transfer(0x80 | Reg.VersionReg << 1, 0x00) == bytes([level, level])
    host.transfer(Reg.TModeReg << 1, 0x55)
    host.chip.faults.dead = None
    assert host.read(Reg.TModeReg) == 0x80


def test_fault_brown_out_strikes_once() -> None:
    host = Host()
    host.chip.faults.brown_out = True
    assert host.read(Reg.TModeReg) == 0x00
    assert not host.field.on
    host.write(Reg.TModeReg, 0x80)
    assert host.read(Reg.TModeReg) == 0x80


def test_fault_hung_ends_no_command() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.chip.faults.hung = True
    host.transceive("26", bits=7, wait_us=100_000)
    assert host.read(Reg.ComIrqReg) & (RX_IRQ | TIMER_IRQ) == 0
    assert host.read(Reg.TModeReg) == 0x80
    host.chip.faults.hung = False
    host.transceive("26", bits=7)
    assert host.read(Reg.ComIrqReg) & RX_IRQ


def test_fault_hung_until_reset() -> None:
    host = Host()
    host.chip.faults.hung_until_reset = True
    host.write(Reg.CommandReg, Command.SoftReset)
    assert host.chip.faults.hung_until_reset
    host.chip.set_reset(True, host.now_us)
    assert not host.chip.faults.hung_until_reset


def test_fault_stuck_power_down() -> None:
    host = Host()
    host.chip.faults.stuck_power_down = True
    host.write(Reg.CommandReg, Command.SoftReset)
    assert host.read(Reg.CommandReg) & 0x10
    assert host.read(Reg.TModeReg) == 0x80


def test_fault_version() -> None:
    host = Host()
    host.chip.faults.version = 0xB2
    assert host.read(Reg.VersionReg) == 0xB2


def test_fault_drop_and_garble() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.chip.faults.drop_answers = 1
    host.transceive("52", bits=7)
    assert not host.read(Reg.ComIrqReg) & RX_IRQ
    host.chip.faults.garble_answers = 1
    host.transceive("9320")
    assert host.read(Reg.ErrorReg) & 0x02
    host.transceive("9320")
    assert host.read(Reg.ErrorReg) == 0
    assert host.fifo() == bytes.fromhex("deadbeef22")


def test_fault_tamper_is_not_noticed_by_the_chip() -> None:
    host = Host()
    host.field.present(U4)
    host.now_us += 6_000
    host.chip.faults.tamper = lambda bits: bits[:-3]
    host.transceive("52", bits=7)
    assert host.read(Reg.ErrorReg) == 0
    assert host.read(Reg.ControlReg) & 0x07 == 5


def test_fault_noise_is_repeatable_and_about_as_frequent_as_told() -> None:
    def wrong_reads(seed: int) -> list[int]:
        host = Host()
        host.chip.faults.reseed(seed)
        host.chip.faults.noise = 0.01
        return [i for i in range(2_000) if host.read(Reg.VersionReg) != 0x92]

    first = wrong_reads(7)
    assert first == wrong_reads(7)
    assert first != wrong_reads(8)
    # Eight data bits can flip, and any of six address bits sends the read elsewhere.
    assert 150 < len(first) < 400


def test_air_noise_of_one_bit_is_a_parity_error() -> None:
    faults = ChipFaults(air_noise=0.05)
    noticed = unnoticed = 0
    for _ in range(500):
        heard, parity_error = faults.on_air((0,) * 8)
        assert heard is not None
        assert parity_error == (sum(heard) % 2 == 1)
        noticed += parity_error
        unnoticed += sum(heard) == 2
    assert noticed > 0
    assert unnoticed > 0


@pytest.mark.parametrize("name", NAMES)
def test_named_faults_can_be_set_and_cleared(name: str) -> None:
    faults = ChipFaults()
    faults.set(name)
    assert faults.active == {name}
    for other in set(NAMES) - {name}:
        faults.clear(other)
    assert faults.active == {name}
    faults.clear(name)
    assert faults.active == set()


def test_unknown_fault_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="reader-dead-00"):
        ChipFaults().set("reader-tired")
    with pytest.raises(ValueError, match="unknown reader fault"):
        ChipFaults().clear("reader-tired")


@pytest.mark.parametrize(("mosi", "speed_hz"), [(b"", 1_000_000), (b"\x80\x00", 0)])
def test_impossible_transfers_are_refused(mosi: bytes, speed_hz: int) -> None:
    with pytest.raises(ValueError, match="at least one byte and a speed"):
        Host().chip.transfer(mosi, 0.0, speed_hz)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    transfers=st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.integers(0, 20_000))),
    seed=st.integers(0, 1000),
)
def test_no_traffic_breaks_the_chip(transfers: list[tuple[bytes, int]], seed: int) -> None:
    runs = []
    for _ in range(2):
        host = Host()
        host.field.present(U7)
        pause = random.Random(seed)
        answers = []
        for mosi, after_us in transfers:
            host.now_us += after_us * pause.random()
            answers.append(host.transfer(*mosi))
        runs.append(answers)
    assert all(len(a) == len(t[0]) for a, t in zip(runs[0], transfers, strict=True))
    assert runs[0] == runs[1]


# The stock package, unmodified.


def stock(rig: Rig) -> Any:
    sys.modules["RPi.GPIO"].setmode(11)
    return importlib.import_module("mfrc522.MFRC522").MFRC522(pin_rst=25)


@pytest.fixture
def rig() -> Any:
    with Rig(host_us=0.0).installed() as bench, warnings.catch_warnings():
        # The package applies ~ to a bool, which newer Pythons announce to refuse.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield bench


def test_stock_empty_poll_takes_2013_transfers(rig: Rig) -> None:
    chip = stock(rig)
    with rig.count() as transfers:
        assert chip.MFRC522_Request(chip.PICC_REQIDL)[0] == chip.MI_ERR
    assert transfers == [2013]
    assert rig.frames() == ["26/7"]


def test_stock_constructor_takes_10_transfers(rig: Rig) -> None:
    with rig.count() as transfers:
        stock(rig)
    assert transfers == [10]


def test_stock_reads_a_four_byte_card_every_other_time(rig: Rig) -> None:
    chip = stock(rig)
    rig.field.present(U4)
    rig.pass_time(0.01)
    seen = []
    for _ in range(6):
        found = chip.MFRC522_Request(chip.PICC_REQIDL)[0] == chip.MI_OK
        seen.append(chip.MFRC522_Anticoll() if found else None)
    good = (0, [*U4, 0x22])
    assert seen == [good, None, good, None, good, None]


def test_stock_cuts_a_seven_byte_uid(rig: Rig) -> None:
    chip = stock(rig)
    rig.field.present(U7)
    rig.pass_time(0.01)
    with rig.count() as transfers:
        assert chip.MFRC522_Request(chip.PICC_REQIDL)[0] == chip.MI_OK
        assert chip.MFRC522_Anticoll()[1] == [0x88, *U7[:3], 0xE9]
    # Measured elsewhere on another simulation: 41 + 67.
    assert abs(transfers[0] - 108) <= 4


@pytest.mark.parametrize(("level", "count"), [(0x00, 2013), (0xFF, 15)])
def test_stock_cannot_tell_a_dead_chip(rig: Rig, level: int, count: int) -> None:
    chip = stock(rig)
    rig.chip.faults.dead = level
    with rig.count() as transfers:
        assert chip.MFRC522_Request(chip.PICC_REQIDL) == (chip.MI_ERR, 0)
    assert transfers == [count]
