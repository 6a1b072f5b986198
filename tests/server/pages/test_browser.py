"""Stories in a real browser, on a real server that boxes talk to.

Skipped where there is no chromium, but not in CI; `make system-packages` installs it.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium")

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tools import browser
from tools.house import PASSWORD, UNKNOWN, House, now

pytestmark = [
    pytest.mark.skipif(
        not browser.is_here() and os.environ.get("CI") != "true", reason=browser.MISSING
    ),
]
NARROW = 360


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that has charged for two months."""
    with House(tmp_path_factory.mktemp("house")) as house:
        house.charge_for_months()
        yield house


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser."""
    with browser.browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(autouse=True)
def clean(driver: Chrome, house: House) -> Iterator[None]:
    """Nobody is logged in before; after every story nothing was asked for elsewhere, and the
    browser had nothing to complain about."""
    browser.resize(driver, 1200)
    driver.get(house.url + "login/")
    driver.delete_all_cookies()
    browser.hosts(driver)
    driver.get_log("browser")
    yield
    assert browser.hosts(driver) == {house.server.url.removeprefix("http://")}
    complaints = [line["message"] for line in driver.get_log("browser")]
    assert [line for line in complaints if "Content Security Policy" in line] == []
    assert [line for line in complaints if "live.js" in line] == []


def until(condition: Callable[[], Any], what: str, within_s: float = 60) -> Any:
    """Wait for something on the page, which may change while it is looked at."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if value := condition():
                return value
        except (StaleElementReferenceException, WebDriverException):
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.05)


def text(driver: Chrome) -> str:
    """What can be read on the page."""
    return str(driver.find_element(By.TAG_NAME, "body").text)


def log_in(driver: Chrome, house: House, name: str, path: str = "") -> None:
    """Open a page, be sent to the login, and from there to the page."""
    driver.get(house.url + path)
    driver.find_element(By.NAME, "username").send_keys(name)
    driver.find_element(By.NAME, "password").send_keys(PASSWORD, Keys.ENTER)
    until(lambda: "Angemeldet als" in text(driver), "logged in")


def test_a_login_leads_to_the_page_that_was_asked_for(driver: Chrome, house: House) -> None:
    driver.get(house.url + "tags/")
    driver.find_element(By.NAME, "username").send_keys("admin")
    driver.find_element(By.NAME, "password").send_keys("falsch", Keys.ENTER)
    until(lambda: driver.find_elements(By.CSS_SELECTOR, "[role=alert]"), "the refusal")
    driver.find_element(By.NAME, "password").send_keys(PASSWORD, Keys.ENTER)
    until(lambda: driver.title.startswith("Karten"), "the page of the tags")


def test_a_charge_appears_and_is_stopped(driver: Chrome, house: House) -> None:
    """Without a reload; the box learns of it at its next heartbeat, the page of the outcome."""
    log_in(driver, house, "admin", "stations/")
    driver.execute_script("window.neverReloaded = true")
    assert "lädt" not in text(driver)
    key, start = house.box.start("04A3C6CAE26180", now())
    house.box.heartbeat(phase="charging", session=key, power_w=10_812)
    until(lambda: "10,81" in text(driver), "the power")
    assert "Wohnung 3 links" in text(driver)
    spoken = driver.find_element(By.ID, "spoken")
    assert "box-1: lädt, Wohnung 3 links" in str(spoken.get_attribute("textContent"))
    assert driver.execute_script("return window.neverReloaded")

    until(lambda: driver.find_element(By.CSS_SELECTOR, "button.danger").click() is None, "click")
    until(lambda: "wartet auf die Box" in text(driver), "the command")
    answer = house.box.heartbeat(phase="charging", session=key, power_w=10_812)
    (command,) = answer["commands"]
    assert (command["type"], command["session"], answer["heartbeat_s"]) == ("stop", key, 10)
    house.box.end(key, start, now(), "remote")
    house.box.heartbeat(done=[{"id": command["id"], "result": "ok"}])
    until(lambda: "ausgeführt" in text(driver), "the outcome")


def test_a_station_is_made_and_its_token_is_shown_once(driver: Chrome, house: House) -> None:
    log_in(driver, house, "admin", "stations/")
    driver.find_element(By.XPATH, "//summary[.='Neue Station']").click()
    driver.find_element(By.NAME, "name").send_keys("Lader-9", Keys.ENTER)
    token = until(lambda: driver.find_element(By.ID, "token").text, "the token")
    assert token.startswith("evcs_")
    assert_accessible(driver, "the token")
    driver.get(house.url + "stations/")
    driver.find_element(By.LINK_TEXT, "Lader-9").click()
    until(lambda: driver.title.startswith("Lader-9"), "the station's page")
    assert token not in driver.page_source
    assert token[:13] in text(driver)


def test_a_page_that_is_not_up_to_date_says_so(driver: Chrome, house: House) -> None:
    log_in(driver, house, "admin", "stations/")
    warning = driver.find_element(By.ID, "stale")
    assert not warning.is_displayed()
    cookies = driver.get_cookies()
    driver.delete_all_cookies()
    until(warning.is_displayed, "the warning")
    for cookie in cookies:
        driver.add_cookie(cookie)
    until(lambda: not warning.is_displayed(), "the warning is gone")


def test_an_unknown_tag_is_adopted_in_two_clicks(driver: Chrome, house: House) -> None:
    log_in(driver, house, "admin", "review/")
    assert UNKNOWN in text(driver)
    Select(driver.find_element(By.NAME, "flat")).select_by_visible_text("Wohnung 1 links")
    driver.find_element(By.XPATH, "//button[starts-with(., 'Übernehmen')]").click()
    until(lambda: "gehört jetzt zu Wohnung 1 links" in text(driver), "the message")


def test_a_month_is_closed(driver: Chrome, house: House) -> None:
    log_in(driver, house, "admin", f"months/{house.last_month:%Y-%m}/")
    reason = driver.find_elements(By.NAME, "reason")
    if reason:
        reason[0].send_keys("angesehen")
    driver.find_element(By.NAME, "sure").click()
    driver.find_element(By.CSS_SELECTOR, "#main button.danger").click()
    until(lambda: "Der Monat ist abgeschlossen" in text(driver), "the message")
    assert len(driver.find_elements(By.LINK_TEXT, "pdf")) == 5


def test_a_resident_sees_the_own_and_blocks_a_tag(driver: Chrome, house: House) -> None:
    log_in(driver, house, "mieter", f"my/?month={house.last_month:%Y-%m}")
    page = text(driver)
    assert "92,305 kWh" in page
    assert "Wohnung 2" not in page
    assert "box-2: frei" in page
    driver.find_element(By.XPATH, "//button[contains(., '7D21F0A4')]").click()
    until(lambda: "Nur der Vermieter" in text(driver), "the message")
    assert not driver.find_elements(By.XPATH, "//button[contains(., '7D21F0A4')]")
    driver.get(house.url + "stations/")
    assert "Nicht für diese Anmeldung" in text(driver)


def test_with_the_keyboard_alone(driver: Chrome, house: House) -> None:
    """From the skip link to a page of the menu; what has the focus can be seen."""
    log_in(driver, house, "admin", "stations/")
    driver.get(house.url + "sessions/")
    press(driver, Keys.TAB)
    assert focused(driver).get_attribute("class") == "skip"
    assert focused(driver).rect["x"] >= 0
    press(driver, Keys.ENTER)
    assert focused(driver).get_attribute("id") == "main"
    press(driver, Keys.TAB)
    assert focused(driver).get_attribute("name") == "month"

    driver.get(house.url + "stations/")
    for _ in range(12):
        press(driver, Keys.TAB)
        assert focused(driver).value_of_css_property("outline-style") == "solid"
        if focused(driver).text == "Monate":
            break
    press(driver, Keys.ENTER)
    until(lambda: driver.title.startswith("Monate"), "the months")


def press(driver: Chrome, key: str) -> None:
    """Press a key wherever the focus is."""
    driver.switch_to.active_element.send_keys(key)


def focused(driver: Chrome) -> Any:
    """What has the focus."""
    return driver.switch_to.active_element


def every_page(driver: Chrome, house: House) -> Iterator[str]:
    """Open every page that shows something, as the landlord and as a resident."""
    month = f"{house.last_month:%Y-%m}"
    first = house.server.get("sessions?state=ended")["results"][-1]["session_id"]
    driver.get(house.url + "login/")
    yield "login/"
    log_in(driver, house, "admin", "stations/")
    station = linked(driver, house, ".board h2 a")
    driver.get(house.url + "tags/")
    tag = linked(driver, house, "tbody th a")
    pages = ("stations/", station, "sessions/", f"sessions/{first}/", "review/", "tags/", tag)
    more = ("months/", f"months/{month}/", "prices/", "password/", "sessions/999999/")
    for path in (*pages, *more):
        driver.get(house.url + path)
        yield path
    driver.delete_all_cookies()
    log_in(driver, house, "mieter", f"my/?month={month}")
    charge = linked(driver, house, "a[href*='my/sessions/']")
    for path in ("my/", f"my/?month={month}", charge, "stations/"):
        driver.get(house.url + path)
        yield path


def linked(driver: Chrome, house: House, selector: str) -> str:
    """The path that a link of the page leads to."""
    link = driver.find_element(By.CSS_SELECTOR, selector).get_attribute("href")
    return str(link).removeprefix(house.url)


def test_a_phone_scrolls_in_one_direction(driver: Chrome, house: House) -> None:
    browser.resize(driver, NARROW)
    for path in every_page(driver, house):
        assert_no_wider(driver, path)


def assert_no_wider(driver: Chrome, path: str) -> None:
    """The page is as wide as the window."""
    width = driver.execute_script("return document.documentElement.scrollWidth")
    assert (path, width) == (path, NARROW)


def axe() -> str:
    """The script of axe-core, from a package that is not imported: it would want a browser."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None, "make setup installs it"
    assert found.origin is not None
    return (Path(found.origin).parent / "axe.min.js").read_text()


def assert_accessible(driver: Chrome, path: str) -> None:
    """No rule of WCAG 2.2 A and AA is broken, nor one of good practice, as far as a program sees;
    and what a screen reader is told has a name wherever somebody can act."""
    driver.execute_script(axe())
    found = driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {rules: {'target-size': {enabled: true}}})"
        ".then(done, error => done({failed: String(error)}))"
    )
    assert "failed" not in found, found
    broken = [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
    assert (path, broken) == (path, [])
    assert len(found["passes"]) > 10
    spoken = read_aloud(driver)
    assert {"RootWebArea", "main", "heading"} <= {role for role, _ in spoken}
    nameless = [role for role, name in spoken if role in ACTED_ON and not name.strip()]
    assert (path, nameless) == (path, [])
    # In a list of all buttons, each has to say which one it is.
    buttons = [name for role, name in spoken if role == "button"]
    assert (path, sorted(set(buttons))) == (path, sorted(buttons))


ACTED_ON = {"button", "link", "textbox", "combobox", "checkbox", "searchbox", "spinbutton", "Date"}


def read_aloud(driver: Chrome) -> list[tuple[str, str]]:
    """Role and name of everything that assistive technology is told of, in its order."""
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [
        (node["role"]["value"], str(node.get("name", {}).get("value", "")))
        for node in nodes
        if not node["ignored"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(driver: Chrome, house: House, scheme: str) -> None:
    """On every page, in both colour schemes, by axe-core; with a charge running."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    key, start = house.box.start("04A3C6CAE26180", now())
    house.box.heartbeat(phase="charging", session=key, power_w=10_812)
    for path in every_page(driver, house):
        assert_accessible(driver, path)
    house.box.end(key, start, now(), "remote")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
