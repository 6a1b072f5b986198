"""``python -m tools.house``: what docs/first-hour.md has people look at before their first month
is over."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from tools.installation import ROOT


def test_it_can_be_looked_at_until_it_is_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tools.house"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as house:
        try:
            assert house.stdout is not None
            first, second = house.stdout.readline(), house.stdout.readline()
            (url,) = re.findall(r"http://\S+", first)
            with urllib.request.urlopen(url + "login/", timeout=10) as answer:
                assert answer.status == 200
            assert re.search(r"closed: \d{4}-\d\d", second)
        finally:
            house.send_signal(signal.SIGTERM)
        assert house.wait(30) == 0
    try:
        urllib.request.urlopen(url, timeout=2)
    except urllib.error.URLError:
        return
    raise AssertionError("its server is still there")
