"""when: power, the daemon's process, its disk."""

from __future__ import annotations

import resource
import shutil
import signal

from station import failsafe
from station.daemon import JOURNAL_FILE
from tests.stories.language import sentence
from tests.stories.stage import Stage

PAGE_BYTES = 4096


@sentence("when", "the power is cut")
def _cut(stage: Stage) -> None:
    stage.box.client.call("power_cut")
    stage.station.stop(signal.SIGKILL)


@sentence("when", "the power comes back after {minutes:n} minutes")
def _restore(stage: Stage, minutes: str) -> None:
    stage.box.client.call("power_restore", after_s=60 * float(minutes))
    stage.station.start()


@sentence("when", "the daemon is killed")
def _kill(stage: Stage) -> None:
    stage.station.stop(signal.SIGKILL)


@sentence("when", "the daemon is told to leave")
def _leave(stage: Stage) -> None:
    assert stage.station.stop(signal.SIGTERM) == 0, f"it left badly\n{stage.station.tail()}"


@sentence("when", "the daemon is started")
def _start(stage: Stage) -> None:
    stage.station.start()


@sentence("when", "the daemon freezes", number=signal.SIGSTOP)
@sentence("when", "the daemon wakes up again", number=signal.SIGCONT)
def _freeze(stage: Stage, number: signal.Signals) -> None:
    assert stage.station.process is not None
    stage.station.process.popen.send_signal(number)


@sentence("then", "a second daemon is refused")
def _second_daemon(stage: Stage) -> None:
    done = stage.station.command("run")
    assert done.returncode == 2, done
    assert "another evcs-station" in done.stderr, done.stderr


@sentence("when", "the failsafe runs")
def _failsafe(stage: Stage) -> None:
    """As systemd's ExecStopPost does after the daemon died."""
    assert failsafe.main(["--pin", "17", "--simulator", str(stage.box.socket)]) == 0


@sentence("when", "the disk is full", bytes_left=0)
@sentence("when", "the disk has room again", bytes_left=resource.RLIM_INFINITY)
def _disk(stage: Stage, bytes_left: int) -> None:
    """To the daemon a file that may not grow, nor be written, is a full disk."""
    assert stage.station.process is not None
    limits = (bytes_left, resource.RLIM_INFINITY)
    resource.prlimit(stage.station.process.popen.pid, resource.RLIMIT_FSIZE, limits)


@sentence("when", "the journal is damaged")
def _damage(stage: Stage) -> None:
    """As a card does that loses a block: the first page is noise, what was beside it is gone."""
    path = stage.folder / "data" / JOURNAL_FILE
    with path.open("r+b") as file:
        file.write(bytes(range(256)) * (PAGE_BYTES // 256))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@sentence("when", "the card is replaced by a new one")
def _new_card(stage: Stage) -> None:
    shutil.rmtree(stage.folder / "data")


@sentence("then", "the damaged journal is kept beside the new one")
def _kept(stage: Stage) -> None:
    assert list((stage.folder / "data").glob(f"{JOURNAL_FILE}.damaged-*"))
