"""Throw-away database servers for the tests, from the distribution's packages.

    python -m tools.databases postgresql -- COMMAND…
    python -m tools.databases mariadb -- COMMAND…

runs COMMAND with EVCS_DATABASE set to an empty database, as a user who may create others named
``test_evcs…``. The server lives in a temporary folder and listens on a socket in there and on no
port, so it meets no other server of this machine. It is deleted at the end and syncs nothing to
the disk, unless --synced stands before its name. Exit status: COMMAND's; if a package is missing 0
and a word about it, with CI=true 1.
"""

from __future__ import annotations

import argparse
import grp
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

START_S = 60.0
STOP_S = 20.0
# How long COMMAND may take to end after a Ctrl-C that it saw too.
GRACE_S = 10.0
# The address of a unix socket must fit into 108 bytes.
SOCKET_MAX = 107
PROGRAM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")


class Missing(Exception):
    """Something is not installed; the text says what, and how to get it."""


class NotStarted(Exception):
    """The server did not come up; the text ends with its own last words."""


class Ending:
    """Makes SystemExit of SIGINT and SIGTERM: once, and never while a program that was started is
    not known yet to whoever has to end it."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self._held = False
        self._waiting: int | None = None

    def listen(self) -> None:
        """Begin."""
        for number in self.NUMBERS:
            signal.signal(number, self._take)

    def over(self) -> None:
        """Let no further signal break off the cleaning up."""
        for number in self.NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the end of the block."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._waiting is not None:
                self._end(self._waiting)

    def _take(self, number: int, _: object) -> None:
        if self._held:
            self._waiting = number
        else:
            self._end(number)

    def _end(self, number: int) -> NoReturn:
        self.over()
        raise SystemExit(128 + number)


ending = Ending()


@dataclass(frozen=True, slots=True)
class Plan:
    """How to make and run one server.

    ``files``: what is written first. ``prepare``: commands that make the rest, each with its
    standard input. ``unsynced``: further words of ``serve``, for a server that forgets at a power
    cut. ``ready``: what the server says when it takes connections. ``stop``: the signal
    that ends it at once, but in order.
    """

    files: Mapping[Path, str]
    prepare: Sequence[tuple[Sequence[str], str]]
    serve: Sequence[str]
    unsynced: Sequence[str]
    ready: str
    stop: signal.Signals
    url: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A database: its Python driver and the package of it, the accounts that may run it instead
    of root, how it is run in a folder."""

    driver: str
    driver_package: str
    accounts: Sequence[str]
    plan: Callable[[Path], Plan]


def _postgresql(folder: Path) -> Plan:
    found = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    where = [str(path) for path in sorted(found, key=lambda path: -float(path.parent.name))]
    initdb, postgres = (_program(name, "postgresql", where) for name in ("initdb", "postgres"))
    data = str(folder / "data")
    # Text in German order, as an installation in Germany has it: nothing may depend on it.
    order = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=de-DE"]
    users = "CREATE ROLE evcs LOGIN CREATEDB;\nCREATE DATABASE evcs OWNER evcs;\n"
    return Plan(
        files={},
        prepare=[
            ([initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", *order], ""),
            ([postgres, "--single", "-D", data, "-c", "fsync=off", "postgres"], users),
        ],
        serve=[
            *[postgres, "-D", data, "-k", str(folder), "-c", "listen_addresses="],
            *["-c", "port=5432", "-c", "lc_messages=C", "-c", "max_connections=100"],
        ],
        unsynced=["-c", "fsync=off", "-c", "full_page_writes=off"],
        ready="ready to accept connections",
        stop=signal.SIGINT,
        url=f"postgres://evcs@{quote(str(folder), safe='')}:5432/evcs",
    )


def _mariadb(folder: Path) -> Plan:
    # The programs without a service around them. The installer asks for one of the client's.
    package = "mariadb-server-core"
    install = _program("mariadb-install-db", package)
    mariadbd = _program("mariadbd", package, PROGRAM_FOLDERS)
    _program("my_print_defaults", "mariadb-client-core")
    socket = folder / "socket"
    first = folder / "first.sql"
    users = (
        "CREATE DATABASE evcs CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
        "CREATE USER evcs@localhost;\n"
        "GRANT ALL ON evcs.* TO evcs@localhost;\n"
        "GRANT ALL ON `test\\_evcs%`.* TO evcs@localhost;\n"
    )
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
    # What Debian's configuration sets; the server's own default is latin1.
    text = ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
    return Plan(
        files={first: users},
        prepare=[([install, *common, "--skip-test-db", "--skip-name-resolve"], "")],
        serve=[
            *[mariadbd, *common, f"--socket={socket}", "--skip-networking", *text],
            *[f"--pid-file={folder / 'pid'}", f"--init-file={first}"],
        ],
        unsynced=["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"],
        ready="ready for connections",
        stop=signal.SIGTERM,
        url=f"mysql://evcs@{quote(str(socket), safe='')}/evcs",
    )


KINDS = {
    "postgresql": Kind("psycopg", "psycopg", ("postgres",), _postgresql),
    "mariadb": Kind("MySQLdb", "mysqlclient", ("mysql",), _mariadb),
}


def require(name: str) -> None:
    """Raise Missing if a package is not installed that this database needs."""
    if importlib.util.find_spec(KINDS[name].driver) is None:
        raise Missing(_how(KINDS[name].driver_package))
    KINDS[name].plan(Path("/"))
    _account(KINDS[name].accounts)
    _program("setpriv", "util-linux")


@contextmanager
def database(name: str, synced: bool = False) -> Iterator[str]:
    """Yield the EVCS_DATABASE of a new, empty database; its server ends with the block.

    ``synced``: what is committed is on the disk, as in operation. Raises Missing or NotStarted.
    """
    require(name)
    account = _account(KINDS[name].accounts)
    with _folder(name) as folder:
        plan = KINDS[name].plan(folder)
        if not synced:
            plan = replace(plan, serve=[*plan.serve, *plan.unsynced])
        for path, text in plan.files.items():
            path.write_text(text)
        if account is not None:
            for path in (folder, *plan.files):
                os.chown(path, account.pw_uid, account.pw_gid)
        runner = _Runner(folder, account)
        for command, text in plan.prepare:
            runner.once(command, text)
        with runner.serving(plan):
            yield plan.url


class _Runner:
    """Starts programs in the server's folder, as its account, with nothing of this environment."""

    def __init__(self, folder: Path, account: pwd.struct_passwd | None) -> None:
        self._folder = folder
        self._prefix = [_program("setpriv", "util-linux")]
        if account is not None:
            group = grp.getgrgid(account.pw_gid).gr_name
            self._prefix += [f"--reuid={account.pw_name}", f"--regid={group}", "--clear-groups"]

    def once(self, command: Sequence[str], text: str) -> None:
        """Run ``command`` to its end with ``text`` as its input. Raises NotStarted."""
        process = None
        try:
            with ending.held():
                process = self._start(command, subprocess.PIPE)
            output, _ = process.communicate(text, timeout=START_S)
        except subprocess.TimeoutExpired:
            _fail(command, f"not done after {START_S:.0f} s", [])
        finally:
            if process is not None:
                _kill(process)
        if process.returncode != 0:
            _fail(command, f"exit status {process.returncode}", output.splitlines())

    @contextmanager
    def serving(self, plan: Plan) -> Iterator[None]:
        """Keep the server running, from when it takes connections to the end of the block."""
        process = None
        words: deque[str] = deque(maxlen=20)
        known = threading.Event()

        def listen(output: Iterable[str]) -> None:
            for line in output:
                words.append(line.rstrip())
                if plan.ready in line:
                    known.set()
            known.set()

        try:
            with ending.held():
                process = self._start(plan.serve, subprocess.DEVNULL)
            assert process.stdout is not None
            threading.Thread(target=listen, args=(process.stdout,), daemon=True).start()
            in_time = known.wait(START_S)
            if not in_time or not any(plan.ready in line for line in words):
                why = "ended" if in_time else f"not ready after {START_S:.0f} s"
                _fail(plan.serve, why, list(words))
            yield
        finally:
            if process is not None:
                process.send_signal(plan.stop)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
                _kill(process)

    def _start(self, command: Sequence[str], stdin: int) -> subprocess.Popen[str]:
        """Start in a session of its own: a Ctrl-C is for COMMAND, not for its database. Should
        this process be killed, so is the server."""
        return subprocess.Popen(
            [*self._prefix, "--pdeathsig=KILL", *command],
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )


def _kill(process: subprocess.Popen[str]) -> None:
    """End what is left of a program and of what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _fail(command: Sequence[str], why: str, words: Sequence[str]) -> NoReturn:
    said = " | ".join(words[-5:])
    raise NotStarted(f"{Path(command[0]).name}: {why}" + (f"; it said: {said}" if said else ""))


def _program(name: str, package: str, folders: Sequence[str] = ()) -> str:
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise Missing(_how(package, name))
    return found


def _how(package: str, program: str = "") -> str:
    get = f"apt-get install {package}" if program else f".venv/bin/pip install {package}"
    missing = f" ({program} not found)" if program else ""
    return f"{package} is not installed{missing}; {get}, or all at once: make system-packages"


def _account(names: Sequence[str]) -> pwd.struct_passwd | None:
    """Return who runs the server: None for whoever this is, unless it is root; servers refuse
    root."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing(f"no account {' or '.join((*names, 'nobody'))} to run the server instead of root")


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"evcs-{name}-"))
    try:
        if len(str(folder)) + len("/.s.PGSQL.5432") > SOCKET_MAX:
            raise NotStarted(f"{folder} is too long a name for a socket; set TMPDIR=/tmp")
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder whose last writer was killed just now and may not be quite gone."""
    for _ in range(50):
        with suppress(FileNotFoundError, OSError):
            shutil.rmtree(folder)
        if not folder.exists():
            return
        time.sleep(0.1)
    print(f"databases: {folder} could not be removed", file=sys.stderr)


def run(command: Sequence[str], url: str) -> int:
    """Run ``command`` on the database; return its exit status as a shell would."""
    process = None
    try:
        with ending.held():
            process = subprocess.Popen(command, env=os.environ | {"EVCS_DATABASE": url})
        status = process.wait()
    except OSError as error:
        print(f"databases: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    except SystemExit as signalled:
        if process is not None:
            # A Ctrl-C it saw too, and writes its last words; any other signal was for us alone.
            if signalled.code == 128 + signal.SIGINT:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE_S)
            process.terminate()
        raise
    finally:
        ending.over()
        if process is not None:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return status if status >= 0 else 128 - status


def main(arguments: list[str] | None = None) -> int:
    """Run a command on a throw-away database; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.databases", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("database", choices=KINDS)
    parser.add_argument(
        "--synced", action="store_true", help="what is committed is on the disk, as in operation"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    options = parser.parse_args(arguments)
    ending.listen()
    try:
        with database(options.database, options.synced) as url:
            return run(options.command, url)
    except Missing as error:
        needed = os.environ.get("CI") == "true"
        print(f"databases: {error}{'' if needed else '; skipped'}", file=sys.stderr)
        return 1 if needed else 0
    except NotStarted as error:
        print(f"databases: {options.database} did not start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
