"""Debian's chromium, driven by its own driver: nothing is downloaded, nothing is sent elsewhere."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PROGRAMS = ("chromium", "chromedriver")
MISSING = "chromium or chromedriver is missing: apt-get install chromium chromium-driver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


def is_here() -> bool:
    """Whether this machine has what a browser needs."""
    return all(shutil.which(name) for name in PROGRAMS)


@contextmanager
def browser(folder: Path, *, width: int = 1200, language: str = "de") -> Iterator[Chrome]:
    """A browser with an empty profile in ``folder``; ended with the context."""
    os.environ["SE_OFFLINE"] = "true"
    options = ChromeOptions()
    options.binary_location = shutil.which(PROGRAMS[0]) or PROGRAMS[0]
    for flag in (*FLAGS, f"--user-data-dir={folder}", f"--lang={language}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options, Service(shutil.which(PROGRAMS[1])))
    try:
        resize(driver, width)
        yield driver
    finally:
        driver.quit()


def resize(driver: Chrome, width: int, height: int = 900) -> None:
    """Give the page this width in CSS pixels, also one that no window could have."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def hosts(driver: Chrome) -> set[str]:
    """The hosts that were asked for anything since the last call."""
    found = set()
    for line in driver.get_log("performance"):
        message: dict[str, Any] = json.loads(line["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = urlsplit(message["params"]["request"]["url"])
            if url.scheme not in ("data", "chrome", "about", "blob"):
                found.add(url.netloc)
    return found


def picture(driver: Chrome) -> bytes:
    """The whole page as PNG, below the window's edge too."""
    import base64

    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    return base64.b64decode(taken["data"])
