"""One container: boot it, ask its systemd, find its processes from outside, end it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from campaign.container.root import TARGET, UNIT
from tools.installation import until

_NEEDED = {
    "systemd-nspawn": "systemd-container",
    "systemctl": "systemd",
    "nsenter": "util-linux",
    "/usr/bin/python3": "python3",
}
_BOOTS_WITHIN_S = 30.0
_HALTS_WITHIN_S = 10.0


def why_not() -> str | None:
    """What keeps this machine from booting a container, and what to do; None when nothing does."""
    if os.geteuid() != 0:
        return "a systemd can be booted by root only: run it as root (sudo)"
    missing = [package for program, package in _NEEDED.items() if shutil.which(program) is None]
    if missing:
        return f"a systemd cannot be booted here: apt install {' '.join(missing)}"
    return None


class Machine:
    """A booted ``root``. One thread; ``name`` tells it from others on this host."""

    def __init__(self, name: str, root: Path, binds: Sequence[str], log: Path) -> None:
        self._groups = [] if Path("/run/systemd/system").is_dir() else _own_groups(name)
        keep = ["--keep-unit"] if self._groups else []
        command = [
            *("systemd-nspawn", "--quiet", "--register=no", *keep, "--boot"),
            *("--machine", name, "--directory", str(root)),
            *("--timezone=off", "--resolv-conf=off", "--link-journal=no", *binds),
            *(f"systemd.unit={TARGET}", "systemd.log_target=console", "systemd.show_status=no"),
        ]
        # Without a systemd on the host each container needs control groups of its own.
        enter = "".join(f'echo $$ > "{group}/cgroup.procs"; ' for group in self._groups)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", f'{enter}exec "$@"', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._leader: int | None = None
        try:
            self._leader = until(self._find_leader, f"container {name}", _BOOTS_WITHIN_S)
            until(self._answers, f"the systemd of container {name}", _BOOTS_WITHIN_S)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{log.read_text(errors='replace')[-3000:]}") from None

    def systemctl(self, *words: str) -> str:
        """Run systemctl inside; what it printed. Raises CalledProcessError."""
        done = self.run("systemctl", *words)
        done.check_returncode()
        return done.stdout

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        enter = ("nsenter", "--target", str(self._leader), "--mount", "--pid", "--ipc", "--")
        return subprocess.run(
            [*enter, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )

    def show(self, *properties: str) -> dict[str, str]:
        """Properties of the station's unit, as systemctl show names them."""
        lines = self.systemctl("show", UNIT, *(f"--property={one}" for one in properties))
        return dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)

    def main_pid(self) -> int:
        """The daemon's process id on the host. Raises LookupError when there is none."""
        assert self._leader is not None
        inside = self.show("MainPID")["MainPID"]
        space = _pid_space(self._leader)
        for path in Path("/proc").glob("[0-9]*"):
            pid = int(path.name)
            with contextlib.suppress(OSError):
                if _pid_space(pid) == space and _inner_pid(pid) == inside:
                    return pid
        raise LookupError(f"process {inside} of the container is not there; is the unit active?")

    def stop(self) -> None:
        """Halt it; kill it if it takes long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_HALTS_WITHIN_S)
            except subprocess.TimeoutExpired:
                # Its first process outlives nspawn, and takes everything inside with it.
                if self._leader is not None:
                    os.kill(self._leader, signal.SIGKILL)
                self._process.kill()
                self._process.wait()
        for group in self._groups:
            _remove(group)

    def _find_leader(self) -> int | None:
        assert self._process.poll() is None, "it ended at once"
        pid = self._process.pid
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                if _inner_pid(int(child)) == "1":
                    return int(child)
        return None

    def _answers(self) -> bool:
        try:
            return bool(self.show("ActiveState"))
        except subprocess.CalledProcessError:
            return False


def _pid_space(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


def _inner_pid(pid: int) -> str:
    """The process's id in its innermost namespace."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return line.split()[-1]
    return ""


def _own_groups(name: str) -> list[Path]:
    """New control groups, in the hierarchies that systemd manages."""
    made = []
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            made.append(Path(place) / name)
            made[-1].mkdir(exist_ok=True)
    return made


def _remove(group: Path) -> None:
    """The group and those in it, as soon as the kernel has taken the last process out."""
    deadline = time.monotonic() + _HALTS_WITHIN_S
    for path in sorted((one for one in (group, *group.rglob("*")) if one.is_dir()), reverse=True):
        while True:
            try:
                path.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.02)
