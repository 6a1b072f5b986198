"""``evcs-simbox``: serve a simulated box, or play with one that is served.

Exit status: 0 done, 1 the box refused or does not answer, 2 wrong usage. Errors are one line on
standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simulator.client import BoxClient, BoxRefused, BoxUnreachable
from simulator.errors import Refused
from simulator.serving import wording
from simulator.serving.service import Service
from simulator.serving.usage import SOCKET_VARIABLE, parse

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = parse(argv)
    if not options.socket:
        _complain(f"which box? give --socket FILE or set {SOCKET_VARIABLE}")
        return 2
    try:
        if options.op == "serve":
            return _serve(options)
        if options.op == "watch":
            return _watch(options.socket)
        return _ask(options)
    except BrokenPipeError:
        # Whoever read the output has gone; the flush at exit must not stumble over that again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BoxRefused, BoxUnreachable, Refused) as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    path = Path(options.socket)
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    with _stop_signals_held():
        service = Service(
            path,
            speed=options.speed,
            seed=seed,
            wiring=options.wiring,
            load=options.load,
            standby_w=options.standby_w,
            meter_model=options.meter_model,
            meter_baudrate=options.meter_baudrate,
        )
        service.start()
        try:
            print(_ready(path, options.speed, seed, as_json=options.json), flush=True)
            signal.sigwait(_STOP_SIGNALS)
        finally:
            service.stop()
    return 0


def _ready(path: Path, speed: float, seed: int, *, as_json: bool) -> str:
    meter = f"{path}.meter"
    if as_json:
        return json.dumps({"socket": str(path), "meter": meter, "speed": speed, "seed": seed})
    return f"evcs-simbox: listening on {path}, meter on {meter}, speed {speed:g}, seed {seed}"


@contextmanager
def _stop_signals_held() -> Iterator[None]:
    """Signals wait for sigwait(), so none runs a handler in the middle of anything or gets lost.

    Threads inherit this, so it comes before the first one starts.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        # A second Ctrl-C while stopping asks for nothing more.
        while signal.sigtimedwait(_STOP_SIGNALS, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ask(options: argparse.Namespace) -> int:
    arguments = {name: getattr(options, name) for name in options.takes}
    answer = BoxClient(options.socket).call(options.op, **arguments)
    print(json.dumps(answer) if options.json else wording.line_for(options.op, answer))
    return 0


def _watch(path: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(path)
            connection.sendall(b'{"op":"watch"}\n')
        except OSError as error:
            reason = error.strerror
            raise BoxUnreachable(f"no simulated box answers on {path} ({reason})") from error
        for line in connection.makefile("r", encoding="utf-8"):
            print(line, end="", flush=True)
    return 0


def _complain(message: str) -> None:
    sys.stderr.write(f"evcs-simbox: {message}\n")


if __name__ == "__main__":
    raise SystemExit(main())
