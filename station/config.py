"""config.toml: read, checked as a whole, turned into values. No device is touched.

Every mistake is one line (table, key, value, what is allowed), and all of them come at once in one
ConfigError. The annotated sample, config.toml, shows every key with its default.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from drivers.text_line import is_port
from station.rules.settings import Settings
from station.rules.values import Load, OfflinePolicy

T = TypeVar("T")

DEFAULT_PATH = Path("/etc/evcs-station/config.toml")

# Pins that config refuses for anything: I2C's fixed pull-ups and ID EEPROM (0-3), SPI0 (7-11),
# UART0 (14, 15).
FORBIDDEN_PINS = frozenset({0, 1, 2, 3, 7, 8, 9, 10, 11, 14, 15})
# Pulled down at power-on and free of other jobs: a contactor stays open until the daemon runs.
CONTACTOR_PINS = (17, 22, 23, 24, 27)
PULLED_UP_PINS = frozenset({4, 5, 6})


class ConfigError(Exception):
    """The config cannot be used. ``mistakes`` has a line for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The token is not shown when one of these is."""

    transport: str
    url: str
    token: str = field(repr=False)
    ca_file: str | None
    timeout_s: float
    port: str | None
    baudrate: int
    mcsp_legacy: bool
    token_file: str | None = None


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    spi_bus: int
    spi_device: int
    reset_pin: int
    poll_s: float


@dataclass(frozen=True, slots=True)
class ContactorConfig:
    pin: int
    active_high: bool
    feedback_pin: int | None
    enable_pin: int | None
    trip_pin: int | None
    heartbeat_pin: int | None


@dataclass(frozen=True, slots=True)
class MeterConfig:
    model: str
    port: str
    address: int
    baudrate: int | None
    parity: str | None
    stopbits: int


@dataclass(frozen=True, slots=True)
class IndicatorConfig:
    green_pin: int
    red_pin: int
    buzzer_pin: int | None
    active_high: bool
    quiet: tuple[time, time] | None


@dataclass(frozen=True, slots=True)
class InputsConfig:
    stop_pin: int | None
    vehicle_pin: int | None
    stop_active_high: bool
    vehicle_active_high: bool


@dataclass(frozen=True, slots=True)
class Config:
    """One box. ``warnings`` are lines for the log: allowed, but think again."""

    name: str
    data_dir: Path
    run_dir: Path
    simulator: str | None
    log_level: str
    server: ServerConfig
    reader: ReaderConfig
    contactor: ContactorConfig
    meter: MeterConfig
    indicator: IndicatorConfig
    inputs: InputsConfig
    textfile: Path | None
    rules: Settings
    warnings: tuple[str, ...] = ()


def load(path: Path) -> Config:
    """Read and check a config file. Raises ConfigError with every mistake in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    try:
        data = tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error
    try:
        return parse(data)
    except ConfigError as error:
        raise ConfigError([f"{path}: {line}" for line in error.mistakes]) from None


def parse(data: Mapping[str, Any]) -> Config:
    """Check the tables of a config. Raises ConfigError with every mistake in them."""
    return _Parser(data).config()


class _Table:
    """One table of the file; takes keys out of it and notes what is wrong with them."""

    def __init__(self, name: str, data: object, mistakes: list[str]) -> None:
        self.name = name
        self.mistakes = mistakes
        self.known: set[str] = set()
        self.data: dict[str, Any] = {}
        if isinstance(data, dict):
            self.data = data
        else:
            mistakes.append(f"[{name}]: is a table, not {data!r}")

    def wrong(self, key: str, allowed: str) -> None:
        self.mistakes.append(f"[{self.name}] {key} = {self.data.get(key)!r}: {allowed}")

    def finish(self) -> None:
        for key in sorted(self.data.keys() - self.known):
            near = ", ".join(sorted(self.known))
            self.mistakes.append(f"[{self.name}] {key}: unknown key; known here: {near}")

    def take(
        self, key: str, default: T | None, check: Callable[[Any], T | None], allowed: str
    ) -> T | None:
        """The checked value, the default, or None when absent or wrong."""
        self.known.add(key)
        if key not in self.data:
            return default
        value = check(self.data[key])
        if value is None:
            self.wrong(key, allowed)
            return default
        return value

    def need(self, key: str, check: Callable[[Any], T | None], allowed: str, stand_in: T) -> T:
        self.known.add(key)
        if key not in self.data:
            self.mistakes.append(f"[{self.name}] {key}: is required; {allowed}")
            return stand_in
        value = self.take(key, None, check, allowed)
        return stand_in if value is None else value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        value = self.take(key, default, _number(low, high), f"a number from {low:g} to {high:g}")
        return default if value is None else value

    def whole(self, key: str, default: int | None, low: int, high: int) -> int | None:
        return self.take(key, default, _whole(low, high), f"a whole number from {low} to {high}")

    def flag(self, key: str, default: bool) -> bool:
        value = self.take(
            key, default, lambda v: v if isinstance(v, bool) else None, "true or false"
        )
        return default if value is None else value

    def text(self, key: str, default: str | None = None) -> str | None:
        return self.take(key, default, _text, "a text in quotes")

    def choice(self, key: str, default: str | None, allowed: tuple[str, ...]) -> str | None:
        shown = " or ".join(f'"{one}"' for one in allowed)
        return self.take(key, default, lambda v: v if v in allowed else None, shown)

    def right(self, key: str) -> bool:
        """Whether nothing was found wrong with a key so far."""
        return not any(line.startswith(f"[{self.name}] {key} ") for line in self.mistakes)


def _number(low: float, high: float) -> Callable[[Any], float | None]:
    def check(value: Any) -> float | None:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if good and low <= value <= high else None

    return check


def _whole(low: int, high: int) -> Callable[[Any], int | None]:
    def check(value: Any) -> int | None:
        good = isinstance(value, int) and not isinstance(value, bool)
        return value if good and low <= value <= high else None

    return check


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _one_or_three(value: Any) -> int | None:
    return value if value in (1, 3) and _whole(1, 3)(value) else None


def _found(path: str, test: Callable[[Path], bool]) -> bool:
    """Whether a path names what it should; one that no system could hold names nothing."""
    try:
        return test(Path(path))
    except OSError:
        return False


def _quiet(value: Any) -> tuple[time, time] | None:
    match = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        start, end = (time.fromisoformat(part) for part in match.groups())
    except ValueError:
        return None
    return start, end


_OWN_HOST = ("localhost", "127.0.0.1", "::1")
_TABLES = (
    "station",
    "server",
    "reader",
    "contactor",
    "meter",
    "indicator",
    "inputs",
    "session",
    "offline",
    "metrics",
)
_BY_LOAD: dict[str, dict[Load, float]] = {
    "min_off_s": {Load.WALLBOX: 30, Load.ENABLE: 30, Load.SOCKET: 10},
    "max_duration_h": {Load.WALLBOX: 48, Load.ENABLE: 48, Load.SOCKET: 72},
    "finished_below_w": {Load.WALLBOX: 100, Load.ENABLE: 100, Load.SOCKET: 20},
    "resume_within_s": {Load.WALLBOX: 600, Load.ENABLE: 600, Load.SOCKET: 0},
}


class _Parser:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self.mistakes: list[str] = []
        self.warnings: list[str] = []
        self.pins: dict[int, str] = {}
        self.tables = {name: _Table(name, data.get(name, {}), self.mistakes) for name in _TABLES}
        for name in sorted(data.keys() - set(_TABLES)):
            self.mistakes.append(f"[{name}]: unknown table; known: {', '.join(_TABLES)}")

    def config(self) -> Config:
        station = self.tables["station"]
        name = station.need(
            "name",
            lambda v: (
                v if isinstance(v, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,20}", v) else None
            ),
            "1 to 20 of A-Z a-z 0-9 . _ -",
            "",
        )
        data_dir = Path(station.text("data_dir", "/var/lib/evcs-station") or "")
        run_dir = Path(station.text("run_dir", "/run/evcs-station") or "")
        simulator = station.text("simulator")
        if simulator is not None and not Path(simulator).is_socket():
            station.wrong("simulator", "no box there; start one: evcs-simbox serve --socket FILE")
        levels = ("debug", "info", "warning", "error")
        log_level = station.choice("log_level", "info", levels) or "info"
        server = self.server()
        reader = self.reader()
        contactor = self.contactor()
        meter = self.meter(simulator)
        indicator = self.indicator()
        inputs = self.inputs()
        rules = self.rules(server, contactor, inputs)
        self.refuse_unmetered_phases(meter, rules)
        textfile = self.tables["metrics"].text("textfile")
        for table in self.tables.values():
            table.finish()
        if self.mistakes:
            raise ConfigError(self.mistakes)
        return Config(
            name=name,
            data_dir=data_dir,
            run_dir=run_dir,
            simulator=simulator,
            log_level=log_level,
            server=server,
            reader=reader,
            contactor=contactor,
            meter=meter,
            indicator=indicator,
            inputs=inputs,
            textfile=Path(textfile) if textfile else None,
            rules=rules,
            warnings=tuple(self.warnings),
        )

    def server(self) -> ServerConfig:
        table = self.tables["server"]
        transport = table.choice("transport", "rest", ("rest", "mcsp")) or "rest"
        ca_file = table.text("ca_file")
        if ca_file is not None and not _found(ca_file, Path.is_file):
            table.wrong("ca_file", "no such file")
        url, token, port = "", "", None
        table.known |= {"url", "token_file", "port"}
        if transport == "rest":
            url = table.need(
                "url", _url, "http(s)://HOST[:PORT], without a path behind it", "http://localhost"
            )
            token = self.token(table)
            self.warn_if_in_clear(url)
        else:
            port = table.need("port", _line, "a serial device or tcp://127.0.0.1:PORT", "/dev/null")
        return ServerConfig(
            transport=transport,
            url=url,
            token=token,
            ca_file=ca_file,
            timeout_s=table.number("timeout_s", 3.0, 0.1, 60),
            port=port,
            baudrate=table.whole("baudrate", 9600, 1200, 115200) or 9600,
            mcsp_legacy=table.flag("mcsp_legacy", False),
            token_file=_text(table.data.get("token_file")) if transport == "rest" else None,
        )

    def warn_if_in_clear(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in _OWN_HOST:
            self.warnings.append(
                f"[server] url = {url}: token and tags can be read by everybody on the way; use "
                "https (an authority of your own: ca_file)"
            )

    def token(self, table: _Table) -> str:
        path = table.need("token_file", _text, "the file with the station's token", "")
        if not path:
            return ""
        try:
            lines = Path(path).read_text().split()
        except OSError as error:
            table.wrong("token_file", f"cannot be read ({error.strerror})")
            return ""
        except ValueError:
            lines = []
        # Anything else could not be sent in a header, and would be found out at the first request.
        if len(lines) != 1 or not (lines[0].isascii() and lines[0].isprintable()):
            table.wrong("token_file", "holds one line: the token that evcs_station printed")
            return ""
        return lines[0]

    def reader(self) -> ReaderConfig:
        table = self.tables["reader"]
        return ReaderConfig(
            spi_bus=table.whole("spi_bus", 0, 0, 9) or 0,
            spi_device=table.whole("spi_device", 0, 0, 9) or 0,
            reset_pin=self.pin(table, "reset_pin", 25) or 25,
            poll_s=table.number("poll_ms", 100, 20, 1000) / 1000,
        )

    def pin(self, table: _Table, key: str, default: int | None = None) -> int | None:
        """An optional pin: free of the header's fixed jobs, used once."""
        pin = table.whole(key, default, 0, 27)
        if pin is None:
            return None
        if pin in FORBIDDEN_PINS:
            table.wrong(key, "belongs to I2C, SPI or the UART (0-3, 7-11, 14, 15); choose another")
        elif pin in self.pins:
            table.wrong(key, f"is already {self.pins[pin]}")
        else:
            self.pins[pin] = f"[{table.name}] {key}"
        return pin

    def required_pin(self, table: _Table, key: str) -> int:
        if key not in table.data:
            table.known.add(key)
            table.mistakes.append(f"[{table.name}] {key}: is required; a BCM number from 4 to 27")
            return -1
        pin = self.pin(table, key)
        return -1 if pin is None else pin

    def warn_if_pulled_up(self, table: _Table, key: str) -> None:
        """Outputs that do more than light up: before the daemon runs they are on."""
        pin = table.data.get(key)
        if isinstance(pin, int) and pin in PULLED_UP_PINS:
            self.warnings.append(
                f"[{table.name}] {key} = {pin}: GPIO4-6 are pulled up from power-on until the "
                "daemon runs; choose another, or see that an active level does no harm"
            )

    def contactor(self) -> ContactorConfig:
        table = self.tables["contactor"]
        pin = self.required_pin(table, "pin")
        active_high = table.flag("active_high", True)
        if pin >= 0 and active_high and table.right("pin") and pin not in CONTACTOR_PINS:
            shown = ", ".join(map(str, CONTACTOR_PINS))
            table.wrong("pin", f"one of {shown} (pulled down until the daemon runs)")
        if not active_high:
            self.warnings.append(
                "[contactor] active_high = false: the line must be pulled up from power-on, or the "
                "contactor closes while the Pi boots"
            )
        for key in ("enable_pin", "trip_pin", "heartbeat_pin"):
            self.warn_if_pulled_up(table, key)
        return ContactorConfig(
            pin=pin,
            active_high=active_high,
            feedback_pin=self.pin(table, "feedback_pin"),
            enable_pin=self.pin(table, "enable_pin"),
            trip_pin=self.pin(table, "trip_pin"),
            heartbeat_pin=self.pin(table, "heartbeat_pin"),
        )

    def meter(self, simulator: str | None) -> MeterConfig:
        from drivers.registers import MODELS

        table = self.tables["meter"]
        model = table.choice("model", "sdm630", tuple(MODELS)) or "sdm630"
        if simulator is None:
            port = table.need("port", _text, "the serial port, by a name that stays", "")
            if port and not _found(port, Path.exists):
                table.wrong("port", "does not exist; ls /dev/serial/by-id shows what is there")
        else:
            port = table.text("port") or f"{simulator}.meter"
        parities = ("none", "even", "odd")
        return MeterConfig(
            model=model,
            port=port,
            address=table.whole("address", 1, 1, 247) or 1,
            baudrate=table.whole("baudrate", None, 1200, 115200),
            parity=table.choice("parity", None, parities),
            stopbits=table.whole("stopbits", 1, 1, 2) or 1,
        )

    def refuse_unmetered_phases(self, meter: MeterConfig, rules: Settings) -> None:
        from drivers.registers import MODELS

        if rules.phases > MODELS[meter.model].phases and self.tables["contactor"].right("phases"):
            self.tables["meter"].wrong(
                "model", "counts one phase alone; set [contactor] phases = 1 or fit another meter"
            )

    def indicator(self) -> IndicatorConfig:
        table = self.tables["indicator"]
        self.warn_if_pulled_up(table, "buzzer_pin")
        return IndicatorConfig(
            green_pin=self.required_pin(table, "green_pin"),
            red_pin=self.required_pin(table, "red_pin"),
            buzzer_pin=self.pin(table, "buzzer_pin"),
            active_high=table.flag("active_high", True),
            quiet=table.take("quiet", None, _quiet, '"HH:MM-HH:MM"'),
        )

    def inputs(self) -> InputsConfig:
        table = self.tables["inputs"]
        return InputsConfig(
            stop_pin=self.pin(table, "stop_pin"),
            vehicle_pin=self.pin(table, "vehicle_pin"),
            stop_active_high=table.flag("stop_active_high", True),
            vehicle_active_high=table.flag("vehicle_active_high", True),
        )

    def rules(
        self, server: ServerConfig, contactor: ContactorConfig, inputs: InputsConfig
    ) -> Settings:
        box, meter = self.tables["contactor"], self.tables["meter"]
        session, offline = self.tables["session"], self.tables["offline"]
        load = box.need(
            "load",
            lambda v: Load(v) if v in tuple(Load) else None,
            'what hangs on the contactor: "wallbox", "enable" or "socket"',
            Load.WALLBOX,
        )
        policies = tuple(policy.value for policy in OfflinePolicy)
        if server.transport == "mcsp":
            # The line carries no tag list.
            policies = (OfflinePolicy.REFUSE.value, OfflinePolicy.ANYONE.value)
        return Settings(
            load=load,
            phases=box.take("phases", 3, _one_or_three, "1 or 3") or 3,
            max_current_a=box.need(
                "max_current_a", _number(1, 125), "amperes of the fuse, 1 to 125", 16.0
            ),
            standby_w=box.number("standby_w", 5, 0, 500),
            min_off_s=box.number("min_off_s", _BY_LOAD["min_off_s"][load], 0.5, 3600),
            has_feedback=contactor.feedback_pin is not None,
            has_vehicle_input=inputs.vehicle_pin is not None,
            has_enable=contactor.enable_pin is not None,
            has_trip=contactor.trip_pin is not None,
            sample_s=meter.number("sample_s", 1.0, 0.1, 60),
            update_s=meter.number("update_s", 2.0, 0.1, 60),
            lost_after_s=meter.number("lost_after_s", 30, 1, 3600),
            server_timeout_s=server.timeout_s,
            max_duration_s=3600
            * session.number("max_duration_h", _BY_LOAD["max_duration_h"][load], 0.001, 1000),
            max_energy_wh=1000 * session.number("max_energy_kwh", 150, 0.001, 10_000),
            no_energy_s=60 * session.number("no_energy_min", 600, 0.01, 100_000),
            finished_below_w=session.number(
                "finished_below_w", _BY_LOAD["finished_below_w"][load], 1, 10_000
            ),
            finished_after_s=60 * session.number("finished_after_min", 60, 0.01, 100_000),
            resume_within_s=session.number(
                "resume_within_s", _BY_LOAD["resume_within_s"][load], 0, 86_400
            ),
            final_reading_timeout_s=session.number("final_reading_timeout_s", 3600, 1, 86_400),
            offline_policy=OfflinePolicy(
                offline.choice("policy", policies[0], policies) or policies[0]
            ),
            offline_max_age_s=3600 * offline.number("max_age_h", 168, 0.001, 100_000),
        )


def _line(value: Any) -> str | None:
    return value if isinstance(value, str) and is_port(value) else None


def _url(value: Any) -> str | None:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^/\s?#@\\]+/?", value):
        return None
    try:
        parts = urlsplit(value)
        whole = parts.hostname and parts.port != 0
    except ValueError:
        return None
    return value.rstrip("/") if whole else None
