"""The steps of the installation on a folder that looks like a Raspberry Pi; commands are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from station import config
from tests.station.test_unit import config as box_config
from tools.install import account, packages, release, settings, told
from tools.install.place import Place
from tools.install.told import InstallError

PI = "Raspberry Pi 5 Model B Rev 1.0\0"
TRIXIE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\n'


class Commands:
    """Stands where commands are run: keeps them, answers what dpkg and apt would."""

    def __init__(self, installed: set[str], known: set[str]) -> None:
        self.installed, self.known = installed, known
        self.run: list[tuple[str, ...]] = []

    def __call__(self, *words: str, quiet: bool = True) -> str:
        self.run.append(words)
        if words[0] == "dpkg-query":
            if words[-1] not in self.installed:
                raise InstallError("no packages found")
            return "installed"
        if words[:2] == ("apt-cache", "show") and words[2] not in self.known:
            raise InstallError("no packages found")
        return ""

    def did(self, program: str) -> list[tuple[str, ...]]:
        return [words for words in self.run if words[0] == program]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A Pi 5 with Trixie."""
    for name, text in {
        "etc/os-release": TRIXIE,
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
        "etc/group": "root:x:0:\ngpio:x:997:pi\nspi:x:998:\ndialout:x:20:pi\n",
        "proc/device-tree/model": PI,
        "boot/firmware/config.txt": "dtparam=spi=on\n# gpio=17=op,dl\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Place(tmp_path)


class TestPackages:
    """Debian's side."""

    EVERYTHING = {*packages.NEEDED, *packages.OF_A_PI}

    def test_what_is_missing_is_installed(self, place: Place) -> None:
        commands = Commands({"ca-certificates"}, self.EVERYTHING)
        packages.install(place, commands)
        (installed,) = [words for words in commands.did("apt-get") if "install" in words]
        assert {*installed} >= self.EVERYTHING - {"ca-certificates"}
        assert "ca-certificates" not in installed

    def test_when_all_is_there_apt_is_left_alone(self, place: Place) -> None:
        commands = Commands(self.EVERYTHING, set())
        packages.install(place, commands)
        assert not commands.did("apt-get")

    def test_a_pi_without_the_gpio_library_of_its_system(self, place: Place) -> None:
        commands = Commands(set(), self.EVERYTHING - {packages.GPIO})
        with pytest.raises(InstallError, match="use Raspberry Pi OS"):
            packages.install(place, commands)

    def test_without_pinctrl_it_goes_on(
        self, place: Place, capsys: pytest.CaptureFixture[str]
    ) -> None:
        packages.install(place, Commands(set(), self.EVERYTHING - {"raspi-utils"}))
        assert "! this system has no package raspi-utils" in capsys.readouterr().out

    def test_pips_rpi_gpio_goes_first_and_debians_comes_back_after_it(self, place: Place) -> None:
        (place.root / "usr/local/lib/python3.13/dist-packages/RPi/GPIO").mkdir(parents=True)
        commands = Commands(self.EVERYTHING, set())
        packages.install(place, commands)
        removed, put_back = commands.run[-2:]
        assert removed[:4] == ("python3", "-m", "pip", "uninstall")
        assert removed[-1] == "RPi.GPIO"
        assert {"apt-get", "--reinstall", packages.GPIO} <= {*put_back}

    def test_another_system_is_refused(self, place: Place) -> None:
        text = 'PRETTY_NAME="Raspbian GNU/Linux 11 (bullseye)"\nVERSION_CODENAME=bullseye\n'
        (place.root / "etc/os-release").write_text(text)
        with pytest.raises(InstallError, match=r"Raspbian GNU/Linux 11.*12.*13"):
            packages.install(place, Commands(set(), set()))


def test_the_user_and_its_groups(place: Place) -> None:
    commands = Commands(set(), set())
    account.make(place, commands)
    assert [words[0] for words in commands.run] == ["useradd", "usermod", "usermod", "usermod"]
    assert [words[3] for words in commands.did("usermod")] == ["gpio", "spi", "dialout"]
    (place.root / "etc/passwd").write_text("evcs-station:x:990:990::/:/usr/sbin/nologin\n")
    groups = "gpio:x:997:pi,evcs-station\nspi:x:998:evcs-station\ndialout:x:20:evcs-station\n"
    (place.root / "etc/group").write_text(groups)
    commands = Commands(set(), set())
    account.make(place, commands)
    assert commands.run == []


class TestSettings:
    """What lies in /etc."""

    def test_config_and_token_are_written_once(self, place: Place) -> None:
        settings.keep_config(place)
        assert place.token.stat().st_mode & 0o777 == 0o600
        place.config.write_text("# mine\n")
        place.token.write_text("secret\n")
        place.token.chmod(0o644)
        settings.keep_config(place)
        assert place.config.read_text() == "# mine\n"
        assert place.token.read_text() == "secret\n"
        assert place.token.stat().st_mode & 0o777 == 0o600

    def test_every_mistake_of_the_config_is_told(
        self, place: Place, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place.config.parent.mkdir(parents=True)
        place.config.write_text('[station]\nname = "a b"\ncolour = 1\n')
        assert settings.read_config(place) is None
        said = capsys.readouterr().out
        assert "name" in said
        assert "colour" in said

    def test_the_unit_and_its_pins(self, place: Place, tmp_path: Path) -> None:
        found = box_config(tmp_path, contactor={"pin": 22})
        assert settings.write_unit(place, found)
        assert "--pin 22" in (place.units / "evcs-station.service.d/pins.conf").read_text()
        assert not settings.write_unit(place, found)
        assert settings.write_unit(place, box_config(tmp_path, contactor={"pin": 23}))

    @pytest.mark.parametrize(
        ("contactor", "lines"),
        [
            ({"pin": 17}, ["gpio=17=op,dl"]),
            ({"pin": 22, "active_high": False}, ["gpio=22=op,dh"]),
            ({"pin": 17, "trip_pin": 23}, ["gpio=17=op,dl", "gpio=23=op,dl"]),
        ],
    )
    def test_the_firmwares_lines(
        self, tmp_path: Path, contactor: dict[str, object], lines: list[str]
    ) -> None:
        found = settings.boot_lines(box_config(tmp_path, contactor=contactor))
        assert found == ["dtparam=spi=on", "dtparam=watchdog=on", *lines]

    def test_missing_lines_are_shown_and_not_written(
        self, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = place.boot_config
        assert path is not None
        before = path.read_text()
        settings.show_boot_lines(place, box_config(tmp_path))
        said = capsys.readouterr().out
        # A comment is no setting.
        assert "wants the line: gpio=17=op,dl" in said
        assert "spi=on" not in said
        assert path.read_text() == before


class TestReleases:
    """The program's versions."""

    def test_there_is_no_way_back_from_the_first(self, place: Place) -> None:
        with pytest.raises(InstallError, match="no version before this one"):
            release.roll_back(place)

    def test_any_file_that_is_installed_makes_another_release(self, tmp_path: Path) -> None:
        for name in ("pyproject.toml", "constraints.txt", "setup.py", "station/a.py"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(name)
        first = release.fingerprint(tmp_path)
        assert release.fingerprint(tmp_path) == first
        (tmp_path / "station/a.py").write_text("changed")
        assert release.fingerprint(tmp_path) != first

    def test_one_that_cannot_be_built_leaves_nothing(self, place: Place) -> None:
        def fails(*words: str, quiet: bool = True) -> str:
            raise InstallError("no space left")

        with pytest.raises(InstallError, match="no space left"):
            release.install(place, fails)
        assert list(place.releases.iterdir()) == []
        assert release.in_use(place) is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "etc/file"
    assert told.write(path, "one\n")
    assert not told.write(path, "one\n")
    assert told.write(path, "two\n")
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_the_example_config_needs_only_what_the_guide_says(tmp_path: Path) -> None:
    """docs/installation.md, step 3: these lines, and nothing else."""
    text = (Path(config.__file__).parents[1] / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(config.ConfigError) as caught:
        config.load(tmp_path / "config.toml")
    keys = [line.split("] ")[1].split(" ")[0] for line in caught.value.mistakes]
    assert sorted(keys) == ["port", "token_file"]
