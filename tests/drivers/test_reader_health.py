"""Opening, closing and recovering: a sick chip is never taken for an empty field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.errors import ReaderError, ReaderHung, ReaderReset, ReaderSilent
from drivers.reader import Card, Reader
from tests.drivers.rfid_rig import RESET_PIN, Rig

U7 = bytes.fromhex("04A3C6CAE26180")
POLL_S = 0.1
T_MODE_REG, TX_ASK_REG, VERSION_REG = 0x2A, 0x15, 0x37


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig().installed() as bench:
        yield bench


@pytest.fixture
def reader(rig: Rig) -> Reader:
    reader = rig.reader()
    reader.open()
    rig.pass_time(POLL_S)
    return reader


def reads_card(rig: Rig, reader: Reader) -> bool:
    rig.pass_time(POLL_S)
    return isinstance(reader.scan(), Card)


def test_the_constructor_opens_nothing(rig: Rig) -> None:
    rig.reader()
    assert rig.open_devices == []
    assert rig.gpio.setups == []
    assert rig.transfers == []


def test_open_pulses_the_reset_line_and_sets_it_up_in_one_call(rig: Rig, reader: Reader) -> None:
    assert rig.gpio.setups == [(RESET_PIN, 0)]
    (low_us, low_pin, low), (high_us, high_pin, high) = rig.gpio.levels
    assert (low_pin, low, high_pin, high) == (RESET_PIN, 0, RESET_PIN, 1)
    assert high_us - low_us >= 10_000
    assert reader.version == 0x92


def test_the_line_is_set_up_once_in_the_life_of_the_process(rig: Rig, reader: Reader) -> None:
    reader.open()
    another = rig.reader()
    reader.close()
    another.open()
    another.close()
    assert rig.gpio.setups == [(RESET_PIN, 0)]
    assert [level for _, _, level in rig.gpio.levels] == [0, 1] * 3


def test_open_takes_over_whatever_the_last_user_of_the_device_left(rig: Rig) -> None:
    rig.left_over_mode = 3
    reader = rig.reader()
    reader.open()
    rig.field.present(U7)
    assert reads_card(rig, reader)


def test_bus_device_and_pin_are_those_that_were_asked_for(rig: Rig) -> None:
    reader = rig.reader(spi_bus=1, spi_device=2, reset_pin=27)
    reader.open()
    assert rig.open_devices == [(1, 2)]
    assert rig.gpio.setups == [(27, 0)]


def test_close_drops_the_field_and_the_device_and_no_gpio_line(rig: Rig, reader: Reader) -> None:
    rig.chip.faults.hung = True
    with pytest.raises(ReaderHung):
        reader.scan()
    assert rig.field.on
    reader.close()
    assert not rig.field.on
    assert rig.open_devices == []
    reader.close()
    assert rig.gpio.cleanups == []


def test_close_releases_the_device_of_a_broken_reader(rig: Rig, reader: Reader) -> None:
    rig.transfer_error = OSError(5, "Input/output error")
    reader.close()
    assert rig.open_devices == []


def test_open_again_holds_one_device_only(rig: Rig, reader: Reader) -> None:
    reader.open()
    assert rig.open_devices == [(0, 0)]


def test_a_reader_that_is_not_open_says_so(rig: Rig) -> None:
    with pytest.raises(ReaderReset, match=r"open\(\) comes first"):
        rig.reader().scan()
    with pytest.raises(ReaderReset, match=r"open\(\) comes first"):
        rig.reader().verify()


def test_reinit_opens_a_closed_reader(rig: Rig) -> None:
    reader = rig.reader()
    reader.reinit()
    rig.field.present(U7)
    assert reads_card(rig, reader)


def test_a_chip_whose_reset_wire_is_missing_still_starts_from_its_reset_values(rig: Rig) -> None:
    rig.chip.transfer(bytes([0x15 << 1, 0x00]), rig.now_us)
    rig.chip.transfer(bytes([0x12 << 1, 0x80]), rig.now_us)
    rig.chip.transfer(bytes([0x1C << 1, 0x55]), rig.now_us)
    reader = rig.reader(reset_pin=27)
    reader.open()
    assert rig.chip.transfer(bytes([0x80 | 0x1C << 1, 0]), rig.now_us)[1] == 0x62


@pytest.mark.parametrize("version", [0x91, 0x12, 0x88, 0xB2, 0x82])
def test_clones_are_welcome(rig: Rig, version: int) -> None:
    rig.chip.faults.version = version
    reader = rig.reader()
    reader.open()
    rig.field.present(U7)
    assert reads_card(rig, reader)
    assert reader.version == version


@pytest.mark.parametrize("level", [0x00, 0xFF])
def test_open_on_a_dead_bus(rig: Rig, level: int) -> None:
    rig.chip.faults.dead = level
    with pytest.raises(ReaderSilent, match=rf"/dev/spidev0.0 .VersionReg reads 0x{level:02X}.*3.3"):
        rig.reader().open()
    assert rig.open_devices == []


def test_open_on_a_chip_that_does_not_wake(rig: Rig) -> None:
    rig.chip.faults.stuck_power_down = True
    with pytest.raises(ReaderHung, match="does not leave power-down"):
        rig.reader().open()
    assert rig.open_devices == []


def test_open_waits_for_a_slow_soft_reset() -> None:
    with Rig(soft_reset_wake_us=50_000).installed() as rig:
        reader = rig.reader()
        reader.open()
        rig.field.present(U7)
        assert reads_card(rig, reader)


def test_a_setting_that_does_not_stick_is_named_with_its_register(rig: Rig) -> None:
    def lose_tx_ask(sent: bytes) -> None:
        rig.chip.faults.dead = 0x00 if sent == bytes([TX_ASK_REG << 1, 0x40]) else None

    rig.before_transfer = lose_tx_ask
    reader = rig.reader()
    with pytest.raises(ReaderReset, match=r"register 0x15 .* reads 0x00, 0x40 was written"):
        reader.open()
    assert rig.open_devices == []
    rig.before_transfer = None
    rig.chip.faults.dead = None
    reader.open()


@pytest.mark.parametrize(
    ("error", "raised", "advice"),
    [
        (FileNotFoundError(2, "No such file"), ReaderSilent, "dtparam=spi=on"),
        (PermissionError(13, "Permission denied"), ReaderError, "group spi"),
        (OSError(16, "Device or resource busy"), ReaderError, "another program"),
    ],
)
def test_open_without_a_usable_spi_device(
    rig: Rig, error: OSError, raised: type[ReaderError], advice: str
) -> None:
    rig.open_error = error
    with pytest.raises(ReaderError, match=advice) as caught:
        rig.reader().open()
    assert type(caught.value) is raised


def test_a_reset_line_that_is_taken(rig: Rig) -> None:
    rig.gpio.setup_error = RuntimeError("GPIO busy")
    with pytest.raises(ReaderError, match=r"GPIO25 cannot be used \(GPIO busy\)"):
        rig.reader().open()
    rig.gpio.setup_error = None
    rig.reader().open()
    assert rig.gpio.setups == [(RESET_PIN, 0)]


@pytest.mark.parametrize("level", [0x00, 0xFF])
@pytest.mark.parametrize("card", [False, True])
def test_dead_while_polling(rig: Rig, reader: Reader, level: int, card: bool) -> None:
    rig.field.present(*([U7] if card else []))
    rig.chip.faults.dead = level
    with pytest.raises(ReaderSilent, match=f"0x{level:02X}"):
        reader.scan()
    with pytest.raises(ReaderSilent):
        reader.verify()
    rig.chip.faults.dead = None
    reader.open()
    rig.field.present(U7)
    assert reads_card(rig, reader)


@pytest.mark.parametrize("card", [False, True])
def test_brown_out_between_polls(rig: Rig, reader: Reader, card: bool) -> None:
    rig.field.present(*([U7] if card else []))
    rig.chip.faults.brown_out = True
    with pytest.raises(ReaderReset, match="lost its settings"):
        reader.scan()
    reader.reinit()
    rig.field.present(U7)
    assert reads_card(rig, reader)
    assert reader.counters.re_inits == 1


def test_brown_out_at_any_moment_of_a_poll_is_named(rig: Rig, reader: Reader) -> None:
    """At every single transfer of a scan; never a card out of it that was not there."""
    rig.field.present(U7)
    with rig.count() as transfers:
        reader.scan()
    for strike_at in range(transfers[0]):
        rig.pass_time(POLL_S)
        countdown = iter(range(strike_at, -1, -1))

        def strike(_sent: bytes, left: Iterator[int] = countdown) -> None:
            if next(left, None) == 0:
                rig.chip.faults.brown_out = True

        rig.before_transfer = strike
        try:
            scan = reader.scan()
        except ReaderReset:
            pass
        else:
            # Struck too late to hurt this scan: the next one finds out.
            assert isinstance(scan, Card), f"brown-out at transfer {strike_at} was not noticed"
            rig.before_transfer = None
            with pytest.raises(ReaderReset):
                reader.scan()
        rig.before_transfer = None
        reader.reinit()


def test_hung(rig: Rig, reader: Reader) -> None:
    rig.field.present(U7)
    rig.chip.faults.hung_until_reset = True
    with pytest.raises(ReaderHung, match="hard reset"):
        reader.scan()
    reader.reinit()
    with pytest.raises(ReaderHung):
        reader.scan()
    reader.open()
    assert reads_card(rig, reader)


def test_a_hung_chip_is_found_within_a_poll_period(rig: Rig, reader: Reader) -> None:
    rig.chip.faults.hung = True
    began_us = rig.now_us
    with pytest.raises(ReaderHung):
        reader.scan()
    assert rig.now_us - began_us < 50_000


def test_verify_is_three_transfers_with_the_field_on_or_off(rig: Rig, reader: Reader) -> None:
    with rig.count() as transfers:
        reader.verify()
    assert transfers == [3]
    rig.chip.faults.hung = True
    with pytest.raises(ReaderHung):
        reader.scan()
    rig.chip.faults.hung = False
    assert rig.field.on
    reader.verify()


@pytest.mark.parametrize("register", [T_MODE_REG, TX_ASK_REG, 0x11, 0x12, 0x26])
def test_a_single_lost_setting_is_found_by_the_next_dozen_empty_polls(
    rig: Rig, reader: Reader, register: int
) -> None:
    value = rig.chip.transfer(bytes([0x80 | register << 1, 0]), rig.now_us)[1]
    rig.chip.transfer(bytes([register << 1, value ^ 0x61]), rig.now_us)

    def poll_a_dozen_times() -> None:
        for _ in range(12):
            rig.pass_time(POLL_S)
            reader.scan()

    with pytest.raises(ReaderReset):
        poll_a_dozen_times()
    reader.reinit()
    poll_a_dozen_times()


def test_one_wrong_reading_is_a_glitch_and_no_alarm(rig: Rig, reader: Reader) -> None:
    def flip_version_once(_sent: bytes) -> None:
        rig.chip.faults.version = 0x93 if len(rig.transfers) == before else 0x92

    before = len(rig.transfers)
    rig.before_transfer = flip_version_once
    reader.verify()
    assert len(rig.transfers) - before == 6
    assert reader.counters.glitches == 1


def test_spi_errors_while_polling_are_the_bus_and_not_the_card(rig: Rig, reader: Reader) -> None:
    rig.field.present(U7)
    with rig.count() as transfers:
        reader.scan()
    for failing in range(transfers[0]):
        rig.pass_time(POLL_S)
        countdown = iter(range(failing, -1, -1))

        def fail(_sent: bytes, left: Iterator[int] = countdown) -> None:
            if next(left, None) == 0:
                rig.transfer_error = OSError(5, "Input/output error")

        rig.before_transfer = fail
        with pytest.raises(ReaderSilent, match="Input/output error"):
            reader.scan()
        rig.before_transfer = None
        rig.transfer_error = None
        reader.reinit()


@pytest.mark.parametrize("failing", range(2, 60, 3))
def test_after_a_passing_spi_error_the_next_scan_needs_no_recovery(
    rig: Rig, reader: Reader, failing: int
) -> None:
    rig.field.present(U7)
    countdown = iter(range(failing, -1, -1))

    def fail_once(_sent: bytes) -> None:
        rig.transfer_error = OSError(5, "Input/output error") if next(countdown, 1) == 0 else None

    rig.before_transfer = fail_once
    with pytest.raises(ReaderSilent):
        reader.scan()
    assert isinstance(reader.scan(), Card)


def test_a_host_that_sleeps_too_long_blames_nobody(rig: Rig, reader: Reader) -> None:
    rig.sleep_late_us = 30_000
    assert reader.scan() is None
    rig.field.present(U7)
    assert reads_card(rig, reader)


def test_a_host_that_pauses_after_a_reading_blames_nobody(rig: Rig, reader: Reader) -> None:
    com_irq = bytes([0x80 | 0x04 << 1, 0x00])

    def pause_after_com_irq(sent: bytes) -> None:
        rig.host_us = 30_000 if sent == com_irq else 60

    rig.before_transfer = pause_after_com_irq
    assert reader.scan() is None
    assert reader.counters.glitches == 0
