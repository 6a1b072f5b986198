"""config.toml: the sample shows the defaults, every mistake is one line, nothing else comes out."""

from __future__ import annotations

import copy
import os
import re
import socket
import tomllib
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from station.config import Config, ConfigError, load, parse
from station.rules.values import Load, OfflinePolicy

SAMPLE = Path(__file__).parents[2] / "config.toml"
REQUIRED = {
    ("station", "name"),
    ("server", "url"),
    ("server", "token_file"),
    ("contactor", "load"),
    ("contactor", "pin"),
    ("contactor", "max_current_a"),
    ("meter", "port"),
    ("indicator", "green_pin"),
    ("indicator", "red_pin"),
}
# CONTRACT 4, table by table: everything a config may hold.
KEYS = {
    "station": "name data_dir run_dir simulator log_level",
    "server": "transport url token_file ca_file timeout_s port baudrate mcsp_legacy",
    "reader": "spi_bus spi_device reset_pin poll_ms",
    "contactor": "load pin active_high phases max_current_a standby_w min_off_s feedback_pin "
    "enable_pin trip_pin heartbeat_pin",
    "meter": "model port address baudrate parity stopbits sample_s update_s lost_after_s",
    "indicator": "green_pin red_pin buzzer_pin active_high quiet",
    "inputs": "stop_pin vehicle_pin stop_active_high vehicle_active_high",
    "session": "max_duration_h max_energy_kwh no_energy_min finished_below_w finished_after_min "
    "resume_within_s final_reading_timeout_s",
    "offline": "policy max_age_h",
    "metrics": "textfile",
}
OPTIONAL_SHOWN = [
    (table, key)
    for table, content in tomllib.loads(SAMPLE.read_text()).items()
    for key in content
    if (table, key) not in REQUIRED
]
GONE = object()


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """The sample, with a token file and a serial port that exist."""
    (tmp_path / "token").write_text("evcs_0123abcd_s3cret\n")
    (tmp_path / "ttyUSB0").touch()
    data = tomllib.loads(SAMPLE.read_text())
    data["server"]["token_file"] = str(tmp_path / "token")
    data["meter"]["port"] = str(tmp_path / "ttyUSB0")
    return data


def changed(data: dict[str, Any], *changes: tuple[str, str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(data)
    for table, key, value in changes:
        if value is GONE:
            del data[table][key]
        else:
            data[table][key] = value
    return data


def mistakes(data: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(data)
    return caught.value.mistakes


# --- the sample -------------------------------------------------------------------------------


def test_the_sample_is_a_usable_config(data: dict[str, Any]):
    config = parse(data)
    assert config.name == "box-1"
    assert config.server.token == "evcs_0123abcd_s3cret"
    assert config.server.url == "https://mmetering.example"
    assert config.rules.load is Load.WALLBOX
    assert config.rules.max_current_a == 16
    assert config.warnings == ()


def test_the_sample_names_every_key_of_the_contract():
    text = SAMPLE.read_text()
    shown: dict[str, set[str]] = {}
    table = ""
    for line in text.splitlines():
        if head := re.match(r"\[(\w+)\]", line):
            table = head[1]
        elif key := re.match(r"(?:# )?(\w+) = ", line):
            shown.setdefault(table, set()).add(key[1])
    assert shown == {table: set(keys.split()) for table, keys in KEYS.items()}


@pytest.mark.parametrize(("table", "key"), OPTIONAL_SHOWN)
def test_what_the_sample_shows_is_the_default(data: dict[str, Any], table: str, key: str):
    assert parse(changed(data, (table, key, GONE))) == parse(data)


def test_all_defaults_at_once(data: dict[str, Any]):
    bare = changed(data, *((table, key, GONE) for table, key in OPTIONAL_SHOWN))
    assert parse(bare) == parse(data)
    assert parse({table: keys for table, keys in bare.items() if keys}) == parse(data)


@pytest.mark.parametrize(
    ("load_", "min_off_s", "max_duration_h", "finished_below_w", "resume_within_s"),
    [("wallbox", 30, 48, 100, 600), ("enable", 30, 48, 100, 600), ("socket", 10, 72, 20, 0)],
)
def test_defaults_that_hang_on_the_load(
    data: dict[str, Any],
    load_: str,
    min_off_s: float,
    max_duration_h: float,
    finished_below_w: float,
    resume_within_s: float,
):
    keys = ("max_duration_h", "finished_below_w", "resume_within_s")
    rules = parse(
        changed(
            data,
            ("contactor", "load", load_),
            ("contactor", "min_off_s", GONE),
            *(("session", key, GONE) for key in keys),
        )
    ).rules
    assert rules.load is Load(load_)
    assert rules.min_off_s == min_off_s
    assert rules.max_duration_s == max_duration_h * 3600
    assert rules.finished_below_w == finished_below_w
    assert rules.resume_within_s == resume_within_s
    assert rules.no_energy_s == 600 * 60
    assert rules.max_energy_wh == 150_000
    assert rules.finished_after_s == 3600
    assert rules.final_reading_timeout_s == 3600


def test_units_are_turned_into_seconds_watts_and_watt_hours(data: dict[str, Any]):
    config = parse(
        changed(
            data,
            ("reader", "poll_ms", 50),
            ("contactor", "max_current_a", 13.5),
            ("contactor", "phases", 1),
            ("session", "max_duration_h", 0.5),
            ("session", "max_energy_kwh", 0.25),
            ("session", "no_energy_min", 1.5),
            ("session", "finished_after_min", 0.1),
            ("offline", "max_age_h", 0.25),
            ("offline", "policy", "anyone"),
            ("indicator", "quiet", "22:00-06:30"),
        )
    )
    rules = config.rules
    assert config.reader.poll_s == 0.05
    assert rules.fuse_w == pytest.approx(13.5 * 230)
    assert rules.max_duration_s == 1800
    assert rules.max_energy_wh == 250
    assert rules.no_energy_s == 90
    assert rules.finished_after_s == pytest.approx(6)
    assert rules.offline_max_age_s == 900
    assert rules.offline_policy is OfflinePolicy.ANYONE
    assert config.indicator.quiet == (time(22), time(6, 30))


def test_optional_pins_and_files(data: dict[str, Any], tmp_path: Path):
    config = parse(
        changed(
            data,
            ("contactor", "feedback_pin", 24),
            ("contactor", "heartbeat_pin", 26),
            ("inputs", "vehicle_pin", 12),
            ("server", "ca_file", str(tmp_path / "token")),
            ("metrics", "textfile", "/somewhere/evcs.prom"),
        )
    )
    assert config.contactor.feedback_pin == 24
    assert config.contactor.heartbeat_pin == 26
    assert config.contactor.trip_pin is None
    assert config.inputs.vehicle_pin == 12
    assert config.rules.has_feedback
    assert config.rules.has_vehicle_input
    assert config.server.ca_file == str(tmp_path / "token")
    assert config.textfile == Path("/somewhere/evcs.prom")


def test_a_simulated_box_brings_its_meter(data: dict[str, Any], tmp_path: Path):
    path = str(tmp_path / "box.sock")
    box = changed(data, ("station", "simulator", path), ("meter", "port", GONE))
    with pytest.raises(ConfigError, match="no box there"):
        parse(box)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        assert parse(box).meter.port == f"{path}.meter"


# --- every mistake is one line, with table, key, value and what is allowed --------------------

ONE_MISTAKE = [
    ("station", "name", "", "1 to 20 of A-Z"),
    ("station", "name", "x" * 21, "1 to 20 of A-Z"),
    ("station", "name", "Straße", "1 to 20 of A-Z"),
    ("station", "name", "box-1\n", "1 to 20 of A-Z"),
    ("station", "name", 5, "1 to 20 of A-Z"),
    ("station", "data_dir", 5, "a text"),
    ("station", "run_dir", "", "a text"),
    ("station", "simulator", True, "a text"),
    ("station", "log_level", "loud", '"debug" or "info" or "warning" or "error"'),
    ("server", "transport", "carrier pigeon", '"rest" or "mcsp"'),
    ("server", "url", "mmetering.example", "http(s)://HOST"),
    ("server", "url", "https://mmetering.example/api", "http(s)://HOST"),
    ("server", "url", "https://user@mmetering.example", "http(s)://HOST"),
    ("server", "url", "https://mmetering.example:port", "http(s)://HOST"),
    ("server", "url", "https://mmetering.example:99999", "http(s)://HOST"),
    ("server", "url", "https://[::1", "http(s)://HOST"),
    ("server", "url", "https://:443", "http(s)://HOST"),
    ("server", "url", "ftp://mmetering.example", "http(s)://HOST"),
    ("server", "url", "", "http(s)://HOST"),
    ("server", "url", 5, "http(s)://HOST"),
    ("server", "token_file", "/does/not/exist", "cannot be read (No such file or directory)"),
    ("server", "token_file", "/", "cannot be read (Is a directory)"),
    ("server", "token_file", "a\0b", "holds one line"),
    ("server", "token_file", "x" * 5000, "cannot be read (File name too long)"),
    ("server", "token_file", 5, "the file with the station's token"),
    ("server", "ca_file", "/does/not/exist", "no such file"),
    ("server", "ca_file", "/", "no such file"),
    ("server", "ca_file", "x" * 5000, "no such file"),
    ("server", "timeout_s", 0, "a number from 0.1 to 60"),
    ("server", "timeout_s", -1.0, "a number from 0.1 to 60"),
    ("server", "timeout_s", "3", "a number from 0.1 to 60"),
    ("server", "timeout_s", True, "a number from 0.1 to 60"),
    ("server", "timeout_s", float("nan"), "a number from 0.1 to 60"),
    ("server", "timeout_s", float("inf"), "a number from 0.1 to 60"),
    ("server", "baudrate", 9600.0, "a whole number from 1200 to 115200"),
    ("server", "mcsp_legacy", 1, "true or false"),
    ("reader", "spi_bus", -1, "a whole number from 0"),
    ("reader", "spi_device", "0", "a whole number from 0"),
    ("reader", "reset_pin", 8, "belongs to I2C, SPI or the UART"),
    ("reader", "reset_pin", 28, "a whole number from 0 to 27"),
    ("reader", "poll_ms", 5, "a number from 20 to 1000"),
    ("contactor", "load", "toaster", '"wallbox", "enable" or "socket"'),
    ("contactor", "load", ["socket"], '"wallbox", "enable" or "socket"'),
    ("contactor", "pin", 2, "belongs to I2C, SPI or the UART"),
    ("contactor", "pin", 10, "belongs to I2C, SPI or the UART"),
    ("contactor", "pin", 4, "one of 17, 22, 23, 24, 27"),
    ("contactor", "pin", 99, "a whole number from 0 to 27"),
    ("contactor", "pin", -1, "a whole number from 0 to 27"),
    ("contactor", "pin", "17", "a whole number from 0 to 27"),
    ("contactor", "pin", 25, "is already [reader] reset_pin"),
    ("contactor", "active_high", "yes", "true or false"),
    ("contactor", "phases", 2, "1 or 3"),
    ("contactor", "phases", True, "1 or 3"),
    ("contactor", "phases", 3.0, "1 or 3"),
    ("contactor", "phases", [3], "1 or 3"),
    ("contactor", "max_current_a", 0.5, "amperes of the fuse, 1 to 125"),
    ("contactor", "max_current_a", 126, "amperes of the fuse, 1 to 125"),
    ("contactor", "max_current_a", "16", "amperes of the fuse, 1 to 125"),
    ("contactor", "standby_w", -1, "a number from 0 to 500"),
    ("contactor", "min_off_s", 0, "a number from 0.5 to 3600"),
    ("contactor", "feedback_pin", 17, "is already [contactor] pin"),
    ("contactor", "enable_pin", 14, "belongs to I2C, SPI or the UART"),
    ("contactor", "trip_pin", 1.5, "a whole number from 0 to 27"),
    ("contactor", "heartbeat_pin", 25, "is already [reader] reset_pin"),
    ("meter", "model", "ferraris", '"sdm630"'),
    ("meter", "port", "/does/not/exist", "does not exist"),
    ("meter", "port", "x" * 5000, "does not exist"),
    ("meter", "port", "a\0b", "does not exist"),
    ("meter", "port", 5, "the serial port"),
    ("meter", "address", 0, "a whole number from 1 to 247"),
    ("meter", "address", 248, "a whole number from 1 to 247"),
    ("meter", "baudrate", 300, "a whole number from 1200 to 115200"),
    ("meter", "parity", "mark", '"none" or "even" or "odd"'),
    ("meter", "stopbits", 3, "a whole number from 1 to 2"),
    ("meter", "sample_s", 0, "a number from 0.1 to 60"),
    ("meter", "update_s", 61, "a number from 0.1 to 60"),
    ("meter", "lost_after_s", 0.5, "a number from 1 to 3600"),
    ("indicator", "green_pin", 17, "is already [contactor] pin"),
    ("indicator", "red_pin", 5, "is already [indicator] green_pin"),
    ("indicator", "red_pin", 3, "belongs to I2C, SPI or the UART"),
    ("indicator", "buzzer_pin", "13", "a whole number from 0 to 27"),
    ("indicator", "quiet", "22-6", '"HH:MM-HH:MM"'),
    ("indicator", "quiet", "25:00-06:00", '"HH:MM-HH:MM"'),
    ("indicator", "quiet", "٢٢:00-06:00", '"HH:MM-HH:MM"'),
    ("indicator", "quiet", 22, '"HH:MM-HH:MM"'),
    ("inputs", "stop_pin", 6, "is already [indicator] red_pin"),
    ("inputs", "vehicle_pin", 0, "belongs to I2C, SPI or the UART"),
    ("inputs", "stop_active_high", 0, "true or false"),
    ("session", "max_duration_h", 0, "a number from 0.001 to 1000"),
    ("session", "max_energy_kwh", -5, "a number from 0.001 to 10000"),
    ("session", "no_energy_min", "ten", "a number from 0.01 to 100000"),
    ("session", "finished_below_w", 0, "a number from 1 to 10000"),
    ("session", "finished_after_min", 0, "a number from 0.01 to 100000"),
    ("session", "resume_within_s", -1, "a number from 0 to 86400"),
    ("session", "final_reading_timeout_s", 0, "a number from 1 to 86400"),
    ("offline", "policy", "some", '"known_tags" or "refuse" or "anyone"'),
    ("offline", "max_age_h", 0, "a number from 0.001 to 100000"),
    ("metrics", "textfile", 1, "a text"),
]


@pytest.mark.parametrize(("table", "key", "value", "allowed"), ONE_MISTAKE)
def test_a_wrong_value_is_one_line_that_says_what_is_allowed(
    data: dict[str, Any], table: str, key: str, value: Any, allowed: str
):
    (line,) = mistakes(changed(data, (table, key, value)))
    assert line.startswith(f"[{table}] {key} = {value!r}: ")
    assert allowed in line.removeprefix(f"[{table}] {key} = {value!r}: ")


@pytest.mark.parametrize(("table", "key"), sorted(REQUIRED))
def test_a_missing_required_key_is_one_line(data: dict[str, Any], table: str, key: str):
    (line,) = mistakes(changed(data, (table, key, GONE)))
    assert re.match(rf"\[{table}\] {key}: is required; .+", line)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n \n", b"two tokens", b"one\ntwo\n", b"t\xc3\xb6ken", b"\xff\xfe\x00", b"to\x00ken"],
)
def test_a_token_file_that_holds_no_token(data: dict[str, Any], tmp_path: Path, content: bytes):
    (tmp_path / "token").write_bytes(content)
    (line,) = mistakes(data)
    assert line == (
        f"[server] token_file = {str(tmp_path / 'token')!r}: "
        "holds one line: the token that evcs_station printed"
    )


def test_the_token_itself_is_in_no_message(data: dict[str, Any], tmp_path: Path):
    (tmp_path / "token").write_text("s3cret s3cret\n")
    (line,) = mistakes(data)
    assert "s3cret" not in line


def test_an_unknown_key_names_the_known_ones(data: dict[str, Any]):
    (line,) = mistakes(changed(data, ("reader", "spi_buss", 0)))
    assert line == (
        "[reader] spi_buss: unknown key; known here: poll_ms, reset_pin, spi_bus, spi_device"
    )


@pytest.mark.parametrize("table", KEYS)
def test_a_key_of_another_table_is_unknown(data: dict[str, Any], table: str):
    (line,) = mistakes(changed(data, (table, "nothing", 1)))
    known = line.partition("known here: ")[2].split(", ")
    assert line.startswith(f"[{table}] nothing: unknown key")
    assert set(known) == set(KEYS[table].split())


def test_an_unknown_table(data: dict[str, Any]):
    (line,) = mistakes({**data, "sesion": {"max_duration_h": 3}})
    assert line.startswith("[sesion]: unknown table; known: station, server, reader")


def test_a_table_that_is_none(data: dict[str, Any]):
    (line,) = mistakes({**data, "offline": "refuse"})
    assert line == "[offline]: is a table, not 'refuse'"


def test_all_mistakes_come_at_once(data: dict[str, Any]):
    found = mistakes(
        changed(
            data,
            ("station", "name", "böx"),
            ("server", "token_file", GONE),
            ("server", "timeout", 3),
            ("contactor", "pin", 5),
            ("meter", "address", 300),
            ("indicator", "red_pin", 11),
            ("session", "max_energy_kwh", "lots"),
        )
    )
    places = sorted(line.split(":")[0].split(" = ")[0] for line in found)
    assert places == sorted(
        [
            "[station] name",
            "[server] token_file",
            "[server] timeout",
            "[contactor] pin",
            "[indicator] green_pin",  # it and the contactor were given the same pin
            "[meter] address",
            "[indicator] red_pin",
            "[session] max_energy_kwh",
        ]
    )


# --- warnings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("contactor", "enable_pin"),
        ("contactor", "trip_pin"),
        ("contactor", "heartbeat_pin"),
        ("indicator", "buzzer_pin"),
    ],
)
@pytest.mark.parametrize(("pin", "warned"), [(4, True), (26, False)])
def test_an_output_that_is_pulled_up_at_power_on(
    data: dict[str, Any], table: str, key: str, pin: int, warned: bool
):
    lines = parse(changed(data, (table, key, pin))).warnings
    assert [line.partition(": ")[0] for line in lines] == ([f"[{table}] {key} = 4"] * warned)


def test_an_active_low_contactor_is_allowed_on_any_free_pin_and_warned_of(data: dict[str, Any]):
    config = parse(changed(data, ("contactor", "active_high", False), ("contactor", "pin", 16)))
    assert config.contactor.pin == 16
    (warning,) = config.warnings
    assert warning.startswith("[contactor] active_high = false: ")


# --- the file ---------------------------------------------------------------------------------


def test_a_file_that_is_missing_or_no_toml(tmp_path: Path):
    cases = {
        "missing.toml": None,
        "text.toml": b"name = box",
        "latin.toml": b'name = "\xe4"',
        "deep.toml": b"a = " + b"[" * 100_000,
        "digits.toml": b"a = " + b"9" * 10_000,
    }
    for name, content in cases.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load(path)
        (line,) = caught.value.mistakes
        assert line.startswith(f"{path}: ")
        assert "cannot be read: No such file" in line if content is None else "not TOML" in line


def test_mistakes_in_a_file_begin_with_its_name(tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_text("[station]\nname = 5\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = caught.value.mistakes
    assert len(lines) == len(REQUIRED)
    assert all(line.startswith(f"{path}: [") for line in lines)
    assert str(caught.value) == "\n".join(lines)


def test_a_good_file_is_loaded(data: dict[str, Any], tmp_path: Path):
    token, port = data["server"]["token_file"], data["meter"]["port"]
    text = re.sub(r'(?m)^token_file = "[^"]*"', f'token_file = "{token}"', SAMPLE.read_text())
    text = re.sub(r'(?m)^port = "[^"]*"', f'port = "{port}"', text)
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert load(path) == parse(data)


# --- whatever stands there --------------------------------------------------------------------

scalars = (
    st.integers()
    | st.sampled_from([0, 1, 3, 5, 6, 13, 17, 22, 25, 100])
    | st.floats()
    | st.booleans()
    | st.text(max_size=20)
    | st.sampled_from(
        ["rest", "mcsp", "info", "wallbox", "socket", "none", "http://h", "22:00-06:00", "/", "a\0"]
    )
    | st.times()
    | st.dates()
    | st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
any_key = st.sampled_from(sorted({key for keys in KEYS.values() for key in keys.split()}))
tables = st.dictionaries(any_key | st.text(max_size=8), values, max_size=6)
any_config = st.dictionaries(
    st.sampled_from(sorted(KEYS)) | st.text(max_size=8), tables | values, max_size=10
)
FUZZ = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(raw=any_config)
@example(raw={"station": {"name": []}})
def test_nothing_but_a_config_error_comes_of_nonsense(raw: dict[str, Any]):
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    assert all(re.match(r"\[", line) for line in caught.value.mistakes)


@FUZZ
@given(change=st.tuples(st.sampled_from(sorted(KEYS)), any_key, values))
def test_one_change_of_a_good_config_is_taken_or_named(
    data: dict[str, Any], change: tuple[str, str, Any]
):
    table, key, _ = change
    lines: list[str] = []
    try:
        assert isinstance(parse(changed(data, change)), Config)
    except ConfigError as error:
        lines = error.mistakes
    for line in lines:
        assert line.startswith(f"[{table}] {key}") or f"is already [{table}] {key}" in line


@FUZZ
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_in_the_file(tmp_path: Path, raw: bytes):
    path = tmp_path / "config.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert all(line.startswith(f"{os.fspath(path)}: ") for line in caught.value.mistakes)


# --- the meter's model and the phases ---------------------------------------------------------


@pytest.mark.parametrize("phases", [3, GONE])
def test_a_single_phase_meter_in_a_three_phase_box_is_refused(data: dict[str, Any], phases: Any):
    (line,) = mistakes(changed(data, ("meter", "model", "sdm120"), ("contactor", "phases", phases)))
    assert line == (
        "[meter] model = 'sdm120': counts one phase alone; "
        "set [contactor] phases = 1 or fit another meter"
    )


def test_a_wrong_number_of_phases_is_one_mistake_with_any_meter(data: dict[str, Any]):
    (line,) = mistakes(changed(data, ("meter", "model", "sdm120"), ("contactor", "phases", 2)))
    assert line.startswith("[contactor] phases = 2: ")


@pytest.mark.parametrize(
    ("model", "phases"),
    [("sdm120", 1), ("sdm630", 1), ("sdm630", 3), ("sdm72", 3), ("sdm72v2", 3)],
)
def test_a_meter_may_count_as_many_phases_as_it_has(data: dict[str, Any], model: str, phases: int):
    config = parse(changed(data, ("meter", "model", model), ("contactor", "phases", phases)))
    assert config.meter.model == model
    assert config.rules.phases == phases


def mcsp(data: dict[str, Any], **server: Any) -> dict[str, Any]:
    """A config that speaks MCSP."""
    data["server"] = {"transport": "mcsp", "port": "/dev/ttyUSB1", **server}
    data["offline"] = {}
    return data


def test_a_line_needs_neither_url_nor_token(data: dict[str, Any]):
    config = parse(mcsp(data))
    assert (config.server.port, config.server.baudrate) == ("/dev/ttyUSB1", 9600)
    # It carries no tag list.
    assert config.rules.offline_policy is OfflinePolicy.REFUSE


@pytest.mark.parametrize(
    "port",
    ["tcp://127.0.0.1:7000", "tcp://[::1]:7000", "/dev/serial/by-id/usb-x"],
)
def test_ports_of_a_line(data: dict[str, Any], port: str):
    assert parse(mcsp(data, port=port)).server.port == port


@pytest.mark.parametrize(
    "port",
    ["", "ttyUSB0", "tcp://192.168.1.2:7000", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://h:1"],
)
def test_what_is_no_port_of_a_line(data: dict[str, Any], port: str):
    (line,) = mistakes(mcsp(data, port=port))
    assert line.startswith("[server] port = ")
    assert "tcp://127.0.0.1:PORT" in line


def test_a_line_needs_a_port_and_has_no_list(data: dict[str, Any]):
    changed_data = mcsp(data)
    del changed_data["server"]["port"]
    changed_data["offline"] = {"policy": "known_tags"}
    port, policy = mistakes(changed_data)
    assert "port: is required" in port
    assert '"refuse" or "anyone"' in policy
